/// Minimal filtering F(4 x 4, 3 x 3): sixteen results of a 3 x 3 convolution from a 6 x 6 patch with 36 instead of
/// 144 multiplications, y = A^T [(G g G^T) * (B^T d B)] A. Lavin and Gray, "Fast algorithms for convolutional neural
/// networks", CVPR 2016, section 4.3; the points are 0, 1, -1, 2, -2 and infinity.
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

    private static let g: [[Double]] = [
        [1.0 / 4, 0, 0],
        [-1.0 / 6, -1.0 / 6, -1.0 / 6],
        [-1.0 / 6, 1.0 / 6, -1.0 / 6],
        [1.0 / 24, 1.0 / 12, 1.0 / 6],
        [1.0 / 24, -1.0 / 12, 1.0 / 6],
        [0, 0, 1],
    ]

    /// G g G^T of one 3 x 3 filter, in double precision: 36 values, row after row.
    static func weight(_ filter: UnsafePointer<Float>) -> [Float] {
        var half = [[Double]](repeating: [0, 0, 0], count: patch)
        for i in 0..<patch {
            for j in 0..<3 { half[i][j] = (0..<3).reduce(0) { $0 + g[i][$1] * Double(filter[$1 * 3 + j]) } }
        }
        var result: [Float] = []
        for i in 0..<patch {
            for j in 0..<patch { result.append(Float((0..<3).reduce(0) { $0 + half[i][$1] * g[j][$1] })) }
        }
        return result
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
