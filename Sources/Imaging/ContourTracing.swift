/// A point in the plane of a slice: continuous column and row index. Voxel centres are whole numbers, voxel edges
/// lie at halves.
package struct PlanarPoint: Hashable, Sendable, Codable {
    package var i: Double
    package var j: Double

    package init(i: Double, j: Double) {
        self.i = i
        self.j = j
    }
}

/// A closed polygon in a slice; the last point joins the first and is not repeated.
package struct PlanarPolygon: Hashable, Sendable, Codable {
    package var points: [PlanarPoint]
    package var isHole: Bool

    package init(points: [PlanarPoint], isHole: Bool) {
        self.points = points
        self.isHole = isHole
    }

    /// Shoelace formula in index units; positive for outer polygons and negative for holes as traced here.
    package var signedArea: Double {
        var sum = 0.0
        for n in points.indices {
            let (a, b) = (points[n], points[(n + 1) % points.count])
            sum += a.i * b.j - b.i * a.j
        }
        return sum / 2
    }
}

/// The outlines of a mask in slice `k`, along the edges of the voxels: what they enclose is exactly the mask.
///
/// The inside is always on the same hand, so outer polygons have positive and holes negative area. Voxels that touch
/// at a corner only are separate pieces (4-connected foreground). Points on straight lines are left out.
package func traceContours(of mask: Mask, slice k: Int) -> [PlanarPolygon] {
    EdgeTracer(mask: mask, slice: k).polygons()
}

/// Follows the directed voxel edges between inside and outside from corner to corner.
private struct EdgeTracer {
    /// Directions along +i, +j, -i, -j.
    private static let steps = [(1, 0), (0, 1), (-1, 0), (0, -1)]
    let columns: Int
    let rows: Int
    /// Outgoing edges of each lattice corner, a bit a direction.
    private var edges: [UInt8]

    init(mask: Mask, slice k: Int) {
        columns = mask.geometry.dimensions.i
        rows = mask.geometry.dimensions.j
        edges = Array(repeating: 0, count: (columns + 1) * (rows + 1))
        let start = columns * rows * k
        mask.voxels.withUnsafeBufferPointer { voxels in
            func inside(_ i: Int, _ j: Int) -> Bool {
                i >= 0 && i < columns && j >= 0 && j < rows && voxels[start + j * columns + i] != 0
            }
            for j in 0..<rows {
                for i in 0..<columns where inside(i, j) {
                    if !inside(i, j - 1) { edges[corner(i, j)] |= 1 }
                    if !inside(i + 1, j) { edges[corner(i + 1, j)] |= 2 }
                    if !inside(i, j + 1) { edges[corner(i + 1, j + 1)] |= 4 }
                    if !inside(i - 1, j) { edges[corner(i, j + 1)] |= 8 }
                }
            }
        }
    }

    private func corner(_ i: Int, _ j: Int) -> Int { j * (columns + 1) + i }

    func polygons() -> [PlanarPolygon] {
        var left = edges
        var result: [PlanarPolygon] = []
        for start in left.indices {
            while left[start] != 0 {
                let points = follow(from: start, &left)
                var polygon = PlanarPolygon(points: points, isHole: false)
                polygon.isHole = polygon.signedArea < 0
                result.append(polygon)
            }
        }
        return result
    }

    private func follow(from start: Int, _ left: inout [UInt8]) -> [PlanarPoint] {
        var points: [PlanarPoint] = []
        var at = start
        var direction = left[start].trailingZeroBitCount
        let first = direction
        repeat {
            left[at] &= ~(1 << UInt8(direction))
            let step = EdgeTracer.steps[direction]
            at += step.0 + step.1 * (columns + 1)
            let next = turn(direction, available: at == start ? left[at] | 1 << UInt8(first) : left[at])
            if next != direction {
                points.append(
                    PlanarPoint(i: Double(at % (columns + 1)) - 0.5, j: Double(at / (columns + 1)) - 0.5)
                )
            }
            direction = next
        } while !(at == start && direction == first)
        return points
    }

    /// At a corner where two voxels touch diagonally, turning towards the inside keeps them apart.
    private func turn(_ direction: Int, available: UInt8) -> Int {
        for candidate in [(direction + 1) % 4, direction, (direction + 3) % 4]
        where available & 1 << UInt8(candidate) != 0 {
            return candidate
        }
        return direction
    }
}
