import Dicom
import Imaging
import Platform
import Segmentation

/// A case that must not be trained on; the reason stands in the table of cases.
struct UnusableCase: Error, CustomStringConvertible {
    let description: String

    init(_ reason: String) { description = reason }
}

/// An RT Structure Set or a Segmentation that contours a series, as it was read.
struct TrainingReference {
    let names: [String]
    /// Without the folder.
    let fileName: String
    /// Somebody said of it that it is wrong (Approval Status, PS3.3 C.8.8.16).
    let isRejected: Bool
    /// Somebody looked at it and found it right.
    let isApproved: Bool
    private let object: Object
    /// Structures, by index, that say that they lie in another Frame of Reference than the CT.
    private let elsewhere: Set<Int>

    private enum Object {
        case structureSet(RTStructureSet)
        case segmentation(SegmentationObject)
    }

    /// - Parameter scan: the CT that it contours.
    init(_ file: TrainingFiles.DicomEntry, on scan: ScanIdentity) throws {
        fileName = safeName(Directory.name(of: file.path))
        if file.header.kind == .segmentation {
            let read = try SegmentationObject(contentsOf: file.path)
            names = read.segments.map(\.label)
            object = .segmentation(read)
            (elsewhere, isRejected, isApproved) = ([], false, false)
        } else {
            let read = try RTStructureSet(contentsOf: file.path)
            names = read.structures.map(\.name)
            object = .structureSet(read)
            isRejected = read.approvalStatus == "REJECTED"
            isApproved = read.approvalStatus == "APPROVED"
            elsewhere = Set(
                read.places(on: scan).enumerated().filter { [.elsewhere, .unknown].contains($0.element) }.map(\.offset)
            )
        }
    }

    /// Whether its places are not those of a CT (PS3.3 C.7.4.1).
    func liesElsewhere(than frameOfReferenceUID: String?) -> Bool {
        let frames =
            switch object {
            case .structureSet(let set): set.frameOfReferenceUIDs
            case .segmentation(let read): [read.frameOfReferenceUID].compactMap(\.self)
            }
        guard let frameOfReferenceUID, !frames.isEmpty else { return false }
        return !frames.contains(frameOfReferenceUID)
    }

    /// Whether a structure is that of another scan, as of a registered MR.
    func liesElsewhere(_ index: Int) -> Bool { elsewhere.contains(index) }

    /// Whether a structure is named and nothing more: nobody drew it.
    func isEmpty(_ index: Int, on geometry: VolumeGeometry) throws -> Bool {
        switch object {
        case .structureSet(let set): return set.structures[index].defect == .noContours
        case .segmentation(let read):
            let (mask, outside) = try read.mask(ofSegment: read.segments[index].number, on: geometry)
            return outside == 0 && !mask.voxels.contains(1)
        }
    }

    /// ROIs of a recipe that it shows on a CT.
    func drawnLabels(_ rois: [TrainingROI], _ geometry: VolumeGeometry, _ scan: ScanIdentity) throws -> Set<UInt8> {
        guard !liesElsewhere(than: scan.frameOfReferenceUIDs.first) else { return [] }
        var drawn = Set<UInt8>()
        for (index, label) in rois.labels(of: names).enumerated() {
            if let label, !liesElsewhere(index), try !isEmpty(index, on: geometry) { drawn.insert(label) }
        }
        return drawn
    }

    /// Why a structure must not be learned from; nil where it may.
    func problem(_ index: Int, on geometry: VolumeGeometry) throws -> String? {
        switch object {
        case .structureSet(let set):
            return try set.structures[index].problem(on: geometry) ?? displacement(index, on: geometry)
                ?? gaps(index, on: geometry)
        case .segmentation(let read):
            let number = read.segments[index].number
            let outside =
                try read.mask(ofSegment: number, on: geometry).framesOutside
                + read.framesBeside(ofSegment: number, on: geometry)
            guard outside == 0 else { return "\(counted(outside, "frame")) of \(names[index]) outside of the CT" }
            return try displacement(index, on: geometry) ?? gaps(index, on: geometry)
        }
    }

    /// What the row of the table is to say of a structure that is learned from; nil where it is as it should be.
    func note(_ index: Int, on geometry: VolumeGeometry) -> String? {
        let (pieces, offSlice) = offSlice(index, on: geometry)
        guard offSlice.count > 0 else { return nil }
        return "\(pieces) taken to the nearest slice of the CT, up to \(rounded(offSlice.farthestMM)) mm away"
    }

    /// Tells contours that would be learned on slices that show something else.
    private func displacement(_ index: Int, on geometry: VolumeGeometry) -> String? {
        let (pieces, offSlice) = offSlice(index, on: geometry)
        let spacing = geometry.spacing.z
        guard offSlice.isDisplaced(spacingMM: spacing) else { return nil }
        return """
            \(pieces) up to \(rounded(offSlice.farthestMM)) mm from the nearest slice of the CT, more than a tenth of the \
            \(rounded(spacing)) mm between slices: export them on the slices of this CT
            """
    }

    private func offSlice(_ index: Int, on geometry: VolumeGeometry) -> (pieces: String, OffSlice) {
        switch object {
        case .structureSet(let set):
            let found = set.structures[index].offSlice(on: geometry)
            return ("\(counted(found.count, "contour")) of \(names[index])", found)
        case .segmentation(let read):
            let found = read.offSlice(ofSegment: read.segments[index].number, on: geometry)
            return ("\(counted(found.count, "frame")) of \(names[index])", found)
        }
    }

    /// Tells slices without a structure between two that have it, as somebody leaves them who draws on every second slice and
    /// interpolates later. Structures of several parts lie farther apart than that.
    private func gaps(_ index: Int, on geometry: VolumeGeometry) throws -> String? {
        let used = try mask(index, on: geometry).usedSlices
        let most = max(1, Int((Self.longestGapMM / geometry.spacing.z).rounded(.down)))
        let gaps = zip(used, used.dropFirst()).map { $1 - $0 - 1 }.filter { $0 > 0 && $0 <= most }
        guard !gaps.isEmpty else { return nil }
        return "\(names[index]) not drawn on \(counted(gaps.reduce(0, +), "slice")) between others"
    }

    private static let longestGapMM = 15.0

    func mask(_ index: Int, on geometry: VolumeGeometry) throws -> Mask {
        switch object {
        case .structureSet(let set): set.structures[index].mask(on: geometry).mask
        case .segmentation(let read): try read.mask(ofSegment: read.segments[index].number, on: geometry).mask
        }
    }
}

extension RTStructure {
    fileprivate func problem(on geometry: VolumeGeometry) -> String? {
        if let defect { return "\(name): \(defect.text)" }
        let open = contours.count { $0.points.count >= 3 && !$0.geometricType.hasPrefix("CLOSED") }
        let (all, outside) = (contours.count + damagedContours, contoursOutside(on: geometry))
        var parts: [String] = []
        if damagedContours > 0 { parts.append("\(damagedContours) of \(counted(all, "contour")) of \(name) damaged") }
        if open > 0 { parts.append("\(open) of \(counted(all, "contour")) of \(name) not closed") }
        if outside > 0 { parts.append("\(outside) of \(counted(all, "contour")) of \(name) outside of the CT") }
        let overdrawn = contoursOverdrawn(on: geometry)
        if overdrawn > 0 {
            parts.append(
                "\(overdrawn) of \(counted(all, "contour")) of \(name) drawn over another one of the same slice"
            )
        }
        return parts.isEmpty ? nil : parts.joined(separator: ", ")
    }
}

func counted(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }

/// What the objects of a series say about the structures of a recipe.
struct SeriesContours {
    /// Objects with a structure of the recipe.
    private(set) var files: [TrainingFiles.DicomEntry] = []
    /// Names that match no ROI of the recipe.
    private(set) var unmatchedNames = Set<String>()
    /// Why the series must not be trained on; empty where it may. What is missing, or drawn only in part, would be learned
    /// as background.
    private(set) var reasons: [String] = []
    /// ROIs that are drawn.
    private var drawn = Set<UInt8>()
    /// Names of structures that nobody drew.
    private var empty: [UInt8: String] = [:]
    /// Names of structures that lie in another Frame of Reference than the CT.
    private var elsewhere: [UInt8: String] = [:]
    /// Names of structures in objects that were rejected.
    private var rejected: [UInt8: String] = [:]
    /// Objects that were rejected.
    private var rejectedFiles: [String] = []
    /// Objects whose structures are all in approved ones.
    private var overruledFiles: [String] = []
    /// What is to be known of structures that are used.
    private var notes: [String] = []

    /// What the case's row of the table is to say where the others are enough.
    var remark: String {
        let unused = [(rejectedFiles, "Approval Status REJECTED"), (overruledFiles, "another set is APPROVED")]
            .filter { !$0.0.isEmpty }
            .map { "\($0.0.joined(separator: ", ")) not used (\($0.1))" }
        return (unused + notes).joined(separator: "; ")
    }

    init(
        _ objects: [TrainingFiles.DicomEntry],
        rois: [TrainingROI],
        geometry: VolumeGeometry,
        scan: ScanIdentity
    ) {
        var approved = Set<UInt8>()
        var read: [(file: TrainingFiles.DicomEntry, object: TrainingReference)] = []
        func tell(_ file: TrainingFiles.DicomEntry, _ error: any Error) {
            reasons.append("contours that cannot be read (\(safeName(Directory.name(of: file.path))): \(error))")
        }
        for file in objects {
            do {
                let object = try TrainingReference(file, on: scan)
                if object.isApproved { approved.formUnion(try object.drawnLabels(rois, geometry, scan)) }
                read.append((file, object))
            } catch {
                tell(file, error)
            }
        }
        for (file, object) in read {
            let labels = rois.labels(of: object.names).compactMap(\.self)
            if !object.isApproved, !object.isRejected, !labels.isEmpty, approved.isSuperset(of: labels) {
                overruledFiles.append(object.fileName)
                continue
            }
            do { try add(file, object, rois, geometry, scan) } catch { tell(file, error) }
        }
        let missing = rois.filter { !drawn.contains(UInt8($0.roi.label)) }
        let displaced = missing.compactMap { elsewhere[UInt8($0.roi.label)] }
        let besides = missing.filter { elsewhere[UInt8($0.roi.label)] == nil }
        let refused = besides.compactMap { rejected[UInt8($0.roi.label)] }
        let rest = besides.filter { rejected[UInt8($0.roi.label)] == nil }
        let unnamed = rest.filter { empty[UInt8($0.roi.label)] == nil }.map(\.roi.name)
        let undrawn = rest.compactMap { empty[UInt8($0.roi.label)] }
        if !undrawn.isEmpty { reasons.insert("\(undrawn.joined(separator: ", ")) without contours", at: 0) }
        if !refused.isEmpty {
            reasons.insert(
                "\(refused.joined(separator: ", ")) rejected (Approval Status of \(rejectedFiles.joined(separator: ", ")))",
                at: 0
            )
        }
        if !displaced.isEmpty {
            reasons.insert("\(displaced.joined(separator: ", ")) in another Frame of Reference than the CT", at: 0)
        }
        guard !unnamed.isEmpty else { return }
        let reason =
            files.isEmpty && rejected.isEmpty
            ? "no contours of the recipe's structures" : "without \(unnamed.joined(separator: ", "))"
        reasons.insert(reason, at: 0)
    }

    private mutating func add(
        _ file: TrainingFiles.DicomEntry,
        _ object: TrainingReference,
        _ rois: [TrainingROI],
        _ geometry: VolumeGeometry,
        _ scan: ScanIdentity
    ) throws {
        let labels = rois.labels(of: object.names)
        unmatchedNames.formUnion(zip(object.names, labels).filter { $1 == nil }.map(\.0))
        guard labels.contains(where: { $0 != nil }) else { return }
        if object.isRejected {
            rejectedFiles.append(object.fileName)
            for (name, label) in zip(object.names, labels) { if let label { rejected[label] = name } }
            return
        }
        files.append(file)
        if object.liesElsewhere(than: scan.frameOfReferenceUIDs.first) {
            reasons.append("contours in another Frame of Reference than the CT (\(object.fileName))")
            drawn.formUnion(labels.compactMap(\.self))
            return
        }
        for (index, label) in labels.enumerated() {
            guard let label else { continue }
            if object.liesElsewhere(index) {
                elsewhere[label] = object.names[index]
                continue
            }
            if try object.isEmpty(index, on: geometry) {
                empty[label] = object.names[index]
                continue
            }
            drawn.insert(label)
            if let problem = try object.problem(index, on: geometry) { reasons.append(problem) }
            if let note = object.note(index, on: geometry) { notes.append(note) }
        }
    }
}

/// The recipe's structures of some objects as one label map.
func referenceLabels(
    _ files: [TrainingFiles.DicomEntry],
    rois: [TrainingROI],
    on geometry: VolumeGeometry,
    scan: ScanIdentity
) throws -> Volume<UInt8> {
    var structures: [DrawnStructure] = []
    for file in files {
        let object = try TrainingReference(file, on: scan)
        for (index, label) in rois.labels(of: object.names).enumerated() {
            guard let label, !object.liesElsewhere(index), try !object.isEmpty(index, on: geometry) else { continue }
            structures.append(
                DrawnStructure(label: label, name: "\(object.names[index]) (\(object.fileName))") {
                    try object.mask(index, on: geometry)
                }
            )
        }
    }
    return try labelMap(of: structures, on: geometry) { name in
        throw UnusableCase("the contours of \(name) enclose no voxel of the CT")
    }
}

/// A structure of a case before it is painted.
struct DrawnStructure {
    /// Of the recipe.
    var label: UInt8
    var name: String
    var mask: () throws -> Mask
}

/// The structures of a case as one label map; where they overlap by little, as neighbours do along an edge, the first of the
/// recipe wins. One mask at a time is in memory, two where a structure is there twice.
///
/// - Parameter whenEmpty: called for a structure without a voxel.
/// - Throws: `UnusableCase` where a structure is there twice and differs, as nobody can tell which one is meant, or where it
///   overlaps another by more than an edge: hollowed out it would be learned as something else.
func labelMap(
    of structures: [DrawnStructure],
    on geometry: VolumeGeometry,
    whenEmpty: (String) throws -> Void
) throws -> Volume<UInt8> {
    var labels = Volume<UInt8>(geometry: geometry, repeating: 0)
    for (label, group) in Dictionary(grouping: structures, by: \.label).sorted(by: { $0.key < $1.key }) {
        var shown: (name: String, mask: Mask)?
        for structure in group {
            let mask = try structure.mask()
            guard mask.voxels.contains(where: { $0 != 0 }) else {
                try whenEmpty(structure.name)
                continue
            }
            guard let first = shown else {
                shown = (structure.name, mask)
                continue
            }
            try requireAgreement(first, (structure.name, mask))
        }
        guard let shown else { continue }
        let (drawn, taken) = labels.voxels.withUnsafeMutableBufferPointer { labels in
            shown.mask.voxels.withUnsafeBufferPointer { mask in
                var (drawn, taken) = (0, 0)
                for n in labels.indices where mask[n] != 0 {
                    drawn += 1
                    if labels[n] == 0 { labels[n] = label } else { taken += 1 }
                }
                return (drawn, taken)
            }
        }
        guard Double(taken) <= mostOverlap * Double(drawn) else {
            let share = Int((100 * Double(taken) / Double(drawn)).rounded(.up))
            throw UnusableCase(
                "\(share) % of \(shown.name) lies within structures that come before it in the recipe; a voxel has one label: "
                    + "train them apart"
            )
        }
    }
    return labels
}

/// Part of a structure that its neighbours may share with it.
private let mostOverlap = 0.05

/// Contours and the masks that were made of them may differ along an edge; two drawings of one structure differ more.
let leastAgreement = 0.99

func requireAgreement(_ a: (name: String, mask: Mask), _ b: (name: String, mask: Mask)) throws {
    var (common, all) = (0, 0)
    for (x, y) in zip(a.mask.voxels, b.mask.voxels) {
        all += (x != 0 ? 1 : 0) + (y != 0 ? 1 : 0)
        if x != 0, y != 0 { common += 1 }
    }
    // Two that are empty are the same.
    guard all > 0 else { return }
    let dice = 2 * Double(common) / Double(all)
    guard dice >= leastAgreement else {
        throw UnusableCase("\(a.name) and \(b.name) are one structure of the recipe and differ (Dice \(rounded(dice)))")
    }
}

/// A Dice, or millimetres, to the digits that people compare.
func rounded(_ value: Double) -> Double { (value * 1000).rounded() / 1000 }
