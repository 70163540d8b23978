/// Fills polygons by the even-odd rule at voxel centres: a voxel is inside when a ray from its centre crosses the
/// edges of all polygons together an odd number of times. So holes, keyholes (an edge walked twice counts twice) and
/// XOR sets are all filled right, and slivers change nothing but what they cover.
///
/// Every crossing of an edge with a row of centres turns over what follows in the row; so memory does not grow with
/// the number of points. A polygon with a coordinate that is no number or beyond any picture is left out.
///
/// - Returns: 1 inside, 0 outside, rows of columns.
package func rasterize(_ polygons: [[PlanarPoint]], columns: Int, rows: Int) -> [UInt8] {
    var turns = [UInt8](repeating: 0, count: (columns + 1) * rows)
    for points in polygons where points.count >= 3 && points.allSatisfy(isReasonable) {
        for n in points.indices {
            turnOver(from: points[n], to: points[(n + 1) % points.count], columns: columns, rows: rows, &turns)
        }
    }
    var plane = [UInt8](repeating: 0, count: columns * rows)
    for j in 0..<rows {
        var inside: UInt8 = 0
        for i in 0..<columns {
            inside ^= turns[j * (columns + 1) + i]
            plane[j * columns + i] = inside
        }
    }
    return plane
}

private func isReasonable(_ point: PlanarPoint) -> Bool { abs(point.i) < 1e9 && abs(point.j) < 1e9 }

/// Half-open in j, so that a vertex on a row of centres counts once. A centre on an edge belongs to the right side.
private func turnOver(from a: PlanarPoint, to b: PlanarPoint, columns: Int, rows: Int, _ turns: inout [UInt8]) {
    guard a.j != b.j else { return }
    let (low, high) = a.j < b.j ? (a, b) : (b, a)
    let first = max(0, Int(low.j.rounded(.up)))
    let last = min(rows, Int(high.j.rounded(.up)))
    guard first < last else { return }
    for j in first..<last {
        let t = (Double(j) - low.j) / (high.j - low.j)
        let crossing = low.i + (high.i - low.i) * t
        turns[j * (columns + 1) + min(max(Int(crossing.rounded(.up)), 0), columns)] ^= 1
    }
}
