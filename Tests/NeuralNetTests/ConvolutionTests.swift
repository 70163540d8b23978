import NeuralNet
import Testing

@Suite("The direct convolution")
struct ConvolutionTests {
    /// Input and output channels, depth of input and kernel, height, width, padding.
    struct Size: Sendable, CustomTestStringConvertible {
        var channels: (Int, Int)
        var input: Axes
        var kernelDepth = 1
        var padding = 1
        var testDescription: String { "\(channels) \(input.lengths) kernel \(kernelDepth) padding \(padding)" }
    }

    static let sizes = [
        Size(channels: (1, 1), input: Axes(height: 1, width: 1)),
        Size(channels: (1, 3), input: Axes(height: 5, width: 7)),
        Size(channels: (3, 4), input: Axes(height: 8, width: 8)),
        Size(channels: (5, 6), input: Axes(height: 9, width: 25)),
        Size(channels: (2, 9), input: Axes(height: 30, width: 24)),
        Size(channels: (7, 5), input: Axes(height: 3, width: 49)),
        Size(channels: (16, 3), input: Axes(height: 70, width: 33)),
        Size(channels: (3, 5), input: Axes(height: 9, width: 26), padding: 0),
        Size(channels: (3, 5), input: Axes(height: 9, width: 26), padding: 2),
        Size(channels: (3, 5), input: Axes(depth: 4, height: 9, width: 26), kernelDepth: 3),
        Size(channels: (2, 6), input: Axes(depth: 1, height: 5, width: 9), kernelDepth: 3),
        Size(channels: (4, 3), input: Axes(depth: 3, height: 40, width: 8)),
        Size(channels: (2, 3), input: Axes(depth: 5, height: 6, width: 50), kernelDepth: 3, padding: 0),
    ]

    static func random(_ count: Int, _ stream: Int) -> [Float] {
        let random = RandomSource(seed: 9, stream: UInt64(stream))
        return (0..<count).map { Float(random.normal($0)) }
    }

    @Test("equals the definition at every size, forwards and backwards", arguments: sizes)
    func direct(_ size: Size) throws {
        let kernel = Axes(depth: size.kernelDepth, height: 3, width: 3)
        let convolution = Convolution(
            outChannels: size.channels.1,
            kernel: kernel,
            padding: .plane(size.padding, depth: min(size.padding, size.kernelDepth / 2)),
            hasBias: false
        )
        let x = Tensor(
            shape: [2, size.channels.0] + size.input.lengths,
            values: Self.random(2 * size.channels.0 * size.input.count, 1)
        )
        let weight = Tensor(
            shape: [size.channels.1, size.channels.0] + kernel.lengths,
            values: Self.random(size.channels.0 * size.channels.1 * kernel.count, 2)
        )
        let trial = try OperatorTrial(convolution, inputs: [x], tensors: ["weight": weight])
        let y = trial.forward(.training)
        let parameters = ["weight": weight.values.map(Double.init)]
        let expected = try Reference.convolution(convolution, Reference.Field(x), parameters)
        #expect(relativeError(y, Tensor(shape: y.shape, values: expected.values.map(Float.init))) < 1e-5)
        // The gradients are those of the definition when <dy, conv(x)> = <dx, x> = <dw, w>: it is linear in both.
        let g = Tensor(shape: y.shape, values: Self.random(y.count, 3))
        let (dInputs, dParameters) = trial.backward(g)
        func product(_ a: Tensor, _ b: Tensor) -> Double {
            zip(a.values, b.values).reduce(0) { $0 + Double($1.0) * Double($1.1) }
        }
        let scale = product(g, g).squareRoot() * product(y, y).squareRoot()
        let other = Tensor(shape: x.shape, values: Self.random(x.count, 4))
        let image = try Reference.convolution(convolution, Reference.Field(other), parameters)
        let imageProduct = zip(image.values, g.values).reduce(0) { $0 + $1.0 * Double($1.1) }
        #expect(abs(product(dInputs[0], other) - imageProduct) < 1e-5 * scale)
        #expect(abs(product(try #require(dParameters["weight"]), weight) - product(g, y)) < 1e-5 * scale)
    }

    @Test("values packed with memory planning never overlap while both are alive")
    func memoryPlan() throws {
        let graph = goldenUNet()
        let plan = try InferencePlan(graph: graph, batch: 1, extent: Axes(height: 64, width: 64))
        var made: [Int: Int] = [0: -1]
        var lastRead: [Int: Int] = [:]
        for (time, step) in plan.steps.enumerated() {
            made[step.result] = time
            for input in graph.nodes[step.node].inputs { lastRead[input] = time }
        }
        lastRead[graph.nodes.count - 1] = plan.steps.count
        for (a, madeA) in made {
            for (b, madeB) in made where a < b {
                let alive = max(madeA, madeB) <= min(lastRead[a] ?? madeA, lastRead[b] ?? madeB)
                let rangeA = plan.offsets[a]..<plan.offsets[a] + plan.shapes[a].count
                let rangeB = plan.offsets[b]..<plan.offsets[b] + plan.shapes[b].count
                #expect(!alive || !rangeA.overlaps(rangeB), "values \(a) and \(b)")
            }
        }
        #expect(plan.arenaCount < plan.shapes.reduce(0) { $0 + $1.count } / 2)
    }

    @Test(
        "batch norm and rectifier go into the convolution's pass, before or behind, and change nothing",
        arguments: [
            ["norm"], ["relu"], ["leaky"], ["norm", "relu"], ["relu", "norm"], ["norm", "leaky", "norm"],
            ["relu", "relu"],
        ]
    )
    func folding(_ parts: [String]) throws {
        for kernel in [1, 3] {
            var graph = Graph(inputChannels: 3)
            let convolution = Convolution(outChannels: 5, kernel: kernel, padding: kernel / 2, hasBias: kernel == 1)
            var x = graph.add(convolution, graph.input, name: "conv")
            for (index, part) in parts.enumerated() {
                switch part {
                case "norm": x = graph.add(Normalization(.batch(momentum: 0.1), epsilon: 1e-3), x, name: "norm\(index)")
                case "leaky": x = graph.add(LeakyReLU(negativeSlope: 0.1), x)
                default: x = graph.add(ReLU(), x)
                }
            }
            // Statistics and weights that are not those of a fresh network.
            var network = try Network(graph: graph, seed: 3)
            for (stream, name) in network.parameters.keys.sorted().enumerated() {
                network.parameters[name]!.values = Self.random(network.parameters[name]!.count, stream)
            }
            for (stream, name) in network.buffers.keys.sorted().enumerated() {
                network.buffers[name]!.values = Self.random(5, 50 + stream).map { abs($0) + 0.1 }
            }
            let input = Tensor(shape: [2, 3, 6, 9], values: Self.random(2 * 3 * 54, 7))
            let session = try InferenceSession(
                network: network,
                batch: 2,
                extent: Axes(height: 6, width: 9),
                threads: 2
            )
            // One operator after the other.
            var expected = input
            for node in graph.nodes.dropFirst() {
                let own = network.tensors.filter { $0.key.hasPrefix(node.name + ".") && !node.name.isEmpty }
                let tensors = Dictionary(
                    uniqueKeysWithValues: own.map { (String($0.key.dropFirst(node.name.count + 1)), $0.value) }
                )
                expected = try OperatorTrial(node.operation, inputs: [expected], tensors: tensors).forward(.inference)
            }
            #expect(relativeError(session.run(input), expected) < 1e-5)
        }
    }
}
