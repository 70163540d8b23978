import Dicom

/// Which Series a reference contours: those that it names, or, where an RT Structure Set names none, the one that all images
/// of its contours belong to. Nothing is guessed: an image that is not known, or is one of two Series, could make it another.
package enum ContouredSeries: Sendable, Equatable {
    case named([String])
    /// The Series of all its images.
    case byImages(String)
    /// Images of its contours are not known.
    case unknownImages
    /// Its images are of so many Series.
    case ambiguous(Int)
    /// It names neither a Series nor the images of its contours.
    case none

    /// - Parameter seriesOf: Series in which each of some images is, by SOP Instance UID; those that are not known may be absent.
    package init<Failure: Error>(
        _ header: InstanceHeader,
        seriesOf: ([String]) throws(Failure) -> [String: Set<String>]
    ) throws(Failure) {
        guard header.referencedSeriesInstanceUIDs.isEmpty else {
            self = .named(header.referencedSeriesInstanceUIDs)
            return
        }
        guard let images = header.contouredInstanceUIDs else {
            self = .none
            return
        }
        let known = try seriesOf(images)
        let series = images.reduce(into: Set<String>()) { $0.formUnion(known[$1] ?? []) }
        if series.count > 1 {
            self = .ambiguous(series.count)
        } else if let only = series.first, images.allSatisfy({ known[$0]?.isEmpty == false }) {
            self = .byImages(only)
        } else {
            self = .unknownImages
        }
    }

    package var seriesInstanceUIDs: [String] {
        switch self {
        case .named(let uids): uids
        case .byImages(let uid): [uid]
        case .unknownImages, .ambiguous, .none: []
        }
    }

    /// Why it is scored against nothing; nil where it may be.
    package var reason: String? {
        switch self {
        case .named, .byImages: nil
        case .unknownImages: "It names no series, and images of its contours have not come."
        case .ambiguous(let count): "It names no series, and the images of its contours are of \(count) series."
        case .none: "It names no series that it contours, and no images."
        }
    }
}

extension ContouredSeries {
    /// Among images that are at hand.
    init(_ header: InstanceHeader, among images: some Sequence<InstanceHeader>) {
        self.init(header) { _ in
            var series: [String: Set<String>] = [:]
            for image in images { series[image.sopInstanceUID, default: []].insert(image.seriesInstanceUID) }
            return series
        }
    }
}

extension SeriesScan {
    /// Series of the scan or elsewhere that a reference contours.
    package func series(of reference: Reference) -> ContouredSeries {
        ContouredSeries(reference.header, among: stacks.lazy.flatMap(\.headers))
    }
}
