import Foundation
import Imaging
import Metrics
import Platform
import Segmentation

/// Everything about a training, for `training-report.json`.
package struct TrainingReport: Codable, Sendable {
    package static let currentSchemaVersion = 1

    package var schemaVersion = TrainingReport.currentSchemaVersion
    package var summary: TrainingSummary
    package var cases: [CaseRecord]
    package var unmatchedNames: [String: Int]
    package var history: TrainingHistory
    package var scores: [ModelCard.ScoreRow]
}

/// Writes the package of a finished training.
struct TrainedPackage {
    let request: TrainRequest
    let prepared: PreparedCases
    let outcome: TrainingOutcome

    func write(progress: (TrainingProgress) throws -> Void) throws -> TrainingReport {
        let partial = request.output + ".partial"
        // A leftover of a run that was killed here.
        if FileManager.default.fileExists(atPath: partial) { try FileManager.default.removeItem(atPath: partial) }
        try FileManager.default.createDirectory(atPath: partial, withIntermediateDirectories: true)
        let configuration = request.configuration
        let summary = summary
        let description = configuration.modelDescription(training: summary)
        let weights = try outcome.network.safetensors()
        try AtomicFile.write(StrictJSON.encode(description), to: partial + "/model.json")
        try AtomicFile.write(weights, to: partial + "/weights.safetensors")
        let scores = request.scoresCases ? try scoreCases(ModelPackage(contentsOf: partial), progress) : []
        let report = TrainingReport(
            summary: summary,
            cases: prepared.records,
            unmatchedNames: prepared.unmatchedNames,
            history: outcome.history,
            scores: scores
        )
        let card = ModelCard(
            configuration: configuration,
            summary: summary,
            history: outcome.history,
            records: prepared.records,
            scores: scores,
            weightBytes: weights.count
        )
        try AtomicFile.write(Data(card.markdown.utf8), to: partial + "/MODEL_CARD.md")
        try AtomicFile.write(StrictJSON.encode(configuration), to: partial + "/training.json")
        try AtomicFile.write(StrictJSON.encode(report), to: partial + "/training-report.json")
        try AtomicFile.write(Data(learningCurve(outcome.history).utf8), to: partial + "/learning-curve.svg")
        try Directory.publish(partial: partial, as: request.output)
        return report
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

    /// Every case through the finished package, as the daemon would do it.
    private func scoreCases(
        _ model: ModelPackage,
        _ progress: (TrainingProgress) throws -> Void
    ) throws -> [ModelCard.ScoreRow] {
        var rows: [ModelCard.ScoreRow] = []
        for source in prepared.sources {
            try progress(TrainingProgress(phase: .finishing, item: source.name))
            guard let role = prepared.records.first(where: { $0.name == source.name })?.role else { continue }
            let item = try source.load()
            let input = networkInput(ct: item.ct, model: model, threads: request.threads)
            let result = try segment(
                input: input,
                ctGeometry: item.ct.geometry,
                model: model,
                threads: request.threads,
                progress: { _ in }
            )
            let truth = LabelMap(volume: item.labels, labels: result.labelMap.labels)
            rows += result.structures.compactMap { row(source.name, role, $0, truth, result.labelMap) }
        }
        return rows
    }

    /// nil where neither the truth nor the model shows the structure.
    private func row(
        _ name: String,
        _ role: CaseRecord.Role,
        _ structure: StructureResult,
        _ truth: LabelMap,
        _ found: LabelMap
    ) -> ModelCard.ScoreRow? {
        guard let reference = truth.mask(of: structure.name), let prediction = found.mask(of: structure.name),
            reference.voxels.contains(1) || prediction.voxels.contains(1)
        else { return nil }
        let scores = StructureScores(
            name: structure.name,
            reference: reference,
            prediction: prediction,
            tolerancesMM: [2]
        )
        return ModelCard.ScoreRow(
            caseName: name,
            role: role,
            structure: structure.name,
            dice: scores.dice,
            surfaceDice2MM: scores.surfaceDice["2"] ?? nil,
            hausdorff95MM: scores.hausdorff95MM,
            meanSurfaceDistanceMM: scores.meanSurfaceDistanceMM,
            confidence: structure.confidence
        )
    }
}

/// Loss and validation Dice by epoch as a picture that needs no program to draw.
func learningCurve(_ history: TrainingHistory) -> String {
    let (width, height, margin) = (640.0, 320.0, 40.0)
    let last = Double(max(history.epochs.count, 2))
    let top = max(history.epochs.map(\.meanLoss).filter(\.isFinite).max() ?? 1, 1)
    func x(_ epoch: Int) -> Double { margin + (Double(epoch) - 1) / (last - 1) * (width - 2 * margin) }
    func y(_ part: Double) -> Double { height - margin - part * (height - 2 * margin) }
    func line(_ points: [(Int, Double)], _ color: String) -> String {
        let text = points.map { "\((x($0.0) * 10).rounded() / 10),\((y($0.1) * 10).rounded() / 10)" }
        return
            "<polyline fill=\"none\" stroke=\"\(color)\" stroke-width=\"1.5\" points=\"\(text.joined(separator: " "))\"/>"
    }
    let losses = history.epochs.filter { $0.meanLoss.isFinite }.map { ($0.number, $0.meanLoss / top) }
    let dice = history.epochs.compactMap { epoch in epoch.meanDice.map { (epoch.number, $0) } }
    return """
        <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(width) \(height)" font-family="sans-serif" font-size="11">
        <rect width="100%" height="100%" fill="white"/>
        <path d="M\(margin) \(margin)V\(height - margin)H\(width - margin)" fill="none" stroke="black"/>
        <text x="\(margin)" y="\(margin - 10)">loss (grey, axis to \((top * 100).rounded() / 100)) and mean validation Dice \
        (blue, axis to 1)</text>
        <text x="\(width - margin)" y="\(height - 15)" text-anchor="end">epoch \(history.epochs.count)</text>
        \(line(losses, "#888888"))
        \(line(dice, "#2060d0"))
        </svg>

        """
}
