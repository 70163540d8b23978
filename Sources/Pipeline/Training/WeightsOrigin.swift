import Foundation
import Platform
import Segmentation

/// The weights that a training began with, and what is known of the patients that they have seen.
package struct WeightsOrigin: Codable, Sendable, Equatable {
    /// File and its folder.
    package var file: String
    /// SHA-256 of the file.
    package var digest: String
    /// Whether the report of their own training lies beside them.
    package var hasReport: Bool
    /// Cases that they were trained or validated on, those of weights that they began with included.
    package var earlierCases: [String]
    /// Of those patients, the cases that this training tests on: their scores are too good.
    package var seenTestCases: [String]

    /// - Parameter path: of weights in a package, or of a checkpoint in its work folder.
    init(path: String, prepared: PreparedCases) throws {
        let folder = Directory.parent(of: path)
        file = "\(Directory.name(of: folder))/\(Directory.name(of: path))"
        digest = try SHA256Digest.hex(ofFile: path)
        let package = folder.hasSuffix(Self.workSuffix) ? String(folder.dropLast(Self.workSuffix.count)) : folder
        let report = FileManager.default.contents(atPath: package + "/training-report.json")
            // What is no such report says nothing.
            .flatMap { try? JSONDecoder().decode(EarlierReport.self, from: $0) }
        hasReport = report != nil
        let used = report?.cases.filter { $0.role == .training || $0.role == .validation } ?? []
        let names = Set(used.map(\.name) + (report?.startingWeights?.earlierCases ?? []))
        earlierCases = names.sorted()
        let digests = Set(used.map(\.digest))
        let known = prepared.records.filter { record in
            names.contains(record.name) || !record.digest.isEmpty && digests.contains(record.digest)
        }
        let patientOf = Dictionary(
            prepared.sources.map { ($0.name, $0.patient) },
            uniquingKeysWith: { first, _ in first }
        )
        let patients = Set(known.compactMap { patientOf[$0.name] })
        seenTestCases = prepared.names(.test).filter { patientOf[$0].map(patients.contains) == true }
    }

    /// A work folder is called so after its package, unless it was named.
    package static let workSuffix = ".training"

    private struct EarlierReport: Decodable {
        var cases: [CaseRecord]
        var startingWeights: WeightsOrigin?
    }

    /// For reports: what began it, and what that does to the scores.
    package var text: String {
        let began = "The training began with the weights \(file) (SHA-256 \(digest))."
        guard hasReport else {
            return began + " No report of their own training lies beside them: whether they have seen patients that "
                + "test here is not known."
        }
        guard !seenTestCases.isEmpty else {
            return began + " By the names and digests in the report of their own training, they have seen no patient "
                + "that tests here."
        }
        return began + " They have seen \(counted(seenTestCases.count, "test case")), whose scores are too good: "
            + seenTestCases.joined(separator: ", ") + "."
    }
}
