import NeuralNet

/// One step of training with Dice in double precision: the loss, and how it changes along the gradient.
struct ReferenceTraining {
    private let reference: ReferenceNetwork
    private let network: Network
    private let input: Tensor
    private let target: Tensor

    init(_ network: Network, input: Tensor, target: Tensor, threads: Int) {
        self.network = network
        self.input = input
        self.target = target
        reference = ReferenceNetwork(network, threads: threads)
    }

    /// - Parameters:
    ///   - loss: of the network before the step.
    ///   - stepped: the network after a step of plain gradient descent, from which the gradient follows.
    ///   - rate: the step's learning rate.
    func check(loss: Float, after stepped: Network, rate: Float) throws -> ResultCheck {
        var gradient: [String: [Double]] = [:]
        var square = 0.0
        for (name, tensor) in network.parameters {
            let values = zip(tensor.values, stepped.parameters[name]!.values).map { Double($0 - $1) / Double(rate) }
            gradient[name] = values
            square += values.reduce(0) { $0 + $1 * $1 }
        }
        // Rectifiers and poolings bend the loss at every step, less at short ones; doubles can tell still shorter ones.
        let step = 1e-7 / square.squareRoot()
        let slope = try (self.loss(along: gradient, by: step) - self.loss(along: gradient, by: -step)) / (2 * step)
        let expected = try self.loss(along: gradient, by: 0)
        return ResultCheck(
            reference: "plain loops in double precision, the loss and its slope along the gradient, as parts of them",
            error: worst(abs(Double(loss) - expected) / expected, abs(slope - square) / square),
            allowed: 1e-4
        )
    }

    private func loss(along gradient: [String: [Double]], by step: Double) throws -> Double {
        var moved = reference
        for (name, values) in gradient {
            moved.tensors[name] = zip(moved.tensors[name]!, values).map { $0 + step * $1 }
        }
        let prediction = try moved.result(of: input, isTraining: true)
        var (common, all) = (0.0, 0.0)
        for (p, t) in zip(prediction, target.values) {
            common += p * Double(t)
            all += p + Double(t)
        }
        return 1 - (2 * common + 1) / (all + 1)
    }
}
