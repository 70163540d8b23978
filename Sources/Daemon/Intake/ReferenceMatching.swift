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

    /// Whether a reference to a Series is one to a stack of it. A set of which all contours name images of another stack, or of
    /// another Series that it names beside this one, is not.
    ///
    /// - Parameters:
    ///   - images: SOP Instance UIDs of the stack; read where there is a choice alone.
    ///   - isPart: the Series has several stacks.
    func contours(
        _ reference: InstanceRecord,
        images: @autoclosure () throws -> Set<String>,
        isPart: Bool
    ) throws -> Bool {
        let header = try JSONDecoder().decode(InstanceHeader.self, from: Data((reference.header ?? "").utf8))
        let namesOthers = header.referencedSeriesInstanceUIDs.count > 1
        // Its contours are read where there is a choice alone: a set may be large.
        guard isPart || namesOthers, let path = reference.storedPath,
            let contoured = ContouredImages(contentsOf: path)
        else { return true }
        return try contoured.areOf(images()) { uids in
            try namesOthers || store.seriesOfImages(uids).values.contains { !$0.isEmpty }
        }
    }

    /// Of runs that a reference may contour those on whose CT it lies, where their Series has several stacks; if it lies on none,
    /// all of them, which tell so.
    func reached(_ runs: [RunRecord], by reference: InstanceRecord, in state: StateFolder) throws -> [RunRecord] {
        guard Set(runs.map(\.stack)).count > 1, let path = reference.storedPath,
            let place = ContouredPlace(contentsOf: path)
        else { return runs }
        let reached = try runs.filter { place.reaches(try state.run($0.number).contouredGrid()) }
        return reached.isEmpty ? runs : reached
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
