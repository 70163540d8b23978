import Platform

/// Between feature maps as training keeps them, N C [D] H W, and slices of channel blocks, [C / 8] H W [8] for each
/// slice of each sample.
struct BlockLayout {
    let channels: Int
    let depth: Int
    /// Height times width.
    let plane: Int

    private static let width = ChannelBlocks.width

    private var blocks: Int { ChannelBlocks.blocks(of: channels) }

    /// Floats of one slice in blocks.
    var sliceCount: Int { blocks * plane * BlockLayout.width }

    /// Where the planes of a block of channels of one slice begin; those of one channel after the other lie
    /// `depth * plane` apart.
    private func start(slice: Int, block: Int) -> Int {
        ((slice / depth * channels + block * BlockLayout.width) * depth + slice % depth) * plane
    }

    private func lanes(_ block: Int) -> Int { min(BlockLayout.width, channels - block * BlockLayout.width) }

    /// Some slices as channel blocks, one after the other; channels that fill the last block are zero.
    ///
    /// - Parameter slices: numbered through all samples. With a `halo` they belong to one sample, and as many slices
    ///   before and after them are added, zero where the sample has none.
    func blocks(
        _ source: UnsafePointer<Float>,
        slices: Range<Int>,
        halo: Int,
        into target: UnsafeMutablePointer<Float>,
        threads: Int
    ) {
        nonisolated(unsafe) let (source, target) = (source, target)
        let sample = slices.lowerBound / depth
        parallelFor((slices.count + 2 * halo) * blocks, threads: threads) { items in
            for item in items {
                let (slice, block) = (slices.lowerBound - halo + item / blocks, item % blocks)
                let result = target + item * plane * BlockLayout.width
                if halo > 0, slice < sample * depth || slice >= (sample + 1) * depth {
                    result.update(repeating: 0, count: plane * BlockLayout.width)
                } else {
                    interleave(source + start(slice: slice, block: block), lanes(block), into: result)
                }
            }
        }
    }

    /// What to do with the values that lie in the planes already.
    enum Writing { case replacing, adding }

    /// Channel blocks of some slices back to N C [D] H W.
    func planes(
        _ source: UnsafePointer<Float>,
        slices: Range<Int>,
        _ writing: Writing,
        into target: UnsafeMutablePointer<Float>,
        threads: Int
    ) {
        nonisolated(unsafe) let (source, target) = (source, target)
        parallelFor(slices.count * blocks, threads: threads) { items in
            for item in items {
                let (slice, block) = (slices.lowerBound + item / blocks, item % blocks)
                separate(
                    source + item * plane * BlockLayout.width,
                    lanes(block),
                    writing,
                    into: target + start(slice: slice, block: block)
                )
            }
        }
    }

    /// Up to eight planes as one block.
    private func interleave(
        _ planes: UnsafePointer<Float>,
        _ lanes: Int,
        into block: UnsafeMutablePointer<Float>
    ) {
        let (width, step) = (BlockLayout.width, depth * plane)
        let whole = lanes == width ? plane & ~7 : 0
        for place in stride(from: 0, to: whole, by: 8) {
            Square(planes + place, step: step).transposed.store(block + place * width, step: width)
        }
        for place in whole..<plane {
            for lane in 0..<width { block[place * width + lane] = lane < lanes ? planes[lane * step + place] : 0 }
        }
    }

    private func separate(
        _ block: UnsafePointer<Float>,
        _ lanes: Int,
        _ writing: Writing,
        into planes: UnsafeMutablePointer<Float>
    ) {
        let (width, step) = (BlockLayout.width, depth * plane)
        let whole = lanes == width ? plane & ~7 : 0
        for place in stride(from: 0, to: whole, by: 8) {
            var square = Square(block + place * width, step: width).transposed
            if writing == .adding { square.add(Square(planes + place, step: step)) }
            square.store(planes + place, step: step)
        }
        for place in whole..<plane {
            for lane in 0..<lanes {
                let value = block[place * width + lane]
                planes[lane * step + place] = writing == .adding ? planes[lane * step + place] + value : value
            }
        }
    }

    /// Eight vectors of eight.
    private struct Square {
        var r0, r1, r2, r3, r4, r5, r6, r7: SIMD8<Float>

        @inline(__always)
        init(_ start: UnsafePointer<Float>, step: Int) {
            r0 = load8(start)
            r1 = load8(start + step)
            r2 = load8(start + 2 * step)
            r3 = load8(start + 3 * step)
            r4 = load8(start + 4 * step)
            r5 = load8(start + 5 * step)
            r6 = load8(start + 6 * step)
            r7 = load8(start + 7 * step)
        }

        @inline(__always)
        func store(_ target: UnsafeMutablePointer<Float>, step: Int) {
            store8(r0, target)
            store8(r1, target + step)
            store8(r2, target + 2 * step)
            store8(r3, target + 3 * step)
            store8(r4, target + 4 * step)
            store8(r5, target + 5 * step)
            store8(r6, target + 6 * step)
            store8(r7, target + 7 * step)
        }

        @inline(__always)
        mutating func add(_ other: Square) {
            r0 += other.r0
            r1 += other.r1
            r2 += other.r2
            r3 += other.r3
            r4 += other.r4
            r5 += other.r5
            r6 += other.r6
            r7 += other.r7
        }

        /// Each step exchanges the odd part of one row with the even part of another: quarters first, then halves of
        /// quarters, then single values.
        @inline(__always)
        var transposed: Square {
            var s = self
            (s.r0, s.r4) = Square.exchangeFours(s.r0, s.r4)
            (s.r1, s.r5) = Square.exchangeFours(s.r1, s.r5)
            (s.r2, s.r6) = Square.exchangeFours(s.r2, s.r6)
            (s.r3, s.r7) = Square.exchangeFours(s.r3, s.r7)
            (s.r0, s.r2) = Square.exchangeTwos(s.r0, s.r2)
            (s.r1, s.r3) = Square.exchangeTwos(s.r1, s.r3)
            (s.r4, s.r6) = Square.exchangeTwos(s.r4, s.r6)
            (s.r5, s.r7) = Square.exchangeTwos(s.r5, s.r7)
            (s.r0, s.r1) = Square.exchangeOnes(s.r0, s.r1)
            (s.r2, s.r3) = Square.exchangeOnes(s.r2, s.r3)
            (s.r4, s.r5) = Square.exchangeOnes(s.r4, s.r5)
            (s.r6, s.r7) = Square.exchangeOnes(s.r6, s.r7)
            return s
        }

        @inline(__always)
        static func exchangeFours(_ a: SIMD8<Float>, _ b: SIMD8<Float>) -> (SIMD8<Float>, SIMD8<Float>) {
            (
                SIMD8(lowHalf: a.lowHalf, highHalf: b.lowHalf),
                SIMD8(lowHalf: a.highHalf, highHalf: b.highHalf)
            )
        }

        @inline(__always)
        static func exchangeTwos(_ a: SIMD8<Float>, _ b: SIMD8<Float>) -> (SIMD8<Float>, SIMD8<Float>) {
            (
                SIMD8(a[0], a[1], b[0], b[1], a[4], a[5], b[4], b[5]),
                SIMD8(a[2], a[3], b[2], b[3], a[6], a[7], b[6], b[7])
            )
        }

        @inline(__always)
        static func exchangeOnes(_ a: SIMD8<Float>, _ b: SIMD8<Float>) -> (SIMD8<Float>, SIMD8<Float>) {
            (
                SIMD8(a[0], b[0], a[2], b[2], a[4], b[4], a[6], b[6]),
                SIMD8(a[1], b[1], a[3], b[3], a[5], b[5], a[7], b[7])
            )
        }
    }
}
