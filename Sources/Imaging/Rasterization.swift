/// Fills polygons by the even-odd rule at voxel centres: a voxel is inside when a ray from its centre crosses the
/// edges of all polygons together an odd number of times. So holes, keyholes (an edge walked twice counts twice) and
/// XOR sets are all filled right, and slivers change nothing but what they cover.
///
/// - Returns: 1 inside, 0 outside, rows of columns.
package func rasterize(_ polygons: [[PlanarPoint]], columns: Int, rows: Int) -> [UInt8] {
    var crossings = [[Double]](repeating: [], count: rows)
    for points in polygons where points.count >= 3 {
        for n in points.indices {
            addCrossings(from: points[n], to: points[(n + 1) % points.count], rows: rows, &crossings)
        }
    }
    var plane = [UInt8](repeating: 0, count: columns * rows)
    for j in 0..<rows where !crossings[j].isEmpty {
        let line = crossings[j].sorted()
        for pair in stride(from: 0, to: line.count - 1, by: 2) {
            // Centres in [enter, leave): a centre on an edge belongs to one side only.
            let first = max(0, ceiling(line[pair]))
            let last = min(columns, ceiling(line[pair + 1]))
            if first < last { for i in first..<last { plane[j * columns + i] = 1 } }
        }
    }
    return plane
}

/// Half-open in j, so that a vertex on a row of centres counts once.
private func addCrossings(from a: PlanarPoint, to b: PlanarPoint, rows: Int, _ crossings: inout [[Double]]) {
    guard a.i.isFinite, a.j.isFinite, b.i.isFinite, b.j.isFinite, a.j != b.j else { return }
    let (low, high) = a.j < b.j ? (a, b) : (b, a)
    let first = max(0, ceiling(low.j))
    let last = min(rows, ceiling(high.j))
    guard first < last else { return }
    for j in first..<last {
        let t = (Double(j) - low.j) / (high.j - low.j)
        crossings[j].append(low.i + (high.i - low.i) * t)
    }
}

/// The smallest whole number not below x, bounded so that hostile coordinates cannot overflow.
private func ceiling(_ x: Double) -> Int { Int(min(max(x.rounded(.up), -1e9), 1e9)) }
