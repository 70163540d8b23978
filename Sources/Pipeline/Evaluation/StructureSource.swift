import Dicom
import Foundation
import Imaging
import Platform

/// One side of a comparison: a file, or a folder of NIfTI files.
struct StructureSource {
    private let parts: [ReferenceMasks]
    let names: [String]

    init(_ path: String, labels: [String: UInt8]) throws {
        guard Directory.exists(path) else { throw SystemError("stat", code: ENOENT, path: path) }
        let isFolder = Directory.isFolder(path)
        let files = isFolder ? try Self.niftiFiles(in: path) : [path]
        guard !files.isEmpty else {
            throw Fault(
                .permanent,
                "E_NO_STRUCTURES",
                "\(path) holds no NIfTI file.",
                hint:
                    "Name an RT Structure Set, a Segmentation, a NIfTI file, or a folder with one NIfTI file a structure."
            )
        }
        let all = try files.map { file in
            do { return try ReferenceMasks(contentsOf: file, labels: isFolder ? [:] : labels) } catch {
                var fault = classify(error)
                fault.message = "\(file): \(fault.message)"
                throw fault
            }
        }
        // A label map beside masks would say everything twice.
        let masks = all.filter { $0.names.count == 1 }
        parts = isFolder && !masks.isEmpty ? masks : all
        names = parts.flatMap(\.names)
    }

    /// Whether its grid may end where its structures end.
    var mayLackSlices: Bool { parts.first { $0.grid != nil }?.kind == .segmentation }

    /// The lowest and the highest slice index of its contours on a grid; nil without contours.
    func contourSlices(on geometry: VolumeGeometry) -> ClosedRange<Double>? {
        let ranges = parts.compactMap { $0.contourSlices(geometry) }
        guard let low = ranges.map(\.lowerBound).min(), let high = ranges.map(\.upperBound).max() else { return nil }
        return low...high
    }

    var grid: VolumeGeometry? { parts.compactMap(\.grid).first }

    /// Whether it says that it lies in another Frame of Reference. NIfTI names none.
    func liesElsewhere(than geometry: VolumeGeometry) -> Bool {
        let frames = parts.flatMap(\.frameOfReferenceUIDs)
        return !geometry.frameOfReferenceUID.isEmpty && !frames.isEmpty
            && !frames.contains(geometry.frameOfReferenceUID)
    }

    var referencedSeriesInstanceUIDs: [String] { parts.flatMap(\.referencedSeriesInstanceUIDs) }

    /// Why a structure is none; nil where it is one.
    func defect(at index: Int) -> RTStructureDefect? {
        var first = 0
        for part in parts {
            if index < first + part.names.count { return part.defects[index - first] }
            first += part.names.count
        }
        return nil
    }

    /// - Parameter index: into `names`.
    func mask(at index: Int, on geometry: VolumeGeometry) throws -> PlacedMask {
        var first = 0
        for part in parts {
            if index < first + part.names.count { return try part.mask(at: index - first, on: geometry) }
            first += part.names.count
        }
        preconditionFailure("names come from the parts")
    }

    /// What at least one of some structures has.
    ///
    /// - Parameter tell: is called for each of them.
    func union(
        of indices: [Int],
        on geometry: VolumeGeometry,
        tell: (Int, PlacedMask) -> Void = { _, _ in }
    ) throws -> Mask {
        var union: Mask?
        for index in indices {
            let placed = try mask(at: index, on: geometry)
            tell(index, placed)
            if union == nil { union = placed.mask } else { union?.formUnion(placed.mask) }
        }
        return union ?? Mask(geometry: geometry, repeating: 0)
    }

    /// One file a structure; a label map beside them would say everything twice.
    private static func niftiFiles(in folder: String) throws -> [String] {
        try Directory.list(folder).filter {
            $0.kind == .file && ($0.name.hasSuffix(".nii") || $0.name.hasSuffix(".nii.gz"))
        }
        .map(\.name).filter { !$0.hasPrefix("labels.nii") }.map { "\(folder)/\($0)" }
    }
}
