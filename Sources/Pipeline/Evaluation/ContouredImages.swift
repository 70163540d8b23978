import Dicom
import Imaging

/// The images that the closed contours of an RT Structure Set name: by them it belongs to some of several stacks.
package struct ContouredImages: Sendable {
    private let uids: Set<String>

    /// - Returns: nil for what names no image, which belongs to wherever it lies; that it cannot be read is told elsewhere.
    package init?(contentsOf path: String) {
        guard let set = try? RTStructureSet(contentsOf: path) else { return nil }
        uids = set.closedContourImageUIDs
        if uids.isEmpty { return nil }
    }

    /// Whether contours are of a stack: they name images of it, or none that is known, as after an anonymisation of the CT.
    ///
    /// - Parameters:
    ///   - images: SOP Instance UIDs of the stack.
    ///   - isKnown: whether one of some images is in another stack.
    package func areOf<Failure: Error>(
        _ images: Set<String>,
        isKnown: ([String]) throws(Failure) -> Bool
    ) throws(Failure) -> Bool {
        guard uids.isDisjoint(with: images) else { return true }
        return try !isKnown(uids.sorted())
    }
}

/// Where the contours or frames of a reference lie: of stacks that lie apart it belongs to those that it reaches, where it
/// names no image of them.
package struct ContouredPlace {
    private let masks: ReferenceMasks

    /// - Returns: nil for what cannot be read, which is told elsewhere.
    package init?(contentsOf path: String) {
        guard let masks = try? ReferenceMasks(contentsOf: path) else { return nil }
        self.masks = masks
    }

    /// Whether something of it may lie in a slice of a grid.
    package func reaches(_ grid: VolumeGeometry) -> Bool {
        grid.holds(slices: masks.slices(grid))
    }
}

extension VolumeGeometry {
    /// Whether some of the given continuous slice indices are those of its slices.
    func holds(slices: ClosedRange<Double>?) -> Bool {
        slices?.overlaps(-0.5...Double(dimensions.k) - 0.5) ?? false
    }
}

extension RunFolder {
    /// The grid that was contoured.
    ///
    /// - Throws: what reading throws.
    package func contouredGrid() throws -> VolumeGeometry {
        try Volume<UInt8>(contentsOfBase: directory(of: .segment) + "/labels").geometry
    }

    /// SOP Instance UIDs of the images that were contoured.
    ///
    /// - Throws: what reading and decoding throw.
    package func contouredImageUIDs() throws -> Set<String> {
        try decode(SeriesFacts.self, stage: .resample, "series.json").imageUIDs
    }
}

extension SeriesFacts {
    var imageUIDs: Set<String> { Set(slices.map(\.sopInstanceUID)) }
}

extension RTStructureSet {
    fileprivate var closedContourImageUIDs: Set<String> {
        Set(structures.flatMap(\.contours).filter(\.isClosed).compactMap(\.referencedSOPInstanceUID))
    }

    /// Leaves out contours that name images of something else, if there are some that name these: a set may hold contours of
    /// several phases. Contours without an image belong to wherever they lie.
    ///
    /// - Parameter images: SOP Instance UIDs of a stack.
    /// - Returns: how many were left out.
    mutating func keepContours(on images: Set<String>) -> Int {
        guard !closedContourImageUIDs.isDisjoint(with: images) else { return 0 }
        var leftOut = 0
        for index in structures.indices where structures[index].defect == nil {
            let kept = structures[index].contours.filter { $0.referencedSOPInstanceUID.map(images.contains) ?? true }
            leftOut += structures[index].contours.count - kept.count
            structures[index].contours = kept
            if !kept.contains(where: \.isClosed) { structures[index].defect = .drawnElsewhere }
        }
        return leftOut
    }
}

extension RTStructure.Contour {
    fileprivate var isClosed: Bool { geometricType.hasPrefix("CLOSED") }
}
