import Foundation
import Platform
import Segmentation

/// What `contourctl train` is asked for.
package struct TrainRequest: Sendable {
    /// Folders with DICOM series or NIfTI pairs.
    package var dataDirectories: [String]
    /// Label maps for the CT series of `dataDirectories`.
    package var labelsDirectory: String?
    /// Folder of the model package to make.
    package var output: String
    /// Cache and checkpoints; kept, so that a training that was stopped goes on.
    package var workDirectory: String
    package var configuration: TrainingConfiguration
    package var threads: Int
    /// Score the test and the validation cases with the finished model, or every case where none tests; takes up to a
    /// minute a case.
    package var scoresCases: Bool
    /// Weights to begin with, of a package or a checkpoint; nil draws them.
    package var startingWeights: String?

    package init(
        dataDirectories: [String],
        labelsDirectory: String?,
        output: String,
        workDirectory: String,
        configuration: TrainingConfiguration,
        threads: Int,
        scoresCases: Bool = true
    ) {
        self.dataDirectories = dataDirectories
        self.labelsDirectory = labelsDirectory
        self.output = output
        self.workDirectory = workDirectory
        self.configuration = configuration
        self.threads = threads
        self.scoresCases = scoresCases
    }
}

/// Trains a model from folders of cases and writes its package: `model.json`, `weights.safetensors`,
/// `MODEL_CARD.md`, `training.json` (the whole recipe), `training-report.json`, `learning-curve.svg`, and the scores of
/// the test patients as `evaluation.json` and `evaluation.html`.
///
/// Cases that cannot be used are skipped with a reason. Started again after it was stopped, it goes on from the
/// last epoch.
///
/// - Parameter isCancelled: asked between steps, cases and patches.
/// - Throws: `SegmentationError`; `SystemError` for files and folders that are not there or cannot be used; `Fault` where
///   the output is taken or another training works in the work folder. What of that can be known is known before anything
///   is done. `TrainingStopped` when it was cancelled.
package func trainModel(
    _ request: TrainRequest,
    isCancelled: @escaping () -> Bool = { false },
    progress show: @escaping (TrainingProgress) throws -> Void
) throws -> TrainingReport {
    let stoppable = StoppableProgress(workDirectory: request.workDirectory, isCancelled: isCancelled, show: show)
    let progress: (TrainingProgress) throws -> Void = { try stoppable($0) }
    try request.configuration.validate()
    try Trainer.requireMemory(for: request.configuration)
    let places = try TrainingPlaces(request)
    defer { withExtendedLifetime(places) { places.leave() } }
    let begun = try beginning(request.workDirectory)
    let prepared = try PreparedCases(request, progress: progress)
    let origin = try request.startingWeights.map { try WeightsOrigin(path: $0, prepared: prepared) }
    let trainer = Trainer(
        configuration: request.configuration,
        training: prepared.cached(.training),
        validation: prepared.cached(.validation),
        directory: request.workDirectory,
        threads: request.threads,
        startingWeights: request.startingWeights,
        progress: progress
    )
    let outcome = try trainer.run()
    try progress(TrainingProgress(phase: .finishing))
    return try TrainedPackage(
        request: request,
        prepared: prepared,
        outcome: outcome,
        begun: begun,
        finished: trainer.lastEpochEnd ?? Date(),
        origin: origin
    ).write(progress: progress)
}

/// When the training was first started: a file of the work folder, so that interruptions do not make it younger.
private func beginning(_ workDirectory: String) throws -> String {
    let path = workDirectory + "/begun.txt"
    if let known = FileManager.default.contents(atPath: path) { return String(decoding: known, as: UTF8.self) }
    let now = Date().formatted(.iso8601)
    try AtomicFile.write(Data(now.utf8), to: path)
    return now
}
