import NeuralNet
import Platform

/// What training makes small, how, and for how long.
package struct OptimisationConfiguration: Codable, Sendable, Equatable {
    /// `crossEntropy` means the binary one where the output is sigmoid.
    package enum LossKind: String, NamedChoice, Sendable { case dice, crossEntropy, diceAndCrossEntropy, tversky }
    package enum Schedule: String, NamedChoice, Sendable { case constant, cosine, poly }

    package var epochs: Int
    package var stepsPerEpoch: Int
    package var batchSize: Int
    package var loss: LossKind
    /// What the overlap of Dice and Tversky is measured over: `perBatch` as published, `perClass`, `perSample`.
    package var lossReduction: Loss.Reduction
    /// Added to numerator and denominator of the overlap, in pixels: a class that a batch lacks must not rule its
    /// gradient.
    package var lossSmooth: Double
    /// Weight of false positives in Tversky's loss; the false negatives' is `tverskyBeta`.
    package var tverskyAlpha: Double
    package var tverskyBeta: Double
    package var optimizer: OptimizerConfiguration
    package var learningRate: Double
    package var schedule: Schedule
    /// Power of the `poly` schedule; nnU-Net's is 0.9.
    package var polyPower: Double
    /// Steps over which the learning rate rises from nothing.
    package var warmUpSteps: Int
    /// Largest common norm of all gradients of a step; 0 leaves them alone. nnU-Net's is 12.
    package var gradientNorm: Double
    /// Validation every so many epochs (and after the last).
    package var validateEvery: Int
    /// Epochs without a better validation after which training ends; 0 never ends early.
    package var patience: Int

    package init(
        epochs: Int = 60,
        stepsPerEpoch: Int = 100,
        batchSize: Int = 8,
        loss: LossKind = .diceAndCrossEntropy,
        lossReduction: Loss.Reduction = .perClass,
        lossSmooth: Double = 1,
        tverskyAlpha: Double = 0.3,
        tverskyBeta: Double = 0.7,
        optimizer: OptimizerConfiguration = OptimizerConfiguration(),
        learningRate: Double = 1e-3,
        schedule: Schedule = .cosine,
        polyPower: Double = 0.9,
        warmUpSteps: Int = 50,
        gradientNorm: Double = 0,
        validateEvery: Int = 5,
        patience: Int = 0
    ) {
        self.epochs = epochs
        self.stepsPerEpoch = stepsPerEpoch
        self.batchSize = batchSize
        self.loss = loss
        self.lossReduction = lossReduction
        self.lossSmooth = lossSmooth
        self.tverskyAlpha = tverskyAlpha
        self.tverskyBeta = tverskyBeta
        self.optimizer = optimizer
        self.learningRate = learningRate
        self.schedule = schedule
        self.polyPower = polyPower
        self.warmUpSteps = warmUpSteps
        self.gradientNorm = gradientNorm
        self.validateEvery = validateEvery
        self.patience = patience
    }

    package var totalSteps: Int { epochs * stepsPerEpoch }

    /// Learning rate for a step, from 0.
    package func learningRate(step: Int) -> Double {
        let shape: LearningRateSchedule.Shape =
            switch schedule {
            case .constant: .constant
            case .cosine: .cosine
            case .poly: .poly(power: polyPower)
            }
        return LearningRateSchedule(
            base: learningRate,
            shape: shape,
            warmUpSteps: warmUpSteps,
            totalSteps: totalSteps
        ).rate(step: step)
    }

    /// The loss for a network with the given activation.
    func networkLoss(_ activation: OutputDescription.Activation) -> Loss {
        let dice = Loss.dice(smooth: Float(lossSmooth), reduction: lossReduction)
        let entropy = activation == .softmax ? Loss.crossEntropy : .binaryCrossEntropy
        switch loss {
        case .dice: return dice
        case .crossEntropy: return entropy
        case .diceAndCrossEntropy: return .sum([dice, entropy])
        case .tversky:
            return .tversky(
                alpha: Float(tverskyAlpha),
                beta: Float(tverskyBeta),
                smooth: Float(lossSmooth),
                reduction: lossReduction
            )
        }
    }

    var clipping: GradientClipping { gradientNorm > 0 ? .norm(Float(gradientNorm)) : .none }

    /// Key and reason of the first value that cannot be; nil when all can.
    func firstProblem() -> (String, String)? {
        guard (1...100_000).contains(epochs) else { return ("epochs", "1 to 100000") }
        guard (1...1_000_000).contains(stepsPerEpoch) else { return ("stepsPerEpoch", "1 to 1000000") }
        guard (1...64).contains(batchSize) else { return ("batchSize", "1 to 64") }
        guard learningRate > 0, learningRate < 1 else { return ("learningRate", "above 0, below 1") }
        guard (0...1e6).contains(lossSmooth) else { return ("lossSmooth", "0 to 1000000") }
        for (key, weight) in [("tverskyAlpha", tverskyAlpha), ("tverskyBeta", tverskyBeta)] {
            guard (0...10).contains(weight) else { return (key, "0 to 10") }
        }
        guard tverskyAlpha + tverskyBeta > 0 else { return ("tverskyAlpha", "above 0 where tverskyBeta is 0") }
        guard polyPower > 0, polyPower <= 10 else { return ("polyPower", "above 0, at most 10") }
        guard (0...10_000_000).contains(warmUpSteps) else { return ("warmUpSteps", "0 to 10000000") }
        guard gradientNorm >= 0, gradientNorm.isFinite else { return ("gradientNorm", "at least 0") }
        guard validateEvery >= 1 else { return ("validateEvery", "at least 1") }
        guard patience >= 0 else { return ("patience", "at least 0") }
        return optimizer.firstProblem().map { ("optimizer.\($0.0)", $0.1) }
    }
}

/// How gradients become changes of the weights.
package struct OptimizerConfiguration: Codable, Sendable, Equatable {
    package enum Kind: String, NamedChoice, Sendable {
        /// Weight decay, if any, is added to the gradient.
        case adam
        /// Weight decay shrinks the weights.
        case adamW
        case sgd
    }

    package var kind: Kind
    package var beta1: Double
    package var beta2: Double
    package var epsilon: Double
    /// Where Adam's epsilon stands: `pyTorch` adds it to the corrected root, `keras` to the uncorrected one.
    package var epsilonConvention: Adam.EpsilonConvention
    package var momentum: Double
    package var nesterov: Bool
    package var weightDecay: Double

    package init(
        kind: Kind = .adam,
        beta1: Double = 0.9,
        beta2: Double = 0.999,
        epsilon: Double = 1e-8,
        epsilonConvention: Adam.EpsilonConvention = .pyTorch,
        momentum: Double = 0.99,
        nesterov: Bool = true,
        weightDecay: Double = 0
    ) {
        self.kind = kind
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.epsilonConvention = epsilonConvention
        self.momentum = momentum
        self.nesterov = nesterov
        self.weightDecay = weightDecay
    }

    /// The optimizer; its learning rate is set at each step.
    var networkOptimizer: Optimizer {
        switch kind {
        case .adam, .adamW:
            .adam(
                Adam(
                    beta1: Float(beta1),
                    beta2: Float(beta2),
                    epsilon: Float(epsilon),
                    weightDecay: Float(weightDecay),
                    decay: kind == .adamW ? .decoupled : .coupled,
                    convention: epsilonConvention
                )
            )
        case .sgd:
            .sgd(
                SGD(
                    learningRate: 0,
                    momentum: Float(momentum),
                    isNesterov: nesterov,
                    weightDecay: Float(weightDecay)
                )
            )
        }
    }

    func firstProblem() -> (String, String)? {
        for (key, beta) in [("beta1", beta1), ("beta2", beta2)] {
            guard (0..<1).contains(beta) else { return (key, "0 to below 1") }
        }
        guard epsilon > 0, epsilon <= 1 else { return ("epsilon", "above 0, at most 1") }
        guard (0..<1).contains(momentum) else { return ("momentum", "0 to below 1") }
        guard momentum > 0 || !nesterov || kind != .sgd else { return ("nesterov", "needs a momentum") }
        guard (0...1).contains(weightDecay) else { return ("weightDecay", "0 to 1") }
        return nil
    }
}
