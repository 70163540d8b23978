import Dicom

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

extension RunFolder {
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
