import Foundation
import Imaging
import Platform
import Report
import Segmentation

/// Everything about a training, for `training-report.json`.
package struct TrainingReport: Codable, Sendable {
    package static let currentSchemaVersion = 2

    package var schemaVersion = TrainingReport.currentSchemaVersion
    package var summary: TrainingSummary
    /// When it was first started, and when its last epoch ended: ISO 8601, UTC. Interruptions count.
    package var begun: String
    package var finished: String
    /// Operating system and threads of the last part of the training.
    package var system: String
    package var threads: Int
    /// SHA-256 of `weights.safetensors`.
    package var weightsDigest: String
    package var split: Split
    package var cases: [CaseRecord]
    package var unmatchedNames: [String: Int]
    /// Names of `split.exclude` that no case and no patient has; nil in reports of former versions.
    package var unusedExclusions: [String]?
    /// CTs without Patient ID, each folder of which was taken for one patient; nil in reports of former versions.
    package var casesWithoutPatientID: [String]?
    /// Scans that are there as different patients, each by its cases; they were divided as one patient. nil in reports of former
    /// versions.
    package var sameScans: [[String]]?
    package var history: TrainingHistory
    /// That it stopped before its last epoch, and why; nil where it did not, and in reports of former versions.
    package var endedEarly: String?
    package var scores: [ModelCard.ScoreRow]
    /// Whether the scores may stand beside the published ones, in words; empty when nothing was scored.
    package var comparability: String
    /// nil where the weights were drawn.
    package var startingWeights: WeightsOrigin?
}

/// Writes the package of a finished training.
struct TrainedPackage {
    let request: TrainRequest
    let prepared: PreparedCases
    let outcome: TrainingOutcome
    let begun: String
    let finished: Date
    let origin: WeightsOrigin?

    func write(progress: (TrainingProgress) throws -> Void) throws -> TrainingReport {
        let partial = request.output + TrainingPlaces.partialSuffix
        try Directory.create(partial)
        // Leftovers of a run that was killed here.
        try empty(partial)
        do { return try write(to: partial, progress) } catch {
            try? empty(partial)  // the first error is the one to tell, and the next run empties it, too
            throw error
        }
    }

    /// The folder itself is locked.
    private func empty(_ folder: String) throws {
        for entry in try Directory.list(folder) { try Directory.remove("\(folder)/\(entry.name)") }
    }

    private func write(
        to partial: String,
        _ progress: (TrainingProgress) throws -> Void
    ) throws -> TrainingReport {
        let configuration = request.configuration
        let summary = summary
        var description = configuration.modelDescription(training: summary)
        let weights = try outcome.network.safetensors()
        description.weightsDigest = SHA256Digest.hex(of: weights)
        try AtomicFile.write(StrictJSON.encode(description), to: partial + "/model.json")
        try AtomicFile.write(weights, to: partial + "/weights.safetensors")
        var evaluation = TrainingEvaluation(
            prepared: prepared,
            configuration: request.configuration,
            threads: request.threads,
            origin: origin
        )
        if request.scoresCases {
            try evaluation.score(ModelPackage(contentsOf: partial), progress)
            let cohort = evaluation.cohort
            try AtomicFile.write(StrictJSON.encode(cohort), to: partial + "/evaluation.json")
            let page = cohortHTML(cohort, pictures: evaluation.pictures)
            try AtomicFile.write(Data(page.utf8), to: partial + "/evaluation.html")
        }
        let report = TrainingReport(
            summary: summary,
            begun: begun,
            finished: finished.formatted(.iso8601),
            system: ProcessInfo.processInfo.operatingSystemVersionString,
            threads: request.threads,
            weightsDigest: SHA256Digest.hex(of: weights),
            split: prepared.split,
            cases: prepared.records,
            unmatchedNames: prepared.unmatchedNames,
            unusedExclusions: prepared.unusedExclusions,
            casesWithoutPatientID: prepared.withoutPatientID,
            sameScans: prepared.sameScans,
            history: outcome.history,
            endedEarly: outcome.history.earlyEnd(configuration.optimisation),
            scores: evaluation.rows,
            comparability: request.scoresCases ? evaluation.comparability : "",
            startingWeights: origin
        )
        try AtomicFile.write(Data(card(report, weights.count).markdown.utf8), to: partial + "/MODEL_CARD.md")
        try AtomicFile.write(StrictJSON.encode(configuration), to: partial + "/training.json")
        try AtomicFile.write(StrictJSON.encode(report), to: partial + "/training-report.json")
        try AtomicFile.write(Data(learningCurve(outcome.history).utf8), to: partial + "/learning-curve.svg")
        try Directory.publish(partial: partial, as: request.output)
        return report
    }

    private func card(_ report: TrainingReport, _ weightBytes: Int) -> ModelCard {
        ModelCard(
            configuration: request.configuration,
            summary: report.summary,
            history: report.history,
            records: report.cases,
            scores: report.scores,
            comparability: [report.comparability, origin?.text ?? ""].filter { !$0.isEmpty }.joined(separator: " "),
            divisionNotes: prepared.patientNotes,
            period: "\(report.begun) to \(report.finished)",
            weightsDigest: report.weightsDigest,
            weightBytes: weightBytes
        )
    }

    private var summary: TrainingSummary {
        let best = outcome.history.epochs.first { $0.number == outcome.history.bestEpoch }
        return TrainingSummary(
            softwareVersion: ContourdVersion.current,
            seed: request.configuration.seed,
            epochs: outcome.history.epochs.count,
            steps: outcome.steps,
            dataDigest: prepared.digest,
            trainingCases: prepared.names(.training),
            validationCases: prepared.names(.validation),
            validationDice: best?.validationDice ?? [:],
            demonstration: request.configuration.demonstration
        )
    }
}
