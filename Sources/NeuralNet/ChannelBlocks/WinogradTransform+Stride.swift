/// Minimal filtering for 3 x 3 x 3 filters with stride 2: two results along an axis from five values with five instead of six
/// products, so eight results with 125 instead of 216.
///
/// With stride 2, y_o = g1 x_2o + (g0 x_2o-1 + g2 x_2o+1). The even places see one tap; what is in brackets is a filter of two
/// taps on the odd places, for which F(2, 2) takes three products instead of four (Lavin and Gray, section 4, with the points
/// 0, 1 and infinity). The matrices hold 0, 1 and -1 alone and cost no precision.
extension WinogradTransform {
    /// Along an axis: values of the patch of a tile of two results, and as many places of the transformed patch.
    static let stridePatch = 5
    static let stridePlane = stridePatch * stridePatch
    static let strideVolume = stridePlane * stridePatch

    /// One line of a patch: even places, then F(2, 2) of the odd ones.
    @inline(__always)
    private static func strideInput(
        _ x0: Vector,
        _ x1: Vector,
        _ x2: Vector,
        _ x3: Vector,
        _ x4: Vector
    ) -> (Vector, Vector, Vector, Vector, Vector) {
        (x1, x3, x0 - x2, x2, x4 - x2)
    }

    /// One line of filters.
    @inline(__always)
    private static func strideFilter(_ g0: Wide, _ g1: Wide, _ g2: Wide) -> (Wide, Wide, Wide, Wide, Wide) {
        (g1, g1, g0, g0 + g2, g2)
    }

    /// One line of products.
    @inline(__always)
    private static func strideOutput(
        _ m0: Vector,
        _ m1: Vector,
        _ m2: Vector,
        _ m3: Vector,
        _ m4: Vector
    ) -> (Vector, Vector) {
        (m0 + m2 + m3, m1 + m3 + m4)
    }

    /// Eight filters of 27 taps side by side, in double precision, to 125 places `placeStep` apart.
    static func transformStrideFilters(
        _ tap: (Int) -> Wide,
        into target: UnsafeMutablePointer<Float>,
        placeStep: Int
    ) {
        let side = stridePatch
        withUnsafeTemporaryAllocation(of: Wide.self, capacity: (9 + 3 * side) * side) { scratch in
            // Nine lines of the filter, then three slices of 5 x 5.
            let lines = scratch.baseAddress!
            let slices = lines + 9 * side
            @inline(__always)
            func write(_ o: (Wide, Wide, Wide, Wide, Wide), _ place: UnsafeMutablePointer<Wide>, step: Int) {
                place[0] = o.0
                place[step] = o.1
                place[2 * step] = o.2
                place[3 * step] = o.3
                place[4 * step] = o.4
            }
            for line in 0..<9 {
                write(strideFilter(tap(3 * line), tap(3 * line + 1), tap(3 * line + 2)), lines + line * side, step: 1)
            }
            for slice in 0..<3 {
                for j in 0..<side {
                    let g = lines + slice * 3 * side + j
                    write(strideFilter(g[0], g[side], g[2 * side]), slices + slice * stridePlane + j, step: side)
                }
            }
            for j in 0..<stridePlane {
                let o = strideFilter(slices[j], slices[stridePlane + j], slices[2 * stridePlane + j])
                let q = target + j * placeStep
                let step = stridePlane * placeStep
                store8(Vector(o.0), q)
                store8(Vector(o.1), q + step)
                store8(Vector(o.2), q + 2 * step)
                store8(Vector(o.3), q + 3 * step)
                store8(Vector(o.4), q + 4 * step)
            }
        }
    }

    /// One slice of a patch, rows and columns, to 25 vectors.
    @inline(__always)
    static func transformStridePlane(_ d: UnsafePointer<Float>, rowStep: Int, into half: UnsafeMutablePointer<Float>) {
        @inline(__always)
        func columns(_ j: Int, _ value: (UnsafePointer<Float>) -> Vector) {
            let o = strideInput(
                value(d),
                value(d + rowStep),
                value(d + 2 * rowStep),
                value(d + 3 * rowStep),
                value(d + 4 * rowStep)
            )
            let (z, step) = (half + j * 8, stridePatch * 8)
            store8(o.0, z)
            store8(o.1, z + step)
            store8(o.2, z + 2 * step)
            store8(o.3, z + 3 * step)
            store8(o.4, z + 4 * step)
        }
        // The lines of `strideInput` along the rows.
        columns(0) { load8($0 + 8) }
        columns(1) { load8($0 + 24) }
        columns(2) { load8($0) - load8($0 + 16) }
        columns(3) { load8($0 + 16) }
        columns(4) { load8($0 + 32) - load8($0 + 16) }
    }

    /// From five slices of 25 vectors to 125 places `placeStep` apart.
    @inline(__always)
    static func transformStrideSlices(
        _ half: UnsafePointer<Float>,
        into target: UnsafeMutablePointer<Float>,
        placeStep: Int
    ) {
        let (slice, step) = (stridePlane * 8, stridePlane * placeStep)
        for j in 0..<stridePlane {
            let z = half + j * 8
            let o = strideInput(
                load8(z),
                load8(z + slice),
                load8(z + 2 * slice),
                load8(z + 3 * slice),
                load8(z + 4 * slice)
            )
            let q = target + j * placeStep
            store8(o.0, q)
            store8(o.1, q + step)
            store8(o.2, q + 2 * step)
            store8(o.3, q + 3 * step)
            store8(o.4, q + 4 * step)
        }
    }

    /// Along the depth: two slices of 25 vectors, one after the other.
    @inline(__always)
    static func transformStrideProducts(
        _ m: UnsafePointer<Float>,
        placeStep: Int,
        into half: UnsafeMutablePointer<Float>
    ) {
        let step = stridePlane * placeStep
        for j in 0..<stridePlane {
            let p = m + j * placeStep
            let o = strideOutput(
                load8(p),
                load8(p + step),
                load8(p + 2 * step),
                load8(p + 3 * step),
                load8(p + 4 * step)
            )
            store8(o.0, half + j * 8)
            store8(o.1, half + (stridePlane + j) * 8)
        }
    }

    /// One of these slices: its four results, row after row.
    @inline(__always)
    static func transformStrideResults(_ half: UnsafePointer<Float>) -> (Vector, Vector, Vector, Vector) {
        @inline(__always)
        func rows(_ j: Int) -> (Vector, Vector) {
            let (z, step) = (half + j * 8, stridePatch * 8)
            return strideOutput(
                load8(z),
                load8(z + step),
                load8(z + 2 * step),
                load8(z + 3 * step),
                load8(z + 4 * step)
            )
        }
        let (c0, c1, c2, c3, c4) = (rows(0), rows(1), rows(2), rows(3), rows(4))
        let upper = strideOutput(c0.0, c1.0, c2.0, c3.0, c4.0)
        let lower = strideOutput(c0.1, c1.1, c2.1, c3.1, c4.1)
        return (upper.0, upper.1, lower.0, lower.1)
    }
}
