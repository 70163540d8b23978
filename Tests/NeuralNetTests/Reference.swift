import NeuralNet

/// Operators as their definitions say, in double precision and plain loops: what the fast ones are compared with,
/// and what finite differences are taken of.
struct Reference {
    /// Values of N C D H W.
    struct Field {
        var batch: Int
        var shape: FeatureShape
        var values: [Double]

        init(_ tensor: Tensor) {
            batch = tensor.shape[0]
            shape = FeatureShape(channels: tensor.shape[1], extent: Axes(spatial: Array(tensor.shape.dropFirst(2))))
            values = tensor.values.map(Double.init)
        }

        init(batch: Int, channels: Int, extent: Axes) {
            self.batch = batch
            shape = FeatureShape(channels: channels, extent: extent)
            values = [Double](repeating: 0, count: batch * shape.count)
        }

        subscript(_ n: Int, _ c: Int, _ at: Axes) -> Double {
            get { values[index(n, c, at)] }
            set { values[index(n, c, at)] = newValue }
        }

        private func index(_ n: Int, _ c: Int, _ at: Axes) -> Int {
            let e = shape.extent
            return (((n * shape.channels + c) * e.depth + at.depth) * e.height + at.height) * e.width + at.width
        }

        /// Zero outside.
        func padded(_ n: Int, _ c: Int, _ at: Axes) -> Double { contains(at) ? self[n, c, at] : 0 }

        func contains(_ at: Axes) -> Bool {
            zip(at.lengths, shape.extent.lengths).allSatisfy { $0 >= 0 && $0 < $1 }
        }

        func mapped(_ transform: (_ n: Int, _ c: Int, _ at: Axes) -> Double) -> Field {
            var result = self
            result.fill(transform)
            return result
        }

        mutating func fill(_ transform: (_ n: Int, _ c: Int, _ at: Axes) -> Double) {
            for n in 0..<batch {
                for c in 0..<shape.channels {
                    places(shape.extent) { self[n, c, $0] = transform(n, c, $0) }
                }
            }
        }
    }

    /// Calls `body` with every place of a box.
    static func places(_ extent: Axes, _ body: (Axes) -> Void) {
        for z in 0..<extent.depth {
            for y in 0..<extent.height { for x in 0..<extent.width { body(Axes(depth: z, height: y, width: x)) } }
        }
    }

    typealias Parameters = [String: [Double]]

    static func convolution(_ c: Convolution, _ x: Field, _ p: Parameters) throws -> Field {
        var y = Field(batch: x.batch, channels: c.outChannels, extent: try c.shape(of: [x.shape]).extent)
        let weight = p["weight"]!
        y.fill { n, o, at in
            var sum = p["bias"]?[o] ?? 0
            for i in 0..<x.shape.channels {
                var tap = (o * x.shape.channels + i) * c.kernel.count
                places(c.kernel) { k in
                    let place = combine(at, c.stride, k, c.dilation, c.padding)
                    sum += weight[tap] * x.padded(n, i, place)
                    tap += 1
                }
            }
            return sum
        }
        return y
    }

    static func transposed(_ c: TransposedConvolution, _ x: Field, _ p: Parameters) throws -> Field {
        var y = Field(batch: x.batch, channels: c.outChannels, extent: try c.shape(of: [x.shape]).extent)
        y.fill { _, o, _ in p["bias"]?[o] ?? 0 }
        let weight = p["weight"]!
        for n in 0..<x.batch {
            for i in 0..<x.shape.channels {
                places(x.shape.extent) { at in
                    for o in 0..<c.outChannels {
                        var tap = (i * c.outChannels + o) * c.kernel.count
                        places(c.kernel) { k in
                            let place = combine(at, c.stride, k, .one, c.padding)
                            if y.contains(place) { y[n, o, place] += weight[tap] * x[n, i, at] }
                            tap += 1
                        }
                    }
                }
            }
        }
        return y
    }

    /// at * stride + k * dilation - padding
    private static func combine(_ at: Axes, _ stride: Axes, _ k: Axes, _ dilation: Axes, _ padding: Axes) -> Axes {
        Axes(
            depth: at.depth * stride.depth + k.depth * dilation.depth - padding.depth,
            height: at.height * stride.height + k.height * dilation.height - padding.height,
            width: at.width * stride.width + k.width * dilation.width - padding.width
        )
    }

    static func normalization(_ norm: Normalization, _ x: Field, _ p: Parameters) -> Field {
        var sums: [Int: (sum: Double, squares: Double, count: Double)] = [:]
        func group(_ n: Int, _ c: Int) -> Int {
            switch norm.group {
            case .batch: c
            case .instance: n * x.shape.channels + c
            case .channels(let groups): n * groups + c / (x.shape.channels / groups)
            }
        }
        _ = x.mapped { n, c, at in
            sums[group(n, c), default: (0, 0, 0)].sum += x[n, c, at]
            sums[group(n, c)]!.count += 1
            return 0
        }
        _ = x.mapped { n, c, at in
            let difference = x[n, c, at] - sums[group(n, c)]!.sum / sums[group(n, c)]!.count
            sums[group(n, c)]!.squares += difference * difference
            return 0
        }
        return x.mapped { n, c, at in
            let (sum, squares, count) = sums[group(n, c)]!
            let deviation = (squares / count + Double(norm.epsilon)).squareRoot()
            return (x[n, c, at] - sum / count) / deviation * p["weight"]![c] + p["bias"]![c]
        }
    }

    static func softmax(_ x: Field) -> Field {
        x.mapped { n, c, at in
            x[n, c, at].exponential / (0..<x.shape.channels).reduce(0) { $0 + x[n, $1, at].exponential }
        }
    }

    static func pool(_ w: Window, _ x: Field, _ reduce: ([Double]) -> Double) throws -> Field {
        var y = Field(
            batch: x.batch,
            channels: x.shape.channels,
            extent: try MaxPool(w).shape(of: [x.shape]).extent
        )
        y.fill { n, c, at in
            var inside: [Double] = []
            places(w.kernel) { k in
                let place = combine(at, w.stride, k, .one, w.padding)
                if x.contains(place) { inside.append(x[n, c, place]) }
            }
            return reduce(inside)
        }
        return y
    }

    static func nearest(_ factor: Axes, _ x: Field) throws -> Field {
        var y = Field(
            batch: x.batch,
            channels: x.shape.channels,
            extent: try NearestUpsample(factor: factor).shape(of: [x.shape]).extent
        )
        y.fill { n, c, at in
            let place = Axes(
                depth: at.depth / factor.depth,
                height: at.height / factor.height,
                width: at.width / factor.width
            )
            return x[n, c, place]
        }
        return y
    }

    /// Hat functions around the centres of the values, the outermost ones level outwards.
    static func linear(_ factor: Axes, _ x: Field) throws -> Field {
        var y = Field(
            batch: x.batch,
            channels: x.shape.channels,
            extent: try LinearUpsample(factor: factor).shape(of: [x.shape]).extent
        )
        func weight(_ target: Int, _ source: Int, _ factor: Int, _ length: Int) -> Double {
            let position = min(max((Double(target) + 0.5) / Double(factor) - 0.5, 0), Double(length - 1))
            return max(0, 1 - abs(position - Double(source)))
        }
        let e = x.shape.extent
        y.fill { n, c, at in
            var sum = 0.0
            places(e) { place in
                sum +=
                    x[n, c, place] * weight(at.depth, place.depth, factor.depth, e.depth)
                    * weight(at.height, place.height, factor.height, e.height)
                    * weight(at.width, place.width, factor.width, e.width)
            }
            return sum
        }
        return y
    }

    static func concatenation(_ inputs: [Field]) -> Field {
        var y = Field(
            batch: inputs[0].batch,
            channels: inputs.reduce(0) { $0 + $1.shape.channels },
            extent: inputs[0].shape.extent
        )
        y.fill { n, c, at in
            var channel = c
            for input in inputs {
                if channel < input.shape.channels { return input[n, channel, at] }
                channel -= input.shape.channels
            }
            return .nan
        }
        return y
    }

    /// Value of an input, whose only channel counts for all.
    static func broadcast(_ x: Field, _ n: Int, _ c: Int, _ at: Axes) -> Double {
        x[n, x.shape.channels == 1 ? 0 : c, at]
    }

    static func crop(_ x: Field, to extent: Axes) -> Field {
        var y = Field(batch: x.batch, channels: x.shape.channels, extent: extent)
        let e = x.shape.extent
        y.fill { n, c, at in
            let place = Axes(
                depth: at.depth + (e.depth - extent.depth) / 2,
                height: at.height + (e.height - extent.height) / 2,
                width: at.width + (e.width - extent.width) / 2
            )
            return x[n, c, place]
        }
        return y
    }
}
