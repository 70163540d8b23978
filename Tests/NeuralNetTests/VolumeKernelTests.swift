import NeuralNet
import Testing

/// What inference of three-dimensional networks has kernels of its own for.
@Suite("Kernels of three-dimensional inference")
struct VolumeKernelTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var channels: (Int, Int)
        var input: Axes
        var stride = 1
        var batch = 1
        var threads = 2
        /// Compared with the sum by im2col and OpenBLAS, which the others are compared with as well: the definition takes long.
        var isLarge = false
        var testDescription: String { "\(channels) \(input.lengths) stride \(stride) \(batch) \(threads) threads" }
    }

    static let cases = [
        Case(channels: (8, 8), input: Axes(depth: 1, height: 4, width: 4)),
        Case(channels: (12, 20), input: Axes(depth: 5, height: 7, width: 9), batch: 2),
        Case(channels: (9, 33), input: Axes(depth: 2, height: 13, width: 6)),
        Case(channels: (40, 24), input: Axes(depth: 6, height: 17, width: 12)),
        // In several groups of slices, the last of one slice.
        Case(channels: (8, 8), input: Axes(depth: 17, height: 180, width: 181), isLarge: true),
        // By panels, in several rounds of tiles.
        Case(channels: (16, 40), input: Axes(depth: 10, height: 20, width: 20), threads: 24),
        // Weights that no cache keeps.
        Case(channels: (136, 120), input: Axes(depth: 3, height: 8, width: 5)),
        Case(channels: (8, 8), input: Axes(depth: 4, height: 4, width: 4), stride: 2),
        Case(channels: (11, 21), input: Axes(depth: 5, height: 7, width: 10), stride: 2, batch: 3),
        Case(channels: (9, 10), input: Axes(depth: 6, height: 9, width: 13), stride: 2, threads: 1),
        Case(channels: (8, 8), input: Axes(depth: 21, height: 180, width: 181), stride: 2, isLarge: true),
        Case(channels: (24, 40), input: Axes(depth: 12, height: 14, width: 22), stride: 2, threads: 24),
    ]

    @Test("convolutions of three slices give the sums of the definition on any number of threads", arguments: cases)
    func convolution(_ c: Case) throws {
        let convolution = Convolution.same(outChannels: c.channels.1, kernel: .cube(3), stride: .cube(c.stride))
        let slope: Float = 0.1
        var graph = Graph(inputChannels: c.channels.0, dimensions: 3)
        let sum = graph.add(convolution, graph.input, name: "convolution")
        _ = graph.add(LeakyReLU(negativeSlope: slope), sum)
        var network = try Network(graph: graph, seed: 4)
        for (stream, name) in network.parameters.keys.sorted().enumerated() {
            network.parameters[name]!.values = ConvolutionTests.random(network.parameters[name]!.count, 20 + stream)
        }
        let shape = [c.batch, c.channels.0] + c.input.lengths
        let x = Tensor(shape: shape, values: ConvolutionTests.random(shape.reduce(1, *), 9))
        func run(threads: Int, blocks: Bool = true) throws -> Tensor {
            try InferenceSession(
                network: network,
                batch: c.batch,
                extent: c.input,
                threads: threads,
                usesChannelBlocks: blocks
            ).run(x)
        }
        let y = try run(threads: c.threads)
        let plain = try run(threads: c.threads, blocks: false)
        #expect(y != plain, "both ran the same kernels")
        #expect(relativeError(y, plain) < 1e-5)
        if !c.isLarge {
            let parameters = Dictionary(
                uniqueKeysWithValues: network.parameters.map {
                    (String($0.key.split(separator: ".")[1]), $0.value.values.map(Double.init))
                }
            )
            let sums = try Reference.convolution(convolution, Reference.Field(x), parameters).values
            let expected = sums.map { Float($0 > 0 ? $0 : $0 * Double(slope)) }
            #expect(relativeError(y, Tensor(shape: y.shape, values: expected)) < 1e-5)
        }
        for threads in [1, 2, 3] { #expect(try run(threads: threads) == y, "\(threads) threads") }
    }

    @Test(
        "a normalisation with its rectifier in one pass gives what they give one by one",
        arguments: [Normalization.Group.instance, .channels(groups: 2), .batch(momentum: 0.1)],
        [Float(0), 0.01]
    )
    func rectifiedNorm(_ group: Normalization.Group, _ slope: Float) throws {
        let norm = Normalization(group, epsilon: 1e-5)
        let rectifier: any Operator = slope == 0 ? ReLU() : LeakyReLU(negativeSlope: slope)
        var graph = Graph(inputChannels: 6, dimensions: 3)
        _ = graph.add(rectifier, graph.add(norm, graph.input, name: "norm"))
        var network = try Network(graph: graph, seed: 1)
        for (stream, name) in network.parameters.keys.sorted().enumerated() {
            network.parameters[name]!.values = ConvolutionTests.random(6, 30 + stream)
        }
        let x = Tensor(shape: [2, 6, 3, 5, 7], values: ConvolutionTests.random(2 * 6 * 105, 8))
        let plan = try InferencePlan(graph: graph, batch: 2, extent: Axes(depth: 3, height: 5, width: 7))
        #expect(plan.steps.count == 1)
        let fused = try InferenceSession(
            network: network,
            batch: 2,
            extent: Axes(depth: 3, height: 5, width: 7),
            threads: 2
        ).run(x)
        let tensors = Dictionary(
            uniqueKeysWithValues: network.tensors.map { (String($0.key.split(separator: ".")[1]), $0.value) }
        )
        let normalized = try OperatorTrial(norm, inputs: [x], tensors: tensors).forward(.inference)
        #expect(try OperatorTrial(rectifier, inputs: [normalized]).forward(.inference) == fused)
    }
}
