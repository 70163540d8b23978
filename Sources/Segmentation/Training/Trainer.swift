import Foundation
import NeuralNet
import Platform

/// What a training ends with.
package struct TrainingOutcome: Sendable {
    /// The weights of the best epoch.
    package var network: Network
    package var history: TrainingHistory
    /// Updates made.
    package var steps: Int
}

/// Trains a network on cached cases.
///
/// After each epoch the whole state is written to `last.safetensors`, and where the caller's `progress` ends the training
/// within an epoch, to `stopped.safetensors`. A training that was killed or stopped goes on from there and ends with the same
/// bytes as an undisturbed one, because samples, changes and dropout depend on the step's number alone.
package struct Trainer {
    let configuration: TrainingConfiguration
    let training: [CachedCase]
    let validation: [CachedCase]
    /// Folder for checkpoints.
    let directory: String
    let threads: Int
    /// File with the weights to begin with; nil draws them.
    let startingWeights: String?
    let progress: (TrainingProgress) throws -> Void

    package init(
        configuration: TrainingConfiguration,
        training: [CachedCase],
        validation: [CachedCase],
        directory: String,
        threads: Int,
        startingWeights: String? = nil,
        progress: @escaping (TrainingProgress) throws -> Void
    ) {
        self.configuration = configuration
        self.training = training
        self.validation = validation
        self.directory = directory
        self.threads = threads
        self.startingWeights = startingWeights
        self.progress = progress
    }

    /// - Throws: `SegmentationError.diverged` when the training does not come back; its last good checkpoint stays.
    package func run() throws -> TrainingOutcome {
        guard !training.isEmpty else { throw SegmentationError.noUsableCases(message: "no training case is left") }
        try Directory.create(directory)
        let start = try startingWeights.map(StartingWeights.init)
        let session = try makeSession(start)
        let identity = TrainingIdentity(
            configuration,
            training: training,
            validation: validation,
            startingWeights: start?.digest ?? ""
        )
        var history = try resume(session, identity)
        let plan = configuration.optimisation
        let sampler = BatchSampler(cases: training, configuration: configuration)
        var lossSum = isAtEnd(history) ? 0 : try resumeEpoch(session, history, identity)
        var clock = EpochClock(doneSteps: session.step, allSteps: plan.totalSteps)
        while !isAtEnd(history) {
            let epoch: TrainingHistory.Epoch
            do {
                epoch = try runEpoch(history.epochs.count + 1, session, sampler, &clock, &lossSum)
            } catch let end as EndedByCaller {
                try saveEpoch(session, history, identity, lossSum: lossSum)
                throw end.reason
            }
            lossSum = 0
            let isBest = history.append(epoch)
            if let divergence = history.divergence {
                throw SegmentationError.diverged(
                    step: session.step,
                    message: divergence,
                    checkpoint: lastGoodCheckpoint
                )
            }
            try save(session, history, identity, isBest: isBest)
        }
        if let note = history.earlyEnd(plan) { try progress(TrainingProgress(phase: .noted, item: note)) }
        return try outcome(session, history)
    }

    /// What the caller's `progress` ended the training with.
    private struct EndedByCaller: Error { let reason: any Error }

    /// Tells the caller how far the training is; it may end it there.
    private func tell(_ state: TrainingProgress) throws {
        do { try progress(state) } catch { throw EndedByCaller(reason: error) }
    }

    /// Refuses a network that the machine cannot hold while it learns, before cases are prepared for it.
    ///
    /// - Parameter memoryBytes: of the machine.
    /// - Throws: `SegmentationError.invalidConfiguration`.
    package static func requireMemory(
        for configuration: TrainingConfiguration,
        memoryBytes: UInt64 = ProcessInfo.processInfo.physicalMemory
    ) throws {
        let plan = configuration.optimisation
        let needed = try configuration.modelDescription(training: nil).graph.trainingBytes(
            batch: plan.batchSize,
            extent: configuration.input.networkExtent,
            optimizer: plan.optimizer.networkOptimizer
        )
        guard needed > memoryBytes else { return }
        let gigabytes = { (bytes: Double) in (bytes / 0x1p30 * 10).rounded() / 10 }
        throw SegmentationError.invalidConfiguration(
            key: "optimisation.batchSize",
            message:
                "a step of \(plan.batchSize) samples with this network needs \(gigabytes(Double(needed))) GiB, and this "
                + "machine has \(gigabytes(Double(memoryBytes))): take fewer samples, filters or layers, or a smaller input"
        )
    }

    // MARK: Epochs

    private func makeSession(_ start: StartingWeights?) throws -> TrainingSession {
        let graph = configuration.modelDescription(training: nil).graph
        let plan = configuration.optimisation
        return try TrainingSession(
            network: start?.network(graph) ?? Network(graph: graph, seed: configuration.seed),
            batch: plan.batchSize,
            extent: configuration.input.networkExtent,
            loss: plan.networkLoss(configuration.output.activation),
            optimizer: plan.optimizer.networkOptimizer,
            clipping: plan.clipping,
            seed: configuration.seed,
            threads: threads
        )
    }

    private func runEpoch(
        _ number: Int,
        _ session: TrainingSession,
        _ sampler: BatchSampler,
        _ clock: inout EpochClock,
        _ lossSum: inout Double
    ) throws -> TrainingHistory.Epoch {
        let plan = configuration.optimisation
        let extent = configuration.input.networkExtent
        func batch(_ channels: Int) -> Tensor {
            let shape = FeatureShape(channels: channels, extent: extent)
            return Tensor(shape: shape.tensorShape(batch: plan.batchSize, dimensions: configuration.input.dimensions))
        }
        var input = batch(configuration.input.channels)
        var target = batch(configuration.outputChannels)
        // None is left where the training was stopped while it validated.
        for index in (session.step - (number - 1) * plan.stepsPerEpoch)..<plan.stepsPerEpoch {
            fill(&input, &target, step: session.step, sampler)
            session.optimizer.learningRate = Float(plan.learningRate(step: session.step))
            lossSum += Double(try step(session, input, target))
            clock.count()
            try tell(
                TrainingProgress(
                    phase: .training,
                    epoch: number,
                    epochs: plan.epochs,
                    step: session.step,
                    steps: plan.totalSteps,
                    loss: lossSum / Double(index + 1),
                    secondsLeft: clock.secondsLeft
                )
            )
        }
        try requireFinite(session)
        let isValidated = isPlanned(number) || number == plan.epochs
        let scores = isValidated ? try validate(session, number) : ValidationScores()
        return TrainingHistory.Epoch(
            number: number,
            meanLoss: lossSum / Double(plan.stepsPerEpoch),
            learningRate: plan.learningRate(step: max(0, session.step - 1)),
            validationDice: scores.dice,
            validationMeasures: scores.measures
        )
    }

    private func fill(_ input: inout Tensor, _ target: inout Tensor, step: Int, _ sampler: BatchSampler) {
        input.values.withUnsafeMutableBufferPointer { channels in
            target.values.withUnsafeMutableBufferPointer { targets in
                sampler.fill(
                    step: step,
                    batchSize: configuration.optimisation.batchSize,
                    channels: channels,
                    targets: targets,
                    threads: threads
                )
            }
        }
    }

    private func step(_ session: TrainingSession, _ input: Tensor, _ target: Tensor) throws -> Float {
        do {
            return try session.step(input: input, target: target)
        } catch NetworkError.notFinite(let step) {
            throw SegmentationError.diverged(
                step: step,
                message: "the loss is not a number",
                checkpoint: lastGoodCheckpoint
            )
        }
    }

    /// The last update of an epoch may be the one that runs away; no loss would show it.
    private func requireFinite(_ session: TrainingSession) throws {
        do { _ = try session.network } catch NetworkError.notFiniteParameter(let name) {
            throw SegmentationError.diverged(
                step: session.step,
                message: "\(name) has values that are no numbers",
                checkpoint: lastGoodCheckpoint
            )
        }
    }

    private func validate(_ session: TrainingSession, _ epoch: Int) throws -> ValidationScores {
        guard !validation.isEmpty else { return ValidationScores() }
        let plan = configuration.optimisation
        let validating = TrainingProgress(
            phase: .validating,
            epoch: epoch,
            epochs: plan.epochs,
            step: session.step,
            steps: plan.totalSteps
        )
        let scores = try ValidationScores(
            of: session.network,
            on: validation,
            configuration: configuration,
            threads: threads,
            whileScoring: { try tell(validating) }
        )
        try tell(
            TrainingProgress(
                phase: .validated,
                epoch: epoch,
                epochs: plan.epochs,
                step: session.step,
                steps: plan.totalSteps,
                validationDice: scores.dice,
                validationMeasures: scores.measures
            )
        )
        return scores
    }

    /// The last epoch is validated wherever it stands.
    func isPlanned(_ epoch: Int) -> Bool { epoch % configuration.optimisation.validateEvery == 0 }

    /// Every epoch is made, or none has been better for too long.
    private func isAtEnd(_ history: TrainingHistory) -> Bool {
        let plan = configuration.optimisation
        let isStale = plan.patience > 0 && history.bestEpoch != nil && history.epochsSinceBest >= plan.patience
        return history.epochs.count >= plan.epochs || isStale
    }
}

/// Weights of a package or of a checkpoint; what a checkpoint has beside them is left out.
private struct StartingWeights {
    let path: String
    let digest: String
    private let tensors: [String: Tensor]

    init(_ path: String) throws {
        guard let bytes = FileManager.default.contents(atPath: path) else {
            throw SegmentationError.invalidConfiguration(key: "--start-from", message: "\(path) cannot be read")
        }
        do {
            tensors = try Safetensors.decode(bytes).tensors
        } catch {
            throw SegmentationError.invalidConfiguration(key: "--start-from", message: "\(path): \(error)")
        }
        self.path = path
        digest = SHA256Digest.hex(of: bytes)
    }

    func network(_ graph: Graph) throws -> Network {
        do {
            return try Network(graph: graph, tensors: tensors)
        } catch {
            throw SegmentationError.weightsMismatch(path: path, message: error.description)
        }
    }
}

/// Estimates the time that is left from the pace of this run.
private struct EpochClock {
    private let start = ContinuousClock.now
    private let allSteps: Int
    private var stepsBefore: Int
    private var stepsNow = 0

    init(doneSteps: Int, allSteps: Int) {
        stepsBefore = doneSteps
        self.allSteps = allSteps
    }

    mutating func count() { stepsNow += 1 }

    var secondsLeft: Double? {
        guard stepsNow > 2 else { return nil }
        let elapsed = (ContinuousClock.now - start) / .seconds(1)
        return elapsed / Double(stepsNow) * Double(allSteps - stepsBefore - stepsNow)
    }
}
