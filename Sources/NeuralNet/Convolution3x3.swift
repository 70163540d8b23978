import Platform

/// 3 x 3 convolutions with stride 1 and padding 1: the work of a U-Net.
///
/// Direct, without im2col: a block of rows of all input channels is copied once into a zero-padded scratch that
/// stays in the second-level cache; 4 output channels x 24 columns are held in 12 vector registers while the taps
/// run over them. Each output is one sum in a fixed order (channel, row tap, column tap), so the result does not
/// depend on the number of threads.
package struct Convolution3x3: Sendable {
    package let inChannels: Int
    package let outChannels: Int
    package let height: Int
    package let width: Int

    package init(inChannels: Int, outChannels: Int, height: Int, width: Int) {
        self.inChannels = inChannels
        self.outChannels = outChannels
        self.height = height
        self.width = width
    }

    static let outBlock = 4
    static let columnBlock = 24

    /// Rows of one work item: the padded block should fill about half of a 1 MiB cache.
    var rowBlock: Int {
        let rows = 131_072 / max(1, inChannels * paddedWidth) - 2
        return min(height, max(4, rows))
    }

    /// Row length of the padded scratch: one zero before, one after, and room for whole vectors.
    var paddedWidth: Int { (width + 2 + Convolution3x3.columnBlock + 7) & ~7 }

    var outBlocks: Int { (outChannels + Convolution3x3.outBlock - 1) / Convolution3x3.outBlock }

    /// Weights [out][in][3][3] as [out / 4][in][tap][4]: four broadcasts lie side by side.
    package func packed(_ weight: UnsafePointer<Float>) -> [Float] {
        packed { out, channel, tap in weight[(out * inChannels + channel) * 9 + tap] }
    }

    /// The weights of the backward pass to the input: channels swapped and taps reversed. `self` describes the
    /// backward convolution, so its `inChannels` are the outputs of the forward one.
    func packedTransposed(_ weight: UnsafePointer<Float>) -> [Float] {
        packed { out, channel, tap in weight[(channel * outChannels + out) * 9 + 8 - tap] }
    }

    private func packed(_ source: (Int, Int, Int) -> Float) -> [Float] {
        let block = Convolution3x3.outBlock
        var result = [Float](repeating: 0, count: outBlocks * inChannels * 9 * block)
        for out in 0..<outChannels {
            for channel in 0..<inChannels {
                for tap in 0..<9 {
                    result[((out / block * inChannels + channel) * 9 + tap) * block + out % block] =
                        source(out, channel, tap)
                }
            }
        }
        return result
    }

    /// output[n][out][y][x] = epilogue(sum weight * input). Shapes N C H W.
    package func forward(
        input: UnsafePointer<Float>,
        packedWeight: [Float],
        epilogue: ConvolutionEpilogue,
        output: UnsafeMutablePointer<Float>,
        batch: Int,
        threads: Int
    ) {
        let blocks = (height + rowBlock - 1) / rowBlock
        nonisolated(unsafe) let input = input
        nonisolated(unsafe) let output = output
        packedWeight.withUnsafeBufferPointer { packed in
            nonisolated(unsafe) let weights = packed.baseAddress!
            parallelFor(batch * blocks, threads: threads) { items in
                let scratch = Scratch(count: inChannels * (rowBlock + 2) * paddedWidth)
                for item in items {
                    let rows = rowRange(item % blocks)
                    let sample = item / blocks
                    pad(input + sample * inChannels * height * width, rows: rows, into: scratch.pointer)
                    for out in 0..<outBlocks {
                        forwardRows(
                            scratch.pointer,
                            rows: rows,
                            weights + out * inChannels * 36,
                            out: out,
                            epilogue,
                            output + sample * outChannels * height * width
                        )
                    }
                }
            }
        }
    }

    func rowRange(_ block: Int) -> Range<Int> { block * rowBlock..<min(height, (block + 1) * rowBlock) }

    /// Copies rows `rows.lowerBound - 1 ... rows.upperBound` of every channel with zeros around.
    func pad(_ input: UnsafePointer<Float>, rows: Range<Int>, into scratch: UnsafeMutablePointer<Float>) {
        let line = paddedWidth
        for channel in 0..<inChannels {
            for (position, row) in (rows.lowerBound - 1...rows.upperBound).enumerated() {
                let target = scratch + (channel * (rowBlock + 2) + position) * line
                guard row >= 0, row < height else {
                    target.update(repeating: 0, count: line)
                    continue
                }
                target[0] = 0
                (target + 1).update(from: input + (channel * height + row) * width, count: width)
                (target + 1 + width).update(repeating: 0, count: line - width - 1)
            }
        }
    }

    private func forwardRows(
        _ scratch: UnsafeMutablePointer<Float>,
        rows: Range<Int>,
        _ weights: UnsafePointer<Float>,
        out: Int,
        _ epilogue: ConvolutionEpilogue,
        _ output: UnsafeMutablePointer<Float>
    ) {
        let first = out * Convolution3x3.outBlock
        let count = min(Convolution3x3.outBlock, outChannels - first)
        for row in rows {
            let source = scratch + (row - rows.lowerBound) * paddedWidth
            var x = 0
            while x < width {
                let columns = min(Convolution3x3.columnBlock, width - x)
                var tile = columns > 8 ? wideTile(source + x, weights) : narrowTile(source + x, weights)
                for channel in 0..<count {
                    epilogue.apply(&tile, channel: channel, parameter: first + channel)
                    let target = output + ((first + channel) * height + row) * width + x
                    tile.store(channel, to: target, columns: columns)
                }
                x += Convolution3x3.columnBlock
            }
        }
    }

    /// 4 channels x 24 columns.
    @inline(__always)
    private func wideTile(_ source: UnsafePointer<Float>, _ weights: UnsafePointer<Float>) -> Tile {
        var t = Tile()
        let channelStep = (rowBlock + 2) * paddedWidth
        var w = weights
        var plane = source
        for _ in 0..<inChannels {
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
            plane += channelStep
        }
        return t
    }

    /// 4 channels x 8 columns: what is left of a row.
    @inline(__always)
    private func narrowTile(_ source: UnsafePointer<Float>, _ weights: UnsafePointer<Float>) -> Tile {
        var t = Tile()
        let channelStep = (rowBlock + 2) * paddedWidth
        var w = weights
        var plane = source
        for _ in 0..<inChannels {
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
            plane += channelStep
        }
        return t
    }
}

/// What follows a convolution in the same pass: bias, ReLU, and the affine map of an inference batch norm.
package struct ConvolutionEpilogue: Sendable {
    var bias: [Float]?
    var relu: Bool
    var scale: [Float]?
    var shift: [Float]?

    /// One value an output channel each; `scale` and `shift` go together.
    package init(bias: [Float]? = nil, relu: Bool = false, scale: [Float]? = nil, shift: [Float]? = nil) {
        self.bias = bias
        self.relu = relu
        self.scale = scale
        self.shift = shift
    }

    @inline(__always)
    func apply(_ tile: inout Tile, channel: Int, parameter: Int) {
        let offset = SIMD8<Float>(repeating: bias?[parameter] ?? 0)
        tile.update(channel) { value in
            var value = value + offset
            if relu { value = maximum(value, SIMD8()) }
            if let scale, let shift { value = SIMD8(repeating: shift[parameter]) + value * scale[parameter] }
            return value
        }
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
