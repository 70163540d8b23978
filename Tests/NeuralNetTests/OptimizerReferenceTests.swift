import Foundation
import NeuralNet
import Testing

/// One weight under an optimizer, in double precision, as Kingma and Ba, Loshchilov and Hutter, and Sutskever et al. write it.
private struct ReferenceWeight {
    var value: Double
    private var first = 0.0
    private var second = 0.0

    init(_ value: Double) { self.value = value }

    /// - Parameter step: counts from 1.
    mutating func update(_ optimizer: Optimizer, gradient: Double, step: Int) {
        switch optimizer {
        case .adam(let adam): update(adam, gradient, step)
        case .sgd(let sgd):
            let g = gradient + Double(sgd.weightDecay) * value
            first = Double(sgd.momentum) * first + g
            value -= Double(sgd.learningRate) * (sgd.isNesterov ? g + Double(sgd.momentum) * first : first)
        }
    }

    private mutating func update(_ adam: Adam, _ gradient: Double, _ step: Int) {
        let (rate, decay, epsilon) = (Double(adam.learningRate), Double(adam.weightDecay), Double(adam.epsilon))
        let (beta1, beta2) = (Double(adam.beta1), Double(adam.beta2))
        let g = adam.decay == .coupled ? gradient + decay * value : gradient
        if adam.decay == .decoupled { value -= rate * decay * value }
        first = beta1 * first + (1 - beta1) * g
        second = beta2 * second + (1 - beta2) * g * g
        let (c1, c2) = (1 - pow(beta1, Double(step)), 1 - pow(beta2, Double(step)))
        switch adam.convention {
        case .pyTorch: value -= rate * (first / c1) / ((second / c2).squareRoot() + epsilon)
        case .keras: value -= rate * c2.squareRoot() / c1 * first / (second.squareRoot() + epsilon)
        }
    }
}

@Suite("Optimizers beside their definitions")
struct OptimizerReferenceTests {
    @Test(
        "every weight takes ten steps as the definition has them in double precision",
        arguments: OptimizerTests.cases
    )
    func steps(_ name: String, _ optimizer: Optimizer, _ clipping: GradientClipping) throws {
        let golden = try GoldenFile.read("optimizers.safetensors")
        let session = try OptimizerTests.session(golden, optimizer, clipping)
        var weights = try session.network.parameters.mapValues { $0.values.map { ReferenceWeight(Double($0)) } }
        for step in 1...10 {
            _ = try session.step(input: #require(golden["input"]), target: #require(golden["target"]))
            // Those that the optimizer saw: a bound on them has been applied.
            let gradients = session.parameterGradients
            let norm = gradients.values.flatMap(\.values).reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
            switch clipping {
            case .none: break
            case .norm(let limit): #expect(norm < Double(limit) * (1 + 1e-5))
            case .value(let limit): #expect(gradients.values.allSatisfy { $0.values.allSatisfy { abs($0) <= limit } })
            }
            for (name, tensor) in try session.network.parameters {
                let gradient = try #require(gradients[name]).values
                for n in gradient.indices {
                    weights[name]![n].update(optimizer, gradient: Double(gradient[n]), step: step)
                }
                let expected = Tensor(shape: tensor.shape, values: weights[name]!.map { Float($0.value) })
                #expect(relativeError(tensor, expected) < 1e-5, "\(name), step \(step)")
            }
        }
    }

    @Test("the warm-up multiplies every schedule, and each begins with the base rate and ends where it should")
    func schedules() {
        for shape in [LearningRateSchedule.Shape.constant, .cosine, .poly(power: 0.9), .poly(power: 2)] {
            let plain = LearningRateSchedule(base: 0.01, shape: shape, totalSteps: 20)
            let warmed = LearningRateSchedule(base: 0.01, shape: shape, warmUpSteps: 8, totalSteps: 20)
            #expect(plain.rate(step: 0) == 0.01)
            for step in 0...20 {
                let part = Double(step) / 20
                let expected =
                    switch shape {
                    case .constant: 0.01
                    case .cosine: 0.005 * (1 + cos(.pi * part))
                    case .poly(let power): 0.01 * pow(1 - part, power)
                    }
                #expect(abs(plain.rate(step: step) - expected) < 1e-15)
                #expect(abs(warmed.rate(step: step) - expected * min(1, Double(step + 1) / 8)) < 1e-15)
            }
        }
    }
}
