import Platform

/// Normalisation to mean 0 and variance 1, then a factor and an offset for each channel.
package struct Normalization: Operator, Hashable {
    /// What shares a mean and a variance.
    package enum Group: Sendable, Hashable {
        /// A channel of all samples (Ioffe and Szegedy, ICML 2015). Inference uses running statistics; `momentum` is
        /// PyTorch's: the weight of the new batch in them.
        case batch(momentum: Float)
        /// A channel of one sample (Ulyanov et al., 2016).
        case instance
        /// One of several equal parts of the channels of a sample (Wu and He, ECCV 2018).
        case channels(groups: Int)
    }

    package var group: Group
    package var epsilon: Float

    package init(_ group: Group, epsilon: Float) {
        self.group = group
        self.epsilon = epsilon
    }

    package func shape(of inputs: [FeatureShape]) throws(NetworkError) -> FeatureShape {
        guard let shape = inputs.first else { throw .misfit("has no input") }
        if case .channels(let groups) = group, groups < 1 || !shape.channels.isMultiple(of: groups) {
            throw .misfit("\(shape.channels) channels cannot be divided into \(groups) groups")
        }
        return shape
    }

    package func parameters(of inputs: [FeatureShape], dimensions: Int) -> [Parameter] {
        let shape = [inputs[0].channels]
        let trained = [Parameter("weight", shape, .constant(1)), Parameter("bias", shape, .constant(0))]
        guard case .batch = group else { return trained }
        return trained + [
            Parameter("running_mean", shape, .constant(0), isTrained: false),
            Parameter("running_var", shape, .constant(1), isTrained: false),
        ]
    }

    /// Mean and 1 / deviation of every group.
    package func savedCount(_ inputs: [FeatureShape], batch: Int) -> Int {
        2 * groupCount(inputs[0].channels, batch: batch)
    }

    /// Batch norm in inference: y = x * scale + shift.
    func inferenceMap(
        weight: [Float],
        bias: [Float],
        mean: [Float],
        variance: [Float]
    ) -> (scale: [Float], shift: [Float]) {
        let scale = weight.indices.map { weight[$0] / (variance[$0] + epsilon).squareRoot() }
        return (scale, bias.indices.map { bias[$0] - mean[$0] * scale[$0] })
    }

    package func forward(_ pass: Pass) {
        if case .batch(let momentum) = group {
            guard pass.mode == .training else { return forwardRunning(pass) }
            measure(pass) { channel, mean, squares, count in
                let (runningMean, runningVariance) = (pass.statistics[0], pass.statistics[1])
                // The running variance has Bessel's correction, as in PyTorch.
                let unbiased = Float(squares / max(1, Double(count) - 1))
                runningMean[channel] += momentum * (mean - runningMean[channel])
                runningVariance[channel] += momentum * (unbiased - runningVariance[channel])
            }
        } else {
            measure(pass) { _, _, _, _ in }
        }
        let shape = pass.output
        parallelFor(pass.batch * shape.channels, threads: pass.threads) { planes in
            for plane in planes {
                let (channel, group) = (plane % shape.channels, groupIndex(plane, shape.channels))
                let scale = pass.weights[0][channel] * pass.saved[2 * group + 1]
                let shift = pass.weights[1][channel] - pass.saved[2 * group] * scale
                map(pass, scale, shift, plane * shape.plane..<(plane + 1) * shape.plane)
            }
        }
    }

    package var replacesGradients: Bool { true }

    package func backward(_ pass: Pass, _ gradients: Gradients) {
        let shape = pass.output
        let planeCount = pass.batch * shape.channels
        // Of every plane: sums of dy and of dy * (x - mean).
        let sums = forEachPlane(pass) { plane in
            gradientSums(
                gradients.dY + plane * shape.plane,
                pass.x[0] + plane * shape.plane,
                mean: pass.saved[2 * groupIndex(plane, shape.channels)],
                count: shape.plane
            )
        }
        // Of every group: sums of dy * w and of dy * w * (x - mean).
        let groups = groupCount(shape.channels, batch: pass.batch)
        var groupSums = [Double](repeating: 0, count: groups)
        var groupProducts = groupSums
        for channel in 0..<shape.channels {
            var (bias, weight) = (0.0, 0.0)
            for plane in stride(from: channel, to: planeCount, by: shape.channels) {
                let group = groupIndex(plane, shape.channels)
                bias += sums[plane].x
                weight += sums[plane].y * Double(pass.saved[2 * group + 1])
                groupSums[group] += sums[plane].x * Double(pass.weights[0][channel])
                groupProducts[group] += sums[plane].y * Double(pass.weights[0][channel])
            }
            gradients.weights[1][channel] += Float(bias)
            gradients.weights[0][channel] += Float(weight)
        }
        guard gradients.dX[0] != nil else { return }
        addInputGradient(pass, gradients, groupSums, groupProducts)
    }

    /// dx = (w dy - mean(w dy) - xhat * mean(w dy xhat)) / deviation, and that times the slope of the rectifier before.
    private func addInputGradient(_ pass: Pass, _ gradients: Gradients, _ sums: [Double], _ products: [Double]) {
        let shape = pass.output
        let size = Double(pass.batch * shape.count / groupCount(shape.channels, batch: pass.batch))
        nonisolated(unsafe) let (x, dY, dX) = (pass.x[0], gradients.dY, gradients.dX[0]!)
        nonisolated(unsafe) let (saved, weight) = (pass.saved, pass.weights[0])
        let (isFirst, negativeSlope) = (gradients.isFirst[0], gradients.rectifierSlope)
        precondition(isFirst || negativeSlope == 1, "a rectifier has one reader")
        parallelFor(pass.batch * shape.channels, threads: pass.threads) { planes in
            for plane in planes {
                let group = groupIndex(plane, shape.channels)
                let (mean, inverse) = (saved[2 * group], saved[2 * group + 1])
                let factor = weight[plane % shape.channels] * inverse
                let level = Float(sums[group] / size) * inverse
                let slope = Float(products[group] / size) * inverse * inverse * inverse
                let range = plane * shape.plane..<(plane + 1) * shape.plane
                if !isFirst {
                    for n in range { dX[n] += factor * dY[n] - level - (x[n] - mean) * slope }
                } else if negativeSlope == 1 {
                    for n in range { dX[n] = factor * dY[n] - level - (x[n] - mean) * slope }
                } else {
                    for n in range {
                        let value = factor * dY[n] - level - (x[n] - mean) * slope
                        dX[n] = x[n] > 0 ? value : value * negativeSlope
                    }
                }
            }
        }
    }

    // MARK: Statistics

    private func groupCount(_ channels: Int, batch: Int) -> Int {
        switch group {
        case .batch: channels
        case .instance: batch * channels
        case .channels(let groups): batch * groups
        }
    }

    /// The group of a plane, planes counted sample by sample.
    private func groupIndex(_ plane: Int, _ channels: Int) -> Int {
        switch group {
        case .batch: plane % channels
        case .instance: plane
        case .channels(let groups): plane / (channels / groups)
        }
    }

    /// Writes mean and 1 / deviation of every group to `saved`; `tell` gets group, mean, sum of squares and count.
    private func measure(_ pass: Pass, tell: (Int, Float, Double, Int) -> Void) {
        let shape = pass.output
        let planeCount = pass.batch * shape.channels
        let groups = groupCount(shape.channels, batch: pass.batch)
        let size = pass.batch * shape.count / groups
        // A plane at a time, while it is in the cache: its mean, and the squares around that.
        let planes = forEachPlane(pass) { plane in
            let x = pass.x[0] + plane * shape.plane
            let mean = sum(x, count: shape.plane) / Double(shape.plane)
            return SIMD2(mean, centredSquares(x, mean: Float(mean), count: shape.plane))
        }
        var totals = [Double](repeating: 0, count: groups)
        for plane in 0..<planeCount {
            totals[groupIndex(plane, shape.channels)] += planes[plane].x * Double(shape.plane)
        }
        // Squares around the mean of the group (Chan, Golub and LeVeque, The American Statistician 1983;37:242).
        var squares = [Double](repeating: 0, count: groups)
        for plane in 0..<planeCount {
            let group = groupIndex(plane, shape.channels)
            let shift = planes[plane].x - totals[group] / Double(size)
            squares[group] += planes[plane].y + shift * shift * Double(shape.plane)
        }
        for group in 0..<groups {
            pass.saved[2 * group] = Float(totals[group] / Double(size))
            pass.saved[2 * group + 1] = Float(1 / (squares[group] / Double(size) + Double(epsilon)).squareRoot())
            tell(group, pass.saved[2 * group], squares[group], size)
        }
    }

    private func forwardRunning(_ pass: Pass) {
        let shape = pass.output
        func values(_ pointer: UnsafePointer<Float>) -> [Float] {
            Array(UnsafeBufferPointer(start: pointer, count: shape.channels))
        }
        let (scale, shift) = inferenceMap(
            weight: values(pass.weights[0]),
            bias: values(pass.weights[1]),
            mean: values(pass.statistics[0]),
            variance: values(pass.statistics[1])
        )
        parallelFor(pass.batch * shape.channels, threads: pass.threads) { planes in
            for plane in planes {
                let channel = plane % shape.channels
                map(pass, scale[channel], shift[channel], plane * shape.plane..<(plane + 1) * shape.plane)
            }
        }
    }

    private func forEachPlane(_ pass: Pass, _ body: (Int) -> SIMD2<Double>) -> [SIMD2<Double>] {
        nonisolated(unsafe) let body = body
        var results = [SIMD2<Double>](repeating: .zero, count: pass.batch * pass.output.channels)
        results.withUnsafeMutableBufferPointer { buffer in
            // Each plane is written by one thread only.
            nonisolated(unsafe) let results = buffer
            parallelFor(results.count, threads: pass.threads) { planes in
                for plane in planes { results[plane] = body(plane) }
            }
        }
        return results
    }
}

/// y = x * scale + shift, rectified where the pass does that too.
private func map(_ pass: Pass, _ scale: Float, _ shift: Float, _ range: Range<Int>) {
    let (x, y, slope) = (pass.x[0], pass.y, pass.rectifierSlope)
    switch slope {
    case 1: for n in range { y[n] = x[n] * scale + shift }
    case 0: for n in range { y[n] = max(x[n] * scale + shift, 0) }
    default:
        for n in range {
            let value = x[n] * scale + shift
            y[n] = value > 0 ? value : value * slope
        }
    }
}

private func centredSquares(_ x: UnsafePointer<Float>, mean: Float, count: Int) -> Double {
    chunkedSum(count) { start, vectors, tail in
        var lanes = SIMD8<Float>()
        for v in 0..<vectors {
            let d = load8(x + start + 8 * v) - mean
            lanes.addProduct(d, d)
        }
        return Double(lanes.sum()) + tail.reduce(0) { $0 + Double((x[$1] - mean) * (x[$1] - mean)) }
    }
}

/// Sums of g and of g * (x - mean).
private func gradientSums(
    _ g: UnsafePointer<Float>,
    _ x: UnsafePointer<Float>,
    mean: Float,
    count: Int
) -> SIMD2<Double> {
    var sums = SIMD2<Double>()
    forEachChunk(count) { start, vectors, tail in
        var (lanes, products) = (SIMD8<Float>(), SIMD8<Float>())
        for v in 0..<vectors {
            let gradient = load8(g + start + 8 * v)
            lanes += gradient
            products.addProduct(gradient, load8(x + start + 8 * v) - mean)
        }
        sums += SIMD2(Double(lanes.sum()), Double(products.sum()))
        for n in tail { sums += SIMD2(Double(g[n]), Double(g[n] * (x[n] - mean))) }
    }
    return sums
}
