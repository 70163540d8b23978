import NeuralNet
import Testing

@Suite("Convolutions beside PyTorch and a naive reference")
struct ConvolutionTests {
    static let cases = [(3, 1, 1, 1), (5, 2, 2, 1), (3, 1, 2, 2), (1, 1, 0, 1), (2, 2, 0, 1), (3, 2, 1, 1)]

    @Test("forward and every gradient are PyTorch's", arguments: cases)
    func golden(kernel: Int, stride: Int, padding: Int, dilation: Int) throws {
        let all = try GoldenFile.read("convolutions.safetensors")
        let golden = GoldenFile.group("k\(kernel)s\(stride)p\(padding)d\(dilation).", of: all)
        let x = try #require(golden["x"])
        let y = try #require(golden["y"])
        // A pointwise first layer makes the gradient with respect to x visible as that of its identity weights.
        let convolution = Convolution(
            outChannels: 7,
            kernel: kernel,
            stride: stride,
            padding: padding,
            dilation: dilation
        )
        let input = FeatureShape(channels: 6, height: 19, width: 23)
        let output = FeatureShape(channels: 7, height: y.shape[2], width: y.shape[3])
        let general = GeneralConvolution(convolution: convolution, input: input, output: output)
        var found = Tensor(shape: y.shape)
        var dx = Tensor(shape: x.shape)
        var dw = Tensor(shape: try #require(golden["w"]).shape)
        let bias = try #require(golden["b"]).values
        let (weight, gradient) = (try #require(golden["w"]).values, try #require(golden["g"]).values)
        general.forward(
            x.values,
            weight: weight,
            epilogue: ConvolutionEpilogue(bias: bias),
            &found.values,
            batch: 2,
            threads: 2
        )
        general.inputGradient(dOutput: gradient, weight: weight, dInput: &dx.values, batch: 2, threads: 2)
        general.weightGradient(x.values, dOutput: gradient, dWeight: &dw.values, batch: 2, threads: 2)
        #expect(relativeError(found, y) < 1e-5)
        #expect(relativeError(dx, try #require(golden["dx"])) < 1e-5)
        #expect(relativeError(dw, try #require(golden["dw"])) < 1e-5)
    }

    /// Six nested loops: what a convolution is.
    static func naive(_ c: Convolution3x3, _ x: [Float], _ w: [Float], batch: Int) -> [Float] {
        var y = [Float](repeating: 0, count: batch * c.outChannels * c.height * c.width)
        for n in 0..<batch {
            for o in 0..<c.outChannels {
                for row in 0..<c.height {
                    for column in 0..<c.width {
                        var sum = 0.0
                        for i in 0..<c.inChannels {
                            for tap in 0..<9 {
                                let (r, q) = (row + tap / 3 - 1, column + tap % 3 - 1)
                                guard r >= 0, r < c.height, q >= 0, q < c.width else { continue }
                                sum +=
                                    Double(w[(o * c.inChannels + i) * 9 + tap])
                                    * Double(x[((n * c.inChannels + i) * c.height + r) * c.width + q])
                            }
                        }
                        y[((n * c.outChannels + o) * c.height + row) * c.width + column] = Float(sum)
                    }
                }
            }
        }
        return y
    }

    @Test(
        "the direct kernel equals the naive loops at every size",
        arguments: [
            (1, 1, 1, 1), (1, 3, 5, 7), (3, 4, 8, 8), (5, 6, 9, 25), (2, 9, 30, 24), (7, 5, 3, 49), (16, 3, 70, 33),
        ]
    )
    func direct(inChannels: Int, outChannels: Int, height: Int, width: Int) {
        let c = Convolution3x3(inChannels: inChannels, outChannels: outChannels, height: height, width: width)
        let random = RandomSource(seed: 9, stream: UInt64(inChannels * 100 + width))
        let x = (0..<2 * inChannels * height * width).map { Float(random.normal($0)) }
        let w = (0..<outChannels * inChannels * 9).map { Float(random.normal(1_000_000 + $0)) }
        var y = [Float](repeating: .nan, count: 2 * outChannels * height * width)
        c.forward(
            input: x,
            packedWeight: c.packed(w),
            epilogue: ConvolutionEpilogue(),
            output: &y,
            batch: 2,
            threads: 2
        )
        let expected = Self.naive(c, x, w, batch: 2)
        let shape = [2, outChannels, height, width]
        #expect(relativeError(Tensor(shape: shape, values: y), Tensor(shape: shape, values: expected)) < 1e-5)
    }

    @Test("values packed with memory planning never overlap while both are alive")
    func memoryPlan() throws {
        let graph = goldenUNet()
        let plan = try InferencePlan(graph: graph, batch: 1, height: 64, width: 64)
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
}
