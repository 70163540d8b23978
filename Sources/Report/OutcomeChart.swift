import Metrics

/// Scores in the order of time with their control limits.
package struct OutcomeChart: Codable, Sendable {
    /// Structure and model: a new model has limits of its own.
    package var structure: String
    package var model: String
    /// Title of the measure.
    package var measure: String
    /// ISO 8601, UTC, one for each point.
    package var times: [String]
    /// Names of the cases, one for each point.
    package var names: [String]
    package var chart: ControlChart

    package init(
        structure: String,
        model: String,
        measure: String,
        times: [String],
        names: [String],
        chart: ControlChart
    ) {
        self.structure = structure
        self.model = model
        self.measure = measure
        self.times = times
        self.names = names
        self.chart = chart
    }
}

/// What a reference said about one structure of one result.
package struct RecordedOutcome: Sendable {
    /// The run whose contours were scored, and the one that scored them.
    package var contouringRun: Int64
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
        contouringRun: Int64,
        run: Int64,
        structure: String,
        model: String,
        name: String,
        time: String,
        status: String,
        approval: String?,
        scores: StructureScores?
    ) {
        self.contouringRun = contouringRun
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
    /// Those that count: of approved references unless others are wanted, too, and of these the latest of each result.
    package func counted(withUnapproved: Bool) -> [RecordedOutcome] {
        let wanted = withUnapproved ? self : filter { $0.approval == "APPROVED" }
        let latest = Dictionary(wanted.map { ($0.contouringRun, $0.run) }, uniquingKeysWith: Swift.max)
        return wanted.filter { latest[$0.contouringRun] == $0.run }
    }

    /// A chart for each structure and model that has scores, of surface Dice at the usual tolerance.
    package func charts(baseline: Int) -> [OutcomeChart] {
        let groups = Dictionary(grouping: self) { "\($0.structure)\u{0}\($0.model)" }
        return groups.sorted { $0.key < $1.key }.compactMap { _, rows in
            let tolerances = Measure.tolerances(of: rows.compactMap(\.scores))
            let measure = Measure.surfaceDice(CohortReport.mainTolerance(tolerances))
            let scored = rows.compactMap { row in row.scores.flatMap(measure.value).map { (row, $0) } }
            guard let first = scored.first?.0 else { return nil }
            return OutcomeChart(
                structure: first.structure,
                model: first.model,
                measure: measure.title,
                times: scored.map(\.0.time),
                names: scored.map(\.0.name),
                chart: ControlChart(scored.map(\.1), baseline: baseline)
            )
        }
    }
}
