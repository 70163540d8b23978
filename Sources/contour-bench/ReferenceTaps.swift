import NeuralNet

/// The taps of a convolution between a large picture and a small one. A convolution gathers from the large to the small one; a
/// transposed one, and the gradient of a convolution's input, scatter from the small to the large one. Weights are
/// [small channel][large channel][tap] for both.
struct Taps {
    private let kernel: Axes
    private let stride: Axes
    private let dilation: Axes
    private let padding: Axes

    init(_ c: Convolution) {
        (kernel, stride, dilation, padding) = (c.kernel, c.stride, c.dilation, c.padding)
    }

    init(_ c: TransposedConvolution) {
        (kernel, stride, dilation, padding) = (c.kernel, c.stride, Axes(depth: 1, height: 1, width: 1), c.padding)
    }

    private func lines(_ large: FeatureShape, _ small: FeatureShape, _ at: Axes) -> ConvolutionLines {
        ConvolutionLines(large.extent, small.extent, stride, at * dilation - padding)
    }

    func gathered(
        _ large: ReferenceNetwork.Field,
        to small: FeatureShape,
        _ weight: [Double],
        bias: [Double]?,
        _ batch: Int,
        _ threads: Int
    ) -> [Double] {
        let (from, to, channels) = (large.shape.extent.count, small.extent.count, large.shape.channels)
        return filled(batch * small.count, pieces: batch * small.channels, threads: threads) { piece, y in
            let (n, s) = (piece / small.channels, piece % small.channels)
            y.update(repeating: bias?[s] ?? 0, count: to)
            large.values.withUnsafeBufferPointer { x in
                for l in 0..<channels {
                    let plane = x.baseAddress! + (n * channels + l) * from
                    forEachTap(kernel) { tap, at in
                        let w = weight[(s * channels + l) * kernel.count + tap]
                        lines(large.shape, small, at).reduce(()) { _, x1, y1, count, step in
                            for column in 0..<count { y[y1 + column] += w * plane[x1 + column * step] }
                        }
                    }
                }
            }
        }
    }

    func scattered(
        _ small: ReferenceNetwork.Field,
        to large: FeatureShape,
        _ weight: [Double],
        bias: [Double]?,
        _ batch: Int,
        _ threads: Int
    ) -> [Double] {
        let (from, to, channels) = (small.shape.extent.count, large.extent.count, small.shape.channels)
        return filled(batch * large.count, pieces: batch * large.channels, threads: threads) { piece, y in
            let (n, l) = (piece / large.channels, piece % large.channels)
            y.update(repeating: bias?[l] ?? 0, count: to)
            small.values.withUnsafeBufferPointer { x in
                for s in 0..<channels {
                    let plane = x.baseAddress! + (n * channels + s) * from
                    forEachTap(kernel) { tap, at in
                        let w = weight[(s * large.channels + l) * kernel.count + tap]
                        lines(large, small.shape, at).reduce(()) { _, y1, x1, count, step in
                            for column in 0..<count { y[y1 + column * step] += w * plane[x1 + column] }
                        }
                    }
                }
            }
        }
    }

    /// Of the weights, from values of one picture and gradients of the other.
    func weightGradient(
        large: ReferenceNetwork.Field,
        small: ReferenceNetwork.Field,
        _ batch: Int,
        _ threads: Int
    ) -> [Double] {
        let (big, little) = (large.shape, small.shape)
        let pieces = little.channels * big.channels
        return filled(pieces * kernel.count, pieces: pieces, threads: threads) { piece, dw in
            let (s, l) = (piece / big.channels, piece % big.channels)
            forEachTap(kernel) { tap, at in
                let lines = lines(big, little, at)
                dw[tap] = (0..<batch).reduce(0) { sum, n in
                    let x0 = (n * big.channels + l) * big.extent.count
                    let y0 = (n * little.channels + s) * little.extent.count
                    return lines.reduce(sum) { sum, x1, y1, count, step in
                        var sum = sum
                        for column in 0..<count {
                            sum += large.values[x0 + x1 + column * step] * small.values[y0 + y1 + column]
                        }
                        return sum
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
