import Foundation
import NeuralNet

/// Golden files made by PyTorch: see Tests/Fixtures/neuralnet/make_goldens.py.
enum GoldenFile {
    static func read(_ name: String) throws -> [String: Tensor] {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Fixtures/neuralnet")
        return try Safetensors.decode(Data(contentsOf: folder.appendingPathComponent(name))).tensors
    }

    /// The rows of the operator table, read once.
    static let operators = Result { try read("operators.safetensors") }

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
    var graph = Graph(inputChannels: 2)
    func block(_ input: Graph.Value, _ filters: Int, _ name: String) -> Graph.Value {
        var x = input
        for part in 1...2 {
            let convolution = Convolution(outChannels: filters, kernel: 3, padding: 1, hasBias: false)
            x = graph.add(convolution, x, name: "\(name).conv\(part)")
            x = graph.add(ReLU(), x)
            x = graph.add(Normalization(.batch(momentum: 0.01), epsilon: 1e-3), x, name: "\(name).norm\(part)")
        }
        return x
    }
    let a = block(graph.input, 5, "down0")
    var x = graph.add(MaxPool(size: .plane(2)), a)
    let b = block(x, 10, "down1")
    x = graph.add(MaxPool(size: .plane(2)), b)
    x = block(x, 20, "middle")
    x = graph.add(TransposedConvolution(outChannels: 10, stride: .plane(2)), x, name: "up1")
    x = graph.add(Concatenation(), [x, b])
    x = block(x, 10, "dec1")
    x = graph.add(TransposedConvolution(outChannels: 5, stride: .plane(2)), x, name: "up0")
    x = graph.add(Concatenation(), [x, a])
    x = block(x, 5, "dec0")
    x = graph.add(Convolution(outChannels: 3, kernel: 1), x, name: "head")
    _ = graph.add(Softmax(), x)
    return graph
}
