import Platform

/// Batch normalisation per channel (Ioffe and Szegedy, ICML 2015) over samples, rows and columns.
struct BatchNorm: Sendable {
    let shape: FeatureShape
    let epsilon: Float
    let momentum: Float

    /// Training mode. Writes the batch's mean and 1 / deviation a channel to `mean` and `inverse`, and moves the
    /// running statistics (variance with Bessel's correction, as PyTorch does).
    func forwardTraining(
        _ x: UnsafePointer<Float>,
        weight: UnsafePointer<Float>,
        bias: UnsafePointer<Float>,
        runningMean: UnsafeMutablePointer<Float>,
        runningVariance: UnsafeMutablePointer<Float>,
        mean: UnsafeMutablePointer<Float>,
        inverse: UnsafeMutablePointer<Float>,
        _ y: UnsafeMutablePointer<Float>,
        batch: Int,
        threads: Int
    ) {
        nonisolated(unsafe) let (x, weight, bias, y) = (x, weight, bias, y)
        nonisolated(unsafe) let (mean, inverse) = (mean, inverse)
        nonisolated(unsafe) let (runningMean, runningVariance) = (runningMean, runningVariance)
        let count = Double(batch * shape.plane)
        parallelFor(shape.channels, threads: threads) { channels in
            for channel in channels {
                var sum = 0.0
                forEachPlane(channel, batch) { sum += planeSum(x + $0) }
                let average = Float(sum / count)
                var squares = 0.0
                forEachPlane(channel, batch) { squares += planeSquares(x + $0, around: average) }
                let variance = squares / count
                mean[channel] = average
                inverse[channel] = Float(1 / (variance + Double(epsilon)).squareRoot())
                let unbiased = Float(squares / max(1, count - 1))
                runningMean[channel] += momentum * (average - runningMean[channel])
                runningVariance[channel] += momentum * (unbiased - runningVariance[channel])
                let scale = weight[channel] * inverse[channel]
                let shift = bias[channel] - average * scale
                forEachPlane(channel, batch) { offset in
                    for n in 0..<shape.plane { y[offset + n] = x[offset + n] * scale + shift }
                }
            }
        }
    }

    /// Accumulates into `dX`, `dWeight`, `dBias`.
    func backward(
        _ x: UnsafePointer<Float>,
        dY: UnsafePointer<Float>,
        weight: UnsafePointer<Float>,
        mean: UnsafePointer<Float>,
        inverse: UnsafePointer<Float>,
        dX: UnsafeMutablePointer<Float>,
        dWeight: UnsafeMutablePointer<Float>,
        dBias: UnsafeMutablePointer<Float>,
        batch: Int,
        threads: Int
    ) {
        nonisolated(unsafe) let (x, dY, weight, mean, inverse) = (x, dY, weight, mean, inverse)
        nonisolated(unsafe) let (dX, dWeight, dBias) = (dX, dWeight, dBias)
        let count = Float(batch * shape.plane)
        parallelFor(shape.channels, threads: threads) { channels in
            for channel in channels {
                let average = mean[channel]
                var sum = 0.0
                var product = 0.0
                forEachPlane(channel, batch) { offset in
                    sum += planeSum(dY + offset)
                    product += planeProduct(dY + offset, x + offset, around: average)
                }
                let scale = inverse[channel]
                dBias[channel] += Float(sum)
                dWeight[channel] += Float(product) * scale
                // dx = w / s * (dy - mean(dy) - xhat * mean(dy * xhat))
                let factor = weight[channel] * scale
                let meanGradient = Float(sum) / count
                let slope = Float(product) / count * scale * scale
                forEachPlane(channel, batch) { offset in
                    for n in 0..<shape.plane {
                        let centred = x[offset + n] - average
                        dX[offset + n] += factor * (dY[offset + n] - meanGradient - centred * slope)
                    }
                }
            }
        }
    }

    @inline(__always)
    private func forEachPlane(_ channel: Int, _ batch: Int, _ body: (Int) -> Void) {
        for sample in 0..<batch { body(sample * shape.count + channel * shape.plane) }
    }

    private func planeSum(_ x: UnsafePointer<Float>) -> Double {
        chunked { start, vectors, tail in
            var lanes = SIMD8<Float>()
            for v in 0..<vectors { lanes += load8(x + start + 8 * v) }
            return Double(lanes.sum()) + tail.reduce(0) { $0 + Double(x[$1]) }
        }
    }

    private func planeSquares(_ x: UnsafePointer<Float>, around average: Float) -> Double {
        chunked { start, vectors, tail in
            var lanes = SIMD8<Float>()
            for v in 0..<vectors {
                let d = load8(x + start + 8 * v) - average
                lanes.addProduct(d, d)
            }
            return Double(lanes.sum()) + tail.reduce(0) { $0 + Double((x[$1] - average) * (x[$1] - average)) }
        }
    }

    private func planeProduct(_ g: UnsafePointer<Float>, _ x: UnsafePointer<Float>, around average: Float) -> Double {
        chunked { start, vectors, tail in
            var lanes = SIMD8<Float>()
            for v in 0..<vectors { lanes.addProduct(load8(g + start + 8 * v), load8(x + start + 8 * v) - average) }
            return Double(lanes.sum()) + tail.reduce(0) { $0 + Double(g[$1] * (x[$1] - average)) }
        }
    }

    /// Sums in chunks of 1024 so that single precision lanes never run over more than 128 terms.
    @inline(__always)
    private func chunked(_ part: (_ start: Int, _ vectors: Int, _ tail: Range<Int>) -> Double) -> Double {
        var total = 0.0
        var start = 0
        while start < shape.plane {
            let end = min(shape.plane, start + 1024)
            let vectors = (end - start) / 8
            total += part(start, vectors, start + 8 * vectors..<end)
            start = end
        }
        return total
    }
}
