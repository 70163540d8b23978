import NeuralNet
import Testing

@Suite("Kernels in channel blocks beside naive loops in double precision")
struct ChannelBlocksTests {
    struct Case: Sendable, CustomStringConvertible {
        var sources: [Int]
        var outChannels: Int
        var height: Int
        var width: Int
        var batch = 1
        var threads = 2
        var description: String {
            "\(sources) to \(outChannels), \(height) x \(width), batch \(batch), \(threads) threads"
        }
    }

    static let cases = [
        Case(sources: [8], outChannels: 16, height: 4, width: 4),
        Case(sources: [3], outChannels: 5, height: 1, width: 1),
        Case(sources: [12], outChannels: 12, height: 7, width: 9, batch: 3),
        Case(sources: [16, 24], outChannels: 24, height: 18, width: 34),
        Case(sources: [5, 11, 8], outChannels: 17, height: 13, width: 6),
        Case(sources: [16], outChannels: 32, height: 64, width: 60, batch: 2),
        Case(sources: [128], outChannels: 64, height: 8, width: 8, batch: 2),
        Case(sources: [64, 64], outChannels: 48, height: 12, width: 20, threads: 1),
        // By panels, in two rounds of tiles.
        Case(sources: [16], outChannels: 24, height: 56, width: 60, threads: 20),
        // Weights that no cache keeps, both ways.
        Case(sources: [256, 60], outChannels: 256, height: 14, width: 12),
        Case(sources: [256, 60], outChannels: 256, height: 14, width: 12, threads: 1),
    ]

    @Test("Winograd's filtering gives the sums of the definition, pooled too", arguments: cases)
    func winograd(_ c: Case) {
        let data = ConvolutionData(c.sources, c.outChannels, c.height, c.width, c.batch)
        let expected = data.expected(slope: 0.1)
        let blocked = c.sources.indices.map { data.blockedSource($0) }
        let concatenated = Scratch(blocked.flatMap { $0 })
        var sources: [WinogradConvolution.Source] = []
        var start = 0
        for (values, channels) in zip(blocked, c.sources) {
            sources.append(.init(values: concatenated.pointer + start, blocks: ChannelBlocks.blocks(of: channels)))
            start += values.count
        }
        let packed = Scratch(
            WinogradConvolution.packed(data.weight, outChannels: c.outChannels, sources: c.sources, scale: nil)
        )
        let outBlocks = ChannelBlocks.blocks(of: c.outChannels)
        let count = c.batch * outBlocks * 8 * c.height * c.width
        let result = Scratch(count: count)
        let pools = c.height % 2 == 0 && c.width % 2 == 0
        let pooled = Scratch(count: count / 4)
        WinogradConvolution(
            inBlocks: c.sources.reduce(0) { $0 + ChannelBlocks.blocks(of: $1) },
            outChannels: c.outChannels,
            height: c.height,
            width: c.width,
            batch: c.batch
        ).forward(
            sources,
            weights: packed.pointer,
            epilogue: BlockEpilogue(
                channels: c.outChannels,
                bias: data.bias,
                slope: 0.1,
                scale: data.scale,
                shift: data.shift
            ),
            .init(values: result.pointer, pooled: pools ? pooled.pointer : nil),
            threads: c.threads
        )
        let shape = FeatureShape(channels: c.outChannels, height: c.height, width: c.width)
        #expect(unblocked(result, shape, c.batch).relativeError(expected) < 1e-5)
        guard pools else { return }
        let half = FeatureShape(channels: c.outChannels, height: c.height / 2, width: c.width / 2)
        #expect(unblocked(pooled, half, c.batch).relativeError(maxPooled(expected, shape, c.batch)) < 1e-5)
    }

    @Test(
        "the first convolution reads the image as it lies",
        arguments: [(1, 16, 9, 21), (3, 12, 16, 4), (5, 24, 3, 3)]
    )
    func first(inChannels: Int, outChannels: Int, height: Int, width: Int) {
        let data = ConvolutionData([inChannels], outChannels, height, width, 2)
        let packed = Scratch(
            FirstConvolution.packed(data.weight, inChannels: inChannels, outChannels: outChannels, scale: nil)
        )
        let result = Scratch(count: 2 * ChannelBlocks.blocks(of: outChannels) * 8 * height * width)
        FirstConvolution(
            inChannels: inChannels,
            outChannels: outChannels,
            height: height,
            width: width,
            batch: 2
        ).forward(
            data.sources[0],
            weights: packed.pointer,
            epilogue: BlockEpilogue(
                channels: outChannels,
                bias: data.bias,
                slope: 0,
                scale: data.scale,
                shift: data.shift
            ),
            result.pointer,
            threads: 2
        )
        let shape = FeatureShape(channels: outChannels, height: height, width: width)
        #expect(unblocked(result, shape, 2).relativeError(data.expected(slope: 0)) < 1e-5)
    }

    @Test("e^x is within two units in the last place, and stays finite at the ends")
    func exponentials() {
        for n in stride(from: -87.0, through: 87.9, by: 0.0137) {
            let x = Float(n)
            let exact = exactExponential(Double(x))
            let found = exponential(SIMD8(repeating: x))[3]
            #expect(abs(Double(found) - exact) <= 2 * Double(Float(exact).ulp), "e^\(x)")
        }
        #expect(exponential(SIMD8(repeating: 1000))[0].isFinite)
        #expect(exponential(SIMD8(repeating: -1000))[0] < 1e-37)
    }

    static let networks: [(filters: Int, layers: Int, upsampling: String, outputs: Int)] = [
        (16, 4, "deconv", 1), (12, 3, "deconv", 3), (8, 2, "simple", 2), (20, 2, "simple", 1),
    ]

    @Test("a whole U-Net gives what its operators give one by one", arguments: networks)
    func network(_ n: (filters: Int, layers: Int, upsampling: String, outputs: Int)) throws {
        let graph = unet(filters: n.filters, layers: n.layers, deconv: n.upsampling == "deconv", outputs: n.outputs)
        var network = try Network(graph: graph, seed: 5)
        randomiseNorms(&network)
        let random = RandomSource(seed: 3, stream: 1)
        let input = Tensor(shape: [2, 3, 48, 32], values: (0..<2 * 3 * 48 * 32).map { Float(random.normal($0)) })
        let reference = try InferenceSession(
            network: network,
            batch: 2,
            height: 48,
            width: 32,
            threads: 1,
            usesChannelBlocks: false
        ).run(input)
        let once = try InferenceSession(network: network, batch: 2, height: 48, width: 32, threads: 1).run(input)
        #expect(once != reference, "both ran the same kernels")
        let difference = zip(once.values, reference.values).map { abs($0 - $1) }.max() ?? 1
        #expect(difference < 1e-4)
        // Memory is used again: a second run, on two threads, gives the same bytes.
        let two = try InferenceSession(network: network, batch: 2, height: 48, width: 32, threads: 2)
        _ = two.run(input)
        #expect(two.run(input) == once)
        // Weights that were packed for another size are the same.
        let small = try InferenceSession(network: network, batch: 1, height: 16, width: 16, threads: 1)
        let packed: PackedWeights = try #require(small.packedWeights)
        let shared = try InferenceSession(
            network: network,
            batch: 2,
            extent: Axes(height: 48, width: 32),
            threads: 1,
            packed: packed
        )
        #expect(shared.run(input) == once)
    }

    @Test("batch norm before the activation is folded into the weights")
    func normBeforeActivation() throws {
        var graph = Graph(inputChannels: 2)
        var x = graph.input
        for (index, slope) in [Float(0.2), 0].enumerated() {
            let convolution = Convolution(outChannels: 9, kernel: 3, padding: 1, hasBias: index == 0)
            x = graph.add(convolution, x, name: "conv\(index)")
            x = graph.add(Normalization(.batch(momentum: 0.1), epsilon: 1e-5), x, name: "norm\(index)")
            x =
                slope == 0
                ? graph.add(ReLU(), x, name: "act\(index)")
                : graph.add(LeakyReLU(negativeSlope: slope), x, name: "act\(index)")
        }
        x = graph.add(Convolution(outChannels: 2, kernel: 1), x, name: "head")
        _ = graph.add(Softmax(), x, name: "output")
        var network = try Network(graph: graph, seed: 8)
        randomiseNorms(&network)
        let random = RandomSource(seed: 4, stream: 1)
        let input = Tensor(shape: [1, 2, 11, 13], values: (0..<2 * 11 * 13).map { Float(random.normal($0)) })
        func run(_ blocks: Bool) throws -> Tensor {
            try InferenceSession(
                network: network,
                batch: 1,
                height: 11,
                width: 13,
                threads: 2,
                usesChannelBlocks: blocks
            ).run(input)
        }
        let (fast, reference) = (try run(true), try run(false))
        #expect(fast != reference, "both ran the same kernels")
        #expect(zip(fast.values, reference.values).allSatisfy { abs($0 - $1) < 1e-5 })
    }
}
