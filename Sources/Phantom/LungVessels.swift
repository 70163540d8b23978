import Imaging

#if canImport(Glibc)
import Glibc
#endif

/// A piece of a pulmonary vessel: a capsule between two points, LPS mm.
struct VesselSegment: Sendable {
    var start: Vector3
    var end: Vector3
    var radius: Double
}

/// Pulmonary arteries and veins as two bifurcating trees a lung, grown from the hila.
///
/// Radii follow Murray's law (r0^3 = r1^3 + r2^3; Murray, PNAS 1926); branches leave at 25 to 50 degrees.
struct LungVessels: Sendable {
    private(set) var segments: [VesselSegment] = []

    init(anatomy: ThoraxAnatomy, seed: UInt64) {
        var random = SeededRandom(seed: seed, stream: 2)
        for side in [-1.0, 1.0] {
            for tree in 0..<4 {
                let hilum = Vector3(
                    side * 30,
                    anatomy.spineY(anatomy.carinaHeight - 25) - 45 + 8 * Double(tree % 2),
                    anatomy.carinaHeight - 22 - 9 * Double(tree)
                )
                let lift = [0.75, 0.1, -0.55, -0.9][tree]
                let forward = [-0.2, -0.55, 0.45, 0.15][tree]
                grow(
                    from: hilum,
                    along: simdNormalize(Vector3(side * 0.8, forward, lift)),
                    radius: 4.6,
                    depth: 8,
                    random: &random
                )
            }
        }
    }

    private mutating func grow(
        from start: Vector3,
        along direction: Vector3,
        radius: Double,
        depth: Int,
        random: inout SeededRandom
    ) {
        guard depth > 0, radius > 0.45 else { return }
        let length = min(30, 7 + 3.4 * radius) * random.uniform(0.8...1.25)
        let end = start + direction * length
        segments.append(VesselSegment(start: start, end: end, radius: radius))
        let share = random.uniform(0.35...0.5)
        for part in [share, 1 - share] {
            let sideways = Vector3(random.uniform(-1...1), random.uniform(-1...1), random.uniform(-1...1))
            let turned = simdNormalize(direction + sideways * random.uniform(0.45...0.85))
            grow(from: end, along: turned, radius: radius * cbrt(part), depth: depth - 1, random: &random)
        }
    }
}

func simdNormalize(_ v: Vector3) -> Vector3 {
    let length = (v * v).sum().squareRoot()
    return length > 0 ? v / length : Vector3(0, 0, 1)
}
