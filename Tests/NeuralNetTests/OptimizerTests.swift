import NeuralNet
import Testing

@Suite("Optimizers beside PyTorch and Keras")
struct OptimizerTests {
    static let cases: [(String, Optimizer, GradientClipping)] = [
        ("adam", .adam(Adam(learningRate: 0.05, beta1: 0.8, beta2: 0.99, epsilon: 1e-3)), .none),
        ("adam.decay", .adam(Adam(learningRate: 0.05, weightDecay: 0.1, decay: .coupled)), .none),
        ("adamW", .adam(Adam(learningRate: 0.05, weightDecay: 0.1, decay: .decoupled)), .none),
        (
            "adam.keras",
            .adam(Adam(learningRate: 0.05, beta1: 0.8, beta2: 0.99, epsilon: 1e-3, convention: .keras)), .none
        ),
        ("sgd", .sgd(SGD(learningRate: 0.5, momentum: 0, isNesterov: false)), .none),
        ("sgd.momentum", .sgd(SGD(learningRate: 0.1, momentum: 0.9, isNesterov: false, weightDecay: 0.05)), .none),
        ("sgd.nesterov", .sgd(SGD(learningRate: 0.1, momentum: 0.99, isNesterov: true, weightDecay: 3e-5)), .none),
        ("sgd.norm", .sgd(SGD(learningRate: 0.5, momentum: 0, isNesterov: false)), .norm(0.1)),
        ("sgd.value", .sgd(SGD(learningRate: 0.5, momentum: 0, isNesterov: false)), .value(0.03)),
    ]

    static func session(
        _ golden: [String: Tensor],
        _ optimizer: Optimizer,
        _ clipping: GradientClipping
    ) throws -> TrainingSession {
        var graph = Graph(inputChannels: 3)
        _ = graph.add(Softmax(), graph.add(Convolution(outChannels: 2, kernel: 1), graph.input, name: "head"))
        return try TrainingSession(
            network: Network(graph: graph, tensors: golden),
            batch: 2,
            extent: Axes(height: 4, width: 5),
            loss: .diceAndCrossEntropy(smooth: 1, reduction: .perBatch),
            optimizer: optimizer,
            clipping: clipping,
            seed: 1,
            threads: 1
        )
    }

    @Test("ten steps have the same losses and end with the same weights", arguments: cases)
    func steps(_ name: String, _ optimizer: Optimizer, _ clipping: GradientClipping) throws {
        let golden = try GoldenFile.read("optimizers.safetensors")
        let session = try Self.session(golden, optimizer, clipping)
        for expected in try #require(golden["\(name).losses"]).values {
            let loss = try session.step(input: #require(golden["input"]), target: #require(golden["target"]))
            #expect(abs(loss - expected) < 1e-5)
        }
        for parameter in ["head.weight", "head.bias"] {
            let found = try #require(try session.network.parameters[parameter])
            #expect(relativeError(found, try #require(golden["\(name).\(parameter)"])) < 2e-5, "\(parameter)")
        }
    }

    @Test("a session of any optimizer that is restored goes on with the same bytes", arguments: cases)
    func restore(_ name: String, _ optimizer: Optimizer, _ clipping: GradientClipping) throws {
        let golden = try GoldenFile.read("optimizers.safetensors")
        let (input, target) = (try #require(golden["input"]), try #require(golden["target"]))
        let whole = try Self.session(golden, optimizer, clipping)
        for _ in 0..<5 { _ = try whole.step(input: input, target: target) }
        let first = try Self.session(golden, optimizer, clipping)
        for _ in 0..<2 { _ = try first.step(input: input, target: target) }
        let second = try Self.session(golden, optimizer, clipping)
        try second.restore(first.snapshot, step: first.step)
        for _ in 0..<3 { _ = try second.step(input: input, target: target) }
        #expect(second.snapshot == whole.snapshot)
    }

    @Test("a snapshot of another optimizer is refused")
    func otherOptimizer() throws {
        let golden = try GoldenFile.read("optimizers.safetensors")
        let adam = try Self.session(golden, .adam(Adam()), .none)
        let sgd = try Self.session(golden, .sgd(SGD(learningRate: 0.1)), .none)
        #expect(throws: NetworkError.self) { try sgd.restore(adam.snapshot, step: 0) }
    }

    @Test(
        "learning rates are PyTorch's",
        arguments: [
            ("cosine", LearningRateSchedule(base: 0.01, shape: .cosine, totalSteps: 20)),
            ("poly", LearningRateSchedule(base: 0.01, shape: .poly(power: 0.9), totalSteps: 20)),
            ("warmUp", LearningRateSchedule(base: 0.01, shape: .constant, warmUpSteps: 8, totalSteps: 20)),
        ]
    )
    func schedules(_ name: String, _ schedule: LearningRateSchedule) throws {
        let golden = try #require(try GoldenFile.read("optimizers.safetensors")["\(name).rates"])
        for (step, rate) in golden.values.enumerated() { #expect(abs(schedule.rate(step: step) - Double(rate)) < 1e-8) }
    }
}
