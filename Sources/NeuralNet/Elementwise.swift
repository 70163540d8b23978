import Platform

#if canImport(Glibc)
import Glibc
#endif

/// Operators that look at one value, one place or one window at a time. Gradients accumulate (`+=`).
/// Shapes are N C H W; `count` counts values of the whole batch.
enum Elementwise {
    /// Cuts long arrays over threads; short ones are not worth it.
    static func forEachRange(_ count: Int, threads: Int, _ body: @Sendable (Range<Int>) -> Void) {
        parallelFor(count, threads: count < 16384 ? 1 : threads, body)
    }

    static func relu(
        _ x: UnsafePointer<Float>,
        slope: Float,
        _ y: UnsafeMutablePointer<Float>,
        count: Int,
        threads: Int
    ) {
        nonisolated(unsafe) let (x, y) = (x, y)
        forEachRange(count, threads: threads) { range in
            for n in range { y[n] = x[n] > 0 ? x[n] : slope * x[n] }
        }
    }

    /// Needs the output alone: a positive slope keeps the sign.
    static func reluGradient(
        y: UnsafePointer<Float>,
        dY: UnsafePointer<Float>,
        slope: Float,
        dX: UnsafeMutablePointer<Float>,
        count: Int,
        threads: Int
    ) {
        nonisolated(unsafe) let (y, dY, dX) = (y, dY, dX)
        forEachRange(count, threads: threads) { range in
            for n in range { dX[n] += y[n] > 0 ? dY[n] : slope * dY[n] }
        }
    }

    static func sigmoid(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, count: Int, threads: Int) {
        nonisolated(unsafe) let (x, y) = (x, y)
        forEachRange(count, threads: threads) { range in
            for n in range { y[n] = 1 / (1 + exp(-x[n])) }
        }
    }

    static func sigmoidGradient(
        y: UnsafePointer<Float>,
        dY: UnsafePointer<Float>,
        dX: UnsafeMutablePointer<Float>,
        count: Int,
        threads: Int
    ) {
        nonisolated(unsafe) let (y, dY, dX) = (y, dY, dX)
        forEachRange(count, threads: threads) { range in
            for n in range { dX[n] += dY[n] * y[n] * (1 - y[n]) }
        }
    }

    static func softmax(
        _ x: UnsafePointer<Float>,
        shape: FeatureShape,
        _ y: UnsafeMutablePointer<Float>,
        batch: Int,
        threads: Int
    ) {
        nonisolated(unsafe) let (x, y) = (x, y)
        parallelFor(batch * shape.height, threads: threads) { rows in
            for row in rows {
                let start = row / shape.height * shape.count + row % shape.height * shape.width
                for column in 0..<shape.width {
                    let place = start + column
                    var largest = -Float.infinity
                    for channel in 0..<shape.channels { largest = max(largest, x[place + channel * shape.plane]) }
                    var sum: Float = 0
                    for channel in 0..<shape.channels {
                        let value = exp(x[place + channel * shape.plane] - largest)
                        y[place + channel * shape.plane] = value
                        sum += value
                    }
                    for channel in 0..<shape.channels { y[place + channel * shape.plane] /= sum }
                }
            }
        }
    }

    static func softmaxGradient(
        y: UnsafePointer<Float>,
        dY: UnsafePointer<Float>,
        shape: FeatureShape,
        dX: UnsafeMutablePointer<Float>,
        batch: Int,
        threads: Int
    ) {
        nonisolated(unsafe) let (y, dY, dX) = (y, dY, dX)
        parallelFor(batch * shape.height, threads: threads) { rows in
            for row in rows {
                let start = row / shape.height * shape.count + row % shape.height * shape.width
                for column in 0..<shape.width {
                    var product: Float = 0
                    for channel in 0..<shape.channels {
                        let n = start + column + channel * shape.plane
                        product += y[n] * dY[n]
                    }
                    for channel in 0..<shape.channels {
                        let n = start + column + channel * shape.plane
                        dX[n] += y[n] * (dY[n] - product)
                    }
                }
            }
        }
    }

    /// `input` is the shape of x.
    static func maxPool(
        _ x: UnsafePointer<Float>,
        input: FeatureShape,
        size: Int,
        _ y: UnsafeMutablePointer<Float>,
        batch: Int,
        threads: Int
    ) {
        nonisolated(unsafe) let (x, y) = (x, y)
        forEachWindow(input, size: size, batch: batch, threads: threads) { window, corner in
            y[window] = x[largest(x, corner, input, size)]
        }
    }

    static func maxPoolGradient(
        _ x: UnsafePointer<Float>,
        dY: UnsafePointer<Float>,
        input: FeatureShape,
        size: Int,
        dX: UnsafeMutablePointer<Float>,
        batch: Int,
        threads: Int
    ) {
        nonisolated(unsafe) let (x, dY, dX) = (x, dY, dX)
        forEachWindow(input, size: size, batch: batch, threads: threads) { window, corner in
            dX[largest(x, corner, input, size)] += dY[window]
        }
    }

    /// The first of the largest values of a window, as PyTorch picks it.
    @inline(__always)
    private static func largest(_ x: UnsafePointer<Float>, _ corner: Int, _ shape: FeatureShape, _ size: Int) -> Int {
        var best = corner
        for dy in 0..<size {
            for dx in 0..<size {
                let n = corner + dy * shape.width + dx
                if x[n] > x[best] { best = n }
            }
        }
        return best
    }

    @inline(__always)
    private static func forEachWindow(
        _ input: FeatureShape,
        size: Int,
        batch: Int,
        threads: Int,
        _ body: @Sendable (Int, Int) -> Void
    ) {
        let height = input.height / size
        let width = input.width / size
        parallelFor(batch * input.channels, threads: threads) { planes in
            for plane in planes {
                for y in 0..<height {
                    for x in 0..<width {
                        body(
                            (plane * height + y) * width + x,
                            (plane * input.height + y * size) * input.width + x * size
                        )
                    }
                }
            }
        }
    }

    static func nearestUpsample(
        _ x: UnsafePointer<Float>,
        input: FeatureShape,
        factor: Int,
        _ y: UnsafeMutablePointer<Float>,
        batch: Int,
        threads: Int
    ) {
        nonisolated(unsafe) let (x, y) = (x, y)
        let large = FeatureShape(
            channels: input.channels,
            height: input.height * factor,
            width: input.width * factor
        )
        forEachWindow(large, size: factor, batch: batch, threads: threads) { place, corner in
            for dy in 0..<factor { for dx in 0..<factor { y[corner + dy * large.width + dx] = x[place] } }
        }
    }

    static func nearestUpsampleGradient(
        dY: UnsafePointer<Float>,
        input: FeatureShape,
        factor: Int,
        dX: UnsafeMutablePointer<Float>,
        batch: Int,
        threads: Int
    ) {
        nonisolated(unsafe) let (dY, dX) = (dY, dX)
        let large = FeatureShape(
            channels: input.channels,
            height: input.height * factor,
            width: input.width * factor
        )
        forEachWindow(large, size: factor, batch: batch, threads: threads) { place, corner in
            var sum: Float = 0
            for dy in 0..<factor { for dx in 0..<factor { sum += dY[corner + dy * large.width + dx] } }
            dX[place] += sum
        }
    }

    /// Multiplies what is kept by 1 / (1 - rate). Kept or not depends on the random source and the index alone, so
    /// the backward pass asks again instead of remembering. y may be x. With `adding` the result is added to y.
    static func dropout(
        _ x: UnsafePointer<Float>,
        rate: Float,
        unit: Int,
        random: RandomSource,
        adding: Bool,
        _ y: UnsafeMutablePointer<Float>,
        count: Int,
        threads: Int
    ) {
        nonisolated(unsafe) let (x, y) = (x, y)
        let scale = 1 / (1 - rate)
        forEachRange(count / unit, threads: count < 16384 ? 1 : threads) { units in
            for u in units {
                let factor = random.uniform(u) < Double(rate) ? 0 : scale
                for n in u * unit..<(u + 1) * unit { y[n] = adding ? y[n] + x[n] * factor : x[n] * factor }
            }
        }
    }

    static func add(
        _ x: UnsafePointer<Float>,
        to y: UnsafeMutablePointer<Float>,
        count: Int,
        threads: Int
    ) {
        nonisolated(unsafe) let (x, y) = (x, y)
        forEachRange(count, threads: threads) { range in
            for n in range { y[n] += x[n] }
        }
    }
}
