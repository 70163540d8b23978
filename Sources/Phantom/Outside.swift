#if canImport(Glibc)
import Glibc
#endif

/// Muscle, fat and skin of the chest wall, and what stands out of it: breasts and arms.
struct Outside: Sendable {
    private let person: ThoraxAnatomy
    private let noise: ValueNoise
    private let arms: [Solid]
    private let breasts: [Solid]
    private let glandular: Float
    private let armFat: Float

    init(_ person: ThoraxAnatomy, skeleton: Skeleton, wall: ChestWall, arms pose: PhantomOptions.Arms, seed: UInt64) {
        self.person = person
        noise = ValueNoise(seed: seed &+ 91, cellMM: 1)
        var random = SeededRandom(seed: seed, stream: 9)
        let armFat = 3 + 0.28 * person.fatThickness
        self.armFat = armFat
        let muscle = 30 + 9 * person.muscularity
        arms = [Float(-1), 1].flatMap { side -> [Solid] in
            let shoulder = skeleton.shoulder(side)
            let elbow = skeleton.elbow(side, pose)
            return [
                .capsule(shoulder, elbow, muscle + armFat, 26 + armFat, .muscle),
                .capsule(shoulder - Point(side * 34, 0, 0), shoulder, 44, 40 + armFat, .muscle),
            ]
        }
        glandular = random.float(-0.3...0.7)
        guard person.isFemale else {
            breasts = []
            return
        }
        let size = random.float(0.7...1.25)
        let outwards = random.float(14...30) * size + 0.3 * person.fatThickness
        let z = 0.36 * person.apexHeight + random.float(-12...8)
        // Lying down, they spread along the chest.
        breasts = [Float(-1), 1].map { side in
            let radius = 46 * size
            let ends = [Float(0.5), 1].map { angle in
                let direction = Point(side * sinf(angle), -cosf(angle), 0)
                let middle = Point(0, person.cavityCentreY(z), z)
                let skin = wall.layers(middle + 10 * direction, centreY: middle.y).skin
                return middle + (skin + outwards - radius) * direction
            }
            return .capsule(ends[0], ends[1], radius * 0.85, radius, .breast)
        }
    }

    /// A point outside the trunk's outline: breast, arm, or nothing of the person.
    func tissue(_ p: Point, _ layers: ChestWall.Layers, _ person: ThoraxAnatomy, solids: Thorax) -> Tissue? {
        let trunk = layers.radius - layers.skin
        guard trunk < 160 else { return nil }
        for breast in breasts {
            let distance = smoothMin(breast.distance(p), trunk, 34)
            guard distance < 0 else { continue }
            if distance > -1.8 { return Tissue(organ: .skin, hu: 5) }
            return breastTissue(p, depth: -breast.distance(p))
        }
        var arm: Float = 999
        for solid in arms { arm = min(arm, solid.distance(p)) }
        guard arm < 40 else { return nil }
        let distance = smoothMin(arm, trunk, 26)
        guard distance < 0 else { return nil }
        if distance > -1.8 { return Tissue(organ: .skin, hu: 5) }
        if let bone = solids.solidTissue(p) { return bone }
        return arm < -armFat ? muscle(p, plane: 99) : fat(p)
    }

    private func breastTissue(_ p: Point, depth: Float) -> Tissue {
        let gland = noise(p * 0.045) + 0.5 * noise(p * 0.13)
        if depth > 9, gland > 0.75 - glandular { return Tissue(organ: .breast, hu: 25 + 18 * noise(p * 0.3)) }
        return fat(p, organ: .breast)
    }

    /// Everything of the trunk's wall that is no bone.
    func wallTissue(_ p: Point, _ layers: ChestWall.Layers) -> Tissue {
        let toSkin = layers.skin - layers.radius
        if toSkin < 1.9 { return Tissue(organ: .skin, hu: 0 + 10 * noise(p * 0.2)) }
        if p.z > person.apexHeight + 110, let head = head(p, layers) { return head }
        let fromCavity = layers.radius - layers.cavity
        if fromCavity < 1.2 { return Tissue(organ: .fat, hu: -30) }
        if layers.radius < layers.ribs {
            // Between the ribs: thin muscles with fat.
            let share = ramp(noise(p * 0.09), -0.55, 0.1)
            return Tissue(
                organ: share > 0.5 ? .muscle : .fat,
                hu: person.fatHU + (person.muscleHU - person.fatHU) * share
            )
        }
        if layers.radius < layers.muscle + 2.2 * noise(p * 0.05) {
            let depth = layers.muscle - layers.ribs
            let share = (layers.radius - layers.ribs) / max(1, depth)
            let fatness = hollow(abs(layers.angle), p.z)
            if abs(share - 0.5 + 0.12 * noise(p * 0.03)) < 0.5 * fatness { return looseFat(p) }
            return muscle(p, plane: depth > 11 ? abs(share - 0.5 - 0.32 * noise(p * 0.016)) * depth : 99)
        }
        return fat(p)
    }

    /// Muscle: a fat plane between layers, thin fat between the bundles where a slow noise passes zero.
    ///
    /// - Parameter plane: mm to the plane between two layers.
    func muscle(_ p: Point, plane: Float) -> Tissue {
        let fatness = 0.6 + 2.2 * clamp(person.fatThickness / 40)
        let sheet = abs(noise(p * SIMD3(0.03, 0.03, 0.014))) * 24 + 5 * max(0, noise(p * 0.02 + 7) + 0.25)
        let thin = min(plane + 2.6 * max(0, noise(p * 0.03 + 3)), sheet)
        let fine = max(0, abs(noise(p * SIMD3(0.14, 0.14, 0.05))) - 0.5)
        let share = max(1 - ramp(thin, 0.35 * fatness, 1.1 * fatness + 0.6), fine * 0.7)
        let hu = person.muscleHU + 5 * noise(p * 0.25) + share * 0.85 * (person.fatHU - person.muscleHU)
        return Tissue(organ: share > 0.55 ? .fat : .muscle, hu: hu)
    }

    /// The share of the muscles' depth that fat fills in the armpits and in the hollows behind the collar bones.
    private func hollow(_ phi: Float, _ z: Float) -> Float {
        let apex = person.apexHeight
        let stout = 0.6 + 0.4 * clamp(person.fatThickness / 25)
        let armpit = bell(phi - 1.5, 0.42) * ramp(z, apex - 135, apex - 90) * (1 - ramp(z, apex - 32, apex - 8))
        let neck = bell(phi - 1.35, 0.5) * ramp(z, apex - 22, apex + 2) * (1 - ramp(z, apex + 35, apex + 70))
        return stout * max(0.72 * armpit, 0.62 * neck)
    }

    /// Fat between muscles, with vessels and strands.
    private func looseFat(_ p: Point) -> Tissue {
        let vessel = noise.threads(p * 0.05)
        let strand = max(0, abs(noise(p * 0.12)) - 0.5) * 100
        let hu = person.fatHU + 4 + max(strand, vessel * (person.muscleHU - person.fatHU))
        return Tissue(organ: vessel > 0.6 ? .vein : .fat, hu: hu)
    }

    private func fat(_ p: Point, organ: Organ = .fat) -> Tissue {
        // Septa and small vessels.
        let septum = 1 - ramp(abs(noise(p * 0.06)), 0.005, 0.03)
        return Tissue(organ: organ, hu: person.fatHU + 5 * noise(p * 0.3) + 32 * septum)
    }

    /// Skull, brain, sinuses, mouth and throat.
    private func head(_ p: Point, _ layers: ChestWall.Layers) -> Tissue? {
        let z = p.z - person.apexHeight
        let inside = layers.skin - layers.radius
        let top = ramp(z, 175, 200)
        if inside < 6 { return nil }
        let front = -p.y + person.cavityCentreY(p.z)
        if top < 0.5 || front > 55 {
            // Face: air spaces between thin bones.
            if front > 10, inside > 12 {
                let cell = noise(p * 0.055)
                if abs(p.x) < 40, cell > 0.1 { return Tissue(organ: .headAir, hu: -990) }
                if abs(cell - 0.05) < 0.09 { return Tissue(organ: .skull, hu: 500) }
            }
            return front > 0 && inside > 8 && noise(p * 0.04) > 0.5 ? Tissue(organ: .skull, hu: 650) : nil
        }
        if inside < 13 { return Tissue(organ: .skull, hu: inside < 8 || inside > 11 ? 1150 : 600) }
        let grooves = abs(noise(p * 0.06)) < 0.06
        return Tissue(organ: .brain, hu: grooves ? 12 : 35 + 3 * noise(p * 0.1))
    }
}
