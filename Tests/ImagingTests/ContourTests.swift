import Imaging
import Testing

@Suite("Contours of masks")
struct ContourTests {
    static let masks = RandomMask.all(600, seed: 41)

    /// Whether a point is inside polygons: by winding numbers, another way than the product's crossings.
    private func windings(_ polygons: [PlanarPolygon], _ i: Double, _ j: Double) -> Int {
        polygons.reduce(0) { sum, polygon in
            sum
                + polygon.points.indices.reduce(0) { turns, n in
                    let (a, b) = (polygon.points[n], polygon.points[(n + 1) % polygon.points.count])
                    let side = (b.i - a.i) * (j - a.j) - (i - a.i) * (b.j - a.j)
                    if a.j <= j { return turns + (b.j > j && side > 0 ? 1 : 0) }
                    return turns - (b.j <= j && side < 0 ? 1 : 0)
                }
        }
    }

    @Test("tracing and filling give back exactly the mask, whatever its shape")
    func roundTrip() {
        for (n, mask) in Self.masks.enumerated() {
            let d = mask.geometry.dimensions
            let polygons = traceContours(of: mask, slice: 0)
            let filled = rasterize(polygons.map(\.points), columns: d.i, rows: d.j)
            #expect(mask.voxels == filled, "mask \(n)\n\(mask.drawing)")
        }
    }

    @Test("polygons wind once around every voxel of the mask and not around any other")
    func winding() {
        for (n, mask) in Self.masks.enumerated().filter({ $0.offset % 3 == 0 }) {
            let polygons = traceContours(of: mask, slice: 0)
            for j in 0..<mask.geometry.dimensions.j {
                for i in 0..<mask.geometry.dimensions.i {
                    #expect(
                        windings(polygons, Double(i), Double(j)) == Int(mask[i, j, 0]),
                        "mask \(n)\n\(mask.drawing)"
                    )
                }
            }
        }
    }

    @Test("the area inside is the number of voxels; holes are negative, and there is one outer polygon a piece")
    func areas() {
        for (n, mask) in Self.masks.enumerated() {
            let polygons = traceContours(of: mask, slice: 0)
            let area = polygons.reduce(0) { $0 + $1.signedArea }
            #expect(area == Double(mask.voxels.count { $0 != 0 }), "mask \(n)\n\(mask.drawing)")
            #expect(polygons.allSatisfy { $0.isHole == ($0.signedArea < 0) && $0.signedArea != 0 })
            let pieces = ConnectedComponents(of: mask, connectivity: .faces).sizes.count
            #expect(polygons.count { !$0.isHole } == pieces, "mask \(n)\n\(mask.drawing)")
        }
    }

    @Test("points lie on the corners of voxels, only where the outline turns, and none is repeated in a row")
    func corners() {
        for mask in Self.masks {
            for polygon in traceContours(of: mask, slice: 0) {
                let points = polygon.points
                for n in points.indices {
                    let (a, b, c) = (points[n], points[(n + 1) % points.count], points[(n + 2) % points.count])
                    #expect((b.i + 0.5).rounded() == b.i + 0.5 && (b.j + 0.5).rounded() == b.j + 0.5)
                    #expect((a.i == b.i) != (a.j == b.j), "edges run along rows and columns")
                    #expect((a.i == b.i) != (b.i == c.i), "a point on a straight line")
                }
            }
        }
    }

    @Test("voxels that touch at a corner are pieces of their own; holes that do are one hole")
    func diagonals() {
        let pieces = traceContours(of: drawn("#..", ".#.", "..#"), slice: 0)
        #expect(pieces.count == 3 && pieces.allSatisfy { $0.points.count == 4 && !$0.isHole })
        let holes = traceContours(of: drawn("####", "#.##", "##.#", "####"), slice: 0)
        #expect(holes.count == 2 && holes.count { $0.isHole } == 1)
        #expect(holes.first { $0.isHole }?.signedArea == -2)
    }

    @Test("one voxel is a square around its centre: no half-voxel shift")
    func oneVoxel() {
        var mask = Mask(geometry: grid(5, 4, 3), repeating: 0)
        mask[3, 2, 1] = 1
        #expect(traceContours(of: mask, slice: 0).isEmpty && traceContours(of: mask, slice: 2).isEmpty)
        let polygons = traceContours(of: mask, slice: 1)
        #expect(polygons.count == 1)
        #expect(
            Set(polygons[0].points) == [
                PlanarPoint(i: 2.5, j: 1.5), PlanarPoint(i: 3.5, j: 1.5), PlanarPoint(i: 3.5, j: 2.5),
                PlanarPoint(i: 2.5, j: 2.5),
            ]
        )
    }
}

@Suite("Filling polygons")
struct RasterizationTests {
    private func fill(_ points: [(Double, Double)]..., columns: Int = 8, rows: Int = 8) -> [UInt8] {
        rasterize(points.map { $0.map { PlanarPoint(i: $0.0, j: $0.1) } }, columns: columns, rows: rows)
    }

    private let square: [(Double, Double)] = [(0.5, 0.5), (5.5, 0.5), (5.5, 5.5), (0.5, 5.5)]

    @Test("a voxel is inside when its centre is: against a disc drawn by its equation")
    func disc() {
        let centre = (9.3, 10.7)
        for radius in [0.4, 2.2, 5.6, 8.1] {
            let circle = (0..<720).map { n -> (Double, Double) in
                let angle = Double(n) / 360 * .pi
                return (centre.0 + radius * cosine(angle), centre.1 + radius * cosine(angle - .pi / 2))
            }
            let filled = fill(circle, columns: 20, rows: 22)
            for j in 0..<22 {
                for i in 0..<20 {
                    let distance = hypotenuse(Double(i) - centre.0, Double(j) - centre.1)
                    guard abs(distance - radius) > 1e-3 else { continue }
                    #expect(filled[j * 20 + i] == (distance < radius ? 1 : 0), "radius \(radius), voxel \(i), \(j)")
                }
            }
        }
    }

    @Test("direction, first point and repeated points of a polygon do not matter")
    func direction() {
        let once = fill(square)
        #expect(once.count { $0 != 0 } == 25)
        #expect(fill(square.reversed()) == once)
        #expect(fill(Array(square[2...] + square[..<2])) == once)
        #expect(fill(square + [square[0]]) == once)
        #expect(fill(square.flatMap { [$0, $0] }) == once)
    }

    @Test("a polygon inside another is a hole, and one inside that an island")
    func nested() {
        let hole: [(Double, Double)] = [(1.5, 1.5), (4.5, 1.5), (4.5, 4.5), (1.5, 4.5)]
        let island: [(Double, Double)] = [(2.5, 2.5), (3.5, 2.5), (3.5, 3.5), (2.5, 3.5)]
        #expect(fill(square, hole).count { $0 != 0 } == 16)
        #expect(fill(square, hole, island).count { $0 != 0 } == 17)
        #expect(fill(square, square).allSatisfy { $0 == 0 })
    }

    @Test("neighbours that share an edge through voxel centres share no voxel and leave none out")
    func sharedEdge() {
        let left = fill([(0, 0), (3, 0), (3, 7), (0, 7)])
        let right = fill([(3, 0), (6, 0), (6, 7), (3, 7)])
        let both = fill([(0, 0), (6, 0), (6, 7), (0, 7)])
        #expect(zip(left, right).map { $0 + $1 } == both)
    }

    @Test("polygons that leave the picture are cut at its edge")
    func outside() {
        #expect(fill([(-1e6, -1e6), (1e6, -1e6), (1e6, 1e6), (-1e6, 1e6)]).allSatisfy { $0 == 1 })
        #expect(fill([(20, 20), (30, 20), (30, 30)]).allSatisfy { $0 == 0 })
        #expect(fill([(-5, -5), (-2, -5), (-2, 20)]).allSatisfy { $0 == 0 })
    }

    @Test("coordinates that are no numbers, huge ones and polygons without area fill nothing and end")
    func hostile() {
        #expect(fill([(.nan, 1), (3, .infinity), (5, -.infinity)]).allSatisfy { $0 == 0 })
        #expect(fill([(1, 1), (3, 3)]).allSatisfy { $0 == 0 })
        #expect(fill([]).allSatisfy { $0 == 0 })
        #expect(fill([(1e300, -1e300), (1e300, 1e300), (1.5e300, 0)]).allSatisfy { $0 == 0 })
    }

    @Test("a contour of a million points is filled in bounded memory and time")
    func manyPoints() {
        // Zigzags over the whole height: every edge crosses every row.
        let points = (0..<100_000).map { PlanarPoint(i: Double($0 % 97), j: $0 % 2 == 0 ? -1 : 600) }
        let start = ContinuousClock.now
        let filled = rasterize([points], columns: 512, rows: 512)
        #expect(filled.count == 512 * 512)
        #expect(start.duration(to: .now) < .seconds(5))
    }
}
