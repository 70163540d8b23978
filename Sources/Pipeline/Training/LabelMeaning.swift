import Imaging
import Nifti
import Platform
import Segmentation

/// What the values of a label map stand for.
struct LabelMeaning: Sendable {
    /// Value in the file to label of the recipe; what is not in it becomes background.
    let table: [UInt8: UInt8]
    /// Values that somebody named, as a structure that the recipe does not want, too.
    private let namedValues: Set<UInt8>
    /// The value of voxels of which nobody says what they are.
    let ignored: UInt8?
    /// What the rows of its cases are to say of it; empty where it is as it should be.
    let note: String

    init(table: [UInt8: UInt8], namedValues: Set<UInt8>, ignored: UInt8?, note: String) {
        (self.table, self.namedValues, self.ignored, self.note) = (table, namedValues, ignored, note)
    }

    /// Of files that say nothing about themselves: the recipe alone names their values.
    init(_ rois: [TrainingROI]) {
        table = rois.labelTable
        namedValues = Set(table.keys)
        (ignored, note) = (nil, "")
    }

    /// Labels of the recipe, `TrainingCase.unknown` for voxels that are marked to be ignored, and what the case's row of the
    /// table is to say.
    func read(_ path: String) throws -> (labels: Volume<UInt8>, remark: String) {
        let volume = try NiftiFile.readLabels(path)
        var counts = [Int](repeating: 0, count: 256)
        for value in volume.voxels { counts[Int(value)] += 1 }
        var map = [UInt8](repeating: 0, count: 256)
        for (from, to) in table { map[Int(from)] = to }
        if let ignored { map[Int(ignored)] = TrainingCase.unknown }
        let remark = [unnamed(counts) ?? note, unknown(counts)].filter { !$0.isEmpty }.joined(separator: "; ")
        return (Volume(geometry: volume.geometry, voxels: volume.voxels.map { map[Int($0)] }), remark)
    }

    private func unknown(_ counts: [Int]) -> String {
        guard let ignored, counts[Int(ignored)] > 0 else { return "" }
        let part = Double(counts[Int(ignored)]) / Double(counts.reduce(0, +))
        return """
            \(counted(counts[Int(ignored)], "voxel")) (\(String(format: "%.1f", 100 * part)) %) of its label map marked to be ignored \
            (\(ignored)), neither learned from nor scored
            """
    }

    /// nil where all values have names.
    private func unnamed(_ counts: [Int]) -> String? {
        let unnamed = (1...255).filter { counts[$0] > 0 && !namedValues.contains(UInt8($0)) }
        guard !unnamed.isEmpty else { return nil }
        let listed = unnamed.prefix(Self.mostListed).map(String.init).joined(separator: ", ")
        let others = unnamed.count > Self.mostListed ? " and \(unnamed.count - Self.mostListed) more" : ""
        return
            "value\(unnamed.count == 1 ? "" : "s") \(listed)\(others) of its label map without a name, taken for background"
    }

    private static let mostListed = 8
}

extension [TrainingROI] {
    /// Value in a file without names to label of the recipe.
    fileprivate var labelTable: [UInt8: UInt8] {
        Dictionary(uniqueKeysWithValues: map { (UInt8($0.sourceValue), UInt8($0.roi.label)) })
    }
}
