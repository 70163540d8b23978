/// What holds a patient in place on a radiotherapy table, all of it as light as lung: a board of foam under the back, a
/// cushion of beads that was sucked firm around the trunk, blocks of foam beside head and arms. In scanner coordinates.
struct Immobilisation: Sendable {
    /// Thickness of the board between the back and the table, mm; 0 without one.
    let boardMM: Float
    private let board: Foam
    private let boardHalfWidth: Float
    private let cushion: Cushion?
    private let blocks: [Block]

    private struct Foam: Sendable {
        var hu: Float
        var grainHU: Float
        /// Cells or beads per mm.
        var grain: Float
        var coverHU: Float
        var coverMM: Float

        init(_ random: inout SeededRandom) {
            hu = random.float(-990 ... -840)
            grainHU = random.float(3...35)
            grain = random.float(0.12...0.5)
            coverHU = random.float(-700...50)
            coverMM = random.float(0...1.5)
        }

        /// - Parameter depth: mm under the surface.
        func attenuation(_ p: Point, depth: Float, _ noise: ValueNoise) -> Float {
            depth < coverMM ? coverHU : hu + grainHU * noise(p * grain)
        }
    }

    /// A bag of beads on the board: flat under the back, rising at the sides of the trunk.
    private struct Cushion: Sendable {
        var foam: Foam
        /// From the middle to where it begins to rise, where it is highest, and where it ends, mm.
        var inner: Float
        var outer: Float
        var end: Float
        var rise: Float
        var height: ClosedRange<Float>
    }

    private struct Block: Sendable {
        var foam: Foam
        var low: Point
        var high: Point
    }

    init(_ person: ThoraxAnatomy, seed: UInt64) {
        var random = SeededRandom(seed: seed, stream: 21)
        board = Foam(&random)
        boardMM = random.happens(0.5) ? random.float(12...60) : 0
        boardHalfWidth = random.float(150...260)
        let chest = person.cavityHalfWidth + 25
        if random.happens(0.5) {
            let inner = chest * random.float(0.5...0.9)
            let outer = chest * random.float(1.0...1.35)
            let low = random.float(-250...60)
            cushion = Cushion(
                foam: Foam(&random),
                inner: inner,
                outer: outer,
                end: outer + random.float(5...60),
                rise: random.float(25...140),
                height: low...(low + random.float(150...600))
            )
        } else {
            cushion = nil
        }
        guard random.happens(0.35) else {
            blocks = []
            return
        }
        let foam = Foam(&random)
        let inner = random.float(60...150)
        let width = random.float(40...130)
        let bottom = person.apexHeight + random.float(-60...60)
        let front = random.float(-60...20)
        blocks = [Float(-1), 1].map { side in
            let (near, far) = (side * inner, side * (inner + width))
            return Block(
                foam: foam,
                low: Point(min(near, far), front, bottom),
                high: Point(max(near, far), 400, bottom + 400)
            )
        }
    }

    /// HU where any of it is.
    ///
    /// - Parameter tableY: the table's upper face; the board lies on it.
    func attenuation(_ p: Point, tableY: Float, _ noise: ValueNoise) -> Float? {
        guard p.y < tableY else { return nil }
        let boardTop = tableY - boardMM
        if p.y >= boardTop {
            let depth = min(p.y - boardTop, boardHalfWidth - abs(p.x))
            return depth > 0 ? board.attenuation(p, depth: depth, noise) : nil
        }
        for block in blocks {
            let inside = pointwiseMin(p - block.low, block.high - p)
            let depth = min(inside.x, inside.y, inside.z)
            if depth > 0 { return block.foam.attenuation(p, depth: depth, noise) }
        }
        guard let cushion, cushion.height.contains(p.z), abs(p.x) < cushion.end else { return nil }
        let side = ramp(abs(p.x), cushion.inner, cushion.outer) * (1 - ramp(abs(p.x), cushion.outer, cushion.end))
        let surface = boardTop - cushion.rise * side - 4 * (1 + noise(Point(p.x * 0.03, 7.5, p.z * 0.03)))
        let depth = min(p.y - surface, cushion.end - abs(p.x))
        return depth > 0 ? cushion.foam.attenuation(p, depth: depth, noise) : nil
    }
}
