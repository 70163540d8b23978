#if canImport(Glibc)
import Glibc
#endif

/// The small bowel: loops of a folded tube that wind through the fat before the spine, each filled with fluid or gas.
struct SmallBowel: Sendable {
    private static let stepMM: Float = 9
    private let pieces: [Solid]
    private let grid: SolidGrid
    private let noise: ValueNoise
    private let wallHU: Float
    /// Where a slow noise is above it there is gas: the lower, the more.
    private let gasThreshold: Float
    /// Fluid of each loop, HU, by the piece's priority.
    private let contents: [Float]

    init(_ person: ThoraxAnatomy, wallHU: Float, seed: UInt64) {
        var random = SeededRandom(seed: seed, stream: 21)
        noise = ValueNoise(seed: seed &+ 211, cellMM: 1)
        self.wallHU = wallHU
        gasThreshold = random.float(0.05...0.75)
        let (a, b) = (person.cavityHalfWidth, person.cavityHalfDepth)
        let (low, high) = (Point(-0.8 * a, -0.72 * b, -215), Point(0.8 * a, 0.5 * b, -76))
        var pieces: [Solid] = []
        var contents: [Float] = []
        for loop in 0..<44 {
            let start = low + (high - low) * Point(random.float(0...1), random.float(0...1), random.float(0...1))
            pieces += SmallBowel.loop(loop, from: start, (low, high), person, beside: pieces.map(\.end), &random)
            contents.append(random.happens(0.08) ? random.float(150...450) : random.float(5...45))
        }
        self.pieces = pieces
        self.contents = contents
        grid = SolidGrid(boxes: pieces.map { ($0.low, $0.high) }, cellMM: 12, reach: 3)
    }

    /// A tube that grows on until it has no room: each step turns a little, keeps inside the box, before the spine and off
    /// all others. Where it starts in another one it is seen as a branch.
    private static func loop(
        _ number: Int,
        from start: Point,
        _ box: (low: Point, high: Point),
        _ person: ThoraxAnatomy,
        beside others: [Point],
        _ random: inout SeededRandom
    ) -> [Solid] {
        func direction() -> Point { Point(random.float(-1...1), random.float(-1...1), random.float(-0.5...0.5)) }
        let radius = random.float(8.5...13.5)
        let room = (radius + 11) * (radius + 11)
        func isFree(_ p: Point, _ places: ArraySlice<Point>) -> Bool {
            places.allSatisfy { dot($0 - p, $0 - p) > room }
        }
        var places = [start]
        var heading = unit(direction())
        var tries = 0
        while places.count < 35, tries < 6 {
            let aim = unit(heading + direction() * (0.45 + 0.25 * Float(tries)))
            let next = places[places.count - 1] + aim * stepMM
            tries += 1
            // Kidneys and muscles lie beside the spine.
            let isInside =
                pointwiseMin(next - box.low, box.high - next).min() > 0 && next.y < person.spineY(next.z) - 28
            // The last places of its own loop are near by nature.
            guard isInside, isFree(next, others[...]), isFree(next, places.dropLast(3)) else { continue }
            places.append(next)
            (heading, tries) = (aim, 0)
        }
        return zip(places, places.dropFirst()).map { .capsule($0, $1, radius, .bowel, priority: number) }
    }

    func tissue(_ p: Point) -> Tissue? {
        var depth: Float = 0
        var nearest = 0
        grid.forEach(near: p) { index in
            let distance = pieces[index].distance(p)
            if -distance > depth { (depth, nearest) = (-distance, index) }
        }
        depth += min(depth, 1.5) * noise(p * 0.07)
        guard depth > 0 else { return nil }
        let piece = pieces[nearest]
        // Folds of the mucosa stand across the tube.
        let along =
            dot(p - piece.start, piece.end - piece.start) / SmallBowel.stepMM + SmallBowel.stepMM * Float(nearest)
        let fold = max(0, sinf(along * 1.4 + 2 * noise(p * 0.05)) - 0.35) * 3.5
        if depth < 2 + fold { return Tissue(organ: .bowel, hu: wallHU + 6 * noise(p * 0.3)) }
        if noise(p * 0.016 + 9) > gasThreshold { return Tissue(organ: .bowelGas, hu: -970) }
        return Tissue(organ: .bowel, hu: contents[piece.priority] + 8 * noise(p * 0.2))
    }
}
