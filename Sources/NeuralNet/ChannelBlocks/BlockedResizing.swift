import Platform

/// Halving and doubling of feature maps in channel blocks.
struct BlockedResizing: Sendable {
    let input: ChannelBlocks
    let batch: Int

    /// The largest of two by two places.
    func maxPool(_ source: UnsafePointer<Float>, _ target: UnsafeMutablePointer<Float>, threads: Int) {
        nonisolated(unsafe) let (source, target) = (source, target)
        let (vector, width) = (ChannelBlocks.width, input.width)
        let rows = input.height / 2
        parallelFor(batch * input.blocks * rows, threads: threads, rangesPerThread: rangesPerThread) { lines in
            for line in lines {
                // Planes follow each other without gaps, so output rows of all planes pair up with input rows.
                let top = source + 2 * line * width * vector
                let bottom = top + width * vector
                let out = target + line * (width / 2) * vector
                for n in 0..<width / 2 {
                    let left = 2 * n * vector
                    let largest = maximum(
                        maximum(load8(top + left), load8(top + left + vector)),
                        maximum(load8(bottom + left), load8(bottom + left + vector))
                    )
                    store8(largest, out + n * vector)
                }
            }
        }
    }

    /// Every place four times.
    func nearestUpsample(_ source: UnsafePointer<Float>, _ target: UnsafeMutablePointer<Float>, threads: Int) {
        nonisolated(unsafe) let (source, target) = (source, target)
        let (vector, width) = (ChannelBlocks.width, input.width)
        parallelFor(batch * input.blocks * input.height, threads: threads, rangesPerThread: rangesPerThread) { lines in
            for line in lines {
                let top = target + 4 * line * width * vector
                for n in 0..<width {
                    let value = load8(source + (line * width + n) * vector)
                    store8(value, top + 2 * n * vector)
                    store8(value, top + (2 * n + 1) * vector)
                }
                (top + 2 * width * vector).update(from: top, count: 2 * width * vector)
            }
        }
    }
}
