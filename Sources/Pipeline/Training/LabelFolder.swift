import Foundation
import Imaging
import Nifti

/// Label maps that belong to CT series elsewhere.
struct LabelFolder: Sendable {
    struct Entry: Sendable {
        var path: String
        var geometry: VolumeGeometry
    }

    let entries: [Entry]

    init(directory: String) throws {
        entries = try filePaths(below: directory).filter(isNifti).map {
            Entry(path: $0, geometry: try NiftiFile.readLabels($0).geometry)
        }
    }

    /// The label map of a series: named by its UID, otherwise the only one on its grid.
    func path(seriesInstanceUID: String, geometry: VolumeGeometry) -> String? {
        let named = entries.filter {
            !seriesInstanceUID.isEmpty && URL(fileURLWithPath: $0.path).lastPathComponent.contains(seriesInstanceUID)
        }
        if let entry = named.first { return entry.path }
        let fitting = entries.filter { $0.geometry.hasSameGrid(as: geometry) }
        return fitting.count == 1 ? fitting[0].path : nil
    }

    /// Names of files that fit none of the series.
    func unusedFiles(series: [(uid: String, geometry: VolumeGeometry)]) -> [String] {
        let used = Set(series.compactMap { path(seriesInstanceUID: $0.uid, geometry: $0.geometry) })
        return entries.map(\.path).filter { !used.contains($0) }.map { URL(fileURLWithPath: $0).lastPathComponent }
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
