import Platform

/// Convolutions of 3 x 3 in the plane and 1 or 3 in depth, with stride 1: the work of a U-Net.
///
/// Direct, without im2col: a block of rows of all input planes is copied once into a zero-padded scratch that
/// stays in the second-level cache; 4 output channels x 24 columns are held in 12 vector registers while the taps
/// run over them. A slice of a 3 x 3 x 3 convolution is a 3 x 3 convolution over the three slices of every channel,
/// whose weights lie in that order already. Each output is one sum in a fixed order (channel, depth, row, column),
/// so the result does not depend on the number of threads.
package struct DirectConvolution: Sendable {
    package let inChannels: Int
    package let outChannels: Int
    package let kernelDepth: Int
    package let input: Axes
    package let output: Axes
    /// Zeros around the input: 0 to 2 in the plane, below `kernelDepth` in depth.
    let padding: Axes

    package init(inChannels: Int, outChannels: Int, kernelDepth: Int = 1, input: Axes, padding: Axes) {
        self.inChannels = inChannels
        self.outChannels = outChannels
        self.kernelDepth = kernelDepth
        self.input = input
        self.padding = padding
        output = Axes(
            depth: input.depth + 2 * padding.depth - kernelDepth + 1,
            height: input.height + 2 * padding.height - 2,
            width: input.width + 2 * padding.width - 2
        )
    }

    static let outBlock = 4
    static let columnBlock = 24

    /// Planes that an output slice is made of.
    var planes: Int { inChannels * kernelDepth }

    /// What of the second-level cache the padded rows of a work item may fill: half of 1 MiB (`WinogradBlocking.cacheFloats`).
    private static let cacheFloats = 131_072

    /// Rows of one work item.
    var rowBlock: Int {
        let rows = DirectConvolution.cacheFloats / max(1, planes * paddedWidth) - 2
        return min(output.height, max(4, rows))
    }

    var rowBlocks: Int { (output.height + rowBlock - 1) / rowBlock }

    /// Row length of the padded scratch: zeros before and after, and room for whole vectors.
    var paddedWidth: Int { (output.width + 2 + DirectConvolution.columnBlock + 7) & ~7 }

    var outBlocks: Int { (outChannels + DirectConvolution.outBlock - 1) / DirectConvolution.outBlock }

    /// Whether this kernel beats im2col and OpenBLAS on the shape, forwards and for the weights: with few output
    /// channels the columns cost more than the product (`contour-bench layers`; docs/engine.md has the figures).
    var isFaster: Bool { outChannels < 12 }

    /// Weights [out][plane][3][3] as [out / 4][plane][tap][4]: four broadcasts lie side by side.
    package func packed(_ weight: UnsafePointer<Float>) -> [Float] {
        let block = DirectConvolution.outBlock
        var result = [Float](repeating: 0, count: outBlocks * planes * 9 * block)
        for out in 0..<outChannels {
            for plane in 0..<planes {
                for tap in 0..<9 {
                    result[((out / block * planes + plane) * 9 + tap) * block + out % block] =
                        weight[(out * planes + plane) * 9 + tap]
                }
            }
        }
        return result
    }

    /// output[n][out][z][y][x] = epilogue(sum weight * input).
    package func forward(
        input source: UnsafePointer<Float>,
        packedWeight: [Float],
        epilogue: ConvolutionEpilogue,
        output target: UnsafeMutablePointer<Float>,
        batch: Int,
        threads: Int
    ) {
        nonisolated(unsafe) let source = source
        nonisolated(unsafe) let target = target
        packedWeight.withUnsafeBufferPointer { packed in
            nonisolated(unsafe) let weights = packed.baseAddress!
            parallelFor(batch * output.depth * rowBlocks, threads: threads) { items in
                let scratch = Scratch(count: planes * (rowBlock + 2) * paddedWidth)
                for item in items {
                    let rows = rowRange(item % rowBlocks)
                    let (sample, slice) = (item / rowBlocks / output.depth, item / rowBlocks % output.depth)
                    pad(source + sample * inChannels * input.count, slice: slice, rows: rows, into: scratch.pointer)
                    let result = target + sample * outChannels * output.count + slice * output.height * output.width
                    for out in 0..<outBlocks {
                        forwardRows(
                            scratch.pointer,
                            rows: rows,
                            weights + out * planes * 36,
                            out: out,
                            epilogue,
                            result
                        )
                    }
                }
            }
        }
    }

    func rowRange(_ block: Int) -> Range<Int> { block * rowBlock..<min(output.height, (block + 1) * rowBlock) }

    /// Copies the input rows that the output rows of a slice see, for every plane, with zeros around.
    func pad(_ source: UnsafePointer<Float>, slice: Int, rows: Range<Int>, into scratch: UnsafeMutablePointer<Float>) {
        let line = paddedWidth
        let side = padding.width
        for plane in 0..<planes {
            let depth = slice + plane % kernelDepth - padding.depth
            let isInside = depth >= 0 && depth < input.depth
            let slab = source + (plane / kernelDepth * input.depth + depth) * input.height * input.width
            for position in 0..<rows.count + 2 {
                let row = rows.lowerBound + position - padding.height
                let target = scratch + (plane * (rowBlock + 2) + position) * line
                guard isInside, row >= 0, row < input.height else {
                    target.update(repeating: 0, count: line)
                    continue
                }
                target.update(repeating: 0, count: side)
                (target + side).update(from: slab + row * input.width, count: input.width)
                (target + side + input.width).update(repeating: 0, count: line - input.width - side)
            }
        }
    }

    private func forwardRows(
        _ scratch: UnsafeMutablePointer<Float>,
        rows: Range<Int>,
        _ weights: UnsafePointer<Float>,
        out: Int,
        _ epilogue: ConvolutionEpilogue,
        _ result: UnsafeMutablePointer<Float>
    ) {
        let first = out * DirectConvolution.outBlock
        let count = min(DirectConvolution.outBlock, outChannels - first)
        let width = output.width
        for row in rows {
            let source = scratch + (row - rows.lowerBound) * paddedWidth
            var x = 0
            while x < width {
                let columns = min(DirectConvolution.columnBlock, width - x)
                var tile = columns > 8 ? wideTile(source + x, weights) : narrowTile(source + x, weights)
                for channel in 0..<count {
                    epilogue.apply(&tile, channel: channel, parameter: first + channel)
                    let target = result + (first + channel) * output.count + row * width + x
                    tile.store(channel, to: target, columns: columns)
                }
                x += DirectConvolution.columnBlock
            }
        }
    }

    /// 4 channels x 24 columns.
    @inline(__always)
    private func wideTile(_ source: UnsafePointer<Float>, _ weights: UnsafePointer<Float>) -> Tile {
        var t = Tile()
        let planeStep = (rowBlock + 2) * paddedWidth
        var w = weights
        var plane = source
        for _ in 0..<planes {
            var line = plane
            for _ in 0..<3 {
                for column in 0..<3 {
                    let x0 = load8(line + column)
                    let x1 = load8(line + column + 8)
                    let x2 = load8(line + column + 16)
                    let w0 = SIMD8<Float>(repeating: w[0])
                    t.a0.addProduct(w0, x0)
                    t.a1.addProduct(w0, x1)
                    t.a2.addProduct(w0, x2)
                    let w1 = SIMD8<Float>(repeating: w[1])
                    t.b0.addProduct(w1, x0)
                    t.b1.addProduct(w1, x1)
                    t.b2.addProduct(w1, x2)
                    let w2 = SIMD8<Float>(repeating: w[2])
                    t.c0.addProduct(w2, x0)
                    t.c1.addProduct(w2, x1)
                    t.c2.addProduct(w2, x2)
                    let w3 = SIMD8<Float>(repeating: w[3])
                    t.d0.addProduct(w3, x0)
                    t.d1.addProduct(w3, x1)
                    t.d2.addProduct(w3, x2)
                    w += 4
                }
                line += paddedWidth
            }
            plane += planeStep
        }
        return t
    }

    /// 4 channels x 8 columns: what is left of a row.
    @inline(__always)
    private func narrowTile(_ source: UnsafePointer<Float>, _ weights: UnsafePointer<Float>) -> Tile {
        var t = Tile()
        let planeStep = (rowBlock + 2) * paddedWidth
        var w = weights
        var plane = source
        for _ in 0..<planes {
            var line = plane
            for _ in 0..<3 {
                for column in 0..<3 {
                    let x0 = load8(line + column)
                    t.a0.addProduct(SIMD8(repeating: w[0]), x0)
                    t.b0.addProduct(SIMD8(repeating: w[1]), x0)
                    t.c0.addProduct(SIMD8(repeating: w[2]), x0)
                    t.d0.addProduct(SIMD8(repeating: w[3]), x0)
                    w += 4
                }
                line += paddedWidth
            }
            plane += planeStep
        }
        return t
    }
}

/// 12 vector registers: 4 channels x 24 columns.
struct Tile {
    var a0 = SIMD8<Float>(), a1 = SIMD8<Float>(), a2 = SIMD8<Float>()
    var b0 = SIMD8<Float>(), b1 = SIMD8<Float>(), b2 = SIMD8<Float>()
    var c0 = SIMD8<Float>(), c1 = SIMD8<Float>(), c2 = SIMD8<Float>()
    var d0 = SIMD8<Float>(), d1 = SIMD8<Float>(), d2 = SIMD8<Float>()

    @inline(__always)
    mutating func update(_ channel: Int, _ change: (SIMD8<Float>) -> SIMD8<Float>) {
        switch channel {
        case 0: (a0, a1, a2) = (change(a0), change(a1), change(a2))
        case 1: (b0, b1, b2) = (change(b0), change(b1), change(b2))
        case 2: (c0, c1, c2) = (change(c0), change(c1), change(c2))
        default: (d0, d1, d2) = (change(d0), change(d1), change(d2))
        }
    }

    @inline(__always)
    func store(_ channel: Int, to target: UnsafeMutablePointer<Float>, columns: Int) {
        switch channel {
        case 0: Tile.store(a0, a1, a2, to: target, columns)
        case 1: Tile.store(b0, b1, b2, to: target, columns)
        case 2: Tile.store(c0, c1, c2, to: target, columns)
        default: Tile.store(d0, d1, d2, to: target, columns)
        }
    }

    @inline(__always)
    private static func store(
        _ x0: SIMD8<Float>,
        _ x1: SIMD8<Float>,
        _ x2: SIMD8<Float>,
        to target: UnsafeMutablePointer<Float>,
        _ columns: Int
    ) {
        storeUpTo8(x0, target, columns)
        if columns > 8 { storeUpTo8(x1, target + 8, columns - 8) }
        if columns > 16 { storeUpTo8(x2, target + 16, columns - 16) }
    }
}
