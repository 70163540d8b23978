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
        let below = FilesBelow(directory)
        unreadable = below.unreadable
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

    /// The label map of a series: named by its UID, otherwise the only one on its grid.
    ///
    /// - Throws: `UnusableCase` where the one that is named by the UID is not of this scan, or there are several.
    func path(seriesInstanceUID: String, geometry: VolumeGeometry) throws(UnusableCase) -> String? {
        let named = named(by: seriesInstanceUID)
        guard named.count <= 1 else {
            throw UnusableCase("\(named.count) label maps have its UID in their names")
        }
        if let entry = named.first {
            guard let grid = entry.geometry else { throw UnusableCase("its label map \(entry.problem)") }
            guard grid.hasSameGrid(as: geometry) else {
                throw UnusableCase("image and label map (\(entry.name)) lie on different grids")
            }
            return entry.path
        }
        let fitting = entries.filter { $0.geometry?.hasSameGrid(as: geometry) == true }
        return fitting.count == 1 ? fitting[0].path : nil
    }

    private func named(by seriesInstanceUID: String) -> [Entry] {
        entries.filter { !seriesInstanceUID.isEmpty && Directory.name(of: $0.path).contains(seriesInstanceUID) }
    }

    /// Files that fit none of the series, and why. What bears the UID of one is told in the row of that.
    func unusedFiles(series: [(uid: String, geometry: VolumeGeometry)]) -> [(name: String, reason: String)] {
        var told = Set<String>()
        for (uid, geometry) in series {
            told.formUnion(named(by: uid).map(\.path))
            // Where this throws, all that it is about bear the UID.
            if let used = try? path(seriesInstanceUID: uid, geometry: geometry) { told.insert(used) }
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
