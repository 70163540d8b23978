import Platform

/// Windows of a pooling: `kernel` places every `stride`, with `padding` places around that no window counts.
package struct Window: Sendable, Hashable {
    package var kernel: Axes
    package var stride: Axes
    package var padding: Axes

    package init(kernel: Axes, stride: Axes, padding: Axes = .zero) {
        self.kernel = kernel
        self.stride = stride
        self.padding = padding
    }

    /// Windows side by side.
    package init(_ size: Axes) { self.init(kernel: size, stride: size) }

    func shape(of inputs: [FeatureShape]) throws(NetworkError) -> FeatureShape {
        guard let input = inputs.first else { throw .misfit("has no input") }
        guard (kernel.lengths + stride.lengths).allSatisfy({ $0 > 0 }) else {
            throw .misfit("kernel and stride must be at least 1")
        }
        guard padding.combined(kernel, { 2 * $0 <= $1 ? 1 : 0 }).count == 1 else {
            throw .misfit("the padding is more than half of the kernel")
        }
        let room = input.extent.combined(padding) { $0 + 2 * $1 }.combined(kernel, -)
        guard room.lengths.allSatisfy({ $0 >= 0 }) else { throw .misfit("the input is smaller than the window") }
        guard kernel != stride || room.combined(stride, %) == .zero else {
            throw .misfit("\(input.extent.lengths) cannot be divided by \(kernel.lengths)")
        }
        return FeatureShape(channels: input.channels, extent: room.combined(stride) { $0 / $1 + 1 })
    }

    /// Calls `body` for each window of each channel with its place in the result, the index of the channel's first
    /// value in the input, and the ranges of the window that lie inside.
    @inline(__always)
    func forEach(_ pass: Pass, _ body: @Sendable (_ place: Int, _ start: Int, _ box: Box) -> Void) {
        let (input, output) = (pass.inputs[0], pass.output)
        parallelFor(pass.batch * input.channels, threads: pass.threads) { planes in
            for plane in planes {
                var place = plane * output.plane
                for z in 0..<output.depth {
                    let slices = inside(z, stride.depth, kernel.depth, padding.depth, input.depth)
                    for y in 0..<output.height {
                        let rows = inside(y, stride.height, kernel.height, padding.height, input.height)
                        for x in 0..<output.width {
                            let columns = inside(x, stride.width, kernel.width, padding.width, input.width)
                            body(place, plane * input.plane, Box(slices: slices, rows: rows, columns: columns))
                            place += 1
                        }
                    }
                }
            }
        }
    }

    @inline(__always)
    private func inside(_ index: Int, _ stride: Int, _ kernel: Int, _ padding: Int, _ length: Int) -> Range<Int> {
        let start = index * stride - padding
        return max(0, start)..<min(length, start + kernel)
    }
}

/// Ranges of slices, rows and columns.
struct Box {
    let slices: Range<Int>
    let rows: Range<Int>
    let columns: Range<Int>

    /// Calls `body` with the index of every place of the box in a channel.
    @inline(__always)
    func forEach(_ extent: Axes, _ body: (Int) -> Void) {
        for z in slices {
            for y in rows {
                let line = (z * extent.height + y) * extent.width
                for x in columns { body(line + x) }
            }
        }
    }
}

package struct MaxPool: Operator, Hashable {
    package var window: Window

    package init(_ window: Window) { self.window = window }

    /// Windows side by side.
    package init(size: Axes) { window = Window(size) }

    package func shape(of inputs: [FeatureShape]) throws(NetworkError) -> FeatureShape {
        try window.shape(of: inputs)
    }

    package var replacesGradients: Bool { true }

    package func forward(_ pass: Pass) {
        nonisolated(unsafe) let (x, y) = (pass.x[0], pass.y)
        if isPlainSquare {
            return forEachLine(pass) { first, below, place, count in
                SquarePooling.largest(x + first, x + below, into: y + place, count: count)
            }
        }
        let extent = pass.inputs[0].extent
        window.forEach(pass) { place, start, box in y[place] = x[largest(x, start, box, extent)] }
    }

    package func backward(_ pass: Pass, _ gradients: Gradients) {
        guard let target = gradients.dX[0] else { return }
        nonisolated(unsafe) let (x, dY, dX) = (pass.x[0], gradients.dY, target)
        let isFirst = gradients.isFirst[0]
        if isPlainSquare {
            return forEachLine(pass) { first, below, place, count in
                SquarePooling.giveBack(
                    dY + place,
                    x + first,
                    x + below,
                    adding: !isFirst,
                    to: dX + first,
                    dX + below,
                    count: count
                )
            }
        }
        let input = pass.inputs[0]
        if isFirst { clearValues(dX, count: pass.batch * input.count, threads: pass.threads) }
        window.forEach(pass) { place, start, box in dX[largest(x, start, box, input.extent)] += dY[place] }
    }

    /// The pooling of U-Nets: squares of two by two side by side.
    private var isPlainSquare: Bool { window == Window(.plane(2)) }

    /// Calls `body` for each line of squares with the first values of their two rows, the first place in the result, and how
    /// many squares there are.
    @inline(__always)
    private func forEachLine(
        _ pass: Pass,
        _ body: @Sendable (_ first: Int, _ below: Int, _ place: Int, _ count: Int) -> Void
    ) {
        let (input, output) = (pass.inputs[0].extent, pass.output.extent)
        let lines = pass.batch * pass.output.channels * output.depth * output.height
        parallelFor(lines, threads: pass.threads) { lines in
            for line in lines {
                let first = (line / output.height * input.height + line % output.height * 2) * input.width
                body(first, first + input.width, line * output.width, output.width)
            }
        }
    }

    /// The first of the largest values of a window, as PyTorch picks it.
    @inline(__always)
    private func largest(_ x: UnsafePointer<Float>, _ start: Int, _ box: Box, _ extent: Axes) -> Int {
        var best = -1
        box.forEach(extent) { n in
            if best < 0 || x[start + n] > x[best] { best = start + n }
        }
        return best
    }
}

/// The mean of the places of a window that lie inside (PyTorch's `count_include_pad=False`).
package struct AveragePool: Operator, Hashable {
    package var window: Window

    package init(_ window: Window) { self.window = window }

    /// Windows side by side.
    package init(size: Axes) { window = Window(size) }

    package func shape(of inputs: [FeatureShape]) throws(NetworkError) -> FeatureShape {
        try window.shape(of: inputs)
    }

    package func forward(_ pass: Pass) {
        nonisolated(unsafe) let (x, y) = (pass.x[0], pass.y)
        let extent = pass.inputs[0].extent
        window.forEach(pass) { place, start, box in
            var sum: Float = 0
            box.forEach(extent) { sum += x[start + $0] }
            y[place] = sum / Float(box.slices.count * box.rows.count * box.columns.count)
        }
    }

    package func backward(_ pass: Pass, _ gradients: Gradients) {
        guard let target = gradients.dX[0] else { return }
        nonisolated(unsafe) let (dY, dX) = (gradients.dY, target)
        let extent = pass.inputs[0].extent
        window.forEach(pass) { place, start, box in
            let part = dY[place] / Float(box.slices.count * box.rows.count * box.columns.count)
            box.forEach(extent) { dX[start + $0] += part }
        }
    }
}
