/// Minimal filtering F(4 x 4, 3 x 3): sixteen results of a 3 x 3 convolution from a 6 x 6 patch with 36 instead of
/// 144 multiplications, y = A^T [(G g G^T) * (B^T d B)] A. Lavin and Gray, "Fast algorithms for convolutional neural
/// networks", CVPR 2016, section 4.3; the points are 0, 1, -1, 2, -2 and infinity.
/// Filters of three slices have F(2, 3) along the depth too (`WinogradTransform+Volume.swift`).
///
/// Vectors hold the same place of eight channels. The matrices cost some precision: about 1e-5 of the largest value
/// where a direct sum has 1e-6.
enum WinogradTransform {
    /// Side of the results of a tile, of the patch that they need, and places in the transformed patch.
    static let tile = 4
    static let patch = 6
    static let places = 36

    typealias Vector = SIMD8<Float>

    /// One column or row of B^T d.
    @inline(__always)
    static func input(
        _ d0: Vector,
        _ d1: Vector,
        _ d2: Vector,
        _ d3: Vector,
        _ d4: Vector,
        _ d5: Vector
    ) -> (Vector, Vector, Vector, Vector, Vector, Vector) {
        let two = Vector(repeating: 2)
        let minusFour = Vector(repeating: -4)
        let a = d4.addingProduct(minusFour, d2)
        let b = d3.addingProduct(minusFour, d1)
        let c = d4 - d2
        let e = (d3 - d1) * two
        return (
            d4.addingProduct(Vector(repeating: 4), d0).addingProduct(Vector(repeating: -5), d2),
            a + b,
            a - b,
            c + e,
            c - e,
            d5.addingProduct(Vector(repeating: 4), d1).addingProduct(Vector(repeating: -5), d3)
        )
    }

    /// One column or row of A^T m.
    @inline(__always)
    static func output(
        _ m0: Vector,
        _ m1: Vector,
        _ m2: Vector,
        _ m3: Vector,
        _ m4: Vector,
        _ m5: Vector
    ) -> (Vector, Vector, Vector, Vector) {
        let a = m1 + m2
        let b = m1 - m2
        let c = m3 + m4
        let d = m3 - m4
        return (
            m0 + a + c,
            b.addingProduct(Vector(repeating: 2), d),
            a.addingProduct(Vector(repeating: 4), c),
            b.addingProduct(Vector(repeating: 8), d) + m5
        )
    }

    typealias Wide = SIMD8<Double>

    /// One column or row of G g, the 6 x 3 matrix with rows (1/4, 0, 0), (-1/6, -1/6, -1/6), (-1/6, 1/6, -1/6),
    /// (1/24, 1/12, 1/6), (1/24, -1/12, 1/6) and (0, 0, 1).
    @inline(__always)
    private static func filter(_ g0: Wide, _ g1: Wide, _ g2: Wide) -> (Wide, Wide, Wide, Wide, Wide, Wide) {
        let sixth = -1.0 / 6
        return (
            0.25 * g0,
            sixth * g0 + sixth * g1 + sixth * g2,
            sixth * g0 - sixth * g1 + sixth * g2,
            1.0 / 24 * g0 + 1.0 / 12 * g1 - sixth * g2,
            1.0 / 24 * g0 - 1.0 / 12 * g1 - sixth * g2,
            g2
        )
    }

    /// One column or row of G^T u.
    @inline(__always)
    private static func filterGradient(
        _ u0: Wide,
        _ u1: Wide,
        _ u2: Wide,
        _ u3: Wide,
        _ u4: Wide,
        _ u5: Wide
    ) -> (Wide, Wide, Wide) {
        let sixth = 1.0 / 6
        return (
            0.25 * u0 - sixth * (u1 + u2) + 1.0 / 24 * (u3 + u4),
            sixth * (u2 - u1) + 1.0 / 12 * (u3 - u4),
            sixth * (u3 + u4 - u1 - u2) + u5
        )
    }

    /// G g G^T of eight 3 x 3 filters side by side, in double precision, times `scale`: 36 vectors, row after row,
    /// `placeStep` floats apart.
    @inline(__always)
    static func transformFilters(
        _ tap: (Int) -> Wide,
        scale: Vector,
        into target: UnsafeMutablePointer<Float>,
        placeStep: Int
    ) {
        let h0 = filter(tap(0), tap(3), tap(6))
        let h1 = filter(tap(1), tap(4), tap(7))
        let h2 = filter(tap(2), tap(5), tap(8))
        func line(_ i: Int, _ a: Wide, _ b: Wide, _ c: Wide) {
            let o = filter(a, b, c)
            let r = target + i * patch * placeStep
            store8(Vector(o.0) * scale, r)
            store8(Vector(o.1) * scale, r + placeStep)
            store8(Vector(o.2) * scale, r + 2 * placeStep)
            store8(Vector(o.3) * scale, r + 3 * placeStep)
            store8(Vector(o.4) * scale, r + 4 * placeStep)
            store8(Vector(o.5) * scale, r + 5 * placeStep)
        }
        line(0, h0.0, h1.0, h2.0)
        line(1, h0.1, h1.1, h2.1)
        line(2, h0.2, h1.2, h2.2)
        line(3, h0.3, h1.3, h2.3)
        line(4, h0.4, h1.4, h2.4)
        line(5, h0.5, h1.5, h2.5)
    }

    /// G^T u G of eight filters side by side, in double precision: the nine taps of their gradients.
    @inline(__always)
    static func filterGradients(_ place: (Int) -> Wide, _ write: (_ tap: Int, Wide) -> Void) {
        func column(_ j: Int) -> (Wide, Wide, Wide) {
            filterGradient(place(j), place(6 + j), place(12 + j), place(18 + j), place(24 + j), place(30 + j))
        }
        let (c0, c1, c2, c3, c4, c5) = (column(0), column(1), column(2), column(3), column(4), column(5))
        func line(_ i: Int, _ row: (Wide, Wide, Wide)) {
            write(i * 3, row.0)
            write(i * 3 + 1, row.1)
            write(i * 3 + 2, row.2)
        }
        line(0, filterGradient(c0.0, c1.0, c2.0, c3.0, c4.0, c5.0))
        line(1, filterGradient(c0.1, c1.1, c2.1, c3.1, c4.1, c5.1))
        line(2, filterGradient(c0.2, c1.2, c2.2, c3.2, c4.2, c5.2))
    }

    /// One column or row of A y.
    @inline(__always)
    private static func gradient(
        _ y0: Vector,
        _ y1: Vector,
        _ y2: Vector,
        _ y3: Vector
    ) -> (Vector, Vector, Vector, Vector, Vector, Vector) {
        let a = y0 + y2
        let b = y1 + y3
        let c = y0.addingProduct(Vector(repeating: 4), y2)
        let d = (y1 + y1).addingProduct(Vector(repeating: 8), y3)
        return (y0, a + b, a - b, c + d, c - d, y3)
    }

    /// A dY A^T of the gradients of a tile whose rows lie `rowStep` floats apart, to 36 places `placeStep` apart.
    @inline(__always)
    static func transformGradient(
        _ y: UnsafePointer<Float>,
        rowStep: Int,
        half: UnsafeMutablePointer<Float>,
        into target: UnsafeMutablePointer<Float>,
        placeStep: Int
    ) {
        for j in 0..<tile {
            let p = y + j * 8
            let o = gradient(load8(p), load8(p + rowStep), load8(p + 2 * rowStep), load8(p + 3 * rowStep))
            let z = half + j * 8
            store8(o.0, z)
            store8(o.1, z + 32)
            store8(o.2, z + 64)
            store8(o.3, z + 96)
            store8(o.4, z + 128)
            store8(o.5, z + 160)
        }
        for i in 0..<patch {
            let z = half + i * 32
            let o = gradient(load8(z), load8(z + 8), load8(z + 16), load8(z + 24))
            let q = target + i * patch * placeStep
            store8(o.0, q)
            store8(o.1, q + placeStep)
            store8(o.2, q + 2 * placeStep)
            store8(o.3, q + 3 * placeStep)
            store8(o.4, q + 4 * placeStep)
            store8(o.5, q + 5 * placeStep)
        }
    }

    /// B^T d B of a patch whose rows lie `rowStep` floats apart, to 36 places that lie `placeStep` floats apart.
    @inline(__always)
    static func transformPatch(
        _ d: UnsafePointer<Float>,
        rowStep: Int,
        half: UnsafeMutablePointer<Float>,
        into target: UnsafeMutablePointer<Float>,
        placeStep: Int
    ) {
        transformColumns(d, rowStep: rowStep, into: half)
        for i in 0..<patch {
            let z = half + i * 48
            let o = input(load8(z), load8(z + 8), load8(z + 16), load8(z + 24), load8(z + 32), load8(z + 40))
            let q = target + i * patch * placeStep
            store8(o.0, q)
            store8(o.1, q + placeStep)
            store8(o.2, q + 2 * placeStep)
            store8(o.3, q + 3 * placeStep)
            store8(o.4, q + 4 * placeStep)
            store8(o.5, q + 5 * placeStep)
        }
    }

    /// B^T d of the six columns of a patch: rows of six vectors.
    @inline(__always)
    static func transformColumns(_ d: UnsafePointer<Float>, rowStep: Int, into half: UnsafeMutablePointer<Float>) {
        for j in 0..<patch {
            let p = d + j * 8
            let o = input(
                load8(p),
                load8(p + rowStep),
                load8(p + 2 * rowStep),
                load8(p + 3 * rowStep),
                load8(p + 4 * rowStep),
                load8(p + 5 * rowStep)
            )
            let z = half + j * 8
            store8(o.0, z)
            store8(o.1, z + 48)
            store8(o.2, z + 96)
            store8(o.3, z + 144)
            store8(o.4, z + 192)
            store8(o.5, z + 240)
        }
    }

    /// A^T m A with its epilogue: sixteen vectors, row after row, to `result`.
    @inline(__always)
    static func transformProducts(
        _ m: UnsafePointer<Float>,
        placeStep: Int,
        half: UnsafeMutablePointer<Float>,
        epilogue: BlockEpilogueVector,
        into result: UnsafeMutablePointer<Float>
    ) {
        for j in 0..<patch {
            let p = m + j * placeStep
            let row = patch * placeStep
            let o = output(
                load8(p),
                load8(p + row),
                load8(p + 2 * row),
                load8(p + 3 * row),
                load8(p + 4 * row),
                load8(p + 5 * row)
            )
            let z = half + j * 8
            store8(o.0, z)
            store8(o.1, z + 48)
            store8(o.2, z + 96)
            store8(o.3, z + 144)
        }
        transformResults(half, epilogue: epilogue, into: result)
    }

    /// z A of four rows of six vectors, with the epilogue.
    @inline(__always)
    static func transformResults(
        _ half: UnsafePointer<Float>,
        epilogue: BlockEpilogueVector,
        into result: UnsafeMutablePointer<Float>
    ) {
        for i in 0..<tile {
            let z = half + i * 48
            let o = output(load8(z), load8(z + 8), load8(z + 16), load8(z + 24), load8(z + 32), load8(z + 40))
            let r = result + i * 32
            store8(epilogue(o.0), r)
            store8(epilogue(o.1), r + 8)
            store8(epilogue(o.2), r + 16)
            store8(epilogue(o.3), r + 24)
        }
    }
}
