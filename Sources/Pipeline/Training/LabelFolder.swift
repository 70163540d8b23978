import Foundation
import Imaging
import Nifti
import Platform

/// Label maps that belong to CT series elsewhere.
struct LabelFolder: Sendable {
    struct Entry: Sendable {
        var path: String
        /// nil where the file cannot be used.
        var geometry: VolumeGeometry?
        /// Why it cannot be used: the end of a sentence about it.
        var problem = ""

        var name: String { safeName(Directory.name(of: path)) }
    }

    let entries: [Entry]
    let unreadable: [UnreadableFolder]

    init(directory: String) {
        let below = FilesBelow([URL(fileURLWithPath: directory).resolvingSymlinksInPath().path])
        unreadable = below.unreadableFolders
        entries = below.paths.filter(isNifti).map { path in
            do {
                let geometry = try NiftiFile.readLabels(path).geometry
                return try NiftiFile.hasPlace(path)
                    ? Entry(path: path, geometry: geometry) : Entry(path: path, problem: withoutPlace)
            } catch {
                return Entry(path: path, problem: "cannot be read: \(error)")
            }
        }
    }

    /// Series Instance UID of a CT, and its grid.
    typealias Grid = (uid: String, geometry: VolumeGeometry)

    /// The label map of a series: named by its UID, otherwise the only one on its grid, where it is the only one there, too.
    ///
    /// - Parameters:
    ///   - series: an element of `all`.
    ///   - all: every series that the label maps may belong to. Phases and repeats of a scan share a grid, and so do patients
    ///     whose positions were made anonymous.
    /// - Throws: `UnusableCase` where the one that is named by the UID is not of this scan, there are several, or the one on the
    ///   grid may be another series'.
    func path(of series: Grid, among all: [Grid]) throws(UnusableCase) -> String? {
        let named = named(by: series.uid)
        guard named.count <= 1 else {
            throw UnusableCase("\(named.count) label maps have its UID in their names")
        }
        if let entry = named.first {
            guard let grid = entry.geometry else { throw UnusableCase("its label map \(entry.problem)") }
            guard grid.hasSameGrid(as: series.geometry) else {
                throw UnusableCase("image and label map (\(entry.name)) lie on different grids")
            }
            return entry.path
        }
        let others = Set(all.map(\.uid).filter { $0 != series.uid })
        let fitting = entries.filter { entry in
            entry.geometry?.hasSameGrid(as: series.geometry) == true && !others.contains { isNamed(entry, by: $0) }
        }
        guard fitting.count == 1 else { return nil }
        let sharing = Set(
            all.filter { $0.geometry.hasSameGrid(as: series.geometry) && self.named(by: $0.uid).isEmpty }.map(\.uid)
        )
        guard sharing.count <= 1 else {
            throw UnusableCase(
                """
                \(sharing.count) CT series lie on the grid of the label map \(fitting[0].name), and nothing says whose it is; give it \
                a name with the Series Instance UID
                """
            )
        }
        return fitting[0].path
    }

    private func named(by seriesInstanceUID: String) -> [Entry] {
        entries.filter { isNamed($0, by: seriesInstanceUID) }
    }

    /// Whether a UID stands in the name of a file, not only as the beginning of a longer one.
    private func isNamed(_ entry: Entry, by seriesInstanceUID: String) -> Bool {
        let numbers = Directory.name(of: entry.path).split { !$0.isNumber && $0 != "." }
        return numbers.contains { $0.split(separator: ".").joined(separator: ".") == seriesInstanceUID }
    }

    /// Files that fit none of the series, and why. What bears the UID of one, or may be that of several, is told in their rows.
    func unusedFiles(series all: [Grid]) -> [(name: String, reason: String)] {
        var told = Set<String>()
        for series in all {
            let named = named(by: series.uid)
            told.formUnion(named.map(\.path))
            do {
                if let used = try path(of: series, among: all) { told.insert(used) }
            } catch  where named.isEmpty {
                told.formUnion(entries.filter { $0.geometry?.hasSameGrid(as: series.geometry) == true }.map(\.path))
            } catch {
                // It is about those that bear the UID.
            }
        }
        return entries.filter { !told.contains($0.path) }.map { entry in
            (entry.name, "this label map \(entry.geometry == nil ? entry.problem : "fits no CT series")")
        }
    }
}

extension VolumeGeometry {
    /// Whether both grids have the same voxels in the patient, in whatever order they are stored.
    func hasSameGrid(as other: VolumeGeometry, toleranceVoxels: Double = 0.1) -> Bool {
        guard dimensions.voxelCount == other.dimensions.voxelCount else { return false }
        let last = Vector3(
            Double(dimensions.i - 1),
            Double(dimensions.j - 1),
            Double(dimensions.k - 1)
        )
        let otherLast = Vector3(
            Double(other.dimensions.i - 1),
            Double(other.dimensions.j - 1),
            Double(other.dimensions.k - 1)
        )
        return (0..<8).allSatisfy { corner in
            let point = patientPoint(
                i: corner & 1 == 0 ? 0 : last.x,
                j: corner & 2 == 0 ? 0 : last.y,
                k: corner & 4 == 0 ? 0 : last.z
            )
            let index = other.continuousIndex(of: point)
            return (0..<3).allSatisfy {
                abs(index[$0]) < toleranceVoxels || abs(index[$0] - otherLast[$0]) < toleranceVoxels
            }
        }
    }
}
