internal import COpenBLAS
import Platform

/// Convolutions of any kernel, stride, padding and dilation: im2col and OpenBLAS, block by block, so that the column
/// matrix stays small whatever the size of the volume. A 1 x 1 convolution with stride 1 multiplies the input as it
/// lies. A transposed convolution is this with the directions swapped.
///
/// OpenBLAS is called single-threaded from our own threads. How the work is cut depends on the shapes alone, and
/// weight gradients are summed per sample in order: the number of threads does not matter.
package struct ColumnConvolution: Sendable {
    let convolution: Convolution
    let input: FeatureShape
    let output: FeatureShape

    package init(convolution: Convolution, input: FeatureShape, output: FeatureShape) {
        self.convolution = convolution
        self.input = input
        self.output = output
        _ = BLAS.singleThreaded
    }

    private var tapsPerChannel: Int { convolution.kernel.count }
    private var taps: Int { input.channels * tapsPerChannel }

    private var isPointwise: Bool {
        convolution.kernel == .one && convolution.stride == .one && convolution.padding == .zero
    }

    /// Floats of the column matrix of a block: 2 MiB, whatever the size of the volume.
    private static let columnFloats = 524_288
    /// Columns of a block that multiplies the input as it lies: no memory bounds them, but threads want several blocks to share.
    private static let pointwiseColumns = 65_536
    /// Columns that a block has at least, however many taps there are.
    private static let fewestColumns = 256

    /// Output lines (rows of all slices) of one block.
    private var linesPerBlock: Int {
        let lines = output.depth * output.height
        let columns =
            isPointwise
            ? ColumnConvolution.pointwiseColumns
            : max(ColumnConvolution.fewestColumns, ColumnConvolution.columnFloats / taps)
        return min(lines, max(1, columns / output.width))
    }

    private var blocks: Int { (output.depth * output.height + linesPerBlock - 1) / linesPerBlock }

    private func lines(_ block: Int) -> Range<Int> {
        block * linesPerBlock..<min(output.depth * output.height, (block + 1) * linesPerBlock)
    }

    /// Input channels of one part of the backward passes: few samples are shared out by channels.
    private func channelParts(batch: Int) -> Int { min(input.channels, pieces(ofSampleIn: batch)) }

    private func channels(_ part: Int, of parts: Int) -> Range<Int> {
        input.channels * part / parts..<input.channels * (part + 1) / parts
    }

    /// output[n][out][place] = epilogue(sum weight * input).
    package func forward(
        _ source: UnsafePointer<Float>,
        weight: UnsafePointer<Float>,
        epilogue: ConvolutionEpilogue,
        _ target: UnsafeMutablePointer<Float>,
        batch: Int,
        threads: Int
    ) {
        nonisolated(unsafe) let (source, weight, target) = (source, weight, target)
        parallelFor(batch * blocks, threads: threads) { items in
            let columns = Scratch(count: isPointwise ? 0 : taps * linesPerBlock * output.width)
            for item in items {
                let (sample, lines) = (item / blocks, lines(item % blocks))
                let count = lines.count * output.width
                let x = columnMatrix(source + sample * input.count, 0..<input.channels, lines, columns.pointer)
                let y = target + sample * output.count + lines.lowerBound * output.width
                Matrix(weight, stride: taps).multiplied(
                    by: x,
                    into: y,
                    rows: output.channels,
                    inner: taps,
                    columns: count,
                    stride: output.plane
                )
                epilogue.apply(y, channels: output.channels, plane: output.plane, count: count)
            }
        }
    }

    /// dInput += weight^T * dOutput, scattered back. Also the forward pass of a transposed convolution.
    package func inputGradient(
        dOutput: UnsafePointer<Float>,
        weight: UnsafePointer<Float>,
        dInput: UnsafeMutablePointer<Float>,
        batch: Int,
        threads: Int
    ) {
        nonisolated(unsafe) let (dOutput, weight, dInput) = (dOutput, weight, dInput)
        let parts = channelParts(batch: batch)
        parallelFor(batch * parts, threads: threads) { items in
            let most = (input.channels + parts - 1) / parts * tapsPerChannel
            let columns = Scratch(count: most * linesPerBlock * output.width)
            for item in items {
                let (sample, channels) = (item / parts, channels(item % parts, of: parts))
                for block in 0..<blocks {
                    let lines = lines(block)
                    let count = lines.count * output.width
                    Matrix(weight + channels.lowerBound * tapsPerChannel, stride: taps, isTransposed: true)
                        .multiplied(
                            by: Matrix(
                                dOutput + sample * output.count + lines.lowerBound * output.width,
                                stride: output.plane
                            ),
                            into: columns.pointer,
                            rows: channels.count * tapsPerChannel,
                            inner: output.channels,
                            columns: count,
                            stride: count
                        )
                    addColumns(columns.pointer, channels, lines, to: dInput + sample * input.count)
                }
            }
        }
    }

    /// dWeight += dOutput * columns^T.
    package func weightGradient(
        _ source: UnsafePointer<Float>,
        dOutput: UnsafePointer<Float>,
        dWeight: UnsafeMutablePointer<Float>,
        batch: Int,
        threads: Int
    ) {
        let size = output.channels * taps
        let parts = channelParts(batch: batch)
        let partial = Scratch(count: batch * size)
        nonisolated(unsafe) let (source, dOutput, sums) = (source, dOutput, partial.pointer)
        parallelFor(batch * parts, threads: threads) { items in
            let most = (input.channels + parts - 1) / parts * tapsPerChannel
            let columns = Scratch(count: isPointwise ? 0 : most * linesPerBlock * output.width)
            for item in items {
                let (sample, channels) = (item / parts, channels(item % parts, of: parts))
                for block in 0..<blocks {
                    let lines = lines(block)
                    let count = lines.count * output.width
                    var x = columnMatrix(source + sample * input.count, channels, lines, columns.pointer)
                    x.isTransposed = true
                    Matrix(
                        dOutput + sample * output.count + lines.lowerBound * output.width,
                        stride: output.plane
                    ).multiplied(
                        by: x,
                        into: sums + sample * size + channels.lowerBound * tapsPerChannel,
                        rows: output.channels,
                        inner: count,
                        columns: channels.count * tapsPerChannel,
                        stride: taps,
                        adding: true
                    )
                }
            }
        }
        addInOrder(partial.pointer, parts: batch, size: size, to: dWeight)
    }

    /// The input seen by every tap of some channels, at the places of some output lines: [channel * tap][place].
    private func columnMatrix(
        _ source: UnsafePointer<Float>,
        _ channels: Range<Int>,
        _ lines: Range<Int>,
        _ columns: UnsafeMutablePointer<Float>
    ) -> Matrix {
        if isPointwise {
            return Matrix(
                source + channels.lowerBound * input.plane + lines.lowerBound * input.width,
                stride: input.plane
            )
        }
        var target = columns
        forEachTapLine(channels, lines) { line, tap, inside in
            (target).update(repeating: 0, count: inside.lowerBound)
            if let line {
                let start = source + line + tap
                let stride = convolution.stride.width
                if stride == 1 {
                    (target + inside.lowerBound).update(from: start + inside.lowerBound, count: inside.count)
                } else {
                    for x in inside { target[x] = start[x * stride] }
                }
            }
            (target + inside.upperBound).update(repeating: 0, count: output.width - inside.upperBound)
            target += output.width
        }
        return Matrix(UnsafePointer(columns), stride: lines.count * output.width)
    }

    /// The transpose of `columnMatrix`: adds every tap's value where it came from.
    private func addColumns(
        _ columns: UnsafePointer<Float>,
        _ channels: Range<Int>,
        _ lines: Range<Int>,
        to dInput: UnsafeMutablePointer<Float>
    ) {
        var source = columns
        forEachTapLine(channels, lines) { line, tap, inside in
            if let line {
                let start = dInput + line + tap
                let stride = convolution.stride.width
                for x in inside { start[x * stride] += source[x] }
            }
            source += output.width
        }
    }

    /// Calls `body` for each channel, tap and output line with the start of the input line it sees (nil outside),
    /// the tap's column offset, and the output columns whose input column exists (empty without a line).
    @inline(__always)
    private func forEachTapLine(
        _ channels: Range<Int>,
        _ lines: Range<Int>,
        _ body: (_ line: Int?, _ tap: Int, _ inside: Range<Int>) -> Void
    ) {
        let c = convolution
        for channel in channels {
            for tap in 0..<tapsPerChannel {
                let column = tap % c.kernel.width * c.dilation.width - c.padding.width
                let tapRow = tap / c.kernel.width % c.kernel.height * c.dilation.height - c.padding.height
                let tapSlice = tap / c.kernel.width / c.kernel.height * c.dilation.depth - c.padding.depth
                let inside = columnsInside(column)
                for line in lines {
                    let row = line % output.height * c.stride.height + tapRow
                    let slice = line / output.height * c.stride.depth + tapSlice
                    if row >= 0, row < input.height, slice >= 0, slice < input.depth {
                        let start = ((channel * input.depth + slice) * input.height + row) * input.width
                        body(start, column, inside)
                    } else {
                        body(nil, column, 0..<0)
                    }
                }
            }
        }
    }

    /// Output columns x with 0 <= x * stride + offset < width of the input.
    private func columnsInside(_ offset: Int) -> Range<Int> {
        let stride = convolution.stride.width
        let first = offset >= 0 ? 0 : (-offset + stride - 1) / stride
        let end = input.width > offset ? (input.width - offset - 1) / stride + 1 : 0
        let lower = min(first, output.width)
        return lower..<max(lower, min(end, output.width))
    }
}

/// A row-major matrix in somebody's memory.
struct Matrix {
    let start: UnsafePointer<Float>
    let stride: Int
    var isTransposed = false

    init(_ start: UnsafePointer<Float>, stride: Int, isTransposed: Bool = false) {
        self.start = start
        self.stride = stride
        self.isTransposed = isTransposed
    }

    /// result = self * other, or += with `adding`.
    func multiplied(
        by other: Matrix,
        into result: UnsafeMutablePointer<Float>,
        rows: Int,
        inner: Int,
        columns: Int,
        stride resultStride: Int,
        adding: Bool = false
    ) {
        cblas_sgemm(
            CblasRowMajor,
            isTransposed ? CblasTrans : CblasNoTrans,
            other.isTransposed ? CblasTrans : CblasNoTrans,
            Int32(rows),
            Int32(columns),
            Int32(inner),
            1,
            start,
            Int32(stride),
            other.start,
            Int32(other.stride),
            adding ? 1 : 0,
            result,
            Int32(resultStride)
        )
    }
}

/// One BLAS thread inside our own: partition and sums stay ours. Process-wide (OpenBLAS), so it is set once.
enum BLAS {
    static let singleThreaded: Void = openblas_set_num_threads(1)
}
