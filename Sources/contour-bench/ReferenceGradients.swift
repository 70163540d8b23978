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
                let (taps, weight, own) = (
                    Taps(c), tensors[node.name + ".weight"]!, Field(shape: shapes[index], values: dy)
                )
                parameters[node.name + ".weight"] = taps.weightGradient(large: x, small: own, batch, threads)
                parameters[node.name + ".bias"] = biases(dy, shapes[index], batch)
                // What it gathers from, its gradient is scattered to.
                dx = node.inputs[0] == 0 ? [] : [taps.scattered(own, to: x.shape, weight, bias: nil, batch, threads)]
            case let c as TransposedConvolution:
                let (taps, weight, own) = (
                    Taps(c), tensors[node.name + ".weight"]!, Field(shape: shapes[index], values: dy)
                )
                parameters[node.name + ".weight"] = taps.weightGradient(large: own, small: x, batch, threads)
                parameters[node.name + ".bias"] = biases(dy, shapes[index], batch)
                dx = [taps.gathered(own, to: x.shape, weight, bias: nil, batch, threads)]
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
}
