import Platform

#if canImport(Glibc)
import Glibc
#endif

/// An operator that maps each value by itself, with a gradient that the result alone tells.
protocol PointwiseOperator: Operator {
    func value(_ x: Float) -> Float
    /// dy/dx at the place where the result is y.
    func slope(_ y: Float) -> Float
}

extension PointwiseOperator {
    package func shape(of inputs: [FeatureShape]) throws(NetworkError) -> FeatureShape {
        guard let shape = inputs.first else { throw .misfit("has no input") }
        return shape
    }

    package var worksInPlace: Bool { true }
    package var needsResult: Bool { true }
    package var replacesGradients: Bool { true }

    @inline(__always)
    func map(_ pass: Pass) {
        nonisolated(unsafe) let (x, y) = (pass.x[0], pass.y)
        forEachRange(pass.batch * pass.output.count, threads: pass.threads) { range in
            for n in range { y[n] = value(x[n]) }
        }
    }

    @inline(__always)
    func addGradient(_ pass: Pass, _ gradients: Gradients) {
        guard let target = gradients.dX[0] else { return }
        nonisolated(unsafe) let (y, dY, dX) = (pass.y, gradients.dY, target)
        let isFirst = gradients.isFirst[0]
        forEachRange(pass.batch * pass.output.count, threads: pass.threads) { range in
            if isFirst {
                for n in range { dX[n] = dY[n] * slope(y[n]) }
            } else {
                for n in range { dX[n] += dY[n] * slope(y[n]) }
            }
        }
    }
}

/// x for positive values, `negativeSlope` * x for others.
protocol Rectifier: PointwiseOperator {
    var negativeSlope: Float { get }
}

package struct ReLU: Rectifier {
    package init() {}

    var negativeSlope: Float { 0 }

    @inline(__always) func value(_ x: Float) -> Float { max(x, 0) }
    @inline(__always) func slope(_ y: Float) -> Float { y > 0 ? 1 : 0 }

    package func forward(_ pass: Pass) { map(pass) }
    package func backward(_ pass: Pass, _ gradients: Gradients) { addGradient(pass, gradients) }
}

/// A rectifier whose slope is above 0, so that the result keeps the sign.
package struct LeakyReLU: Rectifier {
    package let negativeSlope: Float

    package init(negativeSlope: Float) {
        precondition(negativeSlope > 0, "a leaky ReLU without a slope is a ReLU")
        self.negativeSlope = negativeSlope
    }

    @inline(__always) func value(_ x: Float) -> Float { x > 0 ? x : negativeSlope * x }
    @inline(__always) func slope(_ y: Float) -> Float { y > 0 ? 1 : negativeSlope }

    package func forward(_ pass: Pass) { map(pass) }
    package func backward(_ pass: Pass, _ gradients: Gradients) { addGradient(pass, gradients) }
}

package struct Sigmoid: PointwiseOperator {
    package init() {}

    @inline(__always) func value(_ x: Float) -> Float { 1 / (1 + exp(-x)) }
    @inline(__always) func slope(_ y: Float) -> Float { y * (1 - y) }

    package func forward(_ pass: Pass) { map(pass) }
    package func backward(_ pass: Pass, _ gradients: Gradients) { addGradient(pass, gradients) }
}

/// A leaky ReLU whose slope is trained, one a channel (He et al., ICCV 2015).
package struct PReLU: Operator, Hashable {
    package init() {}

    package func shape(of inputs: [FeatureShape]) throws(NetworkError) -> FeatureShape {
        guard let shape = inputs.first else { throw .misfit("has no input") }
        return shape
    }

    package func parameters(of inputs: [FeatureShape], dimensions: Int) -> [Parameter] {
        [Parameter("weight", [inputs[0].channels], .constant(0.25))]
    }

    package func forward(_ pass: Pass) {
        let shape = pass.output
        nonisolated(unsafe) let (x, y, weight) = (pass.x[0], pass.y, pass.weights[0])
        parallelFor(pass.batch * shape.channels, threads: pass.threads) { planes in
            for plane in planes {
                let slope = weight[plane % shape.channels]
                for n in plane * shape.plane..<(plane + 1) * shape.plane { y[n] = x[n] > 0 ? x[n] : slope * x[n] }
            }
        }
    }

    package func backward(_ pass: Pass, _ gradients: Gradients) {
        let shape = pass.output
        nonisolated(unsafe) let (x, dY, dX) = (pass.x[0], gradients.dY, gradients.dX[0])
        nonisolated(unsafe) let (weight, dWeight) = (pass.weights[0], gradients.weights[0])
        parallelFor(shape.channels, threads: pass.threads) { channels in
            for channel in channels {
                let slope = weight[channel]
                var total = 0.0
                for sample in 0..<pass.batch {
                    let start = (sample * shape.channels + channel) * shape.plane
                    for n in start..<start + shape.plane where x[n] <= 0 { total += Double(dY[n] * x[n]) }
                    guard let dX else { continue }
                    for n in start..<start + shape.plane { dX[n] += x[n] > 0 ? dY[n] : slope * dY[n] }
                }
                dWeight[channel] += Float(total)
            }
        }
    }
}

/// Over channels.
package struct Softmax: Operator, Hashable {
    package init() {}

    package func shape(of inputs: [FeatureShape]) throws(NetworkError) -> FeatureShape {
        guard let shape = inputs.first else { throw .misfit("has no input") }
        return shape
    }

    package var needsResult: Bool { true }

    package func forward(_ pass: Pass) {
        let shape = pass.output
        nonisolated(unsafe) let (x, y) = (pass.x[0], pass.y)
        forEachLine(pass) { start in
            for place in start..<start + shape.width {
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

    package func backward(_ pass: Pass, _ gradients: Gradients) {
        guard let target = gradients.dX[0] else { return }
        let shape = pass.output
        nonisolated(unsafe) let (y, dY, dX) = (pass.y, gradients.dY, target)
        forEachLine(pass) { start in
            for place in start..<start + shape.width {
                var product: Float = 0
                for channel in 0..<shape.channels {
                    let n = place + channel * shape.plane
                    product += y[n] * dY[n]
                }
                for channel in 0..<shape.channels {
                    let n = place + channel * shape.plane
                    dX[n] += y[n] * (dY[n] - product)
                }
            }
        }
    }

    /// Calls `body` with the first place of every line of the first channel of every sample.
    @inline(__always)
    private func forEachLine(_ pass: Pass, _ body: @Sendable (Int) -> Void) {
        let shape = pass.output
        let lines = shape.depth * shape.height
        parallelFor(pass.batch * lines, threads: pass.threads) { range in
            for line in range { body(line / lines * shape.count + line % lines * shape.width) }
        }
    }
}
