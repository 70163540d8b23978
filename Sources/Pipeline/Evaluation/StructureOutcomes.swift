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

    package init(structure: String, status: String, approval: String?, scores: String?) {
        self.structure = structure
        self.status = status
        self.approval = approval
        self.scores = scores
    }
}

/// Reads the outcomes of a finished Run from its report; none when it was scored against nothing. Structures whose scores
/// mean nothing are left out. Of several references the first that says something about a structure counts for it: approved
/// ones stand before others, rejected ones last.
///
/// - Throws: what reading and decoding throw.
package func structureOutcomes(ofReport path: String) throws -> [StructureOutcome] {
    let report = try JSONDecoder().decode(CaseReport.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
    let evaluations = ([report.evaluation].compactMap(\.self) + (report.otherEvaluations ?? [])).enumerated()
    var told: Set<String> = []
    return try evaluations.sorted {
        (approvalRank($0.element.approvalStatus), $0.offset) < (approvalRank($1.element.approvalStatus), $1.offset)
    }.flatMap { _, evaluation in
        let outcomes = try outcomes(of: evaluation).filter { !told.contains($0.structure) }
        told.formUnion(outcomes.map(\.structure))
        return outcomes
    }
}

/// How much a reference counts by its Approval Status: the smaller, the more.
func approvalRank(_ approvalStatus: String?) -> Int {
    switch approvalStatus {
    case "APPROVED": 0
    case "REJECTED": 2
    default: 1
    }
}

private func outcomes(of evaluation: CaseReport.Evaluation) throws -> [StructureOutcome] {
    // Their scores mean nothing.
    let doubtful = Set(evaluation.doubtful ?? [])
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    let scores = try Dictionary(
        evaluation.structures.map { ($0.name, String(decoding: try encoder.encode($0), as: UTF8.self)) },
        uniquingKeysWith: { first, _ in first }
    )
    let changes: [(name: String, status: String)] =
        evaluation.changes.map { $0.map { ($0.name, $0.status.rawValue) } }
        ?? evaluation.structures.map { ($0.name, "scored") }
    return changes.filter { !doubtful.contains($0.name) }.map { change in
        StructureOutcome(
            structure: change.name,
            status: change.status,
            approval: evaluation.approvalStatus,
            scores: scores[change.name]
        )
    }
}

/// A row of the table of outcomes with what the chart needs beside it.
package struct ChartedOutcome: Sendable {
    /// Series and stack.
    package var scan: String
    package var run: Int64
    package var model: String
    package var outcome: StructureOutcome

    package init(scan: String, run: Int64, model: String, outcome: StructureOutcome) {
        self.scan = scan
        self.run = run
        self.model = model
        self.outcome = outcome
    }
}

/// Structures whose latest outcome is flagged by one of its charts, and was made by a run.
///
/// - Parameter outcomes: all, in the order in which they came.
/// - Throws: `DecodingError` when scores are those of another version.
package func driftingStructures(_ outcomes: [ChartedOutcome], run: Int64) throws -> [String] {
    let recorded = try outcomes.map { row in
        RecordedOutcome(
            scan: row.scan,
            run: row.run,
            structure: row.outcome.structure,
            model: row.model,
            name: "\(row.run)",
            time: "",
            status: row.outcome.status,
            approval: row.outcome.approval,
            scores: try row.outcome.scores.map { try JSONDecoder().decode(StructureScores.self, from: Data($0.utf8)) }
        )
    }
    let eligible = recorded.eligible(withUnapproved: false)
    let ofScores = eligible.charts(baseline: ControlChart.defaultBaseline)
        .filter { $0.chart.state == .drifting && $0.names.last == "\(run)" }.map(\.structure)
    let ofShares = eligible.shares(baseline: ControlChart.defaultBaseline)
        .filter { $0.chart.state == .drifting && $0.names.last == "\(run)" }.map(\.structure)
    return Set(ofScores + ofShares).sorted()
}
