import Daemon
import Foundation
import Metrics
import Pipeline
import Report

/// Outcomes of delivered contours, ready to be shown.
struct OutcomeTable {
    struct Outcome: Encodable {
        var series: Int64
        var name: String
        var time: String
        var model: String
        var structure: String
        var status: String
        var approval: String?
        var scores: StructureScores?
        /// The run that scored.
        var run: Int64

        private enum CodingKeys: String, CodingKey {
            case series, name, time, model, structure, status, approval, scores
        }
    }

    struct Answer: Encodable {
        var outcomes: [Outcome]
        var charts: [OutcomeChart]
        var shares: [OutcomeShares]
        var rule: String
        var shareRule: String
        var leftOut: Int

        private enum CodingKeys: String, CodingKey {
            case outcomes, charts, shares, rule
            case shareRule = "share_rule"
            case leftOut = "left_out"
        }
    }

    let outcomes: [Outcome]
    let charts: [OutcomeChart]
    let shares: [OutcomeShares]
    private let baseline: Int
    /// Outcomes of references that nobody approved.
    let leftOut: Int
    /// The outcomes that count; with `--all` those of rejected references are shown beside them.
    private let counted: [Outcome]
    private let hasSeveralModels: Bool

    /// - Throws: `DecodingError` when scores are those of another version.
    init(_ lines: [OutcomeLine], withUnapproved: Bool, baseline: Int) throws {
        let all = try lines.map { line in
            RecordedOutcome(
                scan: "\(line.series) \(line.stack)",
                run: line.run,
                structure: line.structure,
                model: "\(line.model) \(line.modelDigest.prefix(8))",
                name: line.deliveredName,
                time: RunJSON.text(of: Date(timeIntervalSince1970: Double(line.recordedAt) / 1000)),
                status: line.status,
                approval: line.approval,
                scores: try line.scores.map { try JSONDecoder().decode(StructureScores.self, from: Data($0.utf8)) }
            )
        }
        let eligible = all.eligible(withUnapproved: withUnapproved)
        let counted = eligible.counted
        let rejected = withUnapproved ? all.filter { $0.approval == "REJECTED" } : []
        let series = Dictionary(lines.map { ($0.run, $0.series) }, uniquingKeysWith: { first, _ in first })
        self.baseline = baseline
        shares = eligible.shares(baseline: baseline)
        leftOut = withUnapproved ? 0 : all.count { $0.approval != "APPROVED" }
        charts = eligible.charts(baseline: baseline)
        func row(_ outcome: RecordedOutcome) -> Outcome {
            Outcome(
                series: series[outcome.run] ?? 0,
                name: outcome.name,
                time: outcome.time,
                model: outcome.model,
                structure: outcome.structure,
                status: outcome.status,
                approval: outcome.approval,
                scores: outcome.scores,
                run: outcome.run
            )
        }
        self.counted = counted.map(row)
        hasSeveralModels = Set(counted.map(\.model)).count > 1
        outcomes = (counted + rejected).enumerated().sorted {
            ($0.element.time, $0.offset) < ($1.element.time, $1.offset)
        }
        .map { row($0.element) }
    }

    /// Results of several models, or of several versions of one, are told apart by it: their scores are of different contours.
    private func title(_ outcome: Outcome) -> String {
        hasSeveralModels ? "\(outcome.structure), \(outcome.model)" : outcome.structure
    }

    /// Of each structure and model so many scored outcomes, those with the lowest surface Dice first.
    func worst(_ count: Int) -> [Outcome] {
        let rows = Dictionary(grouping: counted.filter { $0.scores != nil }, by: title)
        return rows.sorted { $0.key < $1.key }.flatMap { _, rows -> [Outcome] in
            let tolerance = CohortReport.mainTolerance(Measure.tolerances(of: rows.compactMap(\.scores)))
            func surfaceDice(_ row: Outcome) -> Double {
                row.scores?.surfaceDice[tolerance].flatMap { $0 } ?? .infinity
            }
            return Array(rows.sorted { (surfaceDice($0), $0.name) < (surfaceDice($1), $1.name) }.prefix(count))
        }
    }

    var isDrifting: Bool {
        charts.contains { $0.chart.state == .drifting } || shares.contains { $0.chart.state == .drifting }
    }

    var answer: Answer {
        Answer(
            outcomes: outcomes,
            charts: charts,
            shares: shares,
            rule: ControlChart.rule(baseline: baseline),
            shareRule: ShareChart.rule(baseline: baseline),
            leftOut: leftOut
        )
    }

    var cohort: CohortReport {
        let cases = Dictionary(grouping: counted, by: \.name).map { name, rows in
            CohortReport.Case(
                name: name,
                time: rows[0].time,
                // Results of several models of one scan have names of their own.
                patient: Int(rows[0].series),
                structures: rows.compactMap { row in
                    row.scores.map { scores in
                        var scores = scores
                        scores.name = title(row)
                        return scores
                    }
                }
            )
        }
        return CohortReport(cases: cases.sorted { ($0.time ?? "", $0.name) < ($1.time ?? "", $1.name) })
    }

    /// - Parameter pictures: of the worst.
    func html(_ pictures: [CasePicture]) -> String {
        let notes = Dictionary(grouping: counted, by: title).sorted { $0.key < $1.key }.map { name, rows in
            "\(name): \(Self.counted(rows))"
        }
        return cohortHTML(cohort, charts: charts, shares: shares, pictures: pictures, notes: notes + rejectedText)
    }

    private static func counted(_ rows: [Outcome]) -> String {
        let counts = ["scored", "edited", "unedited", "removed"].map { status in
            (status, rows.count { $0.status == status })
        }
        return counts.filter { $0.1 > 0 }.map { "\($0.1) \($0.0)" }.joined(separator: ", ")
    }

    var text: String {
        guard !outcomes.isEmpty else { return "no outcome yet" + leftOutText }
        let tolerance = CohortReport.mainTolerance(Measure.tolerances(of: outcomes.compactMap(\.scores)))
        let surface = tolerance.isEmpty ? "surface Dice" : "surface Dice \(tolerance) mm"
        // Stacks and revisions of one series are told apart by the names of their results.
        let results = Dictionary(grouping: outcomes, by: \.series).mapValues { Set($0.map(\.name)).count }
        let hasSeveralResults = results.values.contains { $0 > 1 }
        var table = TextTable(
            [
                "series", "date", "model", "structure", "status", "approval", surface, "Dice", "HD95 mm", "to draw mm",
                "added mL",
                "removed mL",
            ] + (hasSeveralResults ? ["result"] : [])
        )
        for outcome in outcomes {
            let scores = outcome.scores
            table.add(
                [
                    "\(outcome.series)", String(outcome.time.prefix(10)), outcome.model, outcome.structure,
                    outcome.status,
                    outcome.approval?.lowercased() ?? "-",
                    decimal(scores.flatMap(Measure.surfaceDice(tolerance).value), 4), decimal(scores?.dice, 4),
                    decimal(scores?.hausdorff95MM, 2),
                    decimal(scores.flatMap(Measure.addedPathLength(tolerance).value), 0),
                    decimal(scores?.falseNegativeML, 1), decimal(scores?.falsePositiveML, 1),
                ] + (hasSeveralResults ? [outcome.name] : [])
            )
        }
        let states = charts.map { chart -> String in
            let centre = chart.chart.centre.map { ", median \(decimal($0, 4)) at first" } ?? ""
            let before = chart.chart.points.dropLast().count { !$0.flags.isEmpty }
            let earlier = before == 0 ? "" : ", \(before) before it flagged"
            let count = "\(chart.chart.points.count) of \(chart.chart.baseline)"
            switch chart.chart.state {
            case .collecting: return "\(chart.structure), model \(chart.model): \(count) outcomes for the limits"
            case .stable: return "\(chart.structure), model \(chart.model): stable\(centre)\(earlier)"
            case .drifting:
                let flags = chart.chart.points.last?.flags.map(\.rawValue).joined(separator: ", ") ?? ""
                return "\(chart.structure), model \(chart.model): LOOK, the latest is flagged: \(flags)\(centre)"
            }
        }
        let kinds = shares.map { "\($0.structure), model \($0.model), what became of it: \($0.chart.words)" }
        let gaps = charts.compactMap(\.gap)
        return ([table.text] + states + gaps + kinds + rejectedText).joined(separator: "\n") + leftOutText
    }

    /// A line about rejected references, where there are any.
    private var rejectedText: [String] {
        let rejected = outcomes.count { $0.approval == "REJECTED" }
        guard rejected > 0 else { return [] }
        return [
            "\(rejected == 1 ? "1 outcome" : "\(rejected) outcomes") of rejected references: in no chart and no mean"
        ]
    }

    private var leftOutText: String {
        leftOut == 0 ? "" : "\n\(leftOut) outcomes of references that nobody approved are left out; --all shows them"
    }

    var csv: String {
        let measures = Measure.all(tolerances: Measure.tolerances(of: outcomes.compactMap(\.scores)))
        let head = ["series", "name", "time", "model", "structure", "status", "approval"] + measures.map(\.key)
        let rows = outcomes.map { outcome in
            ([
                "\(outcome.series)", outcome.name, outcome.time, outcome.model, outcome.structure, outcome.status,
                outcome.approval ?? "",
            ]
            .map(EvaluationText.quoted)
                + measures.map { measure in outcome.scores.flatMap(measure.value).map { "\($0)" } ?? "" })
                .joined(separator: ",")
        }
        return ([head.joined(separator: ",")] + rows).joined(separator: "\n")
    }
}
