import Dicom
import Report

/// UIDs of our products. They depend on the CT's voxels and identity, the model, the configuration, the software
/// and the revision: a repeat has the same UIDs, and different content never shares one. Parts of one Series differ by
/// what divided it, even where one is a copy of the other.
struct ProductIdentity {
    private let parts: [String]
    private let revision: Int

    init(_ request: RunRequest, series: CaseReport.SeriesSummary) {
        let place = series.part?.attributes.filter(\.divides).map { "\($0.name)=\($0.value)" } ?? []
        parts =
            [
                series.seriesInstanceUID, series.volumeDigest ?? "", request.modelDigest, request.configurationDigest,
                request.softwareVersion,
            ] + place
        revision = request.revision
    }

    func seriesInstanceUID(of product: String) -> String { uid([product, "series", "\(revision)"]) }
    func sopInstanceUID(of product: String) -> String { uid([product, "instance", "\(revision)"]) }

    /// The revision of this CT's results of this model and configuration, up to this one, that has a UID; nil for a foreign
    /// one.
    func revision(of sopInstanceUID: String?) -> Int? {
        guard let sopInstanceUID else { return nil }
        return (1...max(1, revision)).first { revision in
            ["rtstruct", "seg"].contains { uid([$0, "instance", "\(revision)"]) == sopInstanceUID }
        }
    }

    private func uid(_ product: [String]) -> String { UID.derived(namespace: ["contourd"] + parts + product) }
}
