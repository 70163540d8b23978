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
    let (columns, rows) = (mask.geometry.dimensions.i, mask.geometry.dimensions.j)
    return mask.voxels.withUnsafeBufferPointer { voxels in
        let slice = UnsafeBufferPointer(rebasing: voxels[columns * rows * k..<columns * rows * (k + 1)])
        return traceContours(of: slice, columns: columns, rows: rows)
    }
}

/// The same of one slice: `columns * rows` values, not 0 inside.
package func traceContours(of slice: UnsafeBufferPointer<UInt8>, columns: Int, rows: Int) -> [PlanarPolygon] {
    EdgeTracer(slice, columns: columns, rows: rows).polygons()
}

/// Follows the directed voxel edges between inside and outside from corner to corner, in the box around what is inside.
private struct EdgeTracer {
    /// Directions along +i, +j, -i, -j.
    private static let steps = [(1, 0), (0, 1), (-1, 0), (0, -1)]
    /// First column and row of the box.
    private let firstColumn: Int
    private let firstRow: Int
    /// Corners of the lattice in a row of the box: one more than voxels.
    private let corners: Int
    /// Outgoing edges of each lattice corner, a bit a direction.
    private var edges: [UInt8]

    init(_ voxels: UnsafeBufferPointer<UInt8>, columns: Int, rows: Int) {
        guard let box = SliceBox(voxels, columns: columns, rows: rows) else {
            (firstColumn, firstRow, corners, edges) = (0, 0, 0, [])
            return
        }
        let corners = box.columns.count + 1
        var edges = [UInt8](repeating: 0, count: corners * (box.rows.count + 1))
        func inside(_ i: Int, _ j: Int) -> Bool {
            box.columns.contains(i) && box.rows.contains(j) && voxels[j * columns + i] != 0
        }
        for j in box.rows {
            for i in box.columns where voxels[j * columns + i] != 0 {
                let corner = (j - box.rows.lowerBound) * corners + i - box.columns.lowerBound
                if !inside(i, j - 1) { edges[corner] |= 1 }
                if !inside(i + 1, j) { edges[corner + 1] |= 2 }
                if !inside(i, j + 1) { edges[corner + corners + 1] |= 4 }
                if !inside(i - 1, j) { edges[corner + corners] |= 8 }
            }
        }
        (firstColumn, firstRow) = (box.columns.lowerBound, box.rows.lowerBound)
        (self.corners, self.edges) = (corners, edges)
    }

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
            at += step.0 + step.1 * corners
            let next = turn(direction, available: at == start ? left[at] | 1 << UInt8(first) : left[at])
            if next != direction {
                points.append(
                    PlanarPoint(
                        i: Double(firstColumn + at % corners) - 0.5,
                        j: Double(firstRow + at / corners) - 0.5
                    )
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

/// The columns and rows of a slice between which all of its voxels lie.
private struct SliceBox {
    let columns: Range<Int>
    let rows: Range<Int>

    /// `nil` where every voxel is 0.
    init?(_ voxels: UnsafeBufferPointer<UInt8>, columns: Int, rows: Int) {
        var (left, right) = (columns, -1)
        var (top, bottom) = (rows, -1)
        for j in 0..<rows {
            let row = UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: voxels[j * columns..<(j + 1) * columns]))
            guard let first = SliceBox.firstFilled(row) else { continue }
            (top, bottom) = (min(top, j), j)
            left = min(left, first)
            var last = columns - 1
            while last > right, row[last] == 0 { last -= 1 }
            right = max(right, last)
        }
        guard bottom >= 0 else { return nil }
        self.columns = left..<right + 1
        self.rows = top..<bottom + 1
    }

    /// The first voxel that is not 0, looked for eight at a time: most rows are empty.
    private static func firstFilled(_ row: UnsafeRawBufferPointer) -> Int? {
        var i = 0
        while i + 8 <= row.count, row.loadUnaligned(fromByteOffset: i, as: UInt64.self) == 0 { i += 8 }
        while i < row.count, row[i] == 0 { i += 1 }
        return i < row.count ? i : nil
    }
}
