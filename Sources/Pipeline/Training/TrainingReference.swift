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
