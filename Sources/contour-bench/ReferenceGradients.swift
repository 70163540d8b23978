import NeuralNet

/// The backward pass in double precision and plain loops, for the operators of the network that is trained.
extension ReferenceNetwork {
    /// A forward pass in training mode with what the way back needs.
    struct Forward {
        /// By node; nil where nothing reads it any more.
        fileprivate(set) var fields: [Field?]
        let batch: Int
        let shapes: [FeatureShape]
    }

    func forward(_ input: Tensor) throws -> Forward {
        let (batch, shapes) = (input.shape[0], try shapes(of: input))
        var fields = [Field?](repeating: nil, count: graph.nodes.count)
        fields[0] = Field(shape: shapes[0], values: input.values.map(Double.init))
        var kept: Set<Int> = [0, graph.output]
        var lastUse = [Int](repeating: 0, count: graph.nodes.count)
        for (index, node) in graph.nodes.enumerated() {
            for input in node.inputs { lastUse[input] = index }
            switch node.operation {
            case is Convolution, is TransposedConvolution, is Normalization, is MaxPool: kept.formUnion(node.inputs)
            case is ReLU: kept.insert(index)
            default: break
            }
        }
        for (index, node) in graph.nodes.enumerated().dropFirst() {
            let inputs = node.inputs.compactMap { fields[$0] }
            fields[index] = Field(shape: shapes[index], values: try values(node, inputs, shapes[index], batch, true))
            for input in node.inputs where lastUse[input] == index && !kept.contains(input) { fields[input] = nil }
        }
        return Forward(fields: fields, batch: batch, shapes: shapes)
    }

    /// The gradient of every parameter by its name.
    ///
    /// - Parameter result: the gradient of the network's result.
    func gradients(_ forward: consuming Forward, result: [Double]) throws -> [String: [Double]] {
        let (batch, shapes) = (forward.batch, forward.shapes)
        var gradients = [[Double]?](repeating: nil, count: graph.nodes.count)
        gradients[graph.output] = result
        var parameters: [String: [Double]] = [:]
        for (index, node) in graph.nodes.enumerated().dropFirst().reversed() {
            guard let dy = gradients[index] else { continue }
            gradients[index] = nil
            let y = forward.fields[index]
            forward.fields[index] = nil
            let x = forward.fields[node.inputs[0]] ?? Field(shape: shapes[node.inputs[0]], values: [])
            let dx: [[Double]]
            switch node.operation {
            case let c as Convolution:
                let (weight, bias) = parameterGradients(c, x, dy, shapes[index], batch)
                (parameters[node.name + ".weight"], parameters[node.name + ".bias"]) = (weight, bias)
                dx = node.inputs[0] == 0 ? [] : [inputGradient(c, node.name, x.shape, dy, shapes[index], batch)]
            case let c as TransposedConvolution:
                let (weight, bias) = parameterGradients(c, x, dy, shapes[index], batch)
                (parameters[node.name + ".weight"], parameters[node.name + ".bias"]) = (weight, bias)
                dx = [inputGradient(c, node.name, x.shape, dy, shapes[index], batch)]
            case let norm as Normalization:
                let (own, weight, bias) = batchNormGradients(norm, node.name, x, dy, batch)
                (parameters[node.name + ".weight"], parameters[node.name + ".bias"]) = (weight, bias)
                dx = [own]
            case let pool as MaxPool: dx = [maximumGradient(pool.window, x, dy, shapes[index], batch)]
            case is ReLU: dx = [zip(dy, y?.values ?? []).map { $1 > 0 ? $0 : 0 }]
            case is Sigmoid: dx = [zip(dy, y?.values ?? []).map { $0 * $1 * (1 - $1) }]
            case is Dropout: dx = [dy]
            case is Concatenation: dx = parts(of: dy, node.inputs.map { shapes[$0].count }, batch)
            default: throw UnknownOperator(name: node.name)
            }
            for (input, own) in zip(node.inputs, dx) {
                gradients[input] = gradients[input].map { zip($0, own).map(+) } ?? own
            }
        }
        return parameters
    }

    /// Channels of a concatenation, given back to those that they came from.
    private func parts(of dy: [Double], _ counts: [Int], _ batch: Int) -> [[Double]] {
        let all = counts.reduce(0, +)
        return counts.indices.map { part in
            let first = counts[..<part].reduce(0, +)
            return (0..<batch).flatMap { n in dy[n * all + first..<n * all + first + counts[part]] }
        }
    }

    private func maximumGradient(_ window: Window, _ x: Field, _ dy: [Double], _ shape: FeatureShape, _ batch: Int)
        -> [Double]
    {
        let (from, to) = (x.shape.extent, shape.extent)
        return filled(x.values.count, pieces: batch * shape.channels) { piece, dx in
            dx.update(repeating: 0, count: from.count)
            forEachTap(to) { place, at in
                var (value, largest) = (-Double.infinity, 0)
                forEachTap(window.kernel) { _, k in
                    let source = at * window.stride + k
                    guard from.contains(source) else { return }
                    let index = (source.depth * from.height + source.height) * from.width + source.width
                    let own = x.values[piece * from.count + index]
                    if own > value { (value, largest) = (own, index) }
                }
                dx[largest] += dy[piece * to.count + place]
            }
        }
    }

    /// Ioffe and Szegedy, ICML 2015, section 3.
    private func batchNormGradients(_ norm: Normalization, _ name: String, _ x: Field, _ dy: [Double], _ batch: Int)
        -> (input: [Double], weight: [Double], bias: [Double])
    {
        let (channels, count) = (x.shape.channels, x.shape.extent.count)
        let weight = tensors[name + ".weight"]!
        let all = Double(batch * count)
        let moments = (0..<channels).map { x.moments(0..<batch, $0) }
        let scale = moments.map { 1 / ($0.variance + Double(norm.epsilon)).squareRoot() }
        var (weights, biases) = ([Double](repeating: 0, count: channels), [Double](repeating: 0, count: channels))
        for piece in 0..<batch * channels {
            let c = piece % channels
            for place in piece * count..<(piece + 1) * count {
                weights[c] += dy[place] * (x.values[place] - moments[c].mean) * scale[c]
                biases[c] += dy[place]
            }
        }
        let (slopes, sums) = (weights, biases)
        let dx = filled(x.values.count, pieces: batch * channels) { piece, dx in
            let c = piece % channels
            for place in 0..<count {
                let from = piece * count + place
                let own = (x.values[from] - moments[c].mean) * scale[c]
                dx[place] = weight[c] * scale[c] * (dy[from] - sums[c] / all - own * slopes[c] / all)
            }
        }
        return (dx, weights, biases)
    }

    private func biases(_ dy: [Double], _ shape: FeatureShape, _ batch: Int) -> [Double] {
        let count = shape.extent.count
        return (0..<shape.channels).map { o in
            (0..<batch).reduce(0) { sum, n in
                let start = (n * shape.channels + o) * count
                return dy[start..<start + count].reduce(sum, +)
            }
        }
    }

    // MARK: - Convolutions

    private func parameterGradients(
        _ c: Convolution,
        _ x: Field,
        _ dy: [Double],
        _ shape: FeatureShape,
        _ batch: Int
    ) -> (weight: [Double], bias: [Double]) {
        let (from, to, channels) = (x.shape.extent, shape.extent, x.shape.channels)
        let weight = filled(shape.channels * channels * c.kernel.count, pieces: shape.channels * channels) {
            piece,
            dw in
            let (o, i) = (piece / channels, piece % channels)
            forEachTap(c.kernel) { tap, at in
                let lines = ConvolutionLines(from, to, c.stride, at * c.dilation - c.padding)
                dw[tap] = (0..<batch).reduce(0) { sum, n in
                    let (x0, y0) = ((n * channels + i) * from.count, (n * shape.channels + o) * to.count)
                    return lines.reduce(sum) { sum, x1, y1, count, step in
                        var sum = sum
                        for column in 0..<count { sum += x.values[x0 + x1 + column * step] * dy[y0 + y1 + column] }
                        return sum
                    }
                }
            }
        }
        return (weight, biases(dy, shape, batch))
    }

    private func inputGradient(
        _ c: Convolution,
        _ name: String,
        _ x: FeatureShape,
        _ dy: [Double],
        _ shape: FeatureShape,
        _ batch: Int
    ) -> [Double] {
        let (from, to, channels) = (x.extent, shape.extent, x.channels)
        let weight = tensors[name + ".weight"]!
        return filled(batch * x.count, pieces: batch * channels) { piece, dx in
            let (n, i) = (piece / channels, piece % channels)
            dx.update(repeating: 0, count: from.count)
            for o in 0..<shape.channels {
                let y0 = (n * shape.channels + o) * to.count
                forEachTap(c.kernel) { tap, at in
                    let w = weight[(o * channels + i) * c.kernel.count + tap]
                    let lines = ConvolutionLines(from, to, c.stride, at * c.dilation - c.padding)
                    lines.reduce(()) { _, x1, y1, count, step in
                        for column in 0..<count { dx[x1 + column * step] += w * dy[y0 + y1 + column] }
                    }
                }
            }
        }
    }

    private func parameterGradients(
        _ c: TransposedConvolution,
        _ x: Field,
        _ dy: [Double],
        _ shape: FeatureShape,
        _ batch: Int
    ) -> (weight: [Double], bias: [Double]) {
        let (from, to, channels) = (x.shape.extent, shape.extent, x.shape.channels)
        let weight = filled(channels * shape.channels * c.kernel.count, pieces: channels * shape.channels) {
            piece,
            dw in
            let (i, o) = (piece / shape.channels, piece % shape.channels)
            forEachTap(c.kernel) { tap, k in
                // What a convolution reads, a transposed one writes.
                let lines = ConvolutionLines(to, from, c.stride, k - c.padding)
                dw[tap] = (0..<batch).reduce(0) { sum, n in
                    let (x0, y0) = ((n * channels + i) * from.count, (n * shape.channels + o) * to.count)
                    return lines.reduce(sum) { sum, y1, x1, count, step in
                        var sum = sum
                        for column in 0..<count { sum += x.values[x0 + x1 + column] * dy[y0 + y1 + column * step] }
                        return sum
                    }
                }
            }
        }
        return (weight, biases(dy, shape, batch))
    }

    private func inputGradient(
        _ c: TransposedConvolution,
        _ name: String,
        _ x: FeatureShape,
        _ dy: [Double],
        _ shape: FeatureShape,
        _ batch: Int
    ) -> [Double] {
        let (from, to, channels) = (x.extent, shape.extent, x.channels)
        let weight = tensors[name + ".weight"]!
        return filled(batch * x.count, pieces: batch * channels) { piece, dx in
            let (n, i) = (piece / channels, piece % channels)
            dx.update(repeating: 0, count: from.count)
            for o in 0..<shape.channels {
                let y0 = (n * shape.channels + o) * to.count
                forEachTap(c.kernel) { tap, k in
                    let w = weight[(i * shape.channels + o) * c.kernel.count + tap]
                    let lines = ConvolutionLines(to, from, c.stride, k - c.padding)
                    lines.reduce(()) { _, y1, x1, count, step in
                        for column in 0..<count { dx[x1 + column] += w * dy[y0 + y1 + column * step] }
                    }
                }
            }
        }
    }
}

/// Rows of the two pictures of a convolution that one tap of its kernel connects.
struct ConvolutionLines {
    /// Size of the larger picture, which the taps read, and of the smaller one.
    private let from: Axes
    private let to: Axes
    private let stride: Axes
    private let offset: Axes
    private let columns: Range<Int>

    init(_ from: Axes, _ to: Axes, _ stride: Axes, _ offset: Axes) {
        (self.from, self.to, self.stride, self.offset) = (from, to, stride, offset)
        // Columns whose place is inside.
        let first = max(0, (-offset.width + stride.width - 1) / stride.width)
        let end = min(to.width, (from.width - 1 - offset.width) / stride.width + 1)
        columns = first..<max(first, end)
    }

    /// Calls `body` with the first places in `from` and `to` of each pair of rows, their number, and the step in `from`.
    @discardableResult
    func reduce<Result>(
        _ initial: Result,
        _ body: (_ result: Result, _ from: Int, _ to: Int, _ count: Int, _ step: Int) -> Result
    ) -> Result {
        guard !columns.isEmpty else { return initial }
        var result = initial
        for z in 0..<to.depth {
            let depth = z * stride.depth + offset.depth
            guard (0..<from.depth).contains(depth) else { continue }
            for row in 0..<to.height {
                let height = row * stride.height + offset.height
                guard (0..<from.height).contains(height) else { continue }
                result = body(
                    result,
                    (depth * from.height + height) * from.width + offset.width + columns.lowerBound * stride.width,
                    (z * to.height + row) * to.width + columns.lowerBound,
                    columns.count,
                    stride.width
                )
            }
        }
        return result
    }
}
