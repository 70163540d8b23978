import Foundation
import NeuralNet
import Platform

/// What a training writes into its folder, and how it goes on from that.
extension Trainer {
    private static let lastName = "/last.safetensors"
    private static let stoppedName = "/stopped.safetensors"
    private var lastPath: String { directory + Self.lastName }

    /// When the last epoch ended whose state is kept; nil where none is.
    package var lastEpochEnd: Date? {
        // Without the file there is no such epoch.
        (try? FileManager.default.attributesOfItem(atPath: lastPath))?[.modificationDate] as? Date
    }

    /// The state within an epoch, of a training that was asked to end there.
    private var stoppedPath: String { directory + Self.stoppedName }
    private var bestPath: String { directory + "/best.safetensors" }
    /// The state before the loss rose far above its best, for as long as it stays there.
    private var goodPath: String { directory + "/good.safetensors" }

    /// What a training in a folder goes on from: epochs that have ended, and steps of the one that has not.
    ///
    /// - Throws: `SegmentationError.damagedCheckpoint`.
    package static func kept(in directory: String) throws -> (epochs: Int, steps: Int) {
        let last = try Checkpoint.read(directory + lastName)?.state
        let epochs = last?.history.epochs.count ?? 0
        let stopped = try Checkpoint.read(directory + stoppedName)?.state
        guard let stopped, stopped.history.epochs.count == epochs else { return (epochs, 0) }
        return (epochs, stopped.step - (last?.step ?? 0))
    }

    /// nil before the first epoch has ended.
    var lastGoodCheckpoint: String? { [bestPath, goodPath, lastPath].first(where: Directory.exists) }

    func save(
        _ session: TrainingSession,
        _ history: TrainingHistory,
        _ identity: TrainingIdentity,
        isBest: Bool
    ) throws {
        let state = Checkpoint.State(step: session.step, history: history, identity: identity)
        try keepGoodState(history)
        // The best first: a kill between both leaves a `last` that makes this epoch again, and the same best. What is best
        // out of turn is in `last`: a training that goes on needs the former one.
        if isBest, isPlanned(history.epochs.count) {
            try Checkpoint(tensors: session.network.tensors, state: state).write(to: bestPath)
        }
        try Checkpoint(tensors: session.snapshot, state: state).write(to: lastPath)
        // A kill before this leaves one that belongs to no epoch that is left, see `resumeEpoch`.
        try Directory.remove(stoppedPath)
    }

    /// Keeps an epoch that has begun, up to the step or validation at which the training was asked to end.
    ///
    /// - Parameter lossSum: of its steps so far.
    func saveEpoch(
        _ session: TrainingSession,
        _ history: TrainingHistory,
        _ identity: TrainingIdentity,
        lossSum: Double
    ) throws {
        let state = Checkpoint.State(step: session.step, history: history, identity: identity, lossSum: lossSum)
        try Checkpoint(tensors: session.snapshot, state: state).write(to: stoppedPath)
    }

    /// Before `last` gets the weights of an epoch whose loss is far above the best, what it holds is kept.
    private func keepGoodState(_ history: TrainingHistory) throws {
        if !history.lastIsFarAboveBest {
            try Directory.remove(goodPath)
        } else if !Directory.exists(goodPath), let good = FileManager.default.contents(atPath: lastPath) {
            try AtomicFile.write(good, to: goodPath)
        }
    }

    func resume(_ session: TrainingSession, _ identity: TrainingIdentity) throws -> TrainingHistory {
        guard let checkpoint = try Checkpoint.read(lastPath) else { return TrainingHistory() }
        try restore(session, checkpoint, lastPath, identity)
        var history = checkpoint.state.history
        if history.epochs.count < configuration.optimisation.epochs {
            history.keepPlannedValidations(every: configuration.optimisation.validateEvery)
        }
        return history
    }

    /// Goes on within the epoch after a history, where the training was stopped in it.
    ///
    /// - Returns: the sum of the losses of its steps so far.
    func resumeEpoch(
        _ session: TrainingSession,
        _ history: TrainingHistory,
        _ identity: TrainingIdentity
    ) throws -> Double {
        let steps = configuration.optimisation.stepsPerEpoch
        guard let checkpoint = try Checkpoint.read(stoppedPath), let lossSum = checkpoint.state.lossSum,
            (1...steps).contains(checkpoint.state.step - history.epochs.count * steps)
        else { return 0 }
        try restore(session, checkpoint, stoppedPath, identity)
        return lossSum
    }

    private func restore(
        _ session: TrainingSession,
        _ checkpoint: Checkpoint,
        _ path: String,
        _ identity: TrainingIdentity
    ) throws {
        if let reason = try identity.reasonNotToContinue(checkpoint.state.identity) {
            throw SegmentationError.damagedCheckpoint(path: path, message: reason)
        }
        try session.restore(checkpoint.tensors, step: checkpoint.state.step)
    }

    func outcome(_ session: TrainingSession, _ history: TrainingHistory) throws -> TrainingOutcome {
        // Without validation the last epoch is what there is.
        guard let number = history.bestEpoch, number != history.epochs.count else {
            return TrainingOutcome(network: try session.network, history: history, steps: session.step)
        }
        guard let best = try Checkpoint.read(bestPath), best.state.history.bestEpoch == number else {
            throw SegmentationError.damagedCheckpoint(
                path: lastPath,
                message:
                    "best.safetensors beside it, with the weights of its best epoch (\(number)), is missing or another's"
            )
        }
        let graph = configuration.modelDescription(training: nil).graph
        return TrainingOutcome(
            network: try Network(graph: graph, tensors: best.tensors),
            history: history,
            steps: session.step
        )
    }
}
