import NeuralNet
import Testing

@Suite("A small U-Net beside PyTorch")
struct TrainingParityTests {
    static func session(_ golden: [String: Tensor], threads: Int) throws -> TrainingSession {
        let network = try Network(graph: goldenUNet(), tensors: GoldenFile.group("initial.", of: golden))
        return try TrainingSession(
            network: network,
            batch: 3,
            extent: Axes(height: 20, width: 28),
            loss: .diceAndCrossEntropy(smooth: 1, reduction: .perClass),
            optimizer: .adam(Adam(learningRate: 3e-3)),
            seed: 1,
            threads: threads
        )
    }

    @Test("the first step has PyTorch's output and every gradient")
    func firstStep() throws {
        let golden = try GoldenFile.read("unet-training.safetensors")
        let session = try Self.session(golden, threads: 2)
        _ = try session.step(input: #require(golden["input"]), target: #require(golden["target"]))
        #expect(relativeError(session.prediction, try #require(golden["output"])) < 1e-5)
        let gradients = GoldenFile.group("gradient.", of: golden)
        #expect(Set(gradients.keys) == Set(session.parameterGradients.keys))
        for (name, gradient) in session.parameterGradients {
            #expect(relativeError(gradient, try #require(gradients[name])) < 2e-4, "\(name)")
        }
    }

    @Test("ten steps have PyTorch's losses, and the trained network its output")
    func tenSteps() throws {
        let golden = try GoldenFile.read("unet-training.safetensors")
        let session = try Self.session(golden, threads: 2)
        let losses = try #require(golden["losses"]).values
        for expected in losses {
            let loss = try session.step(input: #require(golden["input"]), target: #require(golden["target"]))
            #expect(abs(loss - expected) < 2e-6 * expected)
        }
        let inference = try InferenceSession(network: session.network, batch: 3, height: 20, width: 28, threads: 2)
        #expect(relativeError(inference.run(try #require(golden["input"])), try #require(golden["evaluated"])) < 1e-4)
    }

    @Test("PyTorch's trained weights give PyTorch's output in inference")
    func inference() throws {
        let golden = try GoldenFile.read("unet-training.safetensors")
        let network = try Network(graph: goldenUNet(), tensors: GoldenFile.group("final.", of: golden))
        for threads in [1, 2, 3] {
            let session = try InferenceSession(network: network, batch: 3, height: 20, width: 28, threads: threads)
            let output = session.run(try #require(golden["input"]))
            #expect(relativeError(output, try #require(golden["evaluated"])) < 1e-5)
        }
    }

    @Test("the same seed gives the same bytes on one, two and three threads")
    func threadsDoNotMatter() throws {
        let golden = try GoldenFile.read("unet-training.safetensors")
        var weights: [[String: Tensor]] = []
        for threads in 1...3 {
            let session = try Self.session(golden, threads: threads)
            for _ in 0..<4 {
                _ = try session.step(input: #require(golden["input"]), target: #require(golden["target"]))
            }
            weights.append(session.snapshot)
        }
        #expect(weights[0] == weights[1])
        #expect(weights[0] == weights[2])
    }

    @Test("a restored session goes on with the same bytes")
    func restore() throws {
        let golden = try GoldenFile.read("unet-training.safetensors")
        let (input, target) = (try #require(golden["input"]), try #require(golden["target"]))
        let whole = try Self.session(golden, threads: 1)
        for _ in 0..<6 { _ = try whole.step(input: input, target: target) }
        let first = try Self.session(golden, threads: 2)
        for _ in 0..<3 { _ = try first.step(input: input, target: target) }
        let second = try Self.session(golden, threads: 2)
        try second.restore(first.snapshot, step: first.step)
        for _ in 0..<3 { _ = try second.step(input: input, target: target) }
        #expect(second.snapshot == whole.snapshot)
    }

    @Test("a loss that is no number stops the training and leaves the weights alone")
    func divergence() throws {
        let golden = try GoldenFile.read("unet-training.safetensors")
        let session = try Self.session(golden, threads: 1)
        let before = session.snapshot.filter { !$0.key.contains("running") }
        var input = try #require(golden["input"])
        input.values[5] = .nan
        #expect(throws: NetworkError.notFinite(step: 0)) {
            try session.step(input: input, target: #require(golden["target"]))
        }
        #expect(session.snapshot.filter { !$0.key.contains("running") } == before)
    }
}
