import NeuralNet

/// One step of training with Dice in double precision: the loss, the gradient of every parameter, and Adam's step.
struct ReferenceTraining {
    let network: Network
    let input: Tensor
    let target: Tensor
    let threads: Int

    /// - Parameters:
    ///   - loss: of the network before the step.
    ///   - plain: the network after a step of plain gradient descent, from which the gradient follows.
    ///   - rate: the learning rate of that step.
    ///   - adapted: the network after a step of `adam`.
    func check(loss: Float, plain: Network, rate: Float, adapted: Network, adam: Adam) throws -> ResultCheck {
        let reference = ReferenceNetwork(network, threads: threads)
        let forward = try reference.forward(input)
        let (expected, slope) = dice(of: forward.fields[reference.graph.output]?.values ?? [])
        let gradients = try reference.gradients(forward, result: slope)
        var error = abs(Double(loss) - expected) / expected / Self.allowedOfLoss
        var (along, square) = (0.0, 0.0)
        for (name, tensor) in network.parameters {
            let gradient = gradients[name] ?? []
            let own = zip(tensor.values, plain.parameters[name]!.values).map { Double($0 - $1) / Double(rate) }
            error = worst(error, distance(own, gradient) / Self.allowedOfGradient)
            for (a, b) in zip(own, gradient) { (along, square) = (along + a * b, square + a * a) }
            let adaptedError = adamError(tensor.values, adapted.parameters[name]!.values, gradient, adam)
            error = worst(error, adaptedError / Self.allowedOfAdam)
        }
        error = worst(error, abs(along - square) / square / Self.allowedOfSlope)
        return ResultCheck(
            reference:
                "plain loops in double precision: the loss (\(Self.allowedOfLoss)), its slope along the gradient "
                + "(\(Self.allowedOfSlope)), the gradient of each parameter (\(Self.allowedOfGradient) of its length), Adam's step (\(Self.allowedOfAdam)); the worst as part of that",
            error: error,
            allowed: 1
        )
    }

    private static let allowedOfLoss = 1e-5
    private static let allowedOfSlope = 1e-4
    /// Rounding takes a few values over the kinks of rectifiers and to other places of poolings, where gradients leap: on such a
    /// network and such noise PyTorch's floats are up to 0.0065 away from its doubles, and Winograd's sums (0.024) round more.
    private static let allowedOfGradient = 0.05
    private static let allowedOfAdam = 0.002

    /// Length of the difference as part of the reference's; infinite for different counts.
    private func distance(_ values: [Double], _ reference: [Double]) -> Double {
        guard values.count == reference.count else { return .infinity }
        func length(_ values: [Double]) -> Double { values.reduce(0) { $0 + $1 * $1 }.squareRoot() }
        return length(zip(values, reference).map { $0 - $1 }) / length(reference)
    }

    /// Dice loss with a smooth term of 1 over the whole batch, and its gradient.
    private func dice(of prediction: [Double]) -> (loss: Double, gradient: [Double]) {
        var (common, all) = (1.0, 1.0)
        for (p, t) in zip(prediction, target.values) {
            common += 2 * p * Double(t)
            all += p + Double(t)
        }
        return (1 - common / all, target.values.map { common / (all * all) - 2 * Double($0) / all })
    }

    /// Adam's first step is `g / (|g| + epsilon)` of the learning rate (Kingma and Ba, ICLR 2015, algorithm 1): nearly the sign of
    /// the gradient, which rounding decides where that is nearly 0. So an error counts as much as its gradient.
    private func adamError(_ before: [Float], _ after: [Float], _ gradient: [Double], _ adam: Adam) -> Double {
        guard before.count == gradient.count else { return .infinity }
        var (errors, all) = (0.0, 0.0)
        for (n, g) in gradient.enumerated() {
            let step = Double(before[n] - after[n]) / Double(adam.learningRate)
            errors += abs(step - g / (abs(g) + Double(adam.epsilon))) * abs(g)
            all += abs(g)
        }
        return errors / all
    }
}
