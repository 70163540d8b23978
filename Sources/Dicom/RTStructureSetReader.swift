import Imaging

/// A structure as an RT Structure Set holds it.
package struct RTStructure: Sendable, Hashable {
    package struct Contour: Sendable, Hashable {
        /// LPS mm.
        package var points: [PatientPoint]
        package var geometricType: String
        package var referencedSOPInstanceUID: String?

        package init(points: [PatientPoint], geometricType: String, referencedSOPInstanceUID: String?) {
            self.points = points
            self.geometricType = geometricType
            self.referencedSOPInstanceUID = referencedSOPInstanceUID
        }
    }

    package var number: Int
    package var name: String
    /// That its contours lie in, as it says itself (3006,0024); nil where it does not.
    package var frameOfReferenceUID: String?
    package var contours: [Contour]
    /// Why its contours are no structure; nil where they are one.
    package var defect: RTStructureDefect?
    /// Contours that could not be read.
    package var damagedContours = 0

    package init(number: Int, name: String, contours: [Contour]) {
        self.number = number
        self.name = name
        self.contours = contours
    }
}

/// What keeps a structure of an RT Structure Set from being one.
package enum RTStructureDefect: Sendable, Hashable {
    /// Nobody drew it, or its contours name another structure.
    case noContours
    /// Points and open contours enclose nothing (PS3.3 C.8.8.6.1); their types, sorted.
    case nothingEnclosed(types: [String])
    /// No contour holds triples of numbers.
    case damaged
    /// Which contours are whose cannot be told.
    case sharedNumber(Int)
    /// It was drawn on another stack than the one that is looked at.
    case drawnElsewhere
    /// Its places are not those of the scan.
    case otherFrame
    /// Nothing says whether its places are those of the scan.
    case unknownFrame

    package var text: String {
        switch self {
        case .noContours: "it has no contours"
        case .nothingEnclosed(let types):
            "none of its contours is closed\(types.isEmpty ? "" : " (\(types.joined(separator: ", ")))"), so they enclose nothing"
        case .damaged: "its contours are damaged"
        case .sharedNumber(let number): "its ROI Number \(number) is also that of another structure"
        case .drawnElsewhere: "it lies on another part of the series, or on another series"
        case .otherFrame:
            """
            it says that it lies in another Frame of Reference than the CT, as contours of a registered MR do \
            (Referenced Frame of Reference UID); transfer it to the CT
            """
        case .unknownFrame:
            """
            the structures of its set lie in several Frames of Reference, and nothing says which of them is meant; \
            name the CT
            """
        }
    }
}

/// An RT Structure Set as it is read: tolerantly.
package struct RTStructureSet: Sendable {
    package var sopInstanceUID: String
    package var patient: PatientDigest?
    /// ISO 8601 without a zone; nil where it does not say when it was made.
    package var madeAt: String?
    package var frames: [ReferencedFrame]
    package var frameOfReferenceUIDs: [String] { frames.compactMap(\.uid) }
    package var referencedSeriesInstanceUIDs: [String]
    /// One of PS3.3 C.8.8.16, whatever its case; nil where there is none of them.
    package var approvalStatus: String?
    /// Whether the file says something else in its place.
    package var hasForeignApprovalStatus: Bool
    package var structures: [RTStructure]
    /// ROI Numbers that contours name and no structure has.
    package var unknownROINumbers: [Int]

    /// - Throws: `DicomError`, or `StructureError.unreadable` when the file is something else.
    package init(contentsOf path: String) throws {
        var drawn: [Int: DrawnContours] = [:]
        let dataSet = try Self.read(path) { number, contours in drawn[number, default: DrawnContours()] += contours }
        sopInstanceUID = dataSet.string(.sopInstanceUID) ?? ""
        patient = PatientDigest(dataSet)
        madeAt = dataSet.madeAt
        let approval = dataSet.string(.approvalStatus)?.uppercased() ?? ""
        approvalStatus = ["APPROVED", "UNAPPROVED", "REJECTED"].first { $0 == approval }
        hasForeignApprovalStatus = approvalStatus == nil && !approval.isEmpty
        let items = dataSet.sequence(.referencedFrameOfReferenceSequence)
        frames = items.map(ReferencedFrame.init)
        referencedSeriesInstanceUIDs = items.flatMap { $0.sequence(.rtReferencedStudySequence) }
            .flatMap { $0.sequence(.rtReferencedSeriesSequence) }.compactMap { $0.string(.seriesInstanceUID) }
        let read = dataSet.sequence(.structureSetROISequence).compactMap { item in
            RTStructure(item) { drawn[$0] ?? DrawnContours() }
        }
        let shared = Dictionary(grouping: read, by: \.number).filter { $1.count > 1 }
        structures = read.map { structure in
            var structure = structure
            structure.defect = shared[structure.number] == nil ? structure.ownDefect : .sharedNumber(structure.number)
            return structure
        }
        unknownROINumbers = Set(drawn.keys).subtracting(read.map(\.number)).sorted()
    }

    /// Reads a file structure by structure, so that one is in memory at a time: in the order of their contours, and as often
    /// as the file begins contours of one.
    ///
    /// - Throws: as reading the whole does.
    package static func forEachStructure(contentsOf path: String, _ body: @escaping (RTStructure) -> Void) throws {
        var rois: [Int: DataSet] = [:]
        _ = try read(path, roi: { rois[$0] = $1 }) { number, contours in
            if let item = rois[number], let structure = RTStructure(item, contours: { _ in contours }) {
                body(structure)
            }
        }
    }

    /// SOP Instance UIDs of the images that its contours name (Contour Image Sequence, PS3.3 C.8.8.6).
    package var contourImageUIDs: Set<String> {
        Set(structures.flatMap(\.contours).compactMap(\.referencedSOPInstanceUID))
    }

    /// How many of its closed contours lie in one slice of a grid, wherever, and how many there are.
    package func contoursInSlices(of grid: VolumeGeometry) -> (inSlices: Int, all: Int) {
        let contours = structures.flatMap(\.contours).filter(\.enclosesSomething)
        let inSlices = contours.count { contour in
            let places = contour.points.map { grid.continuousIndex(of: $0).z }
            return (places.max() ?? 0) - (places.min() ?? 0) <= 1
        }
        return (inSlices, contours.count)
    }

    /// The data set of a file without contours, which are handed over structure by structure, after the items of the
    /// Structure Set ROI Sequence.
    private static func read(
        _ path: String,
        roi: @escaping (Int, DataSet) -> Void = { _, _ in },
        contours: @escaping (Int, DrawnContours) -> Void
    ) throws -> DataSet {
        var drawn = DrawnContours()
        // Values of more bytes stay on disk until their contour's turn.
        let shim = try ShimFile(opening: path, loadLimit: 1024)
        let dataSet = try DataSetReader.read(shim, metaInformation: false, until: nil) { path, item in
            switch path {
            case [.structureSetROISequence]:
                if let number = item.integer(.roiNumber) { roi(number, item) }
                return false
            case [.roiContourSequence, .contourSequence]:
                drawn.append(contour(item))
                return true
            case [.roiContourSequence]:
                if let number = item.integer(.referencedROINumber) { contours(number, drawn) }
                drawn = DrawnContours()
                return true
            default: return false
            }
        }
        guard dataSet.string(.sopClassUID) == SOPClass.rtStructureSet else {
            throw StructureError.unreadable(reason: "it is no RT Structure Set")
        }
        return dataSet
    }

    /// Points come in triples; what is left over or no number makes the contour unusable.
    private static func contour(_ item: DataSet) -> RTStructure.Contour? {
        let numbers = item.doubles(.contourData)
        guard !numbers.isEmpty, numbers.count % 3 == 0 else { return nil }
        let points = stride(from: 0, to: numbers.count, by: 3).map {
            PatientPoint(x: numbers[$0], y: numbers[$0 + 1], z: numbers[$0 + 2])
        }
        return RTStructure.Contour(
            points: points,
            geometricType: item.string(.contourGeometricType) ?? "",
            referencedSOPInstanceUID: item.sequence(.contourImageSequence).first?.string(.referencedSOPInstanceUID)
        )
    }
}

/// The contours of an item of the ROI Contour Sequence.
private struct DrawnContours {
    var contours: [RTStructure.Contour] = []
    /// Contours that could not be read.
    var damaged = 0

    mutating func append(_ contour: RTStructure.Contour?) {
        if let contour { contours.append(contour) } else { damaged += 1 }
    }

    static func += (all: inout DrawnContours, more: DrawnContours) {
        all.contours += more.contours
        all.damaged += more.damaged
    }
}

extension RTStructure {
    /// From an item of the Structure Set ROI Sequence; nil where it has no number.
    fileprivate init?(_ item: DataSet, contours: (Int) -> DrawnContours) {
        guard let number = item.integer(.roiNumber) else { return nil }
        let drawn = contours(number)
        self.init(number: number, name: item.string(.roiName) ?? "ROI \(number)", contours: drawn.contours)
        damagedContours = drawn.damaged
        frameOfReferenceUID = item.string(.referencedFrameOfReferenceUID).flatMap { $0.isEmpty ? nil : $0 }
    }

    fileprivate var ownDefect: RTStructureDefect? {
        if contours.isEmpty { return damagedContours > 0 ? .damaged : .noContours }
        if contours.contains(where: \.enclosesSomething) { return nil }
        return .nothingEnclosed(
            types: Set(contours.map { String($0.geometricType.prefix(16)) }).subtracting([""]).sorted()
        )
    }

    /// Contours that `mask(on:)` does not use: damaged ones, points, open ones.
    package var contoursLeftOut: Int { damagedContours + contours.count { !$0.enclosesSomething } }

    /// Contours that are there again with the same points. By the even-odd rule two of them enclose nothing.
    package var contoursRepeated: Int {
        let drawn = contours.filter(\.enclosesSomething).map(\.points)
        return drawn.count - Set(drawn).count
    }

    /// The mask on a grid: every contour of a slice together by the even-odd rule at voxel centres, so that holes,
    /// keyholes and XOR sets are right. A contour belongs to the slice whose plane is nearest, if that and all its points
    /// are within half a slice; points and open contours enclose nothing.
    ///
    /// - Returns: the mask and how many closed contours lay on no slice of the grid.
    package func mask(on geometry: VolumeGeometry) -> (mask: Mask, contoursOutside: Int) {
        let (slices, outside) = polygons(on: geometry)
        var mask = Mask(geometry: geometry, repeating: 0)
        let plane = geometry.dimensions.i * geometry.dimensions.j
        mask.voxels.withUnsafeMutableBufferPointer { voxels in
            for (k, polygons) in slices {
                let filled = rasterize(polygons, columns: geometry.dimensions.i, rows: geometry.dimensions.j)
                _ = UnsafeMutableBufferPointer(rebasing: voxels[k * plane..<(k + 1) * plane]).update(from: filled)
            }
        }
        return (mask, outside)
    }

    /// Calls `body` with each slice of a grid that contours lie on, filled: 1 inside, i fastest.
    package func forEachSlice(of geometry: VolumeGeometry, _ body: (Int, UnsafeBufferPointer<UInt8>) -> Void) {
        for (k, polygons) in polygons(on: geometry).slices {
            rasterize(polygons, columns: geometry.dimensions.i, rows: geometry.dimensions.j)
                .withUnsafeBufferPointer { body(k, $0) }
        }
    }

    /// The polygons of each slice of a grid, which `rasterize` fills, and how many closed contours lay on no slice.
    func polygons(on geometry: VolumeGeometry) -> (slices: [Int: [[PlanarPoint]]], contoursOutside: Int) {
        var slices: [Int: [[PlanarPoint]]] = [:]
        var outside = 0
        for contour in contours where contour.enclosesSomething {
            let indices = contour.points.map { geometry.continuousIndex(of: $0) }
            guard let (k, _) = slice(of: indices, on: geometry) else {
                outside += 1
                continue
            }
            slices[k, default: []].append(indices.map { PlanarPoint(i: $0.x, j: $0.y) })
        }
        return (slices, outside)
    }

    /// Contours that `mask(on:)` takes to a slice that they do not lie on.
    package func offSlice(on geometry: VolumeGeometry) -> OffSlice {
        var result = OffSlice()
        for contour in contours where contour.enclosesSomething {
            let indices = contour.points.map { geometry.continuousIndex(of: $0) }
            guard let (_, middle) = slice(of: indices, on: geometry) else { continue }
            result.note(index: middle, spacingMM: geometry.spacing.z)
        }
        return result
    }

    /// Closed contours on a slice of the grid that reach more than half a voxel beside its picture, where
    /// `mask(on:)` has no voxels for them.
    package func contoursBeside(on geometry: VolumeGeometry) -> Int {
        contours.filter(\.enclosesSomething).count { contour in
            let indices = contour.points.map { geometry.continuousIndex(of: $0) }
            return slice(of: indices, on: geometry) != nil && isBeside(indices, geometry)
        }
    }

    /// Closed contours that lie on no slice of the grid, or in part or wholly beside its picture.
    package func contoursOutside(on geometry: VolumeGeometry) -> Int {
        contours.filter(\.enclosesSomething).count { contour in
            let indices = contour.points.map { geometry.continuousIndex(of: $0) }
            return slice(of: indices, on: geometry) == nil || isBeside(indices, geometry)
        }
    }

    private func isBeside(_ indices: [Vector3], _ geometry: VolumeGeometry) -> Bool {
        let (right, lower) = (Double(geometry.dimensions.i), Double(geometry.dimensions.j))
        return indices.contains { $0.x < -1 || $0.x > right || $0.y < -1 || $0.y > lower }
    }

    /// The slice that a contour belongs to, and where it lies in slices.
    private func slice(of indices: [Vector3], on geometry: VolumeGeometry) -> (k: Int, middle: Double)? {
        let middle = indices.reduce(0) { $0 + $1.z } / Double(indices.count)
        let k = middle.rounded()
        // A contour of another orientation lies in no slice, even where its middle does.
        let isPlanar = indices.allSatisfy { abs($0.z - middle) <= 0.5 }
        guard isPlanar, middle.isFinite, k >= 0, k < Double(geometry.dimensions.k), abs(middle - k) <= 0.5 else {
            return nil
        }
        return (Int(k), middle)
    }
}

extension RTStructure.Contour {
    fileprivate var enclosesSomething: Bool { points.count >= 3 && geometricType.hasPrefix("CLOSED") }
}
