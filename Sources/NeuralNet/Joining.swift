import Platform

/// Channels one input after the other.
package struct Concatenation: Operator, Hashable {
    package init() {}

    package func shape(of inputs: [FeatureShape]) throws(NetworkError) -> FeatureShape {
        guard let first = inputs.first else { throw .misfit("has no input") }
        guard inputs.allSatisfy({ $0.extent == first.extent }) else { throw .misfit("inputs differ in size") }
        return FeatureShape(channels: inputs.reduce(0) { $0 + $1.channels }, extent: first.extent)
    }

    package var replacesGradients: Bool { true }

    package func forward(_ pass: Pass) {
        forEachPart(pass) { sample, input, offset, count in
            copyValues(pass.x[input] + sample * count, to: pass.y + offset, count: count, threads: pass.threads)
        }
    }

    package func backward(_ pass: Pass, _ gradients: Gradients) {
        forEachPart(pass) { sample, input, offset, count in
            guard let dX = gradients.dX[input] else { return }
            let give = gradients.isFirst[input] ? copyValues : addValues
            give(gradients.dY + offset, dX + sample * count, count, pass.threads)
        }
    }

    private func forEachPart(_ pass: Pass, _ body: (_ sample: Int, _ input: Int, _ offset: Int, _ count: Int) -> Void) {
        var offset = 0
        for sample in 0..<pass.batch {
            for (input, shape) in pass.inputs.enumerated() {
                body(sample, input, offset, shape.count)
                offset += shape.count
            }
        }
    }
}

/// Inputs of one shape; one with a single channel counts for every channel.
struct Broadcast {
    static func shape(of inputs: [FeatureShape]) throws(NetworkError) -> FeatureShape {
        guard let widest = inputs.max(by: { $0.channels < $1.channels }) else { throw .misfit("has no input") }
        let fits = inputs.allSatisfy {
            $0.extent == widest.extent && ($0.channels == widest.channels || $0.channels == 1)
        }
        guard fits else { throw .misfit("inputs differ in shape") }
        return widest
    }

    /// First value of the plane of an input that a plane of the result sees.
    @inline(__always)
    static func start(_ plane: Int, _ input: FeatureShape, _ output: FeatureShape) -> Int {
        let (sample, channel) = (plane / output.channels, plane % output.channels)
        return sample * input.count + (input.channels == 1 ? 0 : channel) * input.plane
    }
}

/// The sum of all inputs.
package struct Addition: Operator, Hashable {
    package init() {}

    package func shape(of inputs: [FeatureShape]) throws(NetworkError) -> FeatureShape {
        try Broadcast.shape(of: inputs)
    }

    package func forward(_ pass: Pass) {
        let plane = pass.output.plane
        parallelFor(pass.batch * pass.output.channels, threads: pass.threads) { planes in
            for index in planes {
                let y = pass.y + index * plane
                for (input, shape) in pass.inputs.enumerated() {
                    let x = pass.x[input] + Broadcast.start(index, shape, pass.output)
                    if input == 0 { y.update(from: x, count: plane) } else { for n in 0..<plane { y[n] += x[n] } }
                }
            }
        }
    }

    package func backward(_ pass: Pass, _ gradients: Gradients) {
        let plane = pass.output.plane
        // By sample: a broadcast channel gathers from all channels of its own.
        parallelFor(pass.batch, threads: pass.threads) { samples in
            for index in samples.lowerBound * pass.output.channels..<samples.upperBound * pass.output.channels {
                let dY = gradients.dY + index * plane
                for (input, shape) in pass.inputs.enumerated() {
                    guard let target = gradients.dX[input] else { continue }
                    let dX = target + Broadcast.start(index, shape, pass.output)
                    for n in 0..<plane { dX[n] += dY[n] }
                }
            }
        }
    }
}

/// The product of two inputs.
package struct Multiplication: Operator, Hashable {
    package init() {}

    package func shape(of inputs: [FeatureShape]) throws(NetworkError) -> FeatureShape {
        guard inputs.count == 2 else { throw .misfit("a product has two factors") }
        return try Broadcast.shape(of: inputs)
    }

    package func forward(_ pass: Pass) {
        let plane = pass.output.plane
        parallelFor(pass.batch * pass.output.channels, threads: pass.threads) { planes in
            for index in planes {
                let a = pass.x[0] + Broadcast.start(index, pass.inputs[0], pass.output)
                let b = pass.x[1] + Broadcast.start(index, pass.inputs[1], pass.output)
                let y = pass.y + index * plane
                for n in 0..<plane { y[n] = a[n] * b[n] }
            }
        }
    }

    package func backward(_ pass: Pass, _ gradients: Gradients) {
        let plane = pass.output.plane
        parallelFor(pass.batch, threads: pass.threads) { samples in
            for index in samples.lowerBound * pass.output.channels..<samples.upperBound * pass.output.channels {
                let dY = gradients.dY + index * plane
                for input in 0..<2 {
                    guard let target = gradients.dX[input] else { continue }
                    let other = 1 - input
                    let factor = pass.x[other] + Broadcast.start(index, pass.inputs[other], pass.output)
                    let dX = target + Broadcast.start(index, pass.inputs[input], pass.output)
                    for n in 0..<plane { dX[n] += dY[n] * factor[n] }
                }
            }
        }
    }
}

/// The middle of the first input, of the size of the second: how an unpadded U-Net fits its skip connections. Of an
/// odd difference the larger half is cut at the end.
package struct CentreCrop: Operator, Hashable {
    package init() {}

    package func shape(of inputs: [FeatureShape]) throws(NetworkError) -> FeatureShape {
        guard inputs.count == 2 else { throw .misfit("a crop has two inputs") }
        let room = inputs[0].extent.combined(inputs[1].extent, -)
        guard room.lengths.allSatisfy({ $0 >= 0 }) else { throw .misfit("the first input is the smaller one") }
        return FeatureShape(channels: inputs[0].channels, extent: inputs[1].extent)
    }

    package func forward(_ pass: Pass) {
        forEachLine(pass) { source, target, count in (pass.y + target).update(from: pass.x[0] + source, count: count) }
    }

    package func backward(_ pass: Pass, _ gradients: Gradients) {
        guard let dX = gradients.dX[0] else { return }
        forEachLine(pass) { source, target, count in
            for n in 0..<count { dX[source + n] += gradients.dY[target + n] }
        }
    }

    private func forEachLine(_ pass: Pass, _ body: (_ source: Int, _ target: Int, _ count: Int) -> Void) {
        let (input, output) = (pass.inputs[0].extent, pass.output.extent)
        let first = input.combined(output) { ($0 - $1) / 2 }
        var target = 0
        for plane in 0..<pass.batch * pass.output.channels {
            for z in 0..<output.depth {
                for y in 0..<output.height {
                    let row = (plane * input.depth + z + first.depth) * input.height + y + first.height
                    body(row * input.width + first.width, target, output.width)
                    target += output.width
                }
            }
        }
    }
}

/// Drops values, or whole channels with `isSpatial` (Tompson et al., CVPR 2015), and multiplies what is kept by
/// 1 / (1 - rate). Nothing in inference.
///
/// Kept or not depends on the random source and the index alone, so the backward pass asks again instead of
/// remembering.
package struct Dropout: Operator, Hashable {
    package var rate: Float
    package var isSpatial: Bool

    package init(rate: Float, isSpatial: Bool) {
        self.rate = rate
        self.isSpatial = isSpatial
    }

    package func shape(of inputs: [FeatureShape]) throws(NetworkError) -> FeatureShape {
        guard let shape = inputs.first else { throw .misfit("has no input") }
        guard rate >= 0, rate < 1 else { throw .misfit("the rate must be at least 0 and below 1") }
        return shape
    }

    package var worksInPlace: Bool { true }
    package var replacesGradients: Bool { true }

    package func forward(_ pass: Pass) {
        nonisolated(unsafe) let (x, y) = (pass.x[0], pass.y)
        if pass.mode == .inference {
            if x != UnsafePointer(y) { y.update(from: x, count: pass.batch * pass.output.count) }
            return
        }
        forEachUnit(pass) { factor, range in
            for n in range { y[n] = x[n] * factor }
        }
    }

    package func backward(_ pass: Pass, _ gradients: Gradients) {
        guard let target = gradients.dX[0] else { return }
        nonisolated(unsafe) let (dY, dX) = (gradients.dY, target)
        let isFirst = gradients.isFirst[0]
        forEachUnit(pass) { factor, range in
            for n in range { dX[n] = isFirst ? dY[n] * factor : dX[n] + dY[n] * factor }
        }
    }

    @inline(__always)
    private func forEachUnit(_ pass: Pass, _ body: @Sendable (Float, Range<Int>) -> Void) {
        let count = pass.batch * pass.output.count
        let unit = isSpatial ? pass.output.plane : 1
        let (scale, limit, random) = (1 / (1 - rate), Double(rate), pass.random)
        parallelFor(count / unit, threads: count < fewestSharedValues ? 1 : pass.threads) { units in
            for u in units { body(random.uniform(u) < limit ? 0 : scale, u * unit..<(u + 1) * unit) }
        }
    }
}
