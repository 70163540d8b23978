/// Minimal filtering F(2 x 4 x 4, 3 x 3 x 3): F(4 x 4, 3 x 3) in the plane and F(2, 3) along the depth, so that two slices of
/// results take four products at each place of the plane instead of six. The points of F(2, 3) are 0, 1, -1 and infinity
/// (Lavin and Gray, section 4.1); its matrices hold nothing but 0, 1, -1 and 1/2 and cost no precision worth the name.
extension WinogradTransform {
    /// Slices of results of a tile, of its patch, and places of the transformed patch: the planes of all four, one after the
    /// other.
    static let slices = 2
    static let depthPlaces = 4
    static let volumePlaces = depthPlaces * places

    /// Floats of the half-transformed patches of the four slices.
    static let halfCount = places * ChannelBlocks.width

    /// Row `place` of G g, the 4 x 3 matrix with rows (1, 0, 0), (1/2, 1/2, 1/2), (1/2, -1/2, 1/2) and (0, 0, 1).
    @inline(__always)
    static func depthFilter(_ place: Int, _ g0: Wide, _ g1: Wide, _ g2: Wide) -> Wide {
        switch place {
        case 0: g0
        case 1: 0.5 * (g0 + g1 + g2)
        case 2: 0.5 * (g0 - g1 + g2)
        default: g2
        }
    }

    /// From the columns of four slices (`transformColumns`) to 144 places `placeStep` apart. Along the depth, B^T is
    /// (1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, 0, -1).
    @inline(__always)
    static func transformSlices(
        _ z0: UnsafePointer<Float>,
        _ z1: UnsafePointer<Float>,
        _ z2: UnsafePointer<Float>,
        _ z3: UnsafePointer<Float>,
        into target: UnsafeMutablePointer<Float>,
        placeStep: Int
    ) {
        @inline(__always)
        func rows(_ place: Int, _ value: (_ column: Int) -> Vector) {
            for i in 0..<patch {
                let j = i * patch * 8
                let o = input(value(j), value(j + 8), value(j + 16), value(j + 24), value(j + 32), value(j + 40))
                let q = target + (place * places + i * patch) * placeStep
                store8(o.0, q)
                store8(o.1, q + placeStep)
                store8(o.2, q + 2 * placeStep)
                store8(o.3, q + 3 * placeStep)
                store8(o.4, q + 4 * placeStep)
                store8(o.5, q + 5 * placeStep)
            }
        }
        rows(0) { load8(z0 + $0) - load8(z2 + $0) }
        rows(1) { load8(z1 + $0) + load8(z2 + $0) }
        rows(2) { load8(z2 + $0) - load8(z1 + $0) }
        rows(3) { load8(z1 + $0) - load8(z3 + $0) }
    }

    /// A^T along the depth and the columns, (1, 1, 1, 0) and (0, 1, -1, -1): four rows of six vectors for each of the two
    /// slices, which `transformResults` makes results of.
    @inline(__always)
    static func transformVolumeProducts(
        _ m: UnsafePointer<Float>,
        placeStep: Int,
        into first: UnsafeMutablePointer<Float>,
        _ second: UnsafeMutablePointer<Float>
    ) {
        let (row, plane) = (patch * placeStep, places * placeStep)
        @inline(__always)
        func write(_ o: (Vector, Vector, Vector, Vector), _ z: UnsafeMutablePointer<Float>) {
            store8(o.0, z)
            store8(o.1, z + 48)
            store8(o.2, z + 96)
            store8(o.3, z + 144)
        }
        for j in 0..<patch {
            let p = m + j * placeStep
            @inline(__always)
            func pair(_ i: Int) -> (Vector, Vector) {
                let q = p + i * row
                let (m1, m2) = (load8(q + plane), load8(q + 2 * plane))
                return (load8(q) + m1 + m2, m1 - m2 - load8(q + 3 * plane))
            }
            let (p0, p1, p2, p3, p4, p5) = (pair(0), pair(1), pair(2), pair(3), pair(4), pair(5))
            write(output(p0.0, p1.0, p2.0, p3.0, p4.0, p5.0), first + j * 8)
            write(output(p0.1, p1.1, p2.1, p3.1, p4.1, p5.1), second + j * 8)
        }
    }
}
