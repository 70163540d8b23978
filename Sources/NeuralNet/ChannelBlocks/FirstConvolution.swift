import Platform

/// The 3 x 3 convolution (stride 1, padding 1) that reads the image: few channels, N C H W, so the sum is done
/// directly and its result written in channel blocks.
package struct FirstConvolution: Sendable {
    let inChannels: Int
    let outChannels: Int
    let height: Int
    let width: Int
    let batch: Int

    package init(inChannels: Int, outChannels: Int, height: Int, width: Int, batch: Int) {
        self.inChannels = inChannels
        self.outChannels = outChannels
        self.height = height
        self.width = width
        self.batch = batch
    }

    private var taps: Int { inChannels * 9 }
    /// One zero before a row, one after, and room for the last group of places.
    private var paddedWidth: Int { width + 2 + OutputPanel.rows }

    /// Weights [out][in][3][3] as [out / 16][in * 9][16].
    package static func packed(_ weight: [Float], inChannels: Int, outChannels: Int, scale: [Float]?) -> [Float] {
        let taps = inChannels * 9
        let panel = OutputPanel.width
        var result = [Float](repeating: 0, count: OutputPanel.padded(outChannels) * taps)
        for out in 0..<outChannels {
            for tap in 0..<taps {
                result[(out / panel * taps + tap) * panel + out % panel] =
                    weight[out * taps + tap] * (scale?[out] ?? 1)
            }
        }
        return result
    }

    package func forward(
        _ source: UnsafePointer<Float>,
        weights: UnsafePointer<Float>,
        epilogue: BlockEpilogue,
        _ target: UnsafeMutablePointer<Float>,
        threads: Int
    ) {
        nonisolated(unsafe) let (source, weights, target) = (source, weights, target)
        parallelFor(batch * height, threads: threads, rangesPerThread: rangesPerThread) { lines in
            let padded = Scratch(count: inChannels * 3 * paddedWidth)
            let results = Scratch(count: OutputPanel.rows * OutputPanel.width)
            for line in lines {
                let (sample, row) = (line / height, line % height)
                copyRows(source + sample * inChannels * height * width, around: row, into: padded.pointer)
                for panel in 0..<OutputPanel.panels(of: outChannels) {
                    forwardLine(padded.pointer, weights, sample, row, panel, epilogue, target, results.pointer)
                }
            }
        }
    }

    private func copyRows(_ source: UnsafePointer<Float>, around row: Int, into padded: UnsafeMutablePointer<Float>) {
        for channel in 0..<inChannels {
            for i in 0..<3 {
                let line = padded + (channel * 3 + i) * paddedWidth + 1
                let from = row + i - 1
                if from >= 0, from < height {
                    line.update(from: source + (channel * height + from) * width, count: width)
                } else {
                    line.update(repeating: 0, count: width)
                }
            }
        }
    }

    private func forwardLine(
        _ padded: UnsafePointer<Float>,
        _ weights: UnsafePointer<Float>,
        _ sample: Int,
        _ row: Int,
        _ panel: Int,
        _ epilogue: BlockEpilogue,
        _ target: UnsafeMutablePointer<Float>,
        _ results: UnsafeMutablePointer<Float>
    ) {
        let vector = ChannelBlocks.width
        let outBlocks = ChannelBlocks.blocks(of: outChannels)
        let plane = height * width * vector
        let line = target + (sample * outBlocks + panel * 2) * plane + row * width * vector
        let hasSecond = panel * 2 + 1 < outBlocks
        let first = BlockEpilogueVector(epilogue, channel: panel * OutputPanel.width)
        let second = BlockEpilogueVector(epilogue, channel: panel * OutputPanel.width + vector)
        for column in stride(from: 0, to: width, by: OutputPanel.rows) {
            var sums = OutputPanel.Sums()
            var u = weights + panel * taps * OutputPanel.width
            for channelRow in 0..<inChannels * 3 {
                let x = padded + channelRow * paddedWidth + column
                for tap in 0..<3 {
                    sums.add(x + tap, step: 1, weights: u)
                    u += OutputPanel.width
                }
            }
            sums.store(results, results + vector, step: OutputPanel.width)
            for n in 0..<min(OutputPanel.rows, width - column) {
                let place = line + (column + n) * vector
                store8(first(load8(results + n * OutputPanel.width)), place)
                if hasSecond { store8(second(load8(results + n * OutputPanel.width + vector)), place + plane) }
            }
        }
    }
}
