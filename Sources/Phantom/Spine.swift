#if canImport(Glibc)
import Glibc
#endif

/// Vertebrae, discs, canal and cord in the person's own frame.
struct Spine: Sendable {
    let person: ThoraxAnatomy
    private let noise: ValueNoise

    init(_ person: ThoraxAnatomy, seed: UInt64) {
        self.person = person
        noise = ValueNoise(seed: seed &+ 17, cellMM: 1)
    }

    /// Distance in mm to the outline that the lung keeps off: bodies, joints of the ribs and the muscle between.
    func hullDistance(_ p: Point) -> Float {
        let s = person.vertebraScale(p.z)
        let x = abs(p.x - person.spineX(p.z))
        let y = p.y - person.spineY(p.z)
        // The body, then the processes that widen backwards.
        let body = length(Point(max(0, x - 6 * s), y, 0)) - 13.5 * s
        let behind = x - (12 * s + 0.66 * max(0, y))
        let wedge = y > 0 ? behind : 99
        return smoothMin(body, wedge, 6)
    }

    /// What lies at a point near the spine; nil outside bone, disc and canal.
    func tissue(_ p: Point) -> Tissue? {
        let s = person.vertebraScale(p.z)
        let x = p.x - person.spineX(p.z)
        let y = p.y - person.spineY(p.z)
        guard abs(x) < 44 * s, y > -18 * s, y < 64 * s else { return nil }
        let phase = person.vertebra(p.z)
        // -0.5...0.5 of one vertebra with its disc.
        let v = phase - phase.rounded()
        let ax = abs(x)
        if let canal = canal(x, y, s) { return canal }
        // Body: waisted in the middle, hollow towards the canal.
        let waist = 1 - 0.09 * (1 - 16 * v * v * v * v)
        let body = sqrtf(powf(ax / (16.5 * s * waist), 2.3) + powf(abs(y) / (13 * s * waist), 2.3)) - 1
        let bodyMM = body * 11 * s
        if bodyMM < 0 {
            let toDisc = (0.5 - abs(v)) * person.vertebraSpacing - 2.6
            if toDisc < 0 { return Tissue(organ: .disc, hu: 78 + 18 * noise(p * 0.3)) }
            return bone(p, depth: min(-bodyMM, toDisc * 1.2), organ: .vertebra)
        }
        // Lamina: an arch behind the canal, in the upper half of each vertebra.
        let yc = y - 22 * s
        let arch = sqrtf(x * x + yc * yc * 0.85) - 12.5 * s
        let hasArch = v > -0.32 && v < 0.36
        if hasArch, abs(arch) < 3.4, yc > -9 * s { return bone(p, depth: 3.4 - abs(arch), organ: .vertebra) }
        // Transverse processes go sideways and back, behind the lung.
        let tx = ax - 14 * s
        let ty = y - (19 * s + 0.72 * tx)
        let transverse = sqrtf(ty * ty * 0.66 + powf(v * person.vertebraSpacing - 2, 2) * 0.7) - 4.6 * s
        if transverse < 0, tx > -4, tx < 16 * s { return bone(p, depth: -transverse, organ: .vertebra) }
        // The spinous process slopes down.
        let sy = y - 33 * s
        let down = (v * person.vertebraSpacing + 0.55 * sy) / 7
        let spinous = max(ax - 3.2 - 1.4 * max(0, (sy - 18) / 12), abs(down) * 4 - 4.6)
        if spinous < 0, sy > -4, sy < person.spinousLength(p.z) { return bone(p, depth: -spinous, organ: .vertebra) }
        return nil
    }

    private func canal(_ x: Float, _ y: Float, _ s: Float) -> Tissue? {
        let yc = y - 22 * s
        let canal = sqrtf(x * x / (10 * s * 10 * s) + yc * yc / (8.6 * s * 8.6 * s))
        guard canal < 1 else { return nil }
        let cord = sqrtf(x * x / 30 + (yc + 1) * (yc + 1) / 21)
        if cord < 1 { return Tissue(organ: .spinalCord, hu: 40) }
        return Tissue(organ: .spinalCanal, hu: canal > 0.86 ? -40 : 14)
    }

    /// Compact bone outside, trabeculae inside.
    func bone(_ p: Point, depth: Float, organ: Organ, cortex: Float = 1.5) -> Tissue {
        let d = person.boneDensity
        let spongy = 50 + 170 * d
        let hard = 330 + 780 * d
        let share = 1 - ramp(depth, cortex * 0.6, cortex * 1.9)
        let grain = 55 * d * noise(p * 0.45) + 30 * noise(p * 0.14)
        return Tissue(organ: organ, hu: spongy + (hard - spongy) * share + grain)
    }
}
