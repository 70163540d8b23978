internal import COpenBLAS
import Platform

/// Convolutions of any kernel, stride, padding and dilation: im2col and OpenBLAS. A 1 x 1 convolution with stride 1
/// multiplies the input as it lies.
///
/// OpenBLAS is called single-threaded from our own threads; weight gradients are summed per sample in order.
package struct GeneralConvolution: Sendable {
    let convolution: Convolution
    let input: FeatureShape
    let output: FeatureShape

    package init(convolution: Convolution, input: FeatureShape, output: FeatureShape) {
        self.convolution = convolution
        self.input = input
        self.output = output
    }

    private var taps: Int { input.channels * convolution.kernel * convolution.kernel }
    private var isPointwise: Bool {
        convolution.kernel == 1 && convolution.stride == 1 && convolution.padding == 0
    }

    /// output[n][out][plane] = epilogue(sum weight * input). Shapes N C H W.
    package func forward(
        _ source: UnsafePointer<Float>,
        weight: UnsafePointer<Float>,
        epilogue: ConvolutionEpilogue,
        _ target: UnsafeMutablePointer<Float>,
        batch: Int,
        threads: Int
    ) {
        nonisolated(unsafe) let (source, weight, target) = (source, weight, target)
        parallelFor(batch, threads: threads) { samples in
            let columns = Scratch(count: isPointwise ? 0 : taps * output.plane)
            for sample in samples {
                let x = columnMatrix(source + sample * input.count, columns.pointer)
                let y = target + sample * output.count
                cblas_sgemm(
                    CblasRowMajor,
                    CblasNoTrans,
                    CblasNoTrans,
                    Int32(output.channels),
                    Int32(output.plane),
                    Int32(taps),
                    1,
                    weight,
                    Int32(taps),
                    x,
                    Int32(output.plane),
                    0,
                    y,
                    Int32(output.plane)
                )
                epilogue.apply(toSample: y, shape: output)
            }
        }
    }

    /// dInput += weight^T * dOutput, scattered back.
    package func inputGradient(
        dOutput: UnsafePointer<Float>,
        weight: UnsafePointer<Float>,
        dInput: UnsafeMutablePointer<Float>,
        batch: Int,
        threads: Int
    ) {
        nonisolated(unsafe) let (dOutput, weight, dInput) = (dOutput, weight, dInput)
        parallelFor(batch, threads: threads) { samples in
            let columns = Scratch(count: taps * output.plane)
            for sample in samples {
                cblas_sgemm(
                    CblasRowMajor,
                    CblasTrans,
                    CblasNoTrans,
                    Int32(taps),
                    Int32(output.plane),
                    Int32(output.channels),
                    1,
                    weight,
                    Int32(taps),
                    dOutput + sample * output.count,
                    Int32(output.plane),
                    0,
                    columns.pointer,
                    Int32(output.plane)
                )
                addColumns(columns.pointer, to: dInput + sample * input.count)
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
        let partial = Scratch(count: batch * size)
        nonisolated(unsafe) let (source, dOutput, sums) = (source, dOutput, partial.pointer)
        parallelFor(batch, threads: threads) { samples in
            let columns = Scratch(count: isPointwise ? 0 : taps * output.plane)
            for sample in samples {
                let x = columnMatrix(source + sample * input.count, columns.pointer)
                cblas_sgemm(
                    CblasRowMajor,
                    CblasNoTrans,
                    CblasTrans,
                    Int32(output.channels),
                    Int32(taps),
                    Int32(output.plane),
                    1,
                    dOutput + sample * output.count,
                    Int32(output.plane),
                    x,
                    Int32(output.plane),
                    0,
                    sums + sample * size,
                    Int32(taps)
                )
            }
        }
        addInOrder(partial.pointer, parts: batch, size: size, to: dWeight)
    }

    /// The input seen by every tap: [in * kernel * kernel][output plane].
    private func columnMatrix(
        _ source: UnsafePointer<Float>,
        _ columns: UnsafeMutablePointer<Float>
    ) -> UnsafePointer<Float> {
        if isPointwise { return source }
        var target = columns
        forEachTap { channel, tapRow, tapColumn in
            for y in 0..<output.height {
                let row = y * convolution.stride + tapRow * convolution.dilation - convolution.padding
                for x in 0..<output.width {
                    let column = x * convolution.stride + tapColumn * convolution.dilation - convolution.padding
                    let inside = row >= 0 && row < input.height && column >= 0 && column < input.width
                    target[x] = inside ? source[(channel * input.height + row) * input.width + column] : 0
                }
                target += output.width
            }
        }
        return UnsafePointer(columns)
    }

    /// The transpose of `columnMatrix`: adds every tap's value where it came from.
    private func addColumns(_ columns: UnsafePointer<Float>, to dInput: UnsafeMutablePointer<Float>) {
        var source = columns
        forEachTap { channel, tapRow, tapColumn in
            for y in 0..<output.height {
                let row = y * convolution.stride + tapRow * convolution.dilation - convolution.padding
                for x in 0..<output.width where row >= 0 && row < input.height {
                    let column = x * convolution.stride + tapColumn * convolution.dilation - convolution.padding
                    guard column >= 0, column < input.width else { continue }
                    dInput[(channel * input.height + row) * input.width + column] += source[x]
                }
                source += output.width
            }
        }
    }

    private func forEachTap(_ body: (_ channel: Int, _ row: Int, _ column: Int) -> Void) {
        for channel in 0..<input.channels {
            for row in 0..<convolution.kernel {
                for column in 0..<convolution.kernel { body(channel, row, column) }
            }
        }
    }
}

/// Adds the parts of a sum in their order, so that the number of threads does not matter.
func addInOrder(_ parts: UnsafePointer<Float>, parts count: Int, size: Int, to total: UnsafeMutablePointer<Float>) {
    for part in 0..<count {
        for n in 0..<size { total[n] += parts[part * size + n] }
    }
}

extension ConvolutionEpilogue {
    /// The same map on a whole sample in memory.
    func apply(toSample values: UnsafeMutablePointer<Float>, shape: FeatureShape) {
        for channel in 0..<shape.channels {
            let offset = bias?[channel] ?? 0
            let factor = scale?[channel] ?? 1
            let end = shift?[channel] ?? 0
            let line = values + channel * shape.plane
            for n in 0..<shape.plane {
                let value = line[n] + offset
                line[n] = (relu ? max(0, value) : value) * factor + end
            }
        }
    }
}

/// One BLAS thread inside our own: partition and sums stay ours. Process-wide (OpenBLAS), so it is set once.
enum BLAS {
    static let singleThreaded: Void = openblas_set_num_threads(1)
}

extension Convolution {
    /// The direct kernel, where it fits: 3 x 3, stride 1, padding 1.
    func direct(input: FeatureShape) -> Convolution3x3? {
        guard kernel == 3, stride == 1, padding == 1, dilation == 1 else { return nil }
        return Convolution3x3(
            inChannels: input.channels,
            outChannels: outChannels,
            height: input.height,
            width: input.width
        )
    }
}
