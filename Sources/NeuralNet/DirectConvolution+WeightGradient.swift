import Platform

extension DirectConvolution {
    /// dWeight[out][plane][3][3] += sum over samples, slices, rows and columns of dOutput * shifted input.
    ///
    /// Every sample adds into sums of its own, which are then added in the order of the samples: the result is the
    /// same on any number of threads. `self` describes the forward convolution.
    package func weightGradient(
        input source: UnsafePointer<Float>,
        dOutput: UnsafePointer<Float>,
        dWeight: UnsafeMutablePointer<Float>,
        batch: Int,
        threads: Int
    ) {
        let size = outChannels * planes * 9
        // Few samples are shared out by output channels as well; the number of parts depends on the shape alone.
        let parts = min(outBlocks, pieces(ofSampleIn: batch))
        let partial = Scratch(count: batch * size)
        nonisolated(unsafe) let sums = partial.pointer
        nonisolated(unsafe) let source = source
        nonisolated(unsafe) let dOutput = dOutput
        parallelFor(batch * parts, threads: threads) { items in
            let scratch = Scratch(count: planes * (rowBlock + 2) * paddedWidth)
            let gradient = Scratch(count: DirectConvolution.outBlock * rowBlock * gradientWidth)
            for item in items {
                let (sample, part) = (item / parts, item % parts)
                let outs = outBlocks * part / parts..<outBlocks * (part + 1) / parts
                for block in 0..<output.depth * rowBlocks {
                    let rows = rowRange(block % rowBlocks)
                    let slice = block / rowBlocks
                    pad(source + sample * inChannels * input.count, slice: slice, rows: rows, into: scratch.pointer)
                    for out in outs {
                        copyGradient(
                            dOutput + sample * outChannels * output.count + slice * output.height * output.width,
                            rows: rows,
                            out: out,
                            into: gradient.pointer
                        )
                        accumulate(
                            scratch.pointer,
                            gradient.pointer,
                            rowCount: rows.count,
                            out: out,
                            into: sums + sample * size
                        )
                    }
                }
            }
        }
        addInOrder(partial.pointer, parts: batch, size: size, to: dWeight)
    }

    /// Row length of a block of output gradients, whole vectors.
    private var gradientWidth: Int { (output.width + 7) & ~7 }

    /// Four channels of a block of rows, zero-filled to whole vectors and to four channels.
    private func copyGradient(
        _ dOutput: UnsafePointer<Float>,
        rows: Range<Int>,
        out: Int,
        into target: UnsafeMutablePointer<Float>
    ) {
        for channel in 0..<DirectConvolution.outBlock {
            let source = out * DirectConvolution.outBlock + channel
            for (position, row) in rows.enumerated() {
                let line = target + (channel * rowBlock + position) * gradientWidth
                guard source < outChannels else {
                    line.update(repeating: 0, count: gradientWidth)
                    continue
                }
                line.update(from: dOutput + source * output.count + row * output.width, count: output.width)
                (line + output.width).update(repeating: 0, count: gradientWidth - output.width)
            }
        }
    }

    private func accumulate(
        _ padded: UnsafePointer<Float>,
        _ gradient: UnsafePointer<Float>,
        rowCount: Int,
        out: Int,
        into sums: UnsafeMutablePointer<Float>
    ) {
        let first = out * DirectConvolution.outBlock
        let count = min(DirectConvolution.outBlock, outChannels - first)
        for plane in 0..<planes {
            for tapRow in 0..<3 {
                let source = padded + (plane * (rowBlock + 2) + tapRow) * paddedWidth
                let t = taps(source, gradient, rowCount: rowCount)
                for o in 0..<count {
                    let target = sums + ((first + o) * planes + plane) * 9 + tapRow * 3
                    let row = t.row(o)
                    target[0] += row.0.sum()
                    target[1] += row.1.sum()
                    target[2] += row.2.sum()
                }
            }
        }
    }

    /// 4 channels x 3 column taps, each a vector of partial sums over the columns.
    @inline(__always)
    private func taps(_ source: UnsafePointer<Float>, _ gradient: UnsafePointer<Float>, rowCount: Int) -> Tile {
        var t = Tile()
        let channelStep = rowBlock * gradientWidth
        for row in 0..<rowCount {
            let line = source + row * paddedWidth
            let g = gradient + row * gradientWidth
            var x = 0
            while x < gradientWidth {
                let x0 = load8(line + x)
                let x1 = load8(line + x + 1)
                let x2 = load8(line + x + 2)
                let g0 = load8(g + x)
                t.a0.addProduct(g0, x0)
                t.a1.addProduct(g0, x1)
                t.a2.addProduct(g0, x2)
                let g1 = load8(g + x + channelStep)
                t.b0.addProduct(g1, x0)
                t.b1.addProduct(g1, x1)
                t.b2.addProduct(g1, x2)
                let g2 = load8(g + x + 2 * channelStep)
                t.c0.addProduct(g2, x0)
                t.c1.addProduct(g2, x1)
                t.c2.addProduct(g2, x2)
                let g3 = load8(g + x + 3 * channelStep)
                t.d0.addProduct(g3, x0)
                t.d1.addProduct(g3, x1)
                t.d2.addProduct(g3, x2)
                x += 8
            }
        }
        return t
    }
}

extension Tile {
    /// The three registers of a channel.
    @inline(__always)
    func row(_ channel: Int) -> (SIMD8<Float>, SIMD8<Float>, SIMD8<Float>) {
        switch channel {
        case 0: (a0, a1, a2)
        case 1: (b0, b1, b2)
        case 2: (c0, c1, c2)
        default: (d0, d1, d2)
        }
    }
}
