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
    /// Those that may count: of approved references unless others are wanted, too. A rejected reference never does: somebody
    /// responsible found it wrong.
    package func eligible(withUnapproved: Bool) -> [RecordedOutcome] {
        filter { withUnapproved ? $0.approval != "REJECTED" : $0.approval == "APPROVED" }
    }

    /// One of these for each scan, model and structure, as it stands now. A set takes nothing away that another one said:
    /// see `weight`. Of equal ones the latest counts.
    package var counted: [RecordedOutcome] {
        var counted: [[String]: Int] = [:]
        for index in indices {
            let key = [self[index].scan, self[index].model, self[index].structure]
            if let former = counted[key], self[former].weight > self[index].weight { continue }
            counted[key] = index
        }
        return counted.values.sorted().map { self[$0] }
    }

    private var byStructureAndModel: [[RecordedOutcome]] {
        Dictionary(grouping: self) { "\($0.structure)\u{0}\($0.model)" }.sorted { $0.key < $1.key }.map(\.value)
    }

    /// A chart for each structure and model of what became of our contours; references that were there before our result
    /// say nothing about that.
    ///
    /// - Precondition: all that are eligible, in the order in which they came.
    package func shares(baseline: Int) -> [OutcomeShares] {
        byStructureAndModel.compactMap { rows in
            let points = rows.points(baseline: baseline) { $0.status == "scored" ? nil : $0.status }
            guard !points.isEmpty else { return nil }
            return OutcomeShares(
                structure: rows[0].structure,
                model: rows[0].model,
                times: points.map(\.outcome.time),
                names: points.map(\.outcome.name),
                chart: ShareChart(points.map(\.value), of: ["edited", "unedited", "removed"], baseline: baseline)
            )
        }
    }

    /// A chart for each structure and model that has scores, of surface Dice at the usual tolerance.
    ///
    /// - Precondition: all that are eligible, in the order in which they came.
    package func charts(baseline: Int) -> [OutcomeChart] {
        byStructureAndModel.compactMap { rows in
            let counted = rows.counted.compactMap(\.scores)
            let tolerance = CohortReport.mainTolerance(Measure.tolerances(of: counted))
            let measure = Measure.surfaceDice(tolerance)
            let points = rows.points(baseline: baseline) { $0.scores.flatMap(measure.value) }
            guard !points.isEmpty else { return nil }
            return OutcomeChart(
                structure: rows[0].structure,
                model: rows[0].model,
                measure: measure.title,
                times: points.map(\.outcome.time),
                names: points.map(\.outcome.name),
                chart: ControlChart(points.map(\.value), baseline: baseline),
                withoutMeasure: counted.count { !$0.surfaceDice.keys.contains(tolerance) }
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
        let timed = countedCases.compactMap { one in one.time.map { (time: $0, case: one) } }
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
