import Metrics

/// Scores in the order of time with their control limits.
package struct OutcomeChart: Codable, Sendable {
    /// Structure and model: a new model has limits of its own.
    package var structure: String
    /// Empty where contours do not say what made them.
    package var model: String
    /// Title of the measure.
    package var measure: String
    /// ISO 8601, UTC, one for each point.
    package var times: [String]
    /// Names of the cases, one for each point.
    package var names: [String]
    package var chart: ControlChart
    /// Scored outcomes that are no point, as they were not scored at the tolerance of `measure`.
    package var withoutMeasure: Int

    private enum CodingKeys: String, CodingKey {
        case structure, model, measure, times, names, chart
        case withoutMeasure = "without_measure"
    }

    package init(
        structure: String,
        model: String,
        measure: String,
        times: [String],
        names: [String],
        chart: ControlChart,
        withoutMeasure: Int = 0
    ) {
        self.structure = structure
        self.model = model
        self.measure = measure
        self.times = times
        self.names = names
        self.chart = chart
        self.withoutMeasure = withoutMeasure
    }

    /// Said where outcomes are in no chart, as the tolerances were changed meanwhile; nil where all are.
    package var gap: String? {
        guard withoutMeasure > 0 else { return nil }
        let words = withoutMeasure == 1 ? "1 outcome has" : "\(withoutMeasure) outcomes have"
        return """
            \(structure), model \(model): \(words) no \(measure.prefix(1).lowercased() + measure.dropFirst()) and \
            \(withoutMeasure == 1 ? "is" : "are") in no chart (export.tolerances_mm was another one)
            """
    }
}

/// What became of one structure of the results of one model, in the order of time.
package struct OutcomeShares: Codable, Sendable {
    package var structure: String
    package var model: String
    /// ISO 8601, UTC, one for each outcome.
    package var times: [String]
    /// Names of the cases, one for each outcome.
    package var names: [String]
    package var chart: ShareChart
}

/// What a reference said about one structure of one result.
package struct RecordedOutcome: Sendable {
    /// Series and stack that were contoured: of results that were made again each structure counts once.
    package var scan: String
    /// The run that scored.
    package var run: Int64
    package var structure: String
    /// Name of the model and the beginning of its digest.
    package var model: String
    /// Name of the result.
    package var name: String
    /// ISO 8601, UTC.
    package var time: String
    /// `scored`, `edited`, `unedited` or `removed`.
    package var status: String
    package var approval: String?
    package var scores: StructureScores?

    package init(
        scan: String,
        run: Int64,
        structure: String,
        model: String,
        name: String,
        time: String,
        status: String,
        approval: String?,
        scores: StructureScores?
    ) {
        self.scan = scan
        self.run = run
        self.structure = structure
        self.model = model
        self.name = name
        self.time = time
        self.status = status
        self.approval = approval
        self.scores = scores
    }
}

extension [RecordedOutcome] {
    /// Those that count: of approved references unless others are wanted, too, and of these one for each scan, model and
    /// structure. An edit outweighs a reference that was there before (a result that is made again meets all references
    /// of those before it once more), and that outweighs a set that has the structure as it was delivered, or lacks it:
    /// such a set takes nothing away that another one said. Of equal ones the latest counts. A rejected reference never does:
    /// somebody responsible found it wrong.
    package func counted(withUnapproved: Bool) -> [RecordedOutcome] {
        let weights = ["removed": 0, "unedited": 0, "scored": 1, "edited": 2]
        var counted: [[String]: Int] = [:]
        for index in indices {
            let approval = self[index].approval
            guard withUnapproved ? approval != "REJECTED" : approval == "APPROVED" else { continue }
            let key = [self[index].scan, self[index].model, self[index].structure]
            let weight = weights[self[index].status] ?? 0
            if let former = counted[key], weights[self[former].status] ?? 0 > weight { continue }
            counted[key] = index
        }
        return counted.values.sorted().map { self[$0] }
    }

    /// A chart for each structure and model of what became of our contours; references that were there before our result
    /// say nothing about that.
    package func shares(baseline: Int) -> [OutcomeShares] {
        let groups = Dictionary(grouping: filter { $0.status != "scored" }) { "\($0.structure)\u{0}\($0.model)" }
        return groups.sorted { $0.key < $1.key }.map { _, rows in
            OutcomeShares(
                structure: rows[0].structure,
                model: rows[0].model,
                times: rows.map(\.time),
                names: rows.map(\.name),
                chart: ShareChart(rows.map(\.status), of: ["edited", "unedited", "removed"], baseline: baseline)
            )
        }
    }

    /// A chart for each structure and model that has scores, of surface Dice at the usual tolerance.
    package func charts(baseline: Int) -> [OutcomeChart] {
        let groups = Dictionary(grouping: self) { "\($0.structure)\u{0}\($0.model)" }
        return groups.sorted { $0.key < $1.key }.compactMap { _, rows in
            let tolerances = Measure.tolerances(of: rows.compactMap(\.scores))
            let tolerance = CohortReport.mainTolerance(tolerances)
            let measure = Measure.surfaceDice(tolerance)
            let scored = rows.compactMap { row in row.scores.flatMap(measure.value).map { (row, $0) } }
            guard let first = scored.first?.0 else { return nil }
            return OutcomeChart(
                structure: first.structure,
                model: first.model,
                measure: measure.title,
                times: scored.map(\.0.time),
                names: scored.map(\.0.name),
                chart: ControlChart(scored.map(\.1), baseline: baseline),
                withoutMeasure: rows.count { $0.scores?.surfaceDice.keys.contains(tolerance) == false }
            )
        }
    }
}

extension CohortReport {
    /// Fewer times are no trend.
    private static let fewestForTrend = 3

    /// A chart for each structure of the cases whose reference says when it was made, in that order, of surface Dice at the
    /// usual tolerance.
    package func charts(baseline: Int = ControlChart.defaultBaseline) -> [OutcomeChart] {
        let measure = Measure.surfaceDice(Self.mainTolerance(tolerances))
        let timed = cases.compactMap { one in one.time.map { (time: $0, case: one) } }
            .sorted { ($0.time, $0.case.name) < ($1.time, $1.case.name) }
        return summary.compactMap { structure in
            let scored = timed.compactMap { one in
                one.case.structures.first { $0.name == structure.name }.flatMap(measure.value)
                    .map { (time: one.time, name: one.case.name, value: $0) }
            }
            guard scored.count >= Self.fewestForTrend else { return nil }
            return OutcomeChart(
                structure: structure.name,
                model: "",
                measure: measure.title,
                times: scored.map(\.time),
                names: scored.map(\.name),
                chart: ControlChart(scored.map(\.value), baseline: baseline)
            )
        }
    }
}
