#if canImport(Glibc)
import Glibc
#endif

/// A simple body with a signed distance: a capsule whose radius changes from one end to the other and that may be
/// flattened along an axis, or an ellipsoid.
struct Solid: Sendable {
    var start: Point
    var end: Point
    var startRadius: Float
    var endRadius: Float
    /// Direction in which the solid is thinner than its radius, and how many times.
    var flatAxis: Point = .zero
    var flatness: Float = 1
    /// Not zero: an ellipsoid around `start` with these half axes along x, y, z, `start` and `end` equal.
    var halfAxes: Point = .zero
    var organ: Organ
    /// Attenuation; nil where it follows from the organ.
    var hu: Float?
    /// Where solids overlap, the higher one is seen.
    var priority: Int = 0
    /// Thickness of a wall (`wallOrgan`) inside the surface, mm.
    var wall: Float = 0
    var wallOrgan: Organ = .air
    /// Whether the lung keeps off this solid.
    var isInMediastinum = false
    /// Whether it lies in the hilum: there is hardly any fat between it and the lung.
    var isHilar = false

    static func capsule(_ start: Point, _ end: Point, _ radius: Float, _ organ: Organ, priority: Int = 0) -> Solid {
        Solid(start: start, end: end, startRadius: radius, endRadius: radius, organ: organ, priority: priority)
    }

    static func capsule(
        _ start: Point,
        _ end: Point,
        _ startRadius: Float,
        _ endRadius: Float,
        _ organ: Organ,
        priority: Int = 0
    ) -> Solid {
        Solid(start: start, end: end, startRadius: startRadius, endRadius: endRadius, organ: organ, priority: priority)
    }

    static func ellipsoid(_ centre: Point, _ halfAxes: Point, _ organ: Organ, priority: Int = 0) -> Solid {
        Solid(
            start: centre,
            end: centre,
            startRadius: halfAxes.max(),
            endRadius: halfAxes.max(),
            halfAxes: halfAxes,
            organ: organ,
            priority: priority
        )
    }

    /// Distance to the surface, mm, negative inside; exact for round capsules, close to the surface for the others.
    @inline(__always)
    func distance(_ p: Point) -> Float {
        if halfAxes.x > 0 {
            let q = (p - start) / halfAxes
            let k0 = length(q)
            let k1 = length(q / halfAxes)
            return k1 > 0 ? k0 * (k0 - 1) / k1 : -halfAxes.min()
        }
        let axis = end - start
        let along = clamp(dot(p - start, axis) / max(1e-6, dot(axis, axis)))
        var offset = p - (start + axis * along)
        let radius = startRadius + (endRadius - startRadius) * along
        if flatness != 1 {
            let thin = dot(offset, flatAxis)
            offset += flatAxis * (thin * (flatness - 1))
            let d = length(offset) - radius
            // The metric is stretched along the thin axis: shrink back where that axis dominates.
            return d > 0 ? d / (1 + (flatness - 1) * abs(thin) * flatness / max(1e-3, length(offset))) : d / flatness
        }
        return length(offset) - radius
    }

    var low: Point {
        halfAxes.x > 0 ? start - halfAxes : pointwiseMin(start, end) - Point(repeating: max(startRadius, endRadius))
    }

    var high: Point {
        halfAxes.x > 0 ? start + halfAxes : pointwiseMax(start, end) + Point(repeating: max(startRadius, endRadius))
    }
}

/// A curved tube: capsules along points, joined.
func tube(
    _ points: [(point: Point, radius: Float)],
    _ organ: Organ,
    priority: Int = 0,
    change: (inout Solid) -> Void = { _ in }
) -> [Solid] {
    zip(points, points.dropFirst()).map { a, b in
        var solid = Solid.capsule(a.point, b.point, a.radius, b.radius, organ, priority: priority)
        change(&solid)
        return solid
    }
}

/// A smooth curve through points (Catmull and Rom, 1974), cut into `pieces` between neighbours.
func smoothCurve(_ points: [(point: Point, radius: Float)], pieces: Int = 4) -> [(point: Point, radius: Float)] {
    guard points.count > 2 else { return points }
    var result: [(point: Point, radius: Float)] = []
    for n in 0..<(points.count - 1) {
        let (p0, p1) = (points[max(0, n - 1)].point, points[n].point)
        let (p2, p3) = (points[n + 1].point, points[min(points.count - 1, n + 2)].point)
        for piece in 0..<pieces {
            let t = Float(piece) / Float(pieces)
            let cubic = (p3 - p0 + (p1 - p2) * 3) * (t * t * t)
            let square = (p0 * 2 - p1 * 5 + p2 * 4 - p3) * (t * t)
            let point = (p1 * 2 + (p2 - p0) * t + square + cubic) * 0.5
            result.append((point, points[n].radius + (points[n + 1].radius - points[n].radius) * t))
        }
    }
    result.append(points[points.count - 1])
    return result
}

/// Solids (or anything with a box) by cubic cells, so that a point asks only what lies near it.
struct SolidGrid: Sendable {
    private let origin: Point
    private let frequency: Float
    private let counts: SIMD3<Int32>
    /// Items of cell n: `items[starts[n]..<starts[n + 1]]`.
    private let starts: [Int32]
    private let items: [Int32]

    /// - Parameters:
    ///   - boxes: low and high corner of each item.
    ///   - reach: how far outside its box an item must be found, mm.
    init(boxes: [(low: Point, high: Point)], cellMM: Float, reach: Float) {
        let low = boxes.reduce(Point(repeating: 0)) { pointwiseMin($0, $1.low) } - Point(repeating: reach)
        let high = boxes.reduce(Point(repeating: 0)) { pointwiseMax($0, $1.high) } + Point(repeating: reach)
        let frequency = 1 / cellMM
        let counts = SIMD3<Int32>(((high - low) * frequency).rounded(.down)) &+ 1
        let total = Int(counts.x) * Int(counts.y) * Int(counts.z)
        var starts = [Int32](repeating: 0, count: total + 1)
        func cells(_ box: (low: Point, high: Point), _ body: (Int) -> Void) {
            let a = SIMD3<Int32>(((box.low - Point(repeating: reach) - low) * frequency).rounded(.down))
            let b = SIMD3<Int32>(((box.high + Point(repeating: reach) - low) * frequency).rounded(.down))
            for z in max(0, a.z)...min(counts.z - 1, b.z) {
                for y in max(0, a.y)...min(counts.y - 1, b.y) {
                    for x in max(0, a.x)...min(counts.x - 1, b.x) {
                        body(Int(x) + Int(counts.x) * (Int(y) + Int(counts.y) * Int(z)))
                    }
                }
            }
        }
        for box in boxes { cells(box) { starts[$0 + 1] += 1 } }
        for n in 0..<total { starts[n + 1] += starts[n] }
        var next = starts
        var items = [Int32](repeating: 0, count: Int(starts[total]))
        for (index, box) in boxes.enumerated() {
            cells(box) {
                items[Int(next[$0])] = Int32(index)
                next[$0] += 1
            }
        }
        (origin, self.frequency, self.counts, self.starts, self.items) = (low, frequency, counts, starts, items)
    }

    /// Calls `body` with the index of every item whose widened box may hold the point.
    @inline(__always)
    func forEach(near p: Point, _ body: (Int) -> Void) {
        let q = (p - origin) * frequency
        guard q.x >= 0, q.y >= 0, q.z >= 0 else { return }
        let cell = SIMD3<Int32>(Int32(q.x), Int32(q.y), Int32(q.z))
        guard cell.x < counts.x, cell.y < counts.y, cell.z < counts.z else { return }
        let n = Int(cell.x) + Int(counts.x) * (Int(cell.y) + Int(counts.y) * Int(cell.z))
        let range = Int(starts[n])..<Int(starts[n + 1])
        items.withUnsafeBufferPointer { list in
            for index in range { body(Int(list[index])) }
        }
    }
}
