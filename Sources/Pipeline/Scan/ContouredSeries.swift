import Dicom

/// The series that contours belong to.
///
/// An object names them (PS3.3 C.8.8.5 and C.12.1). Some systems export RT Structure Sets that name none, RT Referenced Study
/// Sequence being optional; their contours still name the images that they were drawn on (PS3.3 C.8.8.6).
struct ContouredSeries {
    /// Series Instance UID by SOP Instance UID.
    private let seriesOfImage: [String: String]

    init(of images: some Sequence<InstanceHeader>) {
        seriesOfImage = Dictionary(
            images.map { ($0.sopInstanceUID, $0.seriesInstanceUID) },
            uniquingKeysWith: { first, _ in first }
        )
    }

    /// Series Instance UIDs that an object names, or else those of the images that its contours name; empty where neither
    /// leads to one.
    func uids(of header: InstanceHeader, path: String) -> [String] {
        guard header.referencedSeriesInstanceUIDs.isEmpty, header.kind == .rtStructureSet else {
            return header.referencedSeriesInstanceUIDs
        }
        // What cannot be read is told where it is used; until then it belongs to no series.
        let images = (try? RTStructureSet.contourImageUIDs(contentsOf: path)) ?? []
        return Set(images.compactMap { seriesOfImage[$0] }).sorted()
    }
}

extension SeriesScan {
    /// References with the series that they belong to, of those of this scan where only their contours tell it.
    package func withSeries(_ references: [Reference]) -> [Reference] {
        let series = ContouredSeries(of: stacks.lazy.flatMap(\.headers))
        return references.map { reference in
            var reference = reference
            reference.header.referencedSeriesInstanceUIDs = series.uids(of: reference.header, path: reference.path)
            return reference
        }
    }
}
