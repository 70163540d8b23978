import Imaging
import Testing

@Suite("Keyholes")
struct KeyholeTests {
    static let masks = RandomMask.all(600, seed: 42)

    @Test("one polygon without holes a piece, and filled it is the mask again")
    func roundTrip() {
        for (n, mask) in Self.masks.enumerated() {
            let d = mask.geometry.dimensions
            let joined = keyholed(traceContours(of: mask, slice: 0))
            #expect(joined.allSatisfy { !$0.isHole })
            #expect(joined.count == ConnectedComponents(of: mask, connectivity: .faces).sizes.count)
            #expect(joined.reduce(0) { $0 + $1.signedArea } == Double(mask.voxels.count { $0 != 0 }))
            let filled = rasterize(joined.map(\.points), columns: d.i, rows: d.j)
            #expect(mask.voxels == filled, "mask \(n)\n\(mask.drawing)")
        }
    }

    @Test("the outline crosses itself nowhere: channels are walked once in each direction, everything else once")
    func noCrossing() {
        for (n, mask) in Self.masks.enumerated() {
            for polygon in keyholed(traceContours(of: mask, slice: 0)) {
                let walk = LatticeWalk(polygon)
                #expect(walk.repeatedSteps == 0, "mask \(n)\n\(mask.drawing)")
                #expect(walk.crossings == 0, "mask \(n)\n\(mask.drawing)")
            }
        }
    }

    @Test("channels run through the inside of the structure alone")
    func channelsInside() {
        for (n, mask) in Self.masks.enumerated() {
            let d = mask.geometry.dimensions
            for polygon in keyholed(traceContours(of: mask, slice: 0)) {
                for (corner, isHorizontal) in LatticeWalk(polygon).channelSteps {
                    // The two voxels on either side of the step.
                    let sides =
                        isHorizontal
                        ? [(corner.0, corner.1 - 1), (corner.0, corner.1)]
                        : [(corner.0 - 1, corner.1), (corner.0, corner.1)]
                    for (i, j) in sides {
                        let isInside = i >= 0 && j >= 0 && i < d.i && j < d.j && mask[i, j, 0] != 0
                        #expect(isInside, "mask \(n)\n\(mask.drawing)")
                    }
                }
            }
        }
    }

    @Test("holes in islands in holes, holes in a row and holes at one height are all joined")
    func nested() {
        for mask in [
            drawn("#######", "#.....#", "#.###.#", "#.#.#.#", "#.###.#", "#.....#", "#######"),
            drawn("########", "#.#.#.##", "########"),
            drawn("#########", "#.#####.#", "##.###.##", "#########"),
            drawn("#####", "#.###", "###.#", "#.###", "#####"),
        ] {
            let d = mask.geometry.dimensions
            let joined = keyholed(traceContours(of: mask, slice: 0))
            #expect(mask.voxels == rasterize(joined.map(\.points), columns: d.i, rows: d.j), "\(mask.drawing)")
            #expect(joined.allSatisfy { LatticeWalk($0).crossings == 0 }, "\(mask.drawing)")
        }
    }

    @Test("a slice full of holes takes seconds, not minutes")
    func manyHoles() {
        var mask = Mask(geometry: grid(512, 512, 1), repeating: 1)
        for j in stride(from: 1, to: 511, by: 2) { for i in stride(from: 1, to: 511, by: 2) { mask[i, j, 0] = 0 } }
        let start = ContinuousClock.now
        let joined = keyholed(traceContours(of: mask, slice: 0))
        #expect(start.duration(to: .now) < .seconds(10))
        #expect(joined.count == 1)
        #expect(mask.voxels == rasterize(joined.map(\.points), columns: 512, rows: 512))
    }
}

/// A polygon along voxel edges, step by step, as a walk on the corners of voxels.
private struct LatticeWalk {
    private struct Corner: Hashable {
        var i: Int
        var j: Int
    }

    private struct Step: Hashable {
        var from: Corner
        var to: Corner
    }

    private var steps: [Step] = []

    init(_ polygon: PlanarPolygon) {
        for n in polygon.points.indices {
            let (a, b) = (polygon.points[n], polygon.points[(n + 1) % polygon.points.count])
            var at = Corner(i: Int(a.i + 0.5), j: Int(a.j + 0.5))
            let end = Corner(i: Int(b.i + 0.5), j: Int(b.j + 0.5))
            while at != end {
                let next = Corner(i: at.i + (end.i - at.i).signum(), j: at.j + (end.j - at.j).signum())
                steps.append(Step(from: at, to: next))
                at = next
            }
        }
    }

    /// Steps walked more than once in one direction.
    var repeatedSteps: Int { steps.count - Set(steps).count }

    /// Steps walked in both directions.
    var channelSteps: [(corner: (Int, Int), isHorizontal: Bool)] {
        let all = Set(steps)
        return all.filter { all.contains(Step(from: $0.to, to: $0.from)) }.map {
            ((min($0.from.i, $0.to.i), min($0.from.j, $0.to.j)), $0.from.j == $0.to.j)
        }
    }

    /// Passes through one corner that change sides. The inside lies on one hand of every step: shifted a little to
    /// that hand, the two ways along a channel lie side by side, and a polygon that is simple then has no two passes
    /// whose ends alternate around the corner.
    var crossings: Int {
        var passes: [Corner: [(Double, Double)]] = [:]
        for n in steps.indices {
            let (arriving, leaving) = (steps[n], steps[(n + 1) % steps.count])
            let ends = (direction(arriving.to, arriving.from) - 0.1, direction(leaving.from, leaving.to) + 0.1)
            passes[arriving.to, default: []].append(ends)
        }
        var count = 0
        for ends in passes.values {
            for a in ends.indices {
                for b in ends.indices where b > a {
                    if isBetween(ends[b].0, ends[a]) != isBetween(ends[b].1, ends[a]) { count += 1 }
                }
            }
        }
        return count
    }

    /// Quarter turns from +i to +j.
    private func direction(_ from: Corner, _ to: Corner) -> Double {
        if to.i != from.i { return to.i > from.i ? 0 : 2 }
        return to.j > from.j ? 1 : 3
    }

    private func isBetween(_ x: Double, _ range: (Double, Double)) -> Bool {
        let (low, high) = (min(range.0, range.1), max(range.0, range.1))
        return x > low && x < high
    }
}
