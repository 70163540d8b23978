#if canImport(Glibc)
import Glibc
#endif

/// A piece of a pulmonary vessel or bronchus.
struct Branch: Sendable {
    enum Kind: Sendable { case vessel, bronchus }

    var start: Point
    var end: Point
    var radius: Float
    var kind: Kind
}

/// A tree that fills a lobe: branches halve the points they have to reach and head for the middle of each half
/// (Tawhai, Pullan, Hunter, "Generation of an anatomically based three-dimensional model of the conducting airways",
/// Annals of Biomedical Engineering 28, 2000). Radii follow Murray's law with an exponent of 2.7 to 3.
struct LungTree: Sendable {
    private(set) var branches: [Branch] = []
    private let kind: Branch.Kind
    private let endRadius: Float
    private let exponent: Float

    init(kind: Branch.Kind, endRadius: Float, exponent: Float) {
        (self.kind, self.endRadius, self.exponent) = (kind, endRadius, exponent)
    }

    /// Grows from `root` to every point.
    mutating func grow(from root: Point, along direction: Point, to points: [Point], random: inout SeededRandom) {
        var cloud = points
        grow(root, direction, &cloud, 0..<points.count, &random, generation: 0)
    }

    private mutating func grow(
        _ start: Point,
        _ direction: Point,
        _ cloud: inout [Point],
        _ range: Range<Int>,
        _ random: inout SeededRandom,
        generation: Int
    ) {
        guard !range.isEmpty, generation < 26 else { return }
        var centre = Point.zero
        for n in range { centre += cloud[n] }
        centre /= Float(range.count)
        let radius = endRadius * powf(Float(range.count), 1 / exponent)
        let toCentre = centre - start
        let distance = length(toCentre)
        // Turns of more than about 60 degrees are softened.
        var heading = unit(toCentre)
        if dot(heading, direction) < 0.5 { heading = unit(heading + direction * 0.8) }
        heading = unit(heading + random.inBall() * 0.12)
        let reach = range.count == 1 ? distance * 0.85 : min(distance * 0.42, 34)
        let end = start + heading * max(reach, 1)
        branches.append(Branch(start: start, end: end, radius: radius, kind: kind))
        guard range.count > 1 else { return }
        let axis = splitAxis(cloud, range, centre, heading)
        cloud[range].sort { dot($0, axis) < dot($1, axis) }
        let share = random.float(0.34...0.66)
        let cut = range.lowerBound + min(range.count - 1, max(1, Int(share * Float(range.count))))
        grow(end, heading, &cloud, range.lowerBound..<cut, &random, generation: generation + 1)
        grow(end, heading, &cloud, cut..<range.upperBound, &random, generation: generation + 1)
    }

    /// The direction across the branch in which its points spread most (two steps of the power method).
    private func splitAxis(_ cloud: [Point], _ range: Range<Int>, _ centre: Point, _ heading: Point) -> Point {
        var axis = unit(
            Point(heading.y - heading.z, heading.z - heading.x, heading.x - heading.y) + Point(0.01, 0, 0.02)
        )
        let stride = max(1, range.count / 64)
        for _ in 0..<3 {
            var sum = Point.zero
            for n in Swift.stride(from: range.lowerBound, to: range.upperBound, by: stride) {
                let offset = cloud[n] - centre
                sum += offset * dot(offset, axis)
            }
            sum -= heading * dot(sum, heading)
            axis = unit(sum)
        }
        return axis
    }
}
