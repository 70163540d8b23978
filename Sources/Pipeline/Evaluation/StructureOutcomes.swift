import Foundation
import Metrics
import Report

/// What the report of a Run says a reference made of one structure: a row of the table of outcomes.
package struct StructureOutcome: Sendable, Equatable {
    package var structure: String
    /// `scored`, `edited`, `unedited` or `removed`.
    package var status: String
    package var approval: String?
    /// `StructureScores` as JSON; nil where nothing is scored.
    package var scores: String?
}

/// Reads the outcomes of a finished Run from its report; none when it was scored against nothing.
///
/// - Throws: what reading and decoding throw.
package func structureOutcomes(ofReport path: String) throws -> [StructureOutcome] {
    let report = try JSONDecoder().decode(CaseReport.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
    guard let evaluation = report.evaluation else { return [] }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    let scores = try Dictionary(
        evaluation.structures.map { ($0.name, String(decoding: try encoder.encode($0), as: UTF8.self)) },
        uniquingKeysWith: { first, _ in first }
    )
    let changes: [(name: String, status: String)] =
        evaluation.changes.map { $0.map { ($0.name, $0.status.rawValue) } }
        ?? evaluation.structures.map { ($0.name, "scored") }
    return changes.map { change in
        StructureOutcome(
            structure: change.name,
            status: change.status,
            approval: evaluation.approvalStatus,
            scores: scores[change.name]
        )
    }
}
