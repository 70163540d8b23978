import Foundation
import NeuralNet
import Platform

/// A network in double precision and plain loops, for one batch: what the fast kernels are compared with. It knows the
/// operators of the networks that are measured.
struct ReferenceNetwork {
    let graph: Graph
    /// Parameters and buffers by name.
    var tensors: [String: [Double]]
    let threads: Int

    init(_ network: Network, threads: Int) {
        graph = network.graph
        tensors = network.tensors.mapValues { $0.values.map(Double.init) }
        self.threads = threads
    }

    /// Values of N C D H W.
    struct Field {
        var shape: FeatureShape
        var values: [Double]
    }

    /// - Parameter isTraining: batch norm takes the statistics of the batch.
    /// - Returns: the result of the network, N C [D] H W.
    func result(of input: Tensor, isTraining: Bool = false) throws -> [Double] {
        let batch = input.shape[0]
        let shapes = try shapes(of: input)
        var lastUse = [Int](repeating: 0, count: graph.nodes.count)
        for (index, node) in graph.nodes.enumerated() { for input in node.inputs { lastUse[input] = index } }
        var fields: [Field?] = [Field(shape: shapes[0], values: input.values.map(Double.init))]
        for (index, node) in graph.nodes.enumerated().dropFirst() {
            let inputs = node.inputs.compactMap { fields[$0] }
            fields.append(
                Field(shape: shapes[index], values: try values(node, inputs, shapes[index], batch, isTraining))
            )
            for input in node.inputs where lastUse[input] == index && input != graph.output { fields[input] = nil }
        }
        return fields[graph.output]?.values ?? []
    }

    func shapes(of input: Tensor) throws -> [FeatureShape] {
        try graph.shapes(extent: Axes(spatial: Array(input.shape.dropFirst(2))))
    }

    func values(
        _ node: Node,
        _ inputs: [Field],
        _ shape: FeatureShape,
        _ batch: Int,
        _ isTraining: Bool
    ) throws -> [Double] {
        let x = inputs[0]
        switch node.operation {
        case let convolution as Convolution: return self.convolution(convolution, node.name, x, shape, batch)
        case let convolution as TransposedConvolution: return transposed(convolution, node.name, x, shape, batch)
        case let norm as Normalization: return normalized(norm, node.name, x, batch, isTraining)
        case let pool as MaxPool where pool.window.padding == .zero: return maximum(pool.window, x, shape, batch)
        case is ReLU: return x.values.map { max($0, 0) }
        case let relu as LeakyReLU: return x.values.map { $0 > 0 ? $0 : $0 * Double(relu.negativeSlope) }
        case is Sigmoid: return x.values.map { 1 / (1 + exp(-$0)) }
        case is Softmax: return softmax(x, batch)
        case is Concatenation: return concatenated(inputs, batch)
        case let dropout as Dropout where dropout.rate == 0 || !isTraining: return x.values
        default: throw UnknownOperator(name: node.name)
        }
    }

    struct UnknownOperator: Error, CustomStringConvertible {
        let name: String
        var description: String { "the reference does not know the operator \(name)" }
    }

    private func convolution(
        _ c: Convolution,
        _ name: String,
        _ x: Field,
        _ shape: FeatureShape,
        _ batch: Int
    ) -> [Double] {
        Taps(c).gathered(x, to: shape, tensors[name + ".weight"]!, bias: tensors[name + ".bias"], batch, threads)
    }

    private func transposed(
        _ c: TransposedConvolution,
        _ name: String,
        _ x: Field,
        _ shape: FeatureShape,
        _ batch: Int
    ) -> [Double] {
        Taps(c).scattered(x, to: shape, tensors[name + ".weight"]!, bias: tensors[name + ".bias"], batch, threads)
    }

    private func normalized(
        _ norm: Normalization,
        _ name: String,
        _ x: Field,
        _ batch: Int,
        _ isTraining: Bool
    ) -> [Double] {
        let (weight, bias) = (tensors[name + ".weight"]!, tensors[name + ".bias"]!)
        let (channels, count) = (x.shape.channels, x.shape.extent.count)
        return filled(x.values.count, pieces: batch * channels) { piece, y in
            let (n, c) = (piece / channels, piece % channels)
            let (mean, variance) =
                switch norm.group {
                case .batch where !isTraining: (tensors[name + ".running_mean"]![c], tensors[name + ".running_var"]![c])
                case .batch: x.moments(0..<batch, c)
                default: x.moments(n..<n + 1, c)
                }
            let factor = weight[c] / (variance + Double(norm.epsilon)).squareRoot()
            for place in 0..<count { y[place] = (x.values[piece * count + place] - mean) * factor + bias[c] }
        }
    }

    private func maximum(_ window: Window, _ x: Field, _ shape: FeatureShape, _ batch: Int) -> [Double] {
        let (from, to) = (x.shape.extent, shape.extent)
        return filled(batch * shape.count, pieces: batch * shape.channels) { piece, y in
            forEachTap(to) { place, at in
                var value = -Double.infinity
                forEachTap(window.kernel) { _, k in
                    let source = at * window.stride + k
                    guard from.contains(source) else { return }
                    let index = (source.depth * from.height + source.height) * from.width + source.width
                    value = max(value, x.values[piece * from.count + index])
                }
                y[place] = value
            }
        }
    }

    private func softmax(_ x: Field, _ batch: Int) -> [Double] {
        let (channels, count) = (x.shape.channels, x.shape.extent.count)
        var y = x.values.map { exp($0) }
        for n in 0..<batch {
            for place in 0..<count {
                let places = (0..<channels).map { (n * channels + $0) * count + place }
                let sum = places.reduce(0) { $0 + y[$1] }
                for index in places { y[index] /= sum }
            }
        }
        return y
    }

    private func concatenated(_ inputs: [Field], _ batch: Int) -> [Double] {
        (0..<batch).flatMap { n in
            inputs.flatMap { $0.values[n * $0.shape.count..<(n + 1) * $0.shape.count] }
        }
    }

    /// Values in equal pieces, each of which one thread fills.
    func filled(_ count: Int, pieces: Int, _ fill: @escaping (Int, UnsafeMutablePointer<Double>) -> Void) -> [Double] {
        contour_bench.filled(count, pieces: pieces, threads: threads, fill)
    }
}

/// Values in equal pieces, each of which one thread fills.
func filled(
    _ count: Int,
    pieces: Int,
    threads: Int,
    _ fill: @escaping (Int, UnsafeMutablePointer<Double>) -> Void
) -> [Double] {
    [Double](unsafeUninitializedCapacity: count) { buffer, initialized in
        nonisolated(unsafe) let (start, fill) = (buffer.baseAddress!, fill)
        parallelFor(pieces, threads: threads) { own in
            for piece in own { fill(piece, start + piece * (count / pieces)) }
        }
        initialized = count
    }
}

extension ReferenceNetwork.Field {
    /// Mean and variance of channel `c` of some samples.
    func moments(_ samples: Range<Int>, _ c: Int) -> (mean: Double, variance: Double) {
        let count = shape.extent.count
        let starts = samples.map { ($0 * shape.channels + c) * count }
        let all = Double(samples.count * count)
        let mean = starts.reduce(0) { sum, start in values[start..<start + count].reduce(sum, +) } / all
        let squares = starts.reduce(0) { sum, start in
            values[start..<start + count].reduce(sum) { $0 + ($1 - mean) * ($1 - mean) }
        }
        return (mean, squares / all)
    }
}

/// Calls `body` with every place of a box and its number.
func forEachTap(_ extent: Axes, _ body: (Int, Axes) -> Void) {
    var number = 0
    for z in 0..<extent.depth {
        for y in 0..<extent.height {
            for x in 0..<extent.width {
                body(number, Axes(depth: z, height: y, width: x))
                number += 1
            }
        }
    }
}

extension Axes {
    func contains(_ place: Axes) -> Bool {
        (0..<depth).contains(place.depth) && (0..<height).contains(place.height) && (0..<width).contains(place.width)
    }

    static func * (a: Axes, b: Axes) -> Axes {
        Axes(depth: a.depth * b.depth, height: a.height * b.height, width: a.width * b.width)
    }

    static func + (a: Axes, b: Axes) -> Axes {
        Axes(depth: a.depth + b.depth, height: a.height + b.height, width: a.width + b.width)
    }

    static func - (a: Axes, b: Axes) -> Axes {
        Axes(depth: a.depth - b.depth, height: a.height - b.height, width: a.width - b.width)
    }
}
