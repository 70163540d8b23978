import Dicom
import Foundation
import Pipeline
import Store

/// Finds out which Series a reference contours. What is known of an image stays in the store when its pixels are deleted, so
/// that a set may come months later.
struct ReferenceMatching {
    let store: Store

    func match(_ header: InstanceHeader) throws -> ContouredSeries {
        try ContouredSeries(header) { uids throws(StoreError) in try store.seriesOfImages(uids) }
    }

    func match(_ reference: InstanceRecord) throws -> ContouredSeries {
        try match(JSONDecoder().decode(InstanceHeader.self, from: Data((reference.header ?? "").utf8)))
    }

    /// Looks once more at references that came before the images of their contours.
    ///
    /// - Returns: the numbers of those that contour a Series.
    func matchWaiting(toSeriesInstanceUID uid: String) throws -> [Int64] {
        var matched: [Int64] = []
        for reference in try store.referencesByImages() where try match(reference) == .byImages(uid) {
            try store.setContoured(uid, reference: reference.number)
            matched.append(reference.number)
        }
        return matched
    }
}
