import Foundation
import Metrics
import Pipeline
import Report

/// Scores as text and as comma-separated values.
enum EvaluationText {
    static func text(_ comparison: StructureComparison) -> String {
        let measures = shown(comparison.structures)
        var table = TextTable(["structure"] + measures.map(\.title))
        for scores in comparison.structures {
            table.add([scores.name] + measures.map { decimal($0.value(scores), $0.digits) })
        }
        let notes =
            comparison.unmatchedReference.map { "only in the reference: \($0)" }
            + comparison.unmatchedPrediction.map { "only in the prediction: \($0)" } + comparison.findings
        return (warnings(comparison) + [table.text] + notes + [comparison.definition]).joined(separator: "\n")
    }

    /// What a reader must see before the scores.
    static func warnings(_ comparison: StructureComparison) -> [String] { comparison.warnings.map { "WARNING: \($0)" } }

    static func warnings(_ cohort: CohortReport) -> [String] {
        cohort.cases.flatMap { one in one.warnings.map { "WARNING: \(one.name): \($0)" } }
    }

    static func text(_ cohort: CohortReport) -> String {
        var lines = warnings(cohort)
        for structure in cohort.summary {
            lines.append("\(structure.name), \(structure.cases) \(structure.cases == 1 ? "case" : "cases")")
            lines.append(table(of: structure, tolerances: cohort.tolerances))
            lines.append("worst first:")
            lines += cohort.worst.filter { $0.structure == structure.name }.prefix(5).map {
                "  \($0.name): \(words($0))"
            }
            lines.append("")
        }
        let rejected = cohort.rejected
        if !rejected.isEmpty {
            lines.append("against rejected references, not counted above:")
            lines += rejected.map { "  \($0.name), \($0.structure): \(words($0))" } + [""]
        }
        for one in cohort.cases {
            if let fault = one.fault { lines.append("\(one.name) is NOT SCORED: \(fault)") }
            lines += one.unmatchedReference.map { "\(one.name): only in the reference: \($0)" }
            lines += one.unmatchedPrediction.map { "\(one.name): only in the prediction: \($0)" }
            lines += one.findings.map { "\(one.name): \($0)" }
        }
        lines += cohort.onlyReference.map { "NO PARTNER in the prediction: \($0)" }
        lines += cohort.onlyPrediction.map { "NO PARTNER in the reference: \($0)" }
        return (lines + cohort.findings + [cohort.definition]).joined(separator: "\n")
    }

    private static func words(_ one: CohortReport.WorstCase) -> String {
        let surface = "surface Dice \(one.tolerance) mm \(decimal(one.surfaceDice, 4))"
        return "\(surface), Dice \(decimal(one.dice, 4)), HD95 \(decimal(one.hausdorff95MM, 2)) mm"
    }

    private static func table(of structure: CohortReport.StructureSummary, tolerances: [String]) -> String {
        var table = TextTable(
            ["measure", "n", "undefined", "median", "95 % interval", "quartiles", "mean", "95 % interval", "range"]
        )
        for measure in Measure.summarised(tolerances: tolerances) {
            guard let summary = structure.measures[measure.key] else { continue }
            func pair(_ values: [Double?]) -> String {
                values.map { decimal($0, measure.digits) }.joined(separator: " to ")
            }
            func interval(_ values: [Double]?) -> String { values.map(pair) ?? summary.fewPatients }
            table.add([
                measure.title, "\(summary.count)", "\(summary.undefined)", decimal(summary.median, measure.digits),
                interval(summary.medianConfidence95), pair([summary.lowerQuartile, summary.upperQuartile]),
                decimal(summary.mean, measure.digits), interval(summary.meanConfidence95),
                pair([summary.minimum, summary.maximum]),
            ])
        }
        return table.text
    }

    /// One line for each structure, and one without scores for each structure that only one side has and each remark.
    static func csv(_ comparison: StructureComparison) -> String {
        let measures = Measure.all(tolerances: Measure.tolerances(of: comparison.structures))
        let head = (["structure"] + measures.map(\.key) + ["remark"]).joined(separator: ",")
        let remarks = remarks(
            comparison.unmatchedReference,
            comparison.unmatchedPrediction,
            warnings(comparison) + comparison.findings
        )
        return
            ([head] + comparison.structures.map { line([$0.name], $0, measures) + "," }
            + remarks.map { remark([$0.structure], $0.text, measures.count) }).joined(separator: "\n")
    }

    /// One line for each structure of each case; cases that could not be scored, what only one side has and remarks have a
    /// line without scores.
    static func csv(_ cohort: CohortReport) -> String {
        let measures = Measure.all(tolerances: cohort.tolerances)
        var lines = [(["case", "structure"] + measures.map(\.key) + ["remark"]).joined(separator: ",")]
        for one in cohort.cases {
            // Whoever takes the mean of a column sees which lines to leave out.
            let beside = one.referenceWasRejected == true ? "the reference was rejected: in no mean" : ""
            lines += one.structures.map { line([one.name, $0.name], $0, measures) + ",\(beside)" }
            if let fault = one.fault { lines.append(remark([one.name, ""], fault, measures.count)) }
            let remarks = remarks(
                one.unmatchedReference,
                one.unmatchedPrediction,
                one.warnings.map { "WARNING: \($0)" } + one.findings
            )
            lines += remarks.map { remark([one.name, $0.structure], $0.text, measures.count) }
        }
        lines += cohort.onlyReference.map { remark([$0, ""], "no partner in the prediction", measures.count) }
        lines += cohort.onlyPrediction.map { remark([$0, ""], "no partner in the reference", measures.count) }
        lines += cohort.findings.map { remark(["", ""], $0, measures.count) }
        return lines.joined(separator: "\n")
    }

    private static func line(_ names: [String], _ scores: StructureScores, _ measures: [Measure]) -> String {
        (names.map(quoted) + measures.map { $0.value(scores).map { "\($0)" } ?? "" }).joined(separator: ",")
    }

    private static func remarks(
        _ onlyReference: [String],
        _ onlyPrediction: [String],
        _ texts: [String]
    ) -> [(structure: String, text: String)] {
        onlyReference.map { ($0, "only in the reference") } + onlyPrediction.map { ($0, "only in the prediction") }
            + texts.map { ("", $0) }
    }

    private static func remark(_ names: [String], _ text: String, _ count: Int) -> String {
        (names.map(quoted) + Array(repeating: "", count: count) + [quoted(text)]).joined(separator: ",")
    }

    /// RFC 4180. Scalar by scalar: a comma or quotation mark with a combining mark after it is another `Character`, and CR LF
    /// are one, but a program that reads the lines sees each. What a spreadsheet would take for a formula gets an apostrophe
    /// before it, and is text: names come from files of others.
    static func quoted(_ words: String) -> String {
        let isFormula = words.unicodeScalars.first.map { "=+-@\t\r".unicodeScalars.contains($0) } ?? false
        let text = isFormula ? "'" + words : words
        let scalars = text.unicodeScalars
        guard scalars.contains(where: { ",\"\r\n".unicodeScalars.contains($0) }) else { return text }
        var result = String.UnicodeScalarView("\"".unicodeScalars)
        for scalar in scalars { result.append(contentsOf: scalar == "\"" ? [scalar, scalar] : [scalar]) }
        return String(result) + "\""
    }

    private static func shown(_ structures: [StructureScores]) -> [Measure] {
        let tolerances = Measure.tolerances(of: structures)
        return [.dice] + tolerances.map(Measure.surfaceDice) + [.hausdorff95, .meanSurfaceDistance] + Measure.volumes
    }
}
