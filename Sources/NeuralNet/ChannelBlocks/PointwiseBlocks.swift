import Platform

/// 1 x 1 convolutions, and transposed convolutions whose kernel equals their stride, in channel blocks: every input
/// place gives `stride * stride` output places, each with weights of its own.
struct PointwiseBlocks: Sendable {
    let inBlocks: Int
    let outChannels: Int
    let stride: Int
    /// Size of the input.
    let height: Int
    let width: Int
    let batch: Int

    private var depth: Int { inBlocks * ChannelBlocks.width }

    /// Weights [in][out][stride][stride] (PyTorch's order of a transposed convolution) as
    /// [stride * stride][out / 16][in][16].
    static func packed(transposed weight: [Float], inChannels: Int, outChannels: Int, stride: Int) -> [Float] {
        packed(inChannels: inChannels, outChannels: outChannels, taps: stride * stride) { channel, out, tap in
            weight[(channel * outChannels + out) * stride * stride + tap]
        }
    }

    /// Weights [out][in] of a 1 x 1 convolution.
    static func packed(_ weight: [Float], inChannels: Int, outChannels: Int) -> [Float] {
        packed(inChannels: inChannels, outChannels: outChannels, taps: 1) { channel, out, _ in
            weight[out * inChannels + channel]
        }
    }

    private static func packed(
        inChannels: Int,
        outChannels: Int,
        taps: Int,
        _ weight: (Int, Int, Int) -> Float
    ) -> [Float] {
        let depth = ChannelBlocks.blocks(of: inChannels) * ChannelBlocks.width
        let panel = OutputPanel.width
        let padded = OutputPanel.padded(outChannels)
        var result = [Float](repeating: 0, count: taps * padded * depth)
        for tap in 0..<taps {
            for channel in 0..<inChannels {
                for out in 0..<outChannels {
                    result[((tap * padded / panel + out / panel) * depth + channel) * panel + out % panel] =
                        weight(channel, out, tap)
                }
            }
        }
        return result
    }

    func forward(
        _ source: UnsafePointer<Float>,
        weights: UnsafePointer<Float>,
        epilogue: BlockEpilogue,
        _ target: UnsafeMutablePointer<Float>,
        threads: Int
    ) {
        nonisolated(unsafe) let (source, weights, target) = (source, weights, target)
        parallelFor(batch * height, threads: threads, rangesPerThread: rangesPerThread) { lines in
            let results = Scratch(count: OutputPanel.rows * OutputPanel.width)
            for line in lines {
                for panel in 0..<OutputPanel.panels(of: outChannels) {
                    for tap in 0..<stride * stride {
                        forwardLine(
                            source,
                            weights,
                            line: line,
                            panel: panel,
                            tap: tap,
                            epilogue,
                            target,
                            results.pointer
                        )
                    }
                }
            }
        }
    }

    private func forwardLine(
        _ source: UnsafePointer<Float>,
        _ weights: UnsafePointer<Float>,
        line: Int,
        panel: Int,
        tap: Int,
        _ epilogue: BlockEpilogue,
        _ target: UnsafeMutablePointer<Float>,
        _ results: UnsafeMutablePointer<Float>
    ) {
        let vector = ChannelBlocks.width
        let (sample, row) = (line / height, line % height)
        let u = weights + (tap * OutputPanel.panels(of: outChannels) + panel) * depth * OutputPanel.width
        let outBlocks = ChannelBlocks.blocks(of: outChannels)
        let outPlane = height * width * stride * stride * vector
        let parts = min(2, outBlocks - panel * 2)
        let outLine =
            target + (sample * outBlocks + panel * 2) * outPlane
            + ((row * stride + tap / stride) * width * stride + tap % stride) * vector
        let first = BlockEpilogueVector(epilogue, channel: panel * OutputPanel.width)
        let second = BlockEpilogueVector(epilogue, channel: panel * OutputPanel.width + vector)
        var column = 0
        while column < width {
            // The last group begins earlier where the width is no multiple: those places are computed twice.
            let start = max(0, min(column, width - OutputPanel.rows))
            let count = min(OutputPanel.rows, width - start)
            var sums = OutputPanel.Sums()
            for block in 0..<inBlocks {
                let x = source + ((sample * inBlocks + block) * height * width + row * width + start) * vector
                for lane in 0..<vector {
                    sums.add(x + lane, step: vector, weights: u + (block * vector + lane) * OutputPanel.width)
                }
            }
            sums.store(results, results + vector, step: OutputPanel.width)
            for n in 0..<count {
                let place = outLine + (start + n) * stride * vector
                store8(first(load8(results + n * OutputPanel.width)), place)
                if parts == 2 {
                    store8(second(load8(results + n * OutputPanel.width + vector)), place + outPlane)
                }
            }
            column += OutputPanel.rows
        }
    }
}
