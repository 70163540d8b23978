import NeuralNet
import Testing

@Suite("Losses beside PyTorch")
struct LossTests {
    static let cases: [(String, Loss)] = [
        ("dice.perBatch", .dice(smooth: 1, reduction: .perBatch)),
        ("dice.perClass", .dice(smooth: 1, reduction: .perClass)),
        ("dice.perSample", .dice(smooth: 1, reduction: .perSample)),
        ("tversky.perBatch", .tversky(alpha: 0.3, beta: 0.7, smooth: 0.5, reduction: .perBatch)),
        ("tversky.perClass", .tversky(alpha: 0.3, beta: 0.7, smooth: 0.5, reduction: .perClass)),
        ("tversky.perSample", .tversky(alpha: 0.3, beta: 0.7, smooth: 0.5, reduction: .perSample)),
        ("crossEntropy", .crossEntropy),
        ("sum", .diceAndCrossEntropy(smooth: 1e-5, reduction: .perClass)),
    ]

    @Test("the value and the gradient are PyTorch's", arguments: cases)
    func pictures(_ name: String, _ loss: Loss) throws {
        let golden = try GoldenFile.read("losses.safetensors")
        let (value, gradient) = loss.evaluate(
            prediction: try #require(golden["p"]),
            target: try #require(golden["t"])
        )
        #expect(abs(value - (try #require(golden["\(name).loss"]).values[0])) < 2e-6)
        #expect(relativeError(gradient, try #require(golden["\(name).gradient"])) < 1e-5)
    }

    @Test("volumes too", arguments: [("binaryCrossEntropy", Loss.binaryCrossEntropy), cases[1]])
    func volumes(_ name: String, _ loss: Loss) throws {
        let golden = try GoldenFile.read("losses.safetensors")
        let (value, gradient) = loss.evaluate(
            prediction: try #require(golden["p3"]),
            target: try #require(golden["t3"])
        )
        #expect(abs(value - (try #require(golden["\(name).loss3"]).values[0])) < 2e-6)
        #expect(relativeError(gradient, try #require(golden["\(name).gradient3"])) < 1e-5)
    }

    @Test(
        "unknown places count in no sum and get no gradient: the loss is that of the rest alone",
        arguments: cases + [("binaryCrossEntropy", .binaryCrossEntropy)]
    )
    func unknownPlaces(_ name: String, _ loss: Loss) throws {
        let golden = try GoldenFile.read("losses.safetensors")
        let (p, t) = (try #require(golden["p"]), try #require(golden["t"]))
        let (height, width) = (p.shape[2], p.shape[3])
        // Two rows of each picture are unknown.
        func isUnknown(_ n: Int) -> Bool { [1, height - 1].contains(n / width % height) }
        let known = p.values.indices.filter { !isUnknown($0) }
        let shape = [p.shape[0], p.shape[1], height - 2, width]
        let rest = loss.evaluate(
            prediction: Tensor(shape: shape, values: known.map { p.values[$0] }),
            target: Tensor(shape: shape, values: known.map { t.values[$0] })
        )
        var target = t
        for n in target.values.indices where isUnknown(n) { target.values[n] = Loss.unknown }
        let all = loss.evaluate(prediction: p, target: target)
        #expect(abs(all.loss - rest.loss) < 1e-6)
        #expect(p.values.indices.allSatisfy { !isUnknown($0) || all.gradient.values[$0] == 0 })
        let ofKnown = Tensor(shape: shape, values: known.map { all.gradient.values[$0] })
        #expect(relativeError(ofKnown, rest.gradient) < 1e-6)
        for n in target.values.indices { target.values[n] = Loss.unknown }
        let nothing = loss.evaluate(prediction: p, target: target)
        #expect(nothing.loss == 0 && nothing.gradient.values.allSatisfy { $0 == 0 })
    }

    @Test("with deep supervision a coarse place that covers an unknown one is unknown, too")
    func unknownWithDeepSupervision() throws {
        var graph = Graph(inputChannels: 1)
        let fine = graph.add(Convolution(outChannels: 1, kernel: 1), graph.input, name: "fine")
        let pooled = graph.add(AveragePool(size: Axes(depth: 1, height: 2, width: 2)), graph.input)
        let coarse = graph.add(Convolution(outChannels: 1, kernel: 1), pooled, name: "coarse")
        graph.setOutput(graph.add(Sigmoid(), fine))
        graph.addAuxiliaryOutput(graph.add(Sigmoid(), coarse), weight: 0.5)
        let session = try TrainingSession(
            network: try Network(graph: graph, seed: 3),
            batch: 1,
            extent: Axes(spatial: [4, 4]),
            loss: .binaryCrossEntropy,
            optimizer: .sgd(SGD(learningRate: 0.1, momentum: 0, isNesterov: false)),
            seed: 1,
            threads: 1
        )
        let input = Tensor(shape: [1, 1, 4, 4], values: (0..<16).map { Float($0) / 16 })
        var target = Tensor(shape: [1, 1, 4, 4], values: [Float](repeating: 1, count: 16))
        // One of the four places that each coarse place covers.
        for n in [0, 2, 8, 10] { target.values[n] = Loss.unknown }
        _ = try session.step(input: input, target: target)
        let gradients = session.parameterGradients
        #expect(try #require(gradients["coarse.bias"]).values == [0])
        #expect(try #require(gradients["fine.bias"]).values[0] != 0)
    }

    @Test("a prediction that is no number is a loss that is no number", arguments: cases)
    func notANumber(_ name: String, _ loss: Loss) throws {
        let golden = try GoldenFile.read("losses.safetensors")
        var prediction = try #require(golden["p"])
        for n in prediction.values.indices { prediction.values[n] = .nan }
        let (value, _) = loss.evaluate(prediction: prediction, target: try #require(golden["t"]))
        #expect(!value.isFinite)
    }

    @Test("Tversky with halves is Dice, and an empty picture that stays empty is right")
    func limits() throws {
        let golden = try GoldenFile.read("losses.safetensors")
        let (p, t) = (try #require(golden["p"]), try #require(golden["t"]))
        let dice = Loss.dice(smooth: 1, reduction: .perClass).evaluate(prediction: p, target: t)
        let tversky = Loss.tversky(alpha: 0.5, beta: 0.5, smooth: 0.5, reduction: .perClass)
            .evaluate(prediction: p, target: t)
        #expect(abs(dice.loss - tversky.loss) < 1e-6 && relativeError(dice.gradient, tversky.gradient) < 1e-5)
        let empty = Tensor(shape: [1, 1, 2, 2])
        for smooth in [Float(0), 1] {
            let result = Loss.dice(smooth: smooth, reduction: .perSample).evaluate(prediction: empty, target: empty)
            #expect(result.loss == 0 && result.gradient.values.allSatisfy(\.isFinite))
        }
    }

    @Test("cross-entropy of a class that is thought impossible is large, finite, and pulls through the softmax")
    func impossible() throws {
        var graph = Graph(inputChannels: 2)
        _ = graph.add(Softmax(), graph.add(Convolution(outChannels: 2, kernel: 1), graph.input, name: "head"))
        var network = try Network(graph: graph, seed: 1)
        network.parameters["head.weight"]!.values = [1, 0, 0, 1]
        let session = try TrainingSession(
            network: network,
            batch: 1,
            extent: .one,
            loss: .crossEntropy,
            optimizer: .sgd(SGD(learningRate: 0.1, momentum: 0, isNesterov: false)),
            seed: 1,
            threads: 1
        )
        let input = Tensor(shape: [1, 2, 1, 1], values: [0, 40])
        let loss = try session.step(input: input, target: Tensor(shape: [1, 2, 1, 1], values: [1, 0]))
        #expect(abs(loss - 40) < 1e-3)
        let bias = try #require(session.parameterGradients["head.bias"]).values
        #expect(abs(bias[0] + 1) < 1e-4 && abs(bias[1] - 1) < 1e-4)
    }
}
