import Dicom
import Foundation
import Imaging
import Nifti
import Platform
import Segmentation

/// Structures of a reference: an RT Structure Set, a Segmentation, or NIfTI.
package struct ReferenceMasks {
    package enum Kind: String, Codable, Sendable { case rtStructureSet = "rtstruct", segmentation = "seg", nifti }

    /// Who says what the values of a NIfTI file are.
    package enum LabelStatement: Sendable {
        /// Somebody said that this very file has these labels.
        case ofThisFile
        /// Somebody said that the label map of a folder has them, and there may be masks beside it.
        case ofFolder
        /// Nobody: they are what the model calls them.
        case assumed
    }

    package let kind: Kind
    package let sopInstanceUID: String?
    package let referencedSeriesInstanceUIDs: [String]
    /// SOP Instance UIDs that its contours name.
    private(set) var contourImageUIDs: Set<String> = []
    /// Empty where the file names none, as NIfTI.
    package let frameOfReferenceUIDs: [String]
    private(set) package var names: [String]
    /// Whose contours they are; nil where the file does not say, as NIfTI.
    private(set) var patient: PatientDigest?
    /// When it was made, ISO 8601 without a zone; nil where the file does not say, as NIfTI.
    private(set) var madeAt: String?
    /// Whether it is a NIfTI file with several structures.
    private(set) var isLabelMap = false
    /// Labels that somebody named and this file has a structure for.
    private(set) var labelsUsed: Set<String> = []
    /// Labels that somebody named and this label map has no voxel of, by their name.
    private(set) var absentLabels: [String: UInt16] = [:]
    /// Names of structures that are there, if empty: all but those labels.
    var presentNames: [String] { names.filter { absentLabels[$0] == nil } }
    /// Values that this label map has.
    private(set) var valuesPresent: [UInt16] = []
    /// What a NIfTI file leaves open about its place, one sentence each.
    private(set) var placeNotes: [String] = []
    /// The grid that the structures were drawn on; nil for an RT Structure Set, whose contours have none.
    package let grid: VolumeGeometry?
    /// Of an RT Structure Set (PS3.3 C.8.8.16): APPROVED, UNAPPROVED or REJECTED.
    package private(set) var approvalStatus: String?
    /// Whether it says something else in the place of that.
    private(set) var hasForeignApprovalStatus = false
    /// Structures, by their index in `names`, that cannot be compared with anything, and why.
    private(set) var defects: [Int: RTStructureDefect] = [:]
    /// Contours that name images of another stack, and were left out.
    private(set) var contoursElsewhere = 0
    /// ROI Numbers of contours that belong to no structure.
    private(set) var unknownROINumbers: [Int] = []
    /// The lowest and the highest slice index of its contours, frames or voxels on a grid; nil without any.
    private(set) var slices: (VolumeGeometry) -> ClosedRange<Double>? = { _ in nil }
    /// How many of its closed contours lie in one slice of a grid, wherever, and how many there are.
    private(set) var contoursInSlices: (VolumeGeometry) -> (inSlices: Int, all: Int) = { _ in (0, 0) }
    /// Where each structure lies by what it says itself; nothing for a file that says so as a whole.
    private var places: (ScanIdentity) -> [StructurePlace] = { _ in [] }
    /// Structures whose Frame of Reference was not believed, one sentence each.
    private(set) var frameNotes: [String] = []
    private let load: (Int, VolumeGeometry) throws -> PlacedMask

    /// - Parameters:
    ///   - path: the file; NIfTI by its name, everything else as DICOM.
    ///   - labels: names of the values of a NIfTI label map.
    ///   - statement: who says so. If nobody does so of this very file, one that holds 1 alone is the mask of a structure
    ///     and named after its file: nothing is guessed.
    ///   - images: SOP Instance UIDs of the stack that is looked at: of a set that names some of them, contours that name
    ///     others are left out. Empty where there is no such stack.
    /// - Throws: `DicomError`, `StructureError`, `NiftiError`.
    package init(
        contentsOf path: String,
        labels: [String: UInt16] = [:],
        statement: LabelStatement = .ofThisFile,
        images: Set<String> = []
    ) throws {
        if Self.isNifti(path) {
            try self.init(nifti: path, labels: labels, statement: statement)
            return
        }
        switch try InstanceHeader(contentsOf: path).kind {
        case .rtStructureSet:
            var read = try RTStructureSet(contentsOf: path)
            let elsewhere = read.keepContours(on: images)
            let set = read
            self.init(
                kind: .rtStructureSet,
                sopInstanceUID: set.sopInstanceUID,
                referencedSeriesInstanceUIDs: set.referencedSeriesInstanceUIDs,
                frameOfReferenceUIDs: set.frameOfReferenceUIDs,
                names: set.structures.map(\.name),
                grid: nil
            ) { index, geometry in
                let (mask, outside) = set.structures[index].mask(on: geometry)
                let offSlice = set.structures[index].offSlice(on: geometry)
                return PlacedMask(
                    mask: mask,
                    piece: .contour,
                    outside: outside,
                    beside: set.structures[index].contoursBeside(on: geometry),
                    offSlice: offSlice,
                    leftOut: set.structures[index].contoursLeftOut,
                    repeated: set.structures[index].contoursRepeated,
                    overdrawn: set.structures[index].contoursOverdrawn(on: geometry)
                )
            }
            contourImageUIDs = set.contourImageUIDs
            patient = set.patient
            madeAt = set.madeAt
            approvalStatus = set.approvalStatus
            hasForeignApprovalStatus = set.hasForeignApprovalStatus
            defects = Dictionary(
                set.structures.enumerated().compactMap { index, structure in structure.defect.map { (index, $0) } },
                uniquingKeysWith: { first, _ in first }
            )
            contoursElsewhere = elsewhere
            unknownROINumbers = set.unknownROINumbers
            places = set.places
            contoursInSlices = set.contoursInSlices
            slices = { geometry in
                let contours = set.structures.flatMap(\.contours).filter { $0.points.count >= 3 }
                let slices = contours.map { geometry.continuousIndex(of: $0.points[0]).z }.filter(\.isFinite)
                guard let low = slices.min(), let high = slices.max() else { return nil }
                return low...high
            }
        case .segmentation:
            let object = try SegmentationObject(contentsOf: path)
            self.init(
                kind: .segmentation,
                sopInstanceUID: object.sopInstanceUID,
                referencedSeriesInstanceUIDs: object.referencedSeriesInstanceUIDs,
                frameOfReferenceUIDs: object.frameOfReferenceUID.map { [$0] } ?? [],
                names: object.segments.map(\.label),
                grid: object.grid
            ) { index, geometry in
                let number = object.segments[index].number
                let (mask, outside) = try object.mask(ofSegment: number, on: geometry)
                let offSlice = object.offSlice(ofSegment: number, on: geometry)
                return PlacedMask(
                    mask: mask,
                    piece: .frame,
                    outside: outside,
                    beside: try object.framesBeside(ofSegment: number, on: geometry),
                    offSlice: offSlice
                )
            }
            patient = object.patient
            madeAt = object.madeAt
            slices = object.slices
        case .otherDicom(SOPClass.labelMapSegmentation):
            throw StructureError.unreadable(reason: "it is a Label Map Segmentation, which is not read")
        default:
            throw StructureError.unreadable(reason: "it is neither an RT Structure Set nor a Segmentation nor NIfTI")
        }
    }

    private init(
        kind: Kind,
        sopInstanceUID: String?,
        referencedSeriesInstanceUIDs: [String],
        frameOfReferenceUIDs: [String],
        names: [String],
        grid: VolumeGeometry?,
        load: @escaping (Int, VolumeGeometry) throws -> PlacedMask
    ) {
        self.kind = kind
        self.sopInstanceUID = sopInstanceUID
        self.referencedSeriesInstanceUIDs = referencedSeriesInstanceUIDs
        self.frameOfReferenceUIDs = frameOfReferenceUIDs
        self.names = names
        self.grid = grid
        self.load = load
    }

    private init(nifti path: String, labels: [String: UInt16], statement: LabelStatement) throws {
        let map = try NiftiFile.readLabelMap(path)
        let (volume, present) = (map.places, Array(map.values.dropFirst()))
        let file = Directory.name(of: path).components(separatedBy: ".nii")[0]
        let known = Dictionary(labels.map { ($0.value, $0.key) }, uniquingKeysWith: { first, _ in first })
        let isNamed = labels.keys.contains { StructureName($0) == StructureName(file) }
        // A mask without a voxel is one too: it says that nothing was found, and is scored so.
        let isMask =
            present.count <= 1
            && (labels.isEmpty || (isNamed || statement != .ofThisFile) && present.allSatisfy { $0 == 1 })
        // Where none of the named values is there but others are, it has another code: nothing of it is meant.
        let hasOtherCode = !present.isEmpty && present.allSatisfy { known[$0] == nil }
        let expected = statement == .assumed || hasOtherCode ? [] : Set(known.keys)
        let values: [(String, Set<UInt16>)] =
            isMask
            ? [(file, Set(present))]
            : expected.union(present).sorted().map { (known[$0] ?? "label \($0)", [$0]) }
        self.init(
            kind: .nifti,
            sopInstanceUID: nil,
            referencedSeriesInstanceUIDs: [],
            frameOfReferenceUIDs: [],
            names: values.map(\.0),
            grid: volume.geometry
        ) { index, geometry in
            let isWanted = map.values.map { values[index].1.contains($0) }
            let mask = Mask(geometry: volume.geometry, voxels: volume.voxels.map { isWanted[Int($0)] ? 1 : 0 })
            // Its header holds the grid in 32-bit numbers: the CT's own is meant.
            if mask.isOn(geometry) {
                return PlacedMask(mask: Mask(geometry: geometry, voxels: mask.voxels), piece: .voxel)
            }
            return PlacedMask(
                mask: mask.resampledNearest(to: geometry, outside: 0, threads: 1),
                piece: .voxel,
                beside: mask.voxels(outsideOf: geometry)
            )
        }
        slices = volume.slices
        placeNotes = map.placeNotes.map { "\(Directory.name(of: path)) \($0)" }
        isLabelMap = !isMask
        guard isLabelMap else {
            let names = Set(names.map(StructureName.init))
            labelsUsed = Set(labels.keys).filter { names.contains(StructureName($0)) }
            return
        }
        valuesPresent = present
        guard statement != .assumed else { return }
        labelsUsed = Set(labels.keys)
        absentLabels = labels.filter { !present.contains($0.value) }
    }

    /// Whether its places are those of a CT: places in different Frames of Reference cannot be compared (PS3.3
    /// C.7.4.1). One that names the very Series is believed, as anonymisers change one of the two UIDs at times.
    func liesIn(frameOfReferenceUID: String, seriesInstanceUID: String) -> Bool {
        frameOfReferenceUIDs.isEmpty || frameOfReferenceUIDs.contains(frameOfReferenceUID)
            || referencedSeriesInstanceUIDs.contains(seriesInstanceUID)
    }

    /// Leaves out, as a defect, structures that lie in another Frame of Reference than a scan. One whose name another
    /// structure has, on the scan, says so in its own: that one is meant.
    mutating func place(on scan: ScanIdentity) {
        let places = places(scan)
        let present = places.indices.filter { places[$0] == .onScan || places[$0] == .onScanByItsImages }
        let meanings = Set(present.map { StructureName(names[$0]) })
        for (index, place) in places.enumerated() {
            switch place {
            case .onScan: continue
            case .onScanByItsImages:
                frameNotes.append(
                    """
                    \(names[index]) names a Frame of Reference that its structure set does not have, and images of the CT; \
                    the images were believed
                    """
                )
            case .elsewhere, .unknown:
                defects[index] = place == .elsewhere ? .otherFrame : .unknownFrame
                if meanings.contains(StructureName(names[index])) {
                    names[index] += " (in another Frame of Reference)"
                }
            }
        }
    }

    /// Files that make one reference: every DICOM object alone, all NIfTI files together, one structure each.
    static func grouped(_ paths: [String]) -> [[String]] {
        let nifti = paths.filter(isNifti)
        return paths.filter { !isNifti($0) }.map { [$0] } + (nifti.isEmpty ? [] : [nifti])
    }

    static func isNifti(_ path: String) -> Bool { path.hasSuffix(".nii") || path.hasSuffix(".nii.gz") }

    /// One structure on a grid.
    package func mask(at index: Int, on geometry: VolumeGeometry) throws -> PlacedMask {
        try load(index, geometry)
    }
}

extension Volume {
    /// Whether this volume's voxels are those of another grid, to a hundredth of a voxel.
    package func isOn(_ other: VolumeGeometry) -> Bool { geometry.isGrid(of: other) }
}

extension Mask {
    /// The first and the last slice of another grid that are nearest to one of its voxels.
    fileprivate func slices(of grid: VolumeGeometry) -> ClosedRange<Double>? {
        let d = geometry.dimensions
        let plane = d.i * d.j
        var (low, high) = (SIMD3<Int>(repeating: .max), SIMD3<Int>(repeating: .min))
        for n in voxels.indices where voxels[n] != 0 {
            let place = SIMD3(n % d.i, n % plane / d.i, n / plane)
            (low, high) = (pointwiseMin(low, place), pointwiseMax(high, place))
        }
        guard low.x <= high.x else { return nil }
        // A voxel reaches half its size to all sides.
        let ends = (0..<3).map { [Double(low[$0]) - 0.5, Double(high[$0]) + 0.5] }
        let corners = ends[0].flatMap { i in
            ends[1].flatMap { j in ends[2].map { geometry.patientPoint(i: i, j: j, k: $0) } }
        }
        let slices = corners.map { grid.continuousIndex(of: $0).z }
        guard let first = slices.min()?.rounded(.up), let last = slices.max()?.rounded(.down), first <= last else {
            return nil
        }
        return first...last
    }

    /// How many of its voxels have their centre outside of another grid.
    fileprivate func voxels(outsideOf grid: VolumeGeometry) -> Int {
        let d = geometry.dimensions
        let upper = Vector3(Double(grid.dimensions.i), Double(grid.dimensions.j), Double(grid.dimensions.k))
        func isOutside(_ i: Int, _ j: Int, _ k: Int) -> Bool {
            let at = grid.continuousIndex(of: geometry.patientPoint(i: Double(i), j: Double(j), k: Double(k)))
            // Up to a hundredth of a voxel, as grids are compared.
            return
                !(at.x >= -0.51 && at.y >= -0.51 && at.z >= -0.51 && at.x <= upper.x - 0.49
                && at.y <= upper.y - 0.49 && at.z <= upper.z - 0.49)
        }
        let ends = [[0, d.i - 1], [0, d.j - 1], [0, d.k - 1]]
        let corners = ends[0].flatMap { i in ends[1].flatMap { j in ends[2].map { (i, j, $0) } } }
        guard corners.contains(where: isOutside) else { return 0 }
        let plane = d.i * d.j
        return voxels.indices.count { n in
            voxels[n] != 0 && isOutside(n % d.i, n % plane / d.i, n / plane)
        }
    }
}

extension VolumeGeometry {
    /// Whether both have the same voxels, to a hundredth of a voxel, whatever their Frames of Reference.
    func isGrid(of other: VolumeGeometry) -> Bool {
        guard dimensions == other.dimensions else { return false }
        let d = other.dimensions
        let corners = [(0, 0, 0), (d.i - 1, 0, 0), (0, d.j - 1, 0), (0, 0, d.k - 1)]
        return corners.allSatisfy { i, j, k in
            let index = continuousIndex(of: other.patientPoint(i: Double(i), j: Double(j), k: Double(k)))
            let offset = index - Vector3(Double(i), Double(j), Double(k))
            return abs(offset.x) < 0.01 && abs(offset.y) < 0.01 && abs(offset.z) < 0.01
        }
    }
}
