import Metrics

/// Scores of many cases; docs/schemas/evaluation.schema.json is the schema of its JSON.
package struct CohortReport: Codable, Sendable {
    package var cases: [Case]
    /// By structure, in the order of their names.
    package var summary: [StructureSummary]
    /// Cases of each structure, those with the lowest surface Dice first; undefined ones, of which nothing is known, last.
    package var worst: [WorstCase]
    /// Cases that only one side has.
    package var onlyReference: [String]
    package var onlyPrediction: [String]
    /// What a reader must know about the cohort as a whole.
    package var findings: [String]
    package var definition: String
    package var bootstrap: Bootstrap
    /// Structures that the published result is about: lungs, where the data is LCTSC and nobody trained on it.
    package var publishedStructures: Set<String> = []
    /// True for scores of a model that is never for patients; nil otherwise, so that JSON leaves it out.
    package var demonstration: Bool?

    package struct Case: Codable, Sendable {
        package var name: String
        /// ISO 8601: of outcomes in UTC, otherwise when the reference was made, as it says; nil where no time is known.
        package var time: String?
        /// Number of the patient in this cohort, so that cases of one are told; nil where nothing is known of that.
        package var patient: Int?
        package var structures: [StructureScores]
        package var unmatchedReference: [String]
        package var unmatchedPrediction: [String]
        /// What makes its scores doubtful as a whole.
        package var warnings: [String]
        package var findings: [String]
        /// Whose grid it was compared on; nil where nothing was, and for cases that were read again.
        package var gridSource: ComparisonGridSource?
        /// True where somebody responsible found the reference wrong: it is scored, and takes no part in what is summed up.
        package var referenceWasRejected: Bool?
        /// Why it could not be scored; nil when it was.
        package var fault: String?

        package init(
            name: String,
            time: String? = nil,
            patient: Int? = nil,
            structures: [StructureScores] = [],
            unmatchedReference: [String] = [],
            unmatchedPrediction: [String] = [],
            warnings: [String] = [],
            findings: [String] = [],
            fault: String? = nil
        ) {
            self.name = name
            self.time = time
            self.patient = patient
            self.structures = structures
            self.unmatchedReference = unmatchedReference
            self.unmatchedPrediction = unmatchedPrediction
            self.warnings = warnings
            self.findings = findings
            self.fault = fault
        }

        /// Whether its scores take part in what is summed up.
        var counts: Bool { referenceWasRejected != true }

        private enum CodingKeys: String, CodingKey {
            case time, patient, structures, warnings, findings, fault
            case name = "case"
            case gridSource = "grid_source"
            case referenceWasRejected = "reference_rejected"
            case unmatchedReference = "unmatched_reference"
            case unmatchedPrediction = "unmatched_prediction"
        }
    }

    package struct StructureSummary: Codable, Sendable {
        package var name: String
        /// Cases that have it on both sides.
        package var cases: Int
        /// By key of the measure.
        package var measures: [String: SampleSummary]
    }

    package struct WorstCase: Codable, Sendable, Equatable {
        package var structure: String
        package var name: String
        /// The tolerance of `surfaceDice` in mm, as text: that of the structure, where it has one of its own.
        package var tolerance: String
        /// nil where undefined.
        package var surfaceDice: Double?
        package var dice: Double?
        package var hausdorff95MM: Double?

        private enum CodingKeys: String, CodingKey {
            case structure, dice
            case name = "case"
            case tolerance = "surface_dice_tolerance_mm"
            case surfaceDice = "surface_dice"
            case hausdorff95MM = "hausdorff_95_mm"
        }

        package func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(structure, forKey: .structure)
            try container.encode(name, forKey: .name)
            try container.encode(tolerance, forKey: .tolerance)
            // `encode` of an optional writes null, where the compiler's own encoding would leave the key out.
            try container.encode(surfaceDice, forKey: .surfaceDice)
            try container.encode(dice, forKey: .dice)
            try container.encode(hausdorff95MM, forKey: .hausdorff95MM)
        }

        /// Whether it is worse than another case: by surface Dice, then by Dice, then by name, so that the order is one.
        /// Undefined, as both sides are empty, is not bad.
        fileprivate func isWorse(than other: WorstCase) -> Bool {
            let own = (surfaceDice ?? .infinity, dice ?? .infinity, name)
            return own < (other.surfaceDice ?? .infinity, other.dice ?? .infinity, other.name)
        }
    }

    package struct Bootstrap: Codable, Sendable, Equatable {
        package var seed = SampleSummary.bootstrapSeed
        package var resamples = SampleSummary.bootstrapResamples
        package var confidence = 0.95
    }

    private enum CodingKeys: String, CodingKey {
        case cases, summary, worst, findings, definition, bootstrap, demonstration
        case onlyReference = "only_reference"
        case onlyPrediction = "only_prediction"
    }

    package init(
        cases: [Case],
        onlyReference: [String] = [],
        onlyPrediction: [String] = [],
        findings: [String] = [],
        grids: Set<ComparisonGridSource> = [.ct],
        publishedStructures: Set<String> = []
    ) {
        self.publishedStructures = publishedStructures
        self.cases = cases
        self.onlyReference = onlyReference
        self.onlyPrediction = onlyPrediction
        self.findings = findings
        definition = StructureScores.definition(on: ComparisonGridSource.words(grids))
        bootstrap = Bootstrap()
        let byStructure = Self.byStructure(cases.filter(\.counts))
        summary = byStructure.map { name, rows in
            let scores = rows.map(\.scores)
            let measures = Measure.summarised(tolerances: Measure.tolerances(of: scores))
            return StructureSummary(
                name: name,
                cases: rows.count,
                measures: Dictionary(
                    measures.map { measure in
                        (measure.key, SampleSummary(scores.map(measure.value), of: rows.map(\.patient)))
                    },
                    uniquingKeysWith: { first, _ in first }
                )
            )
        }
        worst = Self.worst(byStructure)
    }

    private typealias Row = (name: String, patient: Int?, scores: StructureScores)

    private static func byStructure(_ cases: [Case]) -> [(key: String, value: [Row])] {
        let rows = cases.flatMap { one in one.structures.map { (name: one.name, patient: one.patient, scores: $0) } }
        return Dictionary(grouping: rows, by: \.scores.name).sorted { $0.key < $1.key }
    }

    private static func worst(_ byStructure: [(key: String, value: [Row])]) -> [WorstCase] {
        byStructure.flatMap { name, rows in
            let tolerance = mainTolerance(Measure.tolerances(of: rows.map(\.scores)))
            return rows.map { row in
                WorstCase(
                    structure: name,
                    name: row.name,
                    tolerance: tolerance,
                    surfaceDice: row.scores.surfaceDice[tolerance] ?? nil,
                    dice: row.scores.dice,
                    hausdorff95MM: row.scores.hausdorff95MM
                )
            }.sorted { $0.isWorse(than: $1) }
        }
    }

    /// Cases that are summed up.
    package var countedCases: [Case] { cases.filter(\.counts) }

    /// Scores against references that were rejected, which are in nothing that is summed up; the worst of each structure first.
    package var rejected: [WorstCase] { Self.worst(Self.byStructure(cases.filter { !$0.counts })) }

    /// 2 mm where it is there, otherwise the middle one.
    package static func mainTolerance(_ tolerances: [String]) -> String {
        tolerances.contains("2") ? "2" : tolerances.isEmpty ? "" : tolerances[tolerances.count / 2]
    }

    package var tolerances: [String] { Measure.tolerances(of: cases.flatMap(\.structures)) }
}
