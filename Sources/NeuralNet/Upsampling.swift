import Platform

/// Repeats each value `factor` times along each axis.
package struct NearestUpsample: Operator, Hashable {
    package var factor: Axes

    package init(factor: Axes) { self.factor = factor }

    package func shape(of inputs: [FeatureShape]) throws(NetworkError) -> FeatureShape {
        try upsampledShape(inputs, factor)
    }

    package func forward(_ pass: Pass) {
        nonisolated(unsafe) let (x, y) = (pass.x[0], pass.y)
        forEachPlace(pass) { source, target in y[target] = x[source] }
    }

    package func backward(_ pass: Pass, _ gradients: Gradients) {
        guard let target = gradients.dX[0] else { return }
        nonisolated(unsafe) let (dY, dX) = (gradients.dY, target)
        forEachPlace(pass) { source, target in dX[source] += dY[target] }
    }

    /// Calls `body` with the index of the input and of the result for each place of the result.
    @inline(__always)
    private func forEachPlace(_ pass: Pass, _ body: @Sendable (_ source: Int, _ target: Int) -> Void) {
        let (input, output) = (pass.inputs[0], pass.output)
        parallelFor(pass.batch * input.channels, threads: pass.threads) { planes in
            for plane in planes {
                var target = plane * output.plane
                for z in 0..<output.depth {
                    for y in 0..<output.height {
                        let row = z / factor.depth * input.height + y / factor.height
                        let line = plane * input.plane + row * input.width
                        for x in 0..<output.width {
                            body(line + x / factor.width, target)
                            target += 1
                        }
                    }
                }
            }
        }
    }
}

/// Linear, bilinear or trilinear interpolation between the centres of the values; the first and the last value are
/// kept beyond them (PyTorch's `align_corners=False`).
package struct LinearUpsample: Operator, Hashable {
    package var factor: Axes

    package init(factor: Axes) { self.factor = factor }

    package func shape(of inputs: [FeatureShape]) throws(NetworkError) -> FeatureShape {
        try upsampledShape(inputs, factor)
    }

    package func forward(_ pass: Pass) {
        nonisolated(unsafe) let (x, y) = (pass.x[0], pass.y)
        forEachCorner(pass) { source, target, weight, isFirst in
            y[target] = isFirst ? x[source] * weight : y[target] + x[source] * weight
        }
    }

    package func backward(_ pass: Pass, _ gradients: Gradients) {
        guard let target = gradients.dX[0] else { return }
        nonisolated(unsafe) let (dY, dX) = (gradients.dY, target)
        forEachCorner(pass) { source, target, weight, _ in dX[source] += dY[target] * weight }
    }

    /// Along one axis: the two values between which a place of the result lies, and their weights.
    private struct Neighbours {
        let first: Int
        let second: Int
        let weight: Float

        init(_ index: Int, factor: Int, length: Int) {
            let position = min(max((Float(index) + 0.5) / Float(factor) - 0.5, 0), Float(length - 1))
            first = Int(position)
            second = min(first + 1, length - 1)
            weight = position - Float(first)
        }

        @inline(__always)
        func corner(_ number: Int) -> (index: Int, weight: Float) {
            number == 0 ? (first, 1 - weight) : (second, weight)
        }
    }

    /// Calls `body` for each place of the result with each of the up to eight values it is made of.
    @inline(__always)
    private func forEachCorner(
        _ pass: Pass,
        _ body: @Sendable (_ source: Int, _ target: Int, _ weight: Float, _ isFirst: Bool) -> Void
    ) {
        let (input, output) = (pass.inputs[0], pass.output)
        let slices = (0..<output.depth).map { Neighbours($0, factor: factor.depth, length: input.depth) }
        let rows = (0..<output.height).map { Neighbours($0, factor: factor.height, length: input.height) }
        let columns = (0..<output.width).map { Neighbours($0, factor: factor.width, length: input.width) }
        // An axis that is not enlarged has one neighbour only.
        let corners = factor.map { $0 == 1 ? 1 : 2 }
        parallelFor(pass.batch * input.channels, threads: pass.threads) { planes in
            for plane in planes {
                for z in 0..<output.depth {
                    for y in 0..<output.height {
                        let line = (plane * output.depth + z) * output.height * output.width + y * output.width
                        for c in 0..<corners.depth * corners.height {
                            let (slice, a) = slices[z].corner(c / corners.height)
                            let (row, b) = rows[y].corner(c % corners.height)
                            let start = ((plane * input.depth + slice) * input.height + row) * input.width
                            for x in 0..<output.width {
                                for d in 0..<corners.width {
                                    let (column, weight) = columns[x].corner(d)
                                    body(start + column, line + x, a * b * weight, c == 0 && d == 0)
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

private func upsampledShape(_ inputs: [FeatureShape], _ factor: Axes) throws(NetworkError) -> FeatureShape {
    guard let input = inputs.first else { throw .misfit("has no input") }
    guard factor.lengths.allSatisfy({ $0 > 0 }) else { throw .misfit("the factor must be at least 1") }
    return FeatureShape(channels: input.channels, extent: input.extent.combined(factor, *))
}
