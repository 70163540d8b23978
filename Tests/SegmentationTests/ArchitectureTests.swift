import Foundation
import NeuralNet
import Segmentation
import Testing

/// Golden files below Tests/Fixtures, made by the Python scripts beside them.
enum GoldenTensors {
    static func read(_ path: String) throws -> [String: Tensor] {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Fixtures")
        return try Safetensors.decode(Data(contentsOf: folder.appendingPathComponent(path))).tensors
    }

    static func group(_ prefix: String, of tensors: [String: Tensor]) -> [String: Tensor] {
        Dictionary(
            uniqueKeysWithValues: tensors.filter { $0.key.hasPrefix(prefix) }
                .map { (String($0.key.dropFirst(prefix.count)), $0.value) }
        )
    }
}

/// Largest difference relative to the largest reference value.
func relativeError(_ a: Tensor, _ b: Tensor) -> Float {
    guard a.shape == b.shape else { return .infinity }
    let scale = b.values.reduce(Float.leastNormalMagnitude) { max($0, abs($1)) }
    return zip(a.values, b.values).reduce(0) { max($0, abs($1.0 - $1.1)) } / scale
}

@Suite("Architectures beside PyTorch")
struct ArchitectureParityTests {
    struct Row: Sendable, CustomTestStringConvertible {
        var name: String
        var architecture: Architecture
        var testDescription: String { name }
    }

    static let rows = [
        Row(name: "v_net", architecture: .vNet(VNet(filters: 2, layers: 2, kernel: 3))),
        Row(name: "v_net.batch", architecture: .vNet(VNet(filters: 2, layers: 2, kernel: 5, norm: .batch))),
        Row(name: "unet3d", architecture: .plainConvUNet(PlainConvUNet(filters: 3, maximumFilters: 6, layers: 3))),
        Row(
            name: "unet3d.flat",
            architecture: .plainConvUNet(
                PlainConvUNet(
                    filters: 3,
                    maximumFilters: 4,
                    layers: 2,
                    norm: .batch,
                    strides: [[1, 2, 2], [2, 2, 2]],
                    kernels: [[1, 3, 3], [3, 3, 3], [3, 3, 3]]
                )
            )
        ),
        Row(
            name: "unet2d",
            architecture: .plainConvUNet(PlainConvUNet(filters: 8, maximumFilters: 8, layers: 2, norm: .group))
        ),
    ]

    static func session(_ row: Row, threads: Int) throws -> (TrainingSession, [String: Tensor]) {
        let all = try GoldenTensors.read("neuralnet/networks.safetensors")
        let golden = GoldenTensors.group(row.name + ".", of: all)
        let input = try #require(golden["input"])
        let extent = Axes(spatial: Array(input.shape.dropFirst(2)))
        let graph = row.architecture.graph(
            NetworkShape(
                inputChannels: input.shape[1],
                outputChannels: try #require(golden["target"]).shape[1],
                activation: .softmax,
                dimensions: input.shape.count - 2,
                extent: extent
            )
        )
        let session = try TrainingSession(
            network: Network(graph: graph, tensors: GoldenTensors.group("initial.", of: golden)),
            batch: 2,
            extent: extent,
            loss: .diceAndCrossEntropy(smooth: 1e-5, reduction: .perClass),
            optimizer: .sgd(SGD(learningRate: 0.01, momentum: 0.99, isNesterov: true, weightDecay: 3e-5)),
            clipping: .norm(12),
            seed: 1,
            threads: threads
        )
        return (session, golden)
    }

    @Test("the first step has PyTorch's output and every gradient", arguments: rows)
    func firstStep(_ row: Row) throws {
        let (session, golden) = try Self.session(row, threads: 2)
        _ = try session.step(input: #require(golden["input"]), target: #require(golden["target"]))
        #expect(relativeError(session.prediction, try #require(golden["output"])) < 1e-5)
        let gradients = GoldenTensors.group("gradient.", of: golden)
        #expect(Set(gradients.keys) == Set(session.parameterGradients.keys))
        // A bias before a normalisation has no effect: its gradient is rounding alone, on both sides.
        let largest = gradients.values.flatMap(\.values).reduce(Float(0)) { max($0, abs($1)) }
        for (name, gradient) in session.parameterGradients {
            let expected = try #require(gradients[name])
            let difference = zip(gradient.values, expected.values).reduce(Float(0)) { max($0, abs($1.0 - $1.1)) }
            #expect(relativeError(gradient, expected) < 1e-3 || difference < 1e-5 * largest, "\(name)")
        }
    }

    @Test("ten steps have PyTorch's losses, and the trained network its output", arguments: rows)
    func tenSteps(_ row: Row) throws {
        let (session, golden) = try Self.session(row, threads: 2)
        for expected in try #require(golden["losses"]).values {
            let loss = try session.step(input: #require(golden["input"]), target: #require(golden["target"]))
            #expect(abs(loss - expected) < 1e-3 * expected)
        }
        let input = try #require(golden["input"])
        let inference = try InferenceSession(
            network: session.network,
            batch: 2,
            extent: Axes(spatial: Array(input.shape.dropFirst(2))),
            threads: 2
        )
        #expect(relativeError(inference.run(input), try #require(golden["evaluated"])) < 1e-2)
    }

    @Test(
        "steps of 3, and steps that multiply to more than 1024, are networks too",
        arguments: [[3, 3, 3], [4, 4, 4, 4, 4, 4]]
    )
    func anySteps(steps: [Int]) throws {
        let design = PlainConvUNet(
            filters: 1,
            maximumFilters: 2,
            layers: steps.count,
            strides: steps.map { [$0, $0] }
        )
        let side = steps.reduce(1, *)
        let shape = NetworkShape(
            inputChannels: 1,
            outputChannels: 1,
            activation: .sigmoid,
            extent: .plane(side)
        )
        let network = try Network(graph: Architecture.plainConvUNet(design).graph(shape), seed: 1)
        #expect(network.parameterCount > 0)
    }

    @Test("the same seed gives the same bytes on one and two threads", arguments: rows)
    func threads(_ row: Row) throws {
        let snapshots = try [1, 2].map { threads in
            let (session, golden) = try Self.session(row, threads: threads)
            for _ in 0..<3 {
                _ = try session.step(input: #require(golden["input"]), target: #require(golden["target"]))
            }
            return session.snapshot
        }
        #expect(snapshots[0] == snapshots[1])
    }
}

@Suite("Imported networks")
struct ImportTests {
    /// The same options as in Tests/Fixtures/import/make_goldens.py.
    static let cases: [(String, CustomUNet, OutputDescription.Activation)] = [
        ("plain", CustomUNet(filters: 4, layers: 3), .sigmoid),
        (
            "gates",
            CustomUNet(
                filters: 4,
                layers: 2,
                dropoutChangePerLayer: 0.1,
                dropoutOnUpsampling: true,
                attention: true
            ), .softmax
        ),
        (
            "simple",
            CustomUNet(
                filters: 4,
                layers: 2,
                batchNorm: false,
                dropoutType: .standard,
                upsampling: .simple,
                attention: true
            ), .sigmoid
        ),
    ]

    static func run(
        _ architecture: Architecture,
        _ activation: OutputDescription.Activation,
        _ golden: [String: Tensor]
    ) throws -> Tensor {
        let (input, output) = (try #require(golden["input"]), try #require(golden["keras"]))
        let extent = Axes(spatial: Array(input.shape.dropFirst(2)))
        let graph = architecture.graph(
            NetworkShape(
                inputChannels: input.shape[1],
                outputChannels: output.shape[1],
                activation: activation,
                extent: extent
            )
        )
        let network = try Network(graph: graph, tensors: golden)
        // The file has the weights of the network and nothing else.
        #expect(Set(golden.keys).subtracting(["input", "keras", "torch"]) == Set(network.tensors.keys))
        let session = try InferenceSession(network: network, batch: input.shape[0], extent: extent, threads: 2)
        return session.run(input)
    }

    @Test("weights of Keras-Unet and of its PyTorch twin give their outputs", arguments: cases)
    func customUNet(_ name: String, _ options: CustomUNet, _ activation: OutputDescription.Activation) throws {
        let golden = try GoldenTensors.read("import/\(name).safetensors")
        let found = try Self.run(.customUNet(options), activation, golden)
        for peer in ["keras", "torch"] {
            let expected = try #require(golden[peer])
            #expect(found.shape == expected.shape)
            #expect(zip(found.values, expected.values).allSatisfy { abs($0 - $1) < 1e-5 }, "\(peer)")
        }
    }

    @Test("the unpadded network is Keras-Unet's, and the padded one scores every pixel with the same weights")
    func vanilla() throws {
        let golden = try GoldenTensors.read("import/vanilla.safetensors")
        let bare = try Self.run(.vanillaUNet(VanillaUNet(filters: 4, layers: 2, padsInput: false)), .sigmoid, golden)
        let expected = try #require(golden["keras"])
        #expect(bare.shape == [1, 1, 4, 20])
        #expect(zip(bare.values, expected.values).allSatisfy { abs($0 - $1) < 1e-5 })
        let whole = try Self.run(.vanillaUNet(VanillaUNet(filters: 4, layers: 2)), .sigmoid, golden)
        #expect(whole.shape == [1, 1, 44, 60])
        // What lies far enough from the border is seen the same way.
        for y in 0..<4 {
            for x in 0..<20 { #expect(abs(whole.values[(y + 20) * 60 + x + 20] - bare.values[y * 20 + x]) < 1e-5) }
        }
    }

    @Test("the published sizes: 572 x 572 gives 388 x 388 unpadded, and any even side has a margin that fits")
    func vanillaSizes() throws {
        func output(_ options: VanillaUNet, _ side: Int) throws -> Axes? {
            let shape = NetworkShape(
                inputChannels: 1,
                outputChannels: 2,
                activation: .softmax,
                extent: Axes(height: side, width: side)
            )
            let graph = Architecture.vanillaUNet(options).graph(shape)
            return try graph.shapes(extent: shape.extent).last?.extent
        }
        #expect(try output(VanillaUNet(padsInput: false), 572) == Axes(height: 388, width: 388))
        for side in [2, 64, 190, 388, 512] {
            #expect(try output(VanillaUNet(filters: 2), side) == Axes(height: side, width: side))
        }
    }
}
