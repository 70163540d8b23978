import Dicom
import Foundation
import Imaging
import Metrics
import Platform
import Segmentation

/// One side of a comparison: a file, or a folder of NIfTI files.
struct StructureSource {
    private var parts: [ReferenceMasks]
    /// Index of a part and of one of its structures, for each of `names`.
    private let places: [(part: Int, structure: Int)]
    /// Label maps of a folder that nothing was taken from, as masks lie beside them.
    private var filesLeftOut: [String] = []
    var names: [String] { places.map { parts[$0.part].names[$0.structure] } }

    init(_ path: String, labels: [String: UInt16]) throws {
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
        // Of one file alone it is clear which one is meant.
        let statement: ReferenceMasks.LabelStatement = files.count == 1 ? .ofThisFile : .ofFolder
        let all = try files.map { file in
            do { return try ReferenceMasks(contentsOf: file, labels: labels, statement: statement) } catch {
                var fault = classify(error)
                fault.message = "\(file): \(fault.message)"
                throw fault
            }
        }
        let masks = all.filter { !$0.isLabelMap }
        let maps = zip(files, all).filter { $0.1.isLabelMap }
        let own = maps.filter { Self.isNamedLabels($0.0) }
        if maps.count > 1, masks.isEmpty || own.count != 1 { try Self.requireOneCase(maps, in: path) }
        guard isFolder, !masks.isEmpty, !maps.isEmpty else {
            parts = all
            places = Self.places(in: all)
            return
        }
        // A label map beside masks would say everything twice: it counts for what somebody named and no mask has, and
        // only if it is clear which one is meant.
        let meant = maps.count == 1 ? maps : own
        let map = meant.count == 1 && !labels.isEmpty ? meant[0].1 : nil
        parts = masks + [map].compactMap(\.self)
        let masked = Set(masks.flatMap(\.names).map(StructureName.init))
        let wanted = Set(labels.keys.map(StructureName.init)).subtracting(masked)
        let added = map?.names.indices.filter { wanted.contains(StructureName(map?.names[$0] ?? "")) } ?? []
        places =
            masks.indices.flatMap { part in masks[part].names.indices.map { (part, $0) } }
            + added.map { (masks.count, $0) }
        filesLeftOut = maps.filter { added.isEmpty || $0.0 != meant[0].0 }.map { Directory.name(of: $0.0) }
    }

    /// All structures of files. A label that somebody named and a label map has no voxel of is another label map's, where
    /// that has one.
    private static func places(in parts: [ReferenceMasks]) -> [(part: Int, structure: Int)] {
        let present = Set(parts.flatMap(\.presentNames).map(StructureName.init))
        var absent: Set<StructureName> = []
        return parts.enumerated().flatMap { number, part in
            part.names.indices.filter { index in
                guard part.absentLabels[part.names[index]] != nil else { return true }
                let name = StructureName(part.names[index])
                return !present.contains(name) && absent.insert(name).inserted
            }.map { (number, $0) }
        }
    }

    /// Label maps of one case have different structures; of equal ones nobody can tell which belongs to which of another
    /// folder.
    private static func requireOneCase(_ maps: [(String, ReferenceMasks)], in folder: String) throws(Fault) {
        let names = maps.flatMap { map in Set(map.1.presentNames.map(StructureName.init)) }
        guard Set(names).count < names.count else { return }
        let files = maps.map { Directory.name(of: $0.0) }
        let listed = files.prefix(3).joined(separator: ", ") + (files.count > 3 ? " and \(files.count - 3) more" : "")
        throw Fault(
            .permanent,
            "E_SEVERAL_CASES",
            "\(folder) holds \(files.count) label maps with structures of the same names (\(listed)): they are not one case.",
            hint: """
                Where every file is a case, add --cases: files are matched by their names then. Of one case keep one label map in \
                the folder.
                """
        )
    }

    /// What is told of files of a folder that nothing was taken from, one sentence each.
    var leftOut: [String] {
        filesLeftOut.map { "\($0): a label map beside masks of one structure each; it was left out" }
    }

    /// Leaves out structures that lie in another Frame of Reference than a scan.
    mutating func place(on scan: ScanIdentity) {
        for index in parts.indices { parts[index].place(on: scan) }
    }

    /// What its files say of where they lie, without their images.
    var identity: ScanIdentity {
        ScanIdentity(
            frameOfReferenceUIDs: Set(frameOfReferenceUIDs),
            seriesInstanceUIDs: Set(referencedSeriesInstanceUIDs)
        )
    }

    /// Structures whose Frame of Reference was not believed, one sentence each.
    var frameNotes: [String] { parts.flatMap(\.frameNotes) }

    /// Whether its grid may end where its structures end.
    var mayLackSlices: Bool { parts.first { $0.grid != nil }?.kind == .segmentation }

    /// The lowest and the highest slice index of its contours, frames or voxels on a grid; nil without any.
    func slices(on geometry: VolumeGeometry) -> ClosedRange<Double>? {
        let ranges = parts.compactMap { $0.slices(geometry) }
        guard let low = ranges.map(\.lowerBound).min(), let high = ranges.map(\.upperBound).max() else { return nil }
        return low...high
    }

    /// How many of its closed contours lie in one slice of a grid, wherever, and how many there are.
    func contoursInSlices(of grid: VolumeGeometry) -> (inSlices: Int, all: Int) {
        parts.map { $0.contoursInSlices(grid) }.reduce((0, 0)) { ($0.0 + $1.inSlices, $0.1 + $1.all) }
    }

    var grid: VolumeGeometry? { parts.compactMap(\.grid).first }

    /// Grids of its files, each once, and whether slices without a structure may be missing in them.
    var grids: [(geometry: VolumeGeometry, mayLackSlices: Bool)] {
        var grids: [(geometry: VolumeGeometry, mayLackSlices: Bool)] = []
        for part in parts {
            guard let grid = part.grid, !grids.contains(where: { $0.geometry == grid }) else { continue }
            grids.append((grid, part.kind == .segmentation))
        }
        return grids
    }

    /// Whether somebody responsible found it wrong.
    var isRejected: Bool { parts.contains { $0.approvalStatus == "REJECTED" } }

    /// Labels that were named and that a label map of this side has no voxel of, one sentence each.
    func absentLabels(of side: ComparedSide) -> [String] {
        parts.flatMap { part in
            let present = part.valuesPresent.prefix(10).map(String.init).joined(separator: ", ")
            let has = part.valuesPresent.isEmpty ? "nothing" : "the values \(present)"
            // A mask beside the label map has it, or another label map.
            let absent = part.absentLabels.filter { label in
                !parts.contains { other in
                    other.presentNames.contains { StructureName($0) == StructureName(label.key) }
                }
            }
            return absent.sorted { $0.key < $1.key }.map { name, value in
                let isCompared = part.names.contains(name)
                return """
                    \(name): the label map of the \(side.rawValue) has no voxel of the value \(value), it has \(has); \
                    \(isCompared ? "it counts as empty" : "it is not compared")
                    """
            }
        }
    }

    /// What NIfTI files of it leave open about their place, one sentence each.
    var placeNotes: [String] { parts.flatMap(\.placeNotes) }

    var isDicom: Bool { parts.contains { $0.kind != .nifti } }

    var frameOfReferenceUIDs: [String] { parts.flatMap(\.frameOfReferenceUIDs) }

    var referencedSeriesInstanceUIDs: [String] { parts.flatMap(\.referencedSeriesInstanceUIDs) }

    /// Whether it was drawn on a scan: it names its series, or else its contours name its images.
    func wasDrawn(on ct: SeriesScan.Stack) -> Bool {
        referencedSeriesInstanceUIDs.contains(ct.key.seriesInstanceUID)
            || (referencedSeriesInstanceUIDs.isEmpty && namesImages(of: ct))
    }

    /// Whether its contours name images of a scan.
    func namesImages(of ct: SeriesScan.Stack) -> Bool {
        parts.contains { part in ct.headers.contains { part.contourImageUIDs.contains($0.sopInstanceUID) } }
    }

    /// When it was made; of several files the latest.
    var madeAt: String? { parts.compactMap(\.madeAt).max() }

    var patients: Set<PatientDigest> { Set(parts.compactMap(\.patient)) }

    /// Labels that were named and that a NIfTI file of this side has a structure for.
    var labelsUsed: Set<String> { parts.reduce(into: []) { $0.formUnion($1.labelsUsed) } }

    /// Why a structure is none; nil where it is one.
    func defect(at index: Int) -> RTStructureDefect? {
        let place = places[index]
        return parts[place.part].defects[place.structure]
    }

    /// - Parameter index: into `names`.
    func mask(at index: Int, on geometry: VolumeGeometry) throws -> PlacedMask {
        let place = places[index]
        return try parts[place.part].mask(at: place.structure, on: geometry)
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

    private static func niftiFiles(in folder: String) throws -> [String] {
        try Directory.listFollowingLinks(folder).filter {
            $0.kind == .file && !$0.name.hasPrefix(".") && ReferenceMasks.isNifti($0.name)
        }
        .map { "\(folder)/\($0.name)" }
    }

    /// As contourd calls the label map of a result.
    private static func isNamedLabels(_ path: String) -> Bool { Directory.name(of: path).hasPrefix("labels.nii") }
}
