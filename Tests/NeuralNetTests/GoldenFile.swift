import Foundation
import NeuralNet

/// Golden files made by PyTorch: see Tests/Fixtures/neuralnet/make_goldens.py.
enum GoldenFile {
    static func read(_ name: String) throws -> [String: Tensor] {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Fixtures/neuralnet")
        return try Safetensors.decode(Data(contentsOf: folder.appendingPathComponent(name))).tensors
    }

    /// Keys that begin with a prefix, without it.
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

/// The U-Net of make_goldens.py.
func goldenUNet() -> Graph {
    var graph = Graph()
    var x = graph.add(.input(channels: 2), name: "input")
    func block(_ input: Graph.Value, _ filters: Int, _ name: String) -> Graph.Value {
        var x = input
        for part in 1...2 {
            let convolution = Convolution(outChannels: filters, kernel: 3, padding: 1, hasBias: false)
            x = graph.add(.convolution(convolution), [x], name: "\(name).conv\(part)")
            x = graph.add(.relu, [x])
            x = graph.add(.batchNorm(epsilon: 1e-3, momentum: 0.01), [x], name: "\(name).norm\(part)")
        }
        return x
    }
    let a = block(x, 5, "down0")
    x = graph.add(.maxPool(size: 2), [a])
    let b = block(x, 10, "down1")
    x = graph.add(.maxPool(size: 2), [b])
    x = block(x, 20, "middle")
    x = graph.add(.transposedConvolution(outChannels: 10, stride: 2), [x], name: "up1")
    x = graph.add(.concatenation, [x, b])
    x = block(x, 10, "dec1")
    x = graph.add(.transposedConvolution(outChannels: 5, stride: 2), [x], name: "up0")
    x = graph.add(.concatenation, [x, a])
    x = block(x, 5, "dec0")
    x = graph.add(.convolution(Convolution(outChannels: 3, kernel: 1)), [x], name: "head")
    _ = graph.add(.softmax, [x])
    return graph
}
