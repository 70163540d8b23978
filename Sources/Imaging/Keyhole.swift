/// Joins every hole to the polygon around it by a channel of no width, walked once in each direction, so that one
/// closed polygon without holes describes a structure with holes ("keyhole", PS3.3 C.8.8.6.3).
///
/// The channel goes from the hole's first corner (of lowest column, then row) straight to the left, through the
/// inside, to the next corner of any outline. That outline lies further left than the hole, so the joined rings are a
/// tree, and as the two voxels on either side of the channel are inside, channels cross nothing. Time and memory
/// follow the length of the outlines.
/// Polygons are those of `traceContours`.
package func keyholed(_ polygons: [PlanarPolygon]) -> [PlanarPolygon] {
    guard polygons.contains(where: \.isHole) else { return polygons }
    var rings = LatticeRings(polygons)
    // All starts first: a ring that others have joined is longer.
    let starts = polygons.indices.filter { polygons[$0].isHole }.map { rings.leftmost(ofRing: $0) }
    for start in starts { rings.joinToTheLeft(from: start) }
    return polygons.indices.filter { !polygons[$0].isHole }.map {
        PlanarPolygon(points: rings.points(ofRing: $0), isHole: false)
    }
}

/// Outlines as linked rings of lattice corners, one node a corner and pass.
private struct LatticeRings {
    private struct Node {
        /// Corner of voxels: half a voxel before the voxel of this index.
        var i: Int
        var j: Int
        var next: Int
        var previous: Int
    }

    private var nodes: [Node] = []
    private var firstNodes: [Int] = []
    /// The node at each corner of the bounding box, -1 where there is none. Corners that two outlines pass (voxels
    /// that touch diagonally) are never the end of a channel.
    private var nodeAtCorner: [Int] = []
    private let low: (i: Int, j: Int)
    private let columns: Int

    init(_ polygons: [PlanarPolygon]) {
        let corners = polygons.flatMap { $0.points.map(LatticeRings.corner) }
        low = (corners.map(\.i).min() ?? 0, corners.map(\.j).min() ?? 0)
        columns = (corners.map(\.i).max() ?? 0) - low.i + 1
        nodeAtCorner = Array(repeating: -1, count: columns * ((corners.map(\.j).max() ?? 0) - low.j + 1))
        for polygon in polygons { append(polygon.points.map(LatticeRings.corner)) }
    }

    private static func corner(_ point: PlanarPoint) -> (i: Int, j: Int) { (Int(point.i + 0.5), Int(point.j + 0.5)) }

    private mutating func append(_ corners: [(i: Int, j: Int)]) {
        let first = nodes.count
        firstNodes.append(first)
        for n in corners.indices {
            var at = corners[n]
            let end = corners[(n + 1) % corners.count]
            let step = ((end.i - at.i).signum(), (end.j - at.j).signum())
            while at != end {
                nodeAtCorner[place(at.i, at.j)] = nodes.count
                nodes.append(Node(i: at.i, j: at.j, next: nodes.count + 1, previous: nodes.count - 1))
                at = (at.i + step.0, at.j + step.1)
            }
        }
        nodes[nodes.count - 1].next = first
        nodes[first].previous = nodes.count - 1
    }

    private func place(_ i: Int, _ j: Int) -> Int { (j - low.j) * columns + i - low.i }

    mutating func joinToTheLeft(from start: Int) {
        var i = nodes[start].i - 1
        while nodeAtCorner[place(i, nodes[start].j)] < 0 { i -= 1 }
        let meeting = nodeAtCorner[place(i, nodes[start].j)]
        // meeting, around the hole, start again, meeting again, and on.
        let (startAgain, meetingAgain) = (nodes.count, nodes.count + 1)
        let (last, rest) = (nodes[start].previous, nodes[meeting].next)
        nodes.append(Node(i: nodes[start].i, j: nodes[start].j, next: meetingAgain, previous: last))
        nodes.append(Node(i: nodes[meeting].i, j: nodes[meeting].j, next: rest, previous: startAgain))
        nodes[last].next = startAgain
        nodes[rest].previous = meetingAgain
        nodes[meeting].next = start
        nodes[start].previous = meeting
    }

    func leftmost(ofRing ring: Int) -> Int {
        let first = firstNodes[ring]
        var (best, node) = (first, nodes[first].next)
        while node != first {
            if (nodes[node].i, nodes[node].j) < (nodes[best].i, nodes[best].j) { best = node }
            node = nodes[node].next
        }
        return best
    }

    /// The corners where a ring turns.
    func points(ofRing ring: Int) -> [PlanarPoint] {
        var points: [PlanarPoint] = []
        let first = firstNodes[ring]
        var node = first
        repeat {
            let at = nodes[node]
            if direction(nodes[at.previous], at) != direction(at, nodes[at.next]) {
                points.append(PlanarPoint(i: Double(at.i) - 0.5, j: Double(at.j) - 0.5))
            }
            node = at.next
        } while node != first
        return points
    }

    /// A channel is one long step, so lengths differ.
    private func direction(_ from: Node, _ to: Node) -> SIMD2<Int> {
        SIMD2((to.i - from.i).signum(), (to.j - from.j).signum())
    }
}
