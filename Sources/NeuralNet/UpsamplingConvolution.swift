import Platform

/// A transposed convolution whose kernel is its stride, two columns wide, without padding: each place of the input writes a
/// block of its own, so that nothing has to be added up. One product with the weights, then the columns of each row of blocks
/// in turn.
///
/// The matrix between has a row for each output channel and tap ([out][depth][height][2]) and a column for each place of the
/// input, some lines at a time. OpenBLAS is called single-threaded from our own threads; how the work is cut depends on the
/// shapes alone, and parts of the gradients of the weights are added in order.
struct UpsamplingConvolution {
    let input: FeatureShape
    let output: FeatureShape
    let stride: Axes

    /// nil where the kernel is another one.
    init?(_ convolution: TransposedConvolution, input: FeatureShape, output: FeatureShape) {
        guard convolution.kernel == convolution.stride, convolution.stride.width == 2, convolution.padding == .zero
        else {
            return nil
        }
        self.input = input
        self.output = output
        stride = convolution.stride
        _ = BLAS.singleThreaded
    }

    private var rows: Int { output.channels * stride.count }
    private var lines: Int { input.depth * input.height }

    /// Floats of a matrix that stays in the second-level cache.
    private static let matrixFloats = 1 << 17
    private var linesPerBlock: Int { min(lines, max(1, UpsamplingConvolution.matrixFloats / (rows * input.width))) }

    private func forEachBlock(_ lines: Range<Int>, _ body: (Range<Int>) -> Void) {
        for start in Swift.stride(from: lines.lowerBound, to: lines.upperBound, by: linesPerBlock) {
            body(start..<min(lines.upperBound, start + linesPerBlock))
        }
    }

    /// y = weight^T x + bias, weight [in][out][taps].
    func forward(
        _ x: UnsafePointer<Float>,
        weight: UnsafePointer<Float>,
        bias: UnsafePointer<Float>?,
        _ y: UnsafeMutablePointer<Float>,
        batch: Int,
        threads: Int
    ) {
        nonisolated(unsafe) let (x, weight, bias, y) = (x, weight, bias, y)
        let blocks = (lines + linesPerBlock - 1) / linesPerBlock
        parallelFor(batch * blocks, threads: threads) { items in
            let matrix = Scratch(uninitialized: rows * linesPerBlock * input.width)
            for item in items {
                let (sample, start) = (item / blocks, item % blocks * linesPerBlock)
                let block = start..<min(lines, start + linesPerBlock)
                let count = block.count * input.width
                Matrix(weight, stride: rows, isTransposed: true).multiplied(
                    by: Matrix(x + sample * input.count + start * input.width, stride: input.plane),
                    into: matrix.pointer,
                    rows: rows,
                    inner: input.channels,
                    columns: count,
                    stride: count
                )
                forEachLine(block) { channel, row, column, target in
                    let offset = SIMD8(repeating: bias?[channel] ?? 0)
                    let first = matrix.pointer + row * count + column
                    interleave(first, first + count, offset, into: y + sample * output.count + target)
                }
            }
        }
    }

    /// Adds to the gradient of the weights, and to that of the input, or writes it with `replacingX`.
    func backward(
        _ x: UnsafePointer<Float>,
        weight: UnsafePointer<Float>,
        dY: UnsafePointer<Float>,
        dWeight: UnsafeMutablePointer<Float>,
        dX: UnsafeMutablePointer<Float>?,
        replacingX: Bool,
        batch: Int,
        threads: Int
    ) {
        let size = input.channels * rows
        let parts = min(lines, pieces(ofSampleIn: batch))
        let partial = Scratch(count: batch * parts * size)
        nonisolated(unsafe) let (x, weight, dY, dX, sums) = (x, weight, dY, dX, partial.pointer)
        parallelFor(batch * parts, threads: threads) { items in
            let matrix = Scratch(uninitialized: rows * linesPerBlock * input.width)
            for item in items {
                let (sample, part) = (item / parts, item % parts)
                forEachBlock(lines * part / parts..<lines * (part + 1) / parts) { block in
                    let count = block.count * input.width
                    forEachLine(block) { _, row, column, source in
                        let first = matrix.pointer + row * count + column
                        separate(dY + sample * output.count + source, into: first, first + count)
                    }
                    let place = sample * input.count + block.lowerBound * input.width
                    Matrix(x + place, stride: input.plane).multiplied(
                        by: Matrix(matrix.pointer, stride: count, isTransposed: true),
                        into: sums + item * size,
                        rows: input.channels,
                        inner: count,
                        columns: rows,
                        stride: rows,
                        adding: true
                    )
                    guard let dX else { return }
                    Matrix(weight, stride: rows).multiplied(
                        by: Matrix(matrix.pointer, stride: count),
                        into: dX + place,
                        rows: input.channels,
                        inner: rows,
                        columns: count,
                        stride: input.plane,
                        adding: !replacingX
                    )
                }
            }
        }
        addInOrder(partial.pointer, parts: batch * parts, size: size, to: dWeight)
    }

    /// Calls `body` for every line of the output that some lines of the input write: its channel, the row of the matrix that
    /// holds its even columns (the odd ones follow in the next), the first column there, and its start in a sample.
    @inline(__always)
    private func forEachLine(
        _ block: Range<Int>,
        _ body: (_ channel: Int, _ row: Int, _ column: Int, _ start: Int) -> Void
    ) {
        for channel in 0..<output.channels {
            for tap in 0..<stride.depth * stride.height {
                let row = (channel * stride.depth * stride.height + tap) * 2
                for line in block {
                    let slice = line / input.height * stride.depth + tap / stride.height
                    let height = line % input.height * stride.height + tap % stride.height
                    let start = ((channel * output.depth + slice) * output.height + height) * output.width
                    body(channel, row, (line - block.lowerBound) * input.width, start)
                }
            }
        }
    }

    @inline(__always)
    private func interleave(
        _ even: UnsafePointer<Float>,
        _ odd: UnsafePointer<Float>,
        _ offset: SIMD8<Float>,
        into line: UnsafeMutablePointer<Float>
    ) {
        let whole = input.width & ~7
        for place in Swift.stride(from: 0, to: whole, by: 8) {
            store8Pairs(load8(even + place) + offset, load8(odd + place) + offset, line + 2 * place)
        }
        for place in whole..<input.width {
            line[2 * place] = even[place] + offset[0]
            line[2 * place + 1] = odd[place] + offset[0]
        }
    }

    @inline(__always)
    private func separate(
        _ line: UnsafePointer<Float>,
        into even: UnsafeMutablePointer<Float>,
        _ odd: UnsafeMutablePointer<Float>
    ) {
        let whole = input.width & ~7
        for place in Swift.stride(from: 0, to: whole, by: 8) {
            let (a, b) = load8Pairs(line + 2 * place)
            store8(a, even + place)
            store8(b, odd + place)
        }
        for place in whole..<input.width { (even[place], odd[place]) = (line[2 * place], line[2 * place + 1]) }
    }
}
