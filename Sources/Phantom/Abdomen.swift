#if canImport(Glibc)
import Glibc
#endif

/// The upper abdomen under the diaphragm.
struct Abdomen: Sendable {
    private let person: ThoraxAnatomy
    private let noise: ValueNoise
    private let liverHU: Float
    private let organHU: Float
    private let stomach: [Solid]
    private let colon: [Solid]
    private let organs: [Solid]
    private let contentHU: Float
    /// Supine: gas lies in front of this y.
    private let stomachLevel: Float
    private let colonGas: Float
    /// Fat of the belly: 0 is a lean person, whose liver and spleen touch the diaphragm, 1 one whose kidneys lie in fat
    /// that reaches the domes.
    private let fatness: Float
    /// How far the back of the liver leans: mm to the front per mm downwards.
    private let liverLean: Float
    /// How far the slips of the diaphragm's muscle stand out into the belly, mm.
    private let slipMM: Float

    init(_ person: ThoraxAnatomy, blood: Blood, seed: UInt64) {
        self.person = person
        var random = SeededRandom(seed: seed, stream: 6)
        noise = ValueNoise(seed: seed &+ 61, cellMM: 1)
        liverHU = person.liverHU + blood.organs
        organHU = 46 + blood.organs
        let (a, b) = (person.cavityHalfWidth, person.cavityHalfDepth)
        let top = person.leftDomeHeight
        let size = random.float(0.75...1.15)
        stomach = tube(
            smoothCurve([
                (Point(0.46 * a, 0.12 * b, top - 34), 34 * size), (Point(0.5 * a, -0.2 * b, top - 66), 34 * size),
                (Point(0.36 * a, -0.5 * b, top - 104), 28 * size), (Point(0.02 * a, -0.5 * b, top - 128), 18 * size),
            ]),
            .stomach
        )
        contentHU = random.happens(0.15) ? random.float(120...350) : random.float(5...50)
        stomachLevel = random.float(-0.6...0.15) * b
        let sag = random.float(-12...12)
        colon = tube(
            smoothCurve([
                (Point(0.74 * a, 0.1 * b, top - 130), 17), (Point(0.8 * a, -0.2 * b, top - 62 + sag), 19),
                (Point(0.5 * a, -0.62 * b, top - 86 + sag), 20), (Point(0, -0.7 * b, top - 132), 19),
                (Point(-0.55 * a, -0.6 * b, top - 130), 20), (Point(-0.7 * a, -0.1 * b, top - 150), 22),
            ]),
            .bowel
        )
        colonGas = random.float(-0.7...0.5)
        fatness = clamp(0.6 * ramp(person.fatThickness, 6, 40) + random.float(-0.3...0.7))
        liverLean = random.float(0.1...0.8)
        slipMM = random.float(0...9)
        let spleenDrop = 30 * fatness * random.float(0...1)
        organs = [
            .ellipsoid(
                Point(0.76 * a, 0.42 * b, top - 44 - spleenDrop),
                Point(27, 44, 50) * random.float(0.85...1.2),
                .spleen
            ),
            .ellipsoid(Point(-0.42 * a, 0.5 * b, -128), Point(27, 25, 52), .kidney),
            .ellipsoid(Point(0.42 * a, 0.52 * b, top - 108), Point(27, 25, 52), .kidney),
        ]
    }

    /// - Parameters:
    ///   - depth: mm under the diaphragm's upper face.
    ///   - wallDistance: mm to the wall of the cavity.
    func tissue(_ p: Point, depth: Float, wallDistance: Float) -> Tissue {
        let slip = slip(p, wallDistance: wallDistance)
        if depth < 2.6 + 3 * slip || wallDistance < slip { return Tissue(organ: .diaphragm, hu: person.muscleHU - 8) }
        if let crus = crus(p) { return crus }
        for organ in organs where organ.distance(p) < 0 {
            return Tissue(organ: organ.organ, hu: organHU + (organ.organ == .kidney ? -12 : 4) + 5 * noise(p * 0.1))
        }
        if let muscle = psoas(p, wallDistance: wallDistance) { return muscle }
        if let gut = hollow(p, stomach, gasBefore: stomachLevel, organ: .stomach, gas: .stomachGas) { return gut }
        if let gut = hollow(p, colon, gasBefore: 1e3 * colonGas, organ: .bowel, gas: .bowelGas) { return gut }
        if isLiver(p, depth: depth, wallDistance: wallDistance) {
            // Vessels of the liver: thin sheets of lower density, filled in the venous phase.
            let vein = 1 - ramp(abs(noise(p * 0.028)), 0, 0.05)
            let portal = vein * (1 - ramp(abs(noise(Point(p.y, p.z, p.x) * 0.033)), 0, 0.12))
            return Tissue(organ: .liver, hu: liverHU + 4 * noise(p * 0.08) + portal * (liverHU > 80 ? 22 : -12))
        }
        // Loops of small bowel in fat, before the spine and the kidneys.
        let loops = noise(p * 0.045) + 0.35 * noise(p * 0.12)
        if p.z < -70, p.y < person.spineY(p.z) - 16, loops > 0.3 {
            let gas = loops > 0.68 && noise(p * 0.02 + 9) > 0.2
            return gas ? Tissue(organ: .bowelGas, hu: -960) : Tissue(organ: .bowel, hu: 28 + 10 * noise(p * 0.3))
        }
        return fat(p)
    }

    /// The psoas beside the vertebral bodies, and the square muscle of the loin behind the kidney.
    private func psoas(_ p: Point, wallDistance: Float) -> Tissue? {
        guard p.z < -40 else { return nil }
        let (x, y) = (abs(p.x - person.spineX(p.z)), p.y - person.spineY(p.z))
        let grown = ramp(-p.z, 40, 150)
        let (dx, dy) = ((x - 20 - 12 * grown) / (7 + 13 * grown), (y - 6) / (9 + 12 * grown))
        let isPsoas = dx * dx + dy * dy < 1 + 0.15 * noise(p * 0.05)
        let isSquare = y > 16 && x < 74 && wallDistance < 4 + 12 * grown + 3 * noise(p * 0.04)
        guard isPsoas || isSquare else { return nil }
        return Tissue(organ: .muscle, hu: person.muscleHU + 5 * noise(p * 0.25))
    }

    private func fat(_ p: Point) -> Tissue {
        let strand = max(0, abs(noise(p * 0.11)) - 0.55) * 90
        let vessel = noise.threads(p * 0.045) * (organHU - person.fatHU)
        return Tissue(organ: .visceralFat, hu: person.fatHU + max(strand, vessel) + 4 * noise(p * 0.4))
    }

    /// The legs of the diaphragm beside the aorta.
    private func crus(_ p: Point) -> Tissue? {
        let y = p.y - person.spineY(p.z)
        guard abs(p.x) < 30, y < 0, y > -42, p.z < 0 else { return nil }
        let ring = sqrtf((p.x - 6) * (p.x - 6) + (y + 19) * (y + 19) * 0.8)
        guard abs(ring - 18.5) < 2.5, y > -32 else { return nil }
        return Tissue(organ: .diaphragm, hu: person.muscleHU - 4)
    }

    /// How much thicker the diaphragm is where a slip of its muscle goes to a rib, mm: folds that run down the wall and
    /// stand out into fat and liver.
    private func slip(_ p: Point, wallDistance: Float) -> Float {
        guard wallDistance < 45 else { return 0 }
        let angle = atan2f(p.x, -p.y)
        let fold = max(0, sinf(22 * angle + 4 * noise(Point(2 * angle, 3, p.z * 0.01))) - 0.55) / 0.45
        return slipMM * fold * (1 - ramp(wallDistance, 15, 45))
    }

    /// The liver fills the right dome and reaches to the left in front; behind it, and in part above and beside it, lies
    /// the fat around the kidney.
    private func isLiver(_ p: Point, depth: Float, wallDistance: Float) -> Bool {
        let pad = fatness * max(0, noise(Point(p.x, p.y, 0) * 0.022 + 3))
        guard depth > 3 + 22 * pad, wallDistance > 1.5 + 9 * pad else { return false }
        let (a, b) = (person.cavityHalfWidth, person.cavityHalfDepth)
        // From the front on the left slanting to the spine.
        let slant = 0.4 * a - 0.72 * max(0, p.y + 0.5 * b) + 0.3 * min(0, p.y + 0.5 * b)
        let edge = max(slant, -0.3 * a) + 15 * noise(p * 0.017) + 0.3 * (p.z + 50)
        let bottom = -165 + 1.1 * max(0, p.x + 0.4 * a)
        let behind =
            (0.78 - 0.4 * fatness) * b - 0.35 * max(0, p.x + 0.5 * a) + fatness
            * (liverLean * (p.z + 25) + 7 * noise(p * 0.02))
        // The fissure under the inferior vena cava and the gall bladder's bed.
        return p.x < edge && p.z > bottom && p.y < behind
    }

    private func hollow(_ p: Point, _ tube: [Solid], gasBefore level: Float, organ: Organ, gas: Organ) -> Tissue? {
        var distance: Float = 99
        for solid in tube { distance = min(distance, solid.distance(p)) }
        distance += 2.5 * noise(p * 0.06)
        guard distance < 0 else { return nil }
        if distance > -3 { return Tissue(organ: organ, hu: 40) }
        if p.y < level, organ == .stomach || noise(p * 0.018) > -0.25 { return Tissue(organ: gas, hu: -985) }
        // Food and stool hold bubbles.
        let bubble = noise(p * 0.28)
        if bubble > 0.55 { return Tissue(organ: gas, hu: -600) }
        return Tissue(organ: organ, hu: contentHU + 16 * noise(p * 0.15) - max(0, bubble) * 60)
    }
}
