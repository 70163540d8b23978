/// Joins every hole to the polygon around it by a channel of no width, walked once in each direction, so that one
/// closed polygon without holes describes a structure with holes ("keyhole", PS3.3 C.8.8.6.3).
///
/// The channel goes straight along a row from the hole's point of lowest column to the nearest edge on its left,
/// which belongs to the outer polygon or to a hole that is joined already; so channels cross nothing.
/// Polygons are those of `traceContours`.
package func keyholed(_ polygons: [PlanarPolygon]) -> [PlanarPolygon] {
    var outers = polygons.filter { !$0.isHole }
    // From left to right: what lies on the left of a hole is joined before it.
    let holes = polygons.filter(\.isHole).sorted { leftmost($0).i < leftmost($1).i }
    for hole in holes {
        guard let meeting = edgeOnTheLeft(of: leftmost(hole), in: outers) else { continue }
        outers[meeting.polygon] = joined(outers[meeting.polygon], hole, at: meeting)
    }
    return outers
}

private struct Meeting {
    var polygon: Int
    /// The edge from this point to the next is met.
    var edge: Int
    var point: PlanarPoint
}

private func leftmost(_ polygon: PlanarPolygon) -> PlanarPoint {
    polygon.points.min { ($0.i, $0.j) < ($1.i, $1.j) } ?? PlanarPoint(i: 0, j: 0)
}

/// A channel half a voxel away from the corner row would be clean, but would need a point that is no corner; so the
/// channel leaves the hole's corner along the lattice and meets vertical edges that hold its row.
private func edgeOnTheLeft(of start: PlanarPoint, in outers: [PlanarPolygon]) -> Meeting? {
    var best: Meeting?
    for (index, outer) in outers.enumerated() {
        for n in outer.points.indices {
            let (a, b) = (outer.points[n], outer.points[(n + 1) % outer.points.count])
            // Vertical edges whose closed range holds the row and that lie on the left.
            guard a.i == b.i, a.i < start.i, min(a.j, b.j) <= start.j, max(a.j, b.j) >= start.j else { continue }
            if let known = best, known.point.i > a.i || (known.point.i == a.i && !prefers(a, b, start)) { continue }
            best = Meeting(polygon: index, edge: n, point: PlanarPoint(i: a.i, j: start.j))
        }
    }
    return best
}

/// Of two edges that meet at the channel's end, the one that lies below it (larger row) encloses the hole's side.
private func prefers(_ a: PlanarPoint, _ b: PlanarPoint, _ start: PlanarPoint) -> Bool { max(a.j, b.j) > start.j }

private func joined(_ outer: PlanarPolygon, _ hole: PlanarPolygon, at meeting: Meeting) -> PlanarPolygon {
    let first = leftmost(hole)
    guard let start = hole.points.firstIndex(of: first) else { return outer }
    let around = Array(hole.points[start...] + hole.points[..<start])
    var points = Array(outer.points[...meeting.edge])
    if points.last != meeting.point { points.append(meeting.point) }
    points += around + [first, meeting.point]
    let rest = Array(outer.points[(meeting.edge + 1)...])
    points += rest.first == meeting.point ? Array(rest.dropFirst()) : rest
    return PlanarPolygon(points: points, isHole: false)
}
