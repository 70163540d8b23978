#if canImport(Glibc)
import Glibc
#endif

/// Adam (Kingma and Ba, ICLR 2015), with decoupled weight decay where asked for (AdamW; Loshchilov and Hutter).
package struct Adam: Sendable {
    /// Where epsilon stands. PyTorch adds it to the corrected root, Keras to the uncorrected one.
    package enum EpsilonConvention: String, Sendable, Codable { case pyTorch, keras }

    package var learningRate: Float
    package var beta1: Float
    package var beta2: Float
    package var epsilon: Float
    package var weightDecay: Float
    package var convention: EpsilonConvention

    package init(
        learningRate: Float = 1e-3,
        beta1: Float = 0.9,
        beta2: Float = 0.999,
        epsilon: Float = 1e-8,
        weightDecay: Float = 0,
        convention: EpsilonConvention = .pyTorch
    ) {
        self.learningRate = learningRate
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.weightDecay = weightDecay
        self.convention = convention
    }

    /// One update; `step` counts from 1.
    func update(_ parameter: TrainedParameter, step: Int) {
        let correction1 = 1 - powf(beta1, Float(step))
        let correction2 = (1 - powf(beta2, Float(step))).squareRoot()
        let rate: Float
        let floor: Float
        switch convention {
        case .pyTorch: (rate, floor) = (learningRate / correction1 * correction2, epsilon * correction2)
        case .keras: (rate, floor) = (learningRate / correction1 * correction2, epsilon)
        }
        let decay = 1 - learningRate * weightDecay
        let (value, gradient) = (parameter.value.pointer, parameter.gradient.pointer)
        let (first, second) = (parameter.firstMoment.pointer, parameter.secondMoment.pointer)
        for n in 0..<parameter.value.count {
            let g = gradient[n]
            first[n] = beta1 * first[n] + (1 - beta1) * g
            second[n] = beta2 * second[n] + (1 - beta2) * g * g
            value[n] = value[n] * decay - rate * first[n] / (second[n].squareRoot() + floor)
        }
    }
}
