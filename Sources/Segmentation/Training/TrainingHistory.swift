import Foundation

/// The learning curve.
package struct TrainingHistory: Codable, Sendable, Equatable {
    package struct Epoch: Codable, Sendable, Equatable {
        /// From 1.
        package var number: Int
        package var meanLoss: Double
        package var learningRate: Double
        /// Dice by structure over all validation cases; empty where this epoch was not validated.
        package var validationDice: [String: Double]
        /// The other measures of the same validation, by structure.
        package var validationMeasures: [String: ValidationMeasures]

        package init(
            number: Int,
            meanLoss: Double,
            learningRate: Double,
            validationDice: [String: Double],
            validationMeasures: [String: ValidationMeasures] = [:]
        ) {
            self.number = number
            self.meanLoss = meanLoss
            self.learningRate = learningRate
            self.validationDice = validationDice
            self.validationMeasures = validationMeasures
        }

        package var meanDice: Double? {
            validationDice.isEmpty ? nil : validationDice.values.reduce(0, +) / Double(validationDice.count)
        }
    }

    package var epochs: [Epoch] = []
    package var bestEpoch: Int?

    package init() {}

    package var bestDice: Double? { epochs.first { $0.number == bestEpoch }?.meanDice }

    /// The best epoch hardly finds anything on the validation cases.
    package var hasLearnedNothing: Bool { bestDice ?? 1 < 0.1 }

    /// Epochs from the best one to the last that was validated: the others may be better or worse.
    package var epochsSinceBest: Int {
        (epochs.last { $0.meanDice != nil }?.number ?? 0) - (bestEpoch ?? 0)
    }

    /// That a training has stopped before its last epoch, and why; nil where it has not.
    package func earlyEnd(_ plan: OptimisationConfiguration) -> String? {
        guard epochs.count < plan.epochs, let bestEpoch else { return nil }
        return """
            ended early, after epoch \(epochs.count) of \(plan.epochs): no validation since epoch \(bestEpoch) was better \
            (optimisation.patience \(plan.patience))
            """
    }

    /// Leaves out what was validated between the planned epochs, as the last one of a training is: one that has more
    /// epochs does not have it.
    package mutating func keepPlannedValidations(every interval: Int) {
        var planned = TrainingHistory()
        for var epoch in epochs {
            if epoch.number % interval != 0 { (epoch.validationDice, epoch.validationMeasures) = ([:], [:]) }
            _ = planned.append(epoch)
        }
        self = planned
    }

    /// Appends an epoch; true when it is the best one so far. Without validation the last epoch is the best.
    package mutating func append(_ epoch: Epoch) -> Bool {
        let previous = bestDice
        epochs.append(epoch)
        guard let dice = epoch.meanDice else { return false }
        if let previous, dice <= previous { return false }
        bestEpoch = epoch.number
        return true
    }

    /// A training that does not come back: no number, or three epochs in a row far above the best loss.
    package var divergence: String? {
        guard let last = epochs.last else { return nil }
        if !last.meanLoss.isFinite { return "the loss of epoch \(last.number) is not a number" }
        guard epochs.count > 4, let best = epochs.dropLast(3).map(\.meanLoss).min() else { return nil }
        let limit = Self.limit(best)
        guard epochs.suffix(3).allSatisfy({ $0.meanLoss > limit }) else { return nil }
        // As the lines of the epochs have it.
        let words = [limit, best].map { String(format: "%.4f", $0) }
        return "the loss has stayed above \(words[0]) for three epochs, the best was \(words[1])"
    }

    /// Whether the last epoch may be the first of a divergence, or a later one.
    var lastIsFarAboveBest: Bool {
        guard let last = epochs.last, let best = epochs.dropLast().map(\.meanLoss).min() else { return false }
        return last.meanLoss > Self.limit(best)
    }

    /// Twice the best loss, and at least 0.3 above it: noise around a small loss is no divergence.
    private static func limit(_ best: Double) -> Double { max(2 * best, best + 0.3) }
}

/// Means over the validation cases for one structure, on the model's grid and before post-processing. nil where no
/// case defines it: precision needs a voxel that was found, recall one that was wanted.
package struct ValidationMeasures: Codable, Sendable, Equatable {
    /// Surface Dice at 2 mm (google-deepmind/surface-distance).
    package var surfaceDice2MM: Double?
    /// Part of the voxels found that are right.
    package var precision: Double?
    /// Part of the voxels wanted that were found.
    package var recall: Double?

    package init(surfaceDice2MM: Double?, precision: Double?, recall: Double?) {
        self.surfaceDice2MM = surfaceDice2MM
        self.precision = precision
        self.recall = recall
    }

    /// Why something is undefined, for the end of a sentence; empty where nothing is.
    var remark: String {
        if precision == nil { return " (empty in the prediction of every validation case)" }
        return recall == nil ? " (empty in the reference of every validation case)" : ""
    }
}

/// What a training reports while it runs.
package struct TrainingProgress: Sendable, Equatable {
    /// `noted` is no part of the work: `item` says what is to be known of it.
    package enum Phase: String, Sendable { case noted, finding, caching, training, validating, validated, finishing }

    package var phase: Phase
    package var epoch: Int
    package var epochs: Int
    /// Steps done and all steps.
    package var step: Int
    package var steps: Int
    /// Mean over the epoch so far.
    package var loss: Double?
    /// Of this epoch, once it is validated.
    package var validationDice: [String: Double]
    package var validationMeasures: [String: ValidationMeasures]
    package var secondsLeft: Double?
    /// Case at hand while caching or validating; a sentence where something is noted.
    package var item: String

    package init(
        phase: Phase,
        epoch: Int = 0,
        epochs: Int = 0,
        step: Int = 0,
        steps: Int = 0,
        loss: Double? = nil,
        validationDice: [String: Double] = [:],
        validationMeasures: [String: ValidationMeasures] = [:],
        secondsLeft: Double? = nil,
        item: String = ""
    ) {
        self.phase = phase
        self.epoch = epoch
        self.epochs = epochs
        self.step = step
        self.steps = steps
        self.loss = loss
        self.validationDice = validationDice
        self.validationMeasures = validationMeasures
        self.secondsLeft = secondsLeft
        self.item = item
    }
}
