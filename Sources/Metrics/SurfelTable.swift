import Imaging

/// Area of the piece of surface that passes between eight neighbouring voxels, for each of the 256 ways in which they
/// can be inside or outside: "surfels" of DeepMind's surface distance (Nikolov et al., JMIR 2021;23(7):e26151).
///
/// The surface joins the middles of the cell edges between inside and outside. Where a face of the cell is cut
/// twice, the corners that are in the minority (of the eight) are kept apart. The closed loops that result are cut
/// into triangles. A loop of four to six points can be cut in several ways of slightly different area; `cuts` says
/// which one the published table uses, and with it the areas are equal to the published ones
/// (SurfelTableTests compares all 256).
package struct SurfelTable: Sendable {
    /// mm^2 by neighbour code.
    package let areas: [Double]

    /// - Parameter spacing: voxel spacing along the cell's axes 0, 1 and 2, mm.
    package init(spacing: Vector3) {
        areas = (0..<256).map { SurfelTable.area(code: UInt8($0), spacing: spacing) }
    }

    /// The bit of a corner (a, b, c) of the cell in a neighbour code.
    package static func bit(_ a: Int, _ b: Int, _ c: Int) -> UInt8 { 1 << UInt8(7 - (4 * a + 2 * b + c)) }

    /// For each code the number of the triangulation, in the order of `triangulations`, as a digit.
    private static let cuts = Array(
        """
        0000000000000000000103000002020000030002001000200200000002020000\
        0000010200003020000020220000000000030100001030000023210000000000\
        0000000000123200000103000030100000000000220200000203000020100000\
        0000202000000020020001002000300000202000003010000000000000000000
        """.utf8
    ).map { Int($0) - 48 }

    private static func area(code: UInt8, spacing: Vector3) -> Double {
        guard code != 0, code != 255 else { return 0 }
        // The minority side is the one that is kept apart on ambiguous faces.
        let inside = code.nonzeroBitCount > 4 ? ~code : code
        let loops = CellSurface(inside: inside).loops
        var remaining = cuts[Int(code)]
        // The last loop's choice changes fastest.
        var total = 0.0
        for loop in loops.reversed() {
            let choices = triangulations(Array(loop.indices))
            let choice = choices[remaining % choices.count]
            remaining /= choices.count
            for triangle in choice {
                total += triangleArea(loop[triangle.0], loop[triangle.1], loop[triangle.2], spacing)
            }
        }
        return total
    }

    private static func triangleArea(_ a: Vector3, _ b: Vector3, _ c: Vector3, _ spacing: Vector3) -> Double {
        let normal = cross((b - a) * spacing, (c - a) * spacing)
        return 0.5 * dot(normal, normal).squareRoot()
    }

    /// All ways to cut a polygon into triangles: first by the apex over the closing edge, then both sides.
    private static func triangulations(_ points: [Int]) -> [[(Int, Int, Int)]] {
        guard points.count >= 3, let first = points.first, let last = points.last else { return [[]] }
        var result: [[(Int, Int, Int)]] = []
        for apex in 1..<points.count - 1 {
            for left in triangulations(Array(points[...apex])) {
                for right in triangulations(Array(points[apex...])) {
                    result.append([(first, points[apex], last)] + left + right)
                }
            }
        }
        return result
    }
}

/// The loops of edge middles between the inside and outside corners of one cell.
private struct CellSurface {
    let inside: UInt8

    private typealias Corner = SIMD3<Int>

    /// Each loop as points in cell coordinates 0...1.
    var loops: [[Vector3]] {
        let neighbours = segments()
        var seen: [Vector3] = []
        var result: [[Vector3]] = []
        for start in neighbours.map(\.point) where !seen.contains(start) {
            var loop = [start]
            seen.append(start)
            while let next = neighbours.first(where: { $0.point == loop.last })?.joined.first(where: {
                !seen.contains($0)
            }) {
                loop.append(next)
                seen.append(next)
            }
            result.append(loop)
        }
        return result
    }

    /// Every cut edge's middle with the middles it is joined to across a face, in the order of the faces.
    private func segments() -> [(point: Vector3, joined: [Vector3])] {
        var table: [(point: Vector3, joined: [Vector3])] = []
        func join(_ a: Vector3, _ b: Vector3) {
            if let n = table.firstIndex(where: { $0.point == a }) {
                table[n].joined.append(b)
            } else {
                table.append((a, [b]))
            }
        }
        for face in faces() {
            let isInside = face.map { inside & SurfelTable.bit($0.x, $0.y, $0.z) != 0 }
            let cut = (0..<4).filter { isInside[$0] != isInside[($0 + 1) % 4] }
            func middle(_ edge: Int) -> Vector3 {
                (Vector3(face[edge]) + Vector3(face[(edge + 1) % 4])) / 2
            }
            let pairs =
                cut.count == 2
                ? [(cut[0], cut[1])] : cut.count == 4 ? (0..<4).filter { isInside[$0] }.map { (($0 + 3) % 4, $0) } : []
            for (a, b) in pairs {
                join(middle(a), middle(b))
                join(middle(b), middle(a))
            }
        }
        return table
    }

    /// The six faces, their corners in a ring.
    private func faces() -> [[Corner]] {
        var result: [[Corner]] = []
        for axis in 0..<3 {
            let others = (0..<3).filter { $0 != axis }
            for side in 0...1 {
                result.append(
                    [(0, 0), (1, 0), (1, 1), (0, 1)].map { u, w in
                        var corner = Corner()
                        corner[axis] = side
                        corner[others[0]] = u
                        corner[others[1]] = w
                        return corner
                    }
                )
            }
        }
        return result
    }
}
