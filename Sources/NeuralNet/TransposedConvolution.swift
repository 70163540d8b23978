internal import COpenBLAS
import Platform

/// Upsampling by a transposed convolution whose kernel equals its stride: every input place writes a block of its
/// own, so it is one matrix product and a rearrangement. Weights [in][out][stride][stride], as PyTorch's.
struct TransposedConvolution: Sendable {
    let input: FeatureShape
    let outChannels: Int
    let stride: Int

    /// Rows of the product: every output channel at every place of the block.
    private var rows: Int { outChannels * stride * stride }
    private var outputCount: Int { rows * input.plane }

    func forward(
        _ source: UnsafePointer<Float>,
        weight: UnsafePointer<Float>,
        bias: UnsafePointer<Float>,
        _ target: UnsafeMutablePointer<Float>,
        batch: Int,
        threads: Int
    ) {
        nonisolated(unsafe) let (source, weight, bias, target) = (source, weight, bias, target)
        parallelFor(batch, threads: threads) { samples in
            let blocks = Scratch(count: outputCount)
            for sample in samples {
                cblas_sgemm(
                    CblasRowMajor,
                    CblasTrans,
                    CblasNoTrans,
                    Int32(rows),
                    Int32(input.plane),
                    Int32(input.channels),
                    1,
                    weight,
                    Int32(rows),
                    source + sample * input.count,
                    Int32(input.plane),
                    0,
                    blocks.pointer,
                    Int32(input.plane)
                )
                let output = target + sample * outputCount
                forEachPlace { blockIndex, outputIndex, channel in
                    output[outputIndex] = blocks.pointer[blockIndex] + bias[channel]
                }
            }
        }
    }

    /// Accumulates the gradients of input, weight and bias.
    func backward(
        _ source: UnsafePointer<Float>,
        weight: UnsafePointer<Float>,
        dOutput: UnsafePointer<Float>,
        dInput: UnsafeMutablePointer<Float>,
        dWeight: UnsafeMutablePointer<Float>,
        dBias: UnsafeMutablePointer<Float>,
        batch: Int,
        threads: Int
    ) {
        let size = input.channels * rows
        let partial = Scratch(count: batch * size)
        let partialBias = Scratch(count: batch * outChannels)
        nonisolated(unsafe) let (source, weight, dOutput, dInput) = (source, weight, dOutput, dInput)
        nonisolated(unsafe) let (sums, biasSums) = (partial.pointer, partialBias.pointer)
        parallelFor(batch, threads: threads) { samples in
            let blocks = Scratch(count: outputCount)
            for sample in samples {
                let gradient = dOutput + sample * outputCount
                forEachPlace { blockIndex, outputIndex, channel in
                    blocks.pointer[blockIndex] = gradient[outputIndex]
                    biasSums[sample * outChannels + channel] += gradient[outputIndex]
                }
                cblas_sgemm(
                    CblasRowMajor,
                    CblasNoTrans,
                    CblasNoTrans,
                    Int32(input.channels),
                    Int32(input.plane),
                    Int32(rows),
                    1,
                    weight,
                    Int32(rows),
                    blocks.pointer,
                    Int32(input.plane),
                    1,
                    dInput + sample * input.count,
                    Int32(input.plane)
                )
                cblas_sgemm(
                    CblasRowMajor,
                    CblasNoTrans,
                    CblasTrans,
                    Int32(input.channels),
                    Int32(rows),
                    Int32(input.plane),
                    1,
                    source + sample * input.count,
                    Int32(input.plane),
                    blocks.pointer,
                    Int32(input.plane),
                    0,
                    sums + sample * size,
                    Int32(rows)
                )
            }
        }
        addInOrder(partial.pointer, parts: batch, size: size, to: dWeight)
        addInOrder(partialBias.pointer, parts: batch, size: outChannels, to: dBias)
    }

    /// Index in the product, index in the output sample, output channel.
    @inline(__always)
    private func forEachPlace(_ body: (Int, Int, Int) -> Void) {
        let width = input.width * stride
        for row in 0..<rows {
            let channel = row / (stride * stride)
            let dy = row / stride % stride
            let dx = row % stride
            for y in 0..<input.height {
                let block = row * input.plane + y * input.width
                let output = channel * input.plane * stride * stride + (y * stride + dy) * width + dx
                for x in 0..<input.width { body(block + x, output + x * stride, channel) }
            }
        }
    }
}
