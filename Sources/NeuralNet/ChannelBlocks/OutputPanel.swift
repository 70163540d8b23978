/// The register block of all matrix products in channel blocks: six places by sixteen output channels, twelve
/// accumulators, two weights and one broadcast fill the sixteen vector registers of AVX2.
enum OutputPanel {
    static let width = 16
    static let rows = 6

    static func panels(of channels: Int) -> Int { (channels + width - 1) / width }
    static func padded(_ channels: Int) -> Int { panels(of: channels) * width }

    /// The channel blocks of a panel.
    static func blocks(_ panel: Int, of channels: Int) -> Range<Int> {
        2 * panel..<min(2 * panel + 2, ChannelBlocks.blocks(of: channels))
    }

    /// Twelve sums: row r in `a<r>` (channels 0 to 7) and `b<r>` (8 to 15).
    struct Sums {
        var a0 = SIMD8<Float>(), a1 = SIMD8<Float>(), a2 = SIMD8<Float>()
        var a3 = SIMD8<Float>(), a4 = SIMD8<Float>(), a5 = SIMD8<Float>()
        var b0 = SIMD8<Float>(), b1 = SIMD8<Float>(), b2 = SIMD8<Float>()
        var b3 = SIMD8<Float>(), b4 = SIMD8<Float>(), b5 = SIMD8<Float>()

        @inline(__always)
        init() {}

        /// Adds the product of the values at `x + r * step` and sixteen weights.
        @inline(__always)
        mutating func add(_ x: UnsafePointer<Float>, step: Int, weights: UnsafePointer<Float>) {
            let u0 = load8(weights)
            let u1 = load8(weights + 8)
            let x0 = SIMD8<Float>(repeating: x[0])
            a0.addProduct(x0, u0)
            b0.addProduct(x0, u1)
            let x1 = SIMD8<Float>(repeating: x[step])
            a1.addProduct(x1, u0)
            b1.addProduct(x1, u1)
            let x2 = SIMD8<Float>(repeating: x[2 * step])
            a2.addProduct(x2, u0)
            b2.addProduct(x2, u1)
            let x3 = SIMD8<Float>(repeating: x[3 * step])
            a3.addProduct(x3, u0)
            b3.addProduct(x3, u1)
            let x4 = SIMD8<Float>(repeating: x[4 * step])
            a4.addProduct(x4, u0)
            b4.addProduct(x4, u1)
            let x5 = SIMD8<Float>(repeating: x[5 * step])
            a5.addProduct(x5, u0)
            b5.addProduct(x5, u1)
        }

        /// Row r to `target + r * step` and `second + r * step`.
        @inline(__always)
        func store(_ target: UnsafeMutablePointer<Float>, _ second: UnsafeMutablePointer<Float>, step: Int) {
            store8(a0, target)
            store8(a1, target + step)
            store8(a2, target + 2 * step)
            store8(a3, target + 3 * step)
            store8(a4, target + 4 * step)
            store8(a5, target + 5 * step)
            store8(b0, second)
            store8(b1, second + step)
            store8(b2, second + 2 * step)
            store8(b3, second + 3 * step)
            store8(b4, second + 4 * step)
            store8(b5, second + 5 * step)
        }
    }

    /// m[r][0 ..< 16] = sum over k of v[r][k] * u[k][0 ..< 16] for six rows r; rows of v lie `depth` apart.
    @inline(__always)
    static func product(
        _ v: UnsafePointer<Float>,
        _ u: UnsafePointer<Float>,
        depth: Int,
        into m: UnsafeMutablePointer<Float>
    ) {
        var sums = Sums()
        for k in 0..<depth { sums.add(v + k, step: depth, weights: u + k * width) }
        sums.store(m, m + 8, step: width)
    }
}
