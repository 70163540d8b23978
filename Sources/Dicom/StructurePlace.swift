/// What tells a CT, or another object on its grid, among the places that the structures of a set name.
package struct ScanIdentity: Sendable {
    /// Empty where it names none, as NIfTI.
    package var frameOfReferenceUIDs: Set<String>
    package var seriesInstanceUIDs: Set<String>
    /// SOP Instance UIDs of its images; empty where they are not at hand.
    package var imageUIDs: Set<String>

    package init(frameOfReferenceUIDs: Set<String>, seriesInstanceUIDs: Set<String>, imageUIDs: Set<String> = []) {
        self.frameOfReferenceUIDs = frameOfReferenceUIDs
        self.seriesInstanceUIDs = seriesInstanceUIDs
        self.imageUIDs = imageUIDs
    }
}

/// Where a structure lies by what it says of its Frame of Reference, Referenced Frame of Reference UID (3006,0024).
package enum StructurePlace: Sendable, Hashable {
    case onScan
    /// It names a Frame of Reference that its set does not have, on images of the scan: the UID is a mistake.
    case onScanByItsImages
    case elsewhere
    /// Structures of its set lie in several Frames of Reference, and nothing says which of them is the scan's.
    case unknown
}

extension RTStructureSet {
    /// An item of the Referenced Frame of Reference Sequence (PS3.3 C.8.8.5).
    package struct ReferencedFrame: Sendable {
        package var uid: String?
        /// Of each series that lies in it, the SOP Instance UIDs of its images.
        package var images: [String: Set<String>]

        init(_ item: DataSet) {
            uid = item.string(.frameOfReferenceUID)
            let series = item.sequence(.rtReferencedStudySequence).flatMap { $0.sequence(.rtReferencedSeriesSequence) }
            images = Dictionary(
                series.compactMap { series in
                    series.string(.seriesInstanceUID).map { uid in
                        let images = series.sequence(.contourImageSequence)
                        return (uid, Set(images.compactMap { $0.string(.referencedSOPInstanceUID) }))
                    }
                },
                uniquingKeysWith: { $0.union($1) }
            )
        }
    }

    /// Whether each of its structures lies where a scan lies.
    ///
    /// Places in different Frames of Reference cannot be compared (PS3.3 C.7.4.1): a planning system with a registered MR
    /// writes contours in the places of both into one set. A Frame of Reference is the scan's, whatever its UID, where
    /// the set says that the scan's series lies in it: anonymisers change one of the two at times. A UID that the set
    /// does not have is against the standard (PS3.3 C.8.8.5) and says nothing; the images that the contours name do.
    package func places(on scan: ScanIdentity) -> [StructurePlace] {
        let own = scan.frameOfReferenceUIDs.union(
            frames.filter { !scan.seriesInstanceUIDs.isDisjoint(with: $0.images.keys) }.compactMap(\.uid)
        )
        let named = Set(structures.compactMap(\.frameOfReferenceUID))
        let listed = Set(frameOfReferenceUIDs)
        let images = frames.flatMap(\.images).filter { scan.seriesInstanceUIDs.contains($0.key) }
            .reduce(into: scan.imageUIDs) { $0.formUnion($1.value) }
        return structures.map { structure in
            guard let frame = structure.frameOfReferenceUID, !own.contains(frame) else { return .onScan }
            if own.isEmpty { return named.count > 1 ? .unknown : .onScan }
            let isOnImages = structure.contours.allSatisfy { $0.referencedSOPInstanceUID.map(images.contains) ?? false }
            return !listed.contains(frame) && !structure.contours.isEmpty && isOnImages
                ? .onScanByItsImages : .elsewhere
        }
    }
}
