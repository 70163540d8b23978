import Platform

#if canImport(Glibc)
import Glibc
#endif

/// How gradients become changes of the weights.
package enum Optimizer: Sendable, Hashable {
    case adam(Adam)
    case sgd(SGD)

    package var learningRate: Float {
        get {
            switch self {
            case .adam(let adam): adam.learningRate
            case .sgd(let sgd): sgd.learningRate
            }
        }
        set {
            switch self {
            case .adam(var adam):
                adam.learningRate = newValue
                self = .adam(adam)
            case .sgd(var sgd):
                sgd.learningRate = newValue
                self = .sgd(sgd)
            }
        }
    }

    /// Names of what it remembers of every parameter.
    var memories: [String] {
        switch self {
        case .adam: ["adam.first", "adam.second"]
        case .sgd: ["sgd.momentum"]
        }
    }

    /// One update; `step` counts from 1.
    func update(_ parameter: TrainedParameter, step: Int, threads: Int) {
        switch self {
        case .adam(let adam): adam.update(parameter, step: step, threads: threads)
        case .sgd(let sgd): sgd.update(parameter, threads: threads)
        }
    }
}

/// Adam (Kingma and Ba, ICLR 2015) and AdamW (Loshchilov and Hutter, ICLR 2019).
package struct Adam: Sendable, Hashable {
    /// Where epsilon stands. PyTorch adds it to the corrected root, Keras to the uncorrected one.
    package enum EpsilonConvention: String, NamedChoice, Sendable { case pyTorch, keras }

    /// `coupled` adds the decay to the gradient (PyTorch's `Adam`), `decoupled` shrinks the weights (`AdamW`).
    package enum Decay: String, Sendable, Codable { case coupled, decoupled }

    package var learningRate: Float
    package var beta1: Float
    package var beta2: Float
    package var epsilon: Float
    package var weightDecay: Float
    package var decay: Decay
    package var convention: EpsilonConvention

    package init(
        learningRate: Float = 1e-3,
        beta1: Float = 0.9,
        beta2: Float = 0.999,
        epsilon: Float = 1e-8,
        weightDecay: Float = 0,
        decay: Decay = .decoupled,
        convention: EpsilonConvention = .pyTorch
    ) {
        self.learningRate = learningRate
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.weightDecay = weightDecay
        self.decay = decay
        self.convention = convention
    }

    func update(_ parameter: TrainedParameter, step: Int, threads: Int) {
        let correction1 = 1 - powf(beta1, Float(step))
        let correction2 = (1 - powf(beta2, Float(step))).squareRoot()
        let rate = learningRate / correction1 * correction2
        let floor = convention == .keras ? epsilon : epsilon * correction2
        let shrink = decay == .decoupled ? 1 - learningRate * weightDecay : 1
        let pull = decay == .coupled ? weightDecay : 0
        nonisolated(unsafe) let (value, gradient) = (parameter.value.pointer, parameter.gradient.pointer)
        nonisolated(unsafe) let (first, second) = (parameter.memories[0].pointer, parameter.memories[1].pointer)
        forEachRange(parameter.value.count, threads: threads) { range in
            for n in range {
                let g = gradient[n] + pull * value[n]
                first[n] = beta1 * first[n] + (1 - beta1) * g
                second[n] = beta2 * second[n] + (1 - beta2) * g * g
                value[n] = value[n] * shrink - rate * first[n] / (second[n].squareRoot() + floor)
            }
        }
    }
}

/// Stochastic gradient descent with momentum, as PyTorch's `SGD`: the decay is added to the gradient, and Nesterov's
/// step looks ahead by the momentum (Sutskever et al., ICML 2013).
package struct SGD: Sendable, Hashable {
    package var learningRate: Float
    package var momentum: Float
    package var isNesterov: Bool
    package var weightDecay: Float

    package init(learningRate: Float, momentum: Float = 0.99, isNesterov: Bool = true, weightDecay: Float = 0) {
        self.learningRate = learningRate
        self.momentum = momentum
        self.isNesterov = isNesterov
        self.weightDecay = weightDecay
    }

    func update(_ parameter: TrainedParameter, threads: Int) {
        nonisolated(unsafe) let (value, gradient) = (parameter.value.pointer, parameter.gradient.pointer)
        nonisolated(unsafe) let speed = parameter.memories[0].pointer
        forEachRange(parameter.value.count, threads: threads) { range in
            for n in range {
                let g = gradient[n] + weightDecay * value[n]
                speed[n] = momentum * speed[n] + g
                value[n] -= learningRate * (isNesterov ? g + momentum * speed[n] : speed[n])
            }
        }
    }
}

/// Bounds on the gradients of a step, before the optimizer sees them.
package enum GradientClipping: Sendable, Hashable {
    case none
    /// All gradients are scaled so that their common Euclidean norm is at most this (PyTorch's `clip_grad_norm_`).
    case norm(Float)
    /// Each value is cut to this magnitude (PyTorch's `clip_grad_value_`).
    case value(Float)

    func apply(to parameters: [TrainedParameter]) {
        switch self {
        case .none: break
        case .norm(let limit):
            let squares = parameters.reduce(0.0) { total, parameter in
                total + parameter.gradient.squareSum
            }
            let factor = limit / (Float(squares.squareRoot()) + 1e-6)
            guard factor < 1 else { return }
            for parameter in parameters {
                for n in 0..<parameter.gradient.count { parameter.gradient.pointer[n] *= factor }
            }
        case .value(let limit):
            for parameter in parameters {
                for n in 0..<parameter.gradient.count {
                    let g = parameter.gradient.pointer[n]
                    parameter.gradient.pointer[n] = min(max(g, -limit), limit)
                }
            }
        }
    }
}

extension ValueMemory {
    fileprivate var squareSum: Double {
        var total = 0.0
        for n in 0..<count { total += Double(pointer[n]) * Double(pointer[n]) }
        return total
    }
}

/// A parameter with its gradient and what the optimizer remembers of it.
struct TrainedParameter {
    let name: String
    let shape: [Int]
    let value: ValueMemory
    let gradient: ValueMemory
    let memories: [ValueMemory]

    init(name: String, tensor: Tensor, memories count: Int) {
        self.name = name
        shape = tensor.shape
        value = ValueMemory(copying: tensor.values)
        gradient = ValueMemory(count: tensor.count)
        memories = (0..<count).map { _ in ValueMemory(count: tensor.count) }
    }
}

/// Learning rate by step.
package struct LearningRateSchedule: Sendable, Hashable {
    package enum Shape: Sendable, Hashable {
        case constant
        /// (1 - step / total) to a power; nnU-Net's is 0.9.
        case poly(power: Double)
        /// Half a cosine wave from the base to zero (Loshchilov and Hutter, ICLR 2017).
        case cosine
    }

    package var base: Double
    package var shape: Shape
    /// Steps over which the rate rises linearly from nothing; it multiplies the shape.
    package var warmUpSteps: Int
    package var totalSteps: Int

    package init(base: Double, shape: Shape, warmUpSteps: Int = 0, totalSteps: Int) {
        self.base = base
        self.shape = shape
        self.warmUpSteps = warmUpSteps
        self.totalSteps = totalSteps
    }

    /// `step` counts from 0.
    package func rate(step: Int) -> Double {
        let warmUp = warmUpSteps > 0 ? min(1, Double(step + 1) / Double(warmUpSteps)) : 1
        let part = min(1, Double(step) / Double(max(1, totalSteps)))
        switch shape {
        case .constant: return base * warmUp
        case .cosine: return base * warmUp * (0.5 * (1 + cos(.pi * part)))
        case .poly(let power): return base * warmUp * pow(1 - part, power)
        }
    }
}
