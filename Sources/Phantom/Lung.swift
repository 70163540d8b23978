#if canImport(Glibc)
import Glibc
#endif

/// One lung: parenchyma, vessels, bronchi, fissures and what is wrong with them.
struct Lung: Sendable {
    let isLeft: Bool
    let disease: LungDisease
    private let person: ThoraxAnatomy
    private let branches: [Branch]
    private let grid: SolidGrid
    private let noise: ValueNoise
    private let bloodHU: Float
    private let wallHU: Float
    /// Texture of the parenchyma, HU.
    private let grainHU: Float
    private let patchHU: Float

    /// Where a point of the chest cavity outside the mediastinum lies.
    struct Place {
        var point: Point
        /// mm to the chest wall along the radius.
        var wall: Float
        /// mm over the diaphragm.
        var diaphragm: Float
        /// 0 at the front of the body, pi at its back.
        var angle: Float
        /// y of the chest wall at the back at this height.
        var back: Float
    }

    init(
        person: ThoraxAnatomy,
        isLeft: Bool,
        branches: [Branch],
        disease: LungDisease,
        blood: Blood,
        seed: UInt64
    ) {
        (self.person, self.isLeft, self.branches, self.disease) = (person, isLeft, branches, disease)
        grid = SolidGrid(
            boxes: branches.map {
                let size = Point(repeating: Lung.outerRadius($0))
                return (pointwiseMin($0.start, $0.end) - size, pointwiseMax($0.start, $0.end) + size)
            },
            cellMM: 5,
            reach: 1.6
        )
        noise = ValueNoise(seed: seed &+ (isLeft ? 801 : 802), cellMM: 1)
        bloodHU = 0.5 * (blood.pulmonary + blood.left)
        wallHU = -60
        var random = SeededRandom(seed: seed, stream: 8)
        grainHU = random.float(14...34)
        patchHU = random.float(6...20)
    }

    static func outerRadius(_ branch: Branch) -> Float {
        branch.kind == .bronchus ? branch.radius * 1.12 + 0.35 : branch.radius
    }

    /// Which lobe: 0 lower, 1 upper, 2 middle (right lung only).
    func lobe(_ p: Point) -> Int { Lung.lobe(p, person, isLeft: isLeft) }

    static func lobe(_ p: Point, _ person: ThoraxAnatomy, isLeft: Bool) -> Int {
        if p.z < person.obliqueFissure(p.y) { return 0 }
        return !isLeft && p.z < person.horizontalFissure(p.y) ? 2 : 1
    }

    /// - Parameter softness: standard deviation of the sampling, mm: thin vessels fade instead of flickering.
    func tissue(_ place: Place, softness: Float) -> Tissue {
        let p = place.point
        if let space = pleuralSpace(place) { return space }
        var organ: Organ = isLeft ? .lungLeft : .lungRight
        var hu = parenchyma(place)
        hu += fissure(p, softness: softness) * (-250 - hu)
        if disease.fibrosisMM > 0 { hu += fibrosis(place) * (-80 - hu) }
        let airless = airless(place)
        if airless > 0 {
            hu += airless * (disease.effusionHU + 42 + 10 * noise(p * 0.2) - hu)
            if airless > 0.5 { organ = isLeft ? .consolidationLeft : .consolidationRight }
        }
        for lesion in disease.lesions {
            let share = coverage(lesion, p)
            guard share > 0 else { continue }
            let filled = share * (1 - airPockets(lesion, p))
            hu += filled * (lesion.hu + 12 * noise(p * 0.12) - hu)
            guard share > 0.5 else { continue }
            switch lesion.kind {
            case .tumour: organ = isLeft ? .tumourLeft : .tumourRight
            case .consolidation where organ == .lungLeft || organ == .lungRight:
                organ = isLeft ? .consolidationLeft : .consolidationRight
            case .consolidation, .bulla: break
            }
        }
        hu = addBranches(p, hu, isTumour: organ == .tumourLeft || organ == .tumourRight, softness: softness)
        return Tissue(organ: organ, hu: hu)
    }

    // MARK: - Air

    private func parenchyma(_ place: Place) -> Float {
        let p = place.point
        var hu = person.lungHU + person.gravityHU * p.y
        // The air around it lets a lung shrink.
        hu += 100 * ramp(disease.pneumothoraxMM, 8, 60)
        hu += grainHU * noise(p * 0.34) + patchHU * noise(p * 0.09) + 0.7 * patchHU * noise(p * 0.03)
        // Capillaries and lobules: a long tail to the dense side.
        let small = noise(Point(p.z, p.x, p.y) * 0.42)
        hu += 1.4 * grainHU * small * abs(small)
        // Denser where lung lies on the back and under the pleura.
        hu += 70 * bell(max(0, place.wall) / 5, 1) * ramp(p.y, 0, 70) * (person.gravityHU / 0.6)
        if disease.emphysemaHU < 0 {
            let hole = noise(p * 0.11) * 0.6 + noise(p * 0.035) * 0.7
            hu += disease.emphysemaHU * ramp(hole, 0.35 - disease.emphysemaShare, 0.75 - disease.emphysemaShare)
        }
        if disease.groundGlassHU > 0 {
            let cloud = noise(p * 0.024) + 0.4 * noise(p * 0.07)
            let edge = 0.7 - 1.2 * disease.groundGlassShare
            hu += disease.groundGlassHU * ramp(cloud, edge, edge + 0.25)
        }
        return max(hu, -1000)
    }

    private func fissure(_ p: Point, softness: Float) -> Float {
        let bend = 4 * noise(p * 0.02)
        let oblique = abs(p.z - person.obliqueFissure(p.y) + bend) * 0.76
        var near = oblique
        if !isLeft, p.z > person.obliqueFissure(p.y) {
            near = min(near, abs(p.z - person.horizontalFissure(p.y) + bend))
        }
        guard near < 3 else { return 0 }
        let width = 0.3 + 0.8 * softness
        return 0.15 * expf(-0.5 * (near / width) * (near / width)) * ramp(noise(p * 0.013), -0.75, -0.2)
    }

    // MARK: - Disease

    private func pleuralSpace(_ place: Place) -> Tissue? {
        let p = place.point
        if disease.isRemoved { return Tissue(organ: .effusion, hu: disease.effusionHU + 4 * noise(p * 0.05)) }
        if disease.effusionMM > 0, fluidDistance(place) > 0 {
            return Tissue(organ: .effusion, hu: disease.effusionHU + 3 * noise(p * 0.08))
        }
        if disease.pneumothoraxMM > 0 {
            let gap =
                disease.pneumothoraxMM
                * (bell(place.angle, 1.0) + 0.5 * ramp(p.z, person.carinaHeight, person.apexHeight))
            let distance = gap - place.wall + 3 * noise(p * 0.04)
            if distance > 0 { return Tissue(organ: .pneumothorax, hu: -1000) }
        }
        return nil
    }

    /// Positive in the fluid: it collects behind, thickest at the bottom, and climbs along the wall.
    private func fluidDistance(_ place: Place) -> Float {
        let p = place.point
        let height = clamp((person.apexHeight - p.z) / (person.apexHeight + 40))
        let level = place.back - disease.effusionMM * (0.15 + 0.85 * height)
        let climb = 6 + 0.4 * disease.effusionMM
        return p.y - level + climb * bell(place.wall / (0.45 * disease.effusionMM + 8), 1) - 2 + 2.5 * noise(p * 0.05)
    }

    /// Share of airless lung by pressure or by collapse of a lobe, 0...1.
    private func airless(_ place: Place) -> Float {
        let p = place.point
        var share: Float = 0
        if disease.effusionMM > 0, disease.compressionMM > 0 {
            let distance = -fluidDistance(place) + 5 * noise(p * 0.07)
            share = 1 - ramp(distance, disease.compressionMM - 3, disease.compressionMM + 4)
        }
        if let collapsed = disease.collapsedLobe, lobe(p) == collapsed.lobe {
            let distance = Lung.collapseDistance(p, person, isLeft: isLeft, lobe: collapsed.lobe) + 5 * noise(p * 0.06)
            share = max(share, 1 - ramp(distance, disease.collapseMM - 2, disease.collapseMM + 2))
        }
        return share
    }

    /// How far a point is from where a lobe shrinks to when its bronchus is closed: a lower one behind and inwards onto the spine and
    /// the diaphragm, an upper one inwards onto the mediastinum, the left one in front, the right one at the top; mm.
    static func collapseDistance(_ p: Point, _ person: ThoraxAnatomy, isLeft: Bool, lobe: Int) -> Float {
        let side: Float = isLeft ? 1 : -1
        if lobe == 0 {
            let axis = Point(person.spineX(p.z) + side * 24, person.spineY(p.z) + 10, p.z)
            let offset = p - axis
            return (offset.x * offset.x + 0.7 * offset.y * offset.y).squareRoot() + 0.25
                * max(0, p.z - person.carinaHeight)
        }
        let axis = person.mediastinal(side * 26, isLeft ? -72 : -44, p.z - person.carinaHeight)
        let offset = p - axis
        let below = max(0, person.apexHeight - 20 - p.z)
        return (offset.x * offset.x + 0.5 * offset.y * offset.y).squareRoot() + (isLeft ? 0.1 : 0.35) * below
    }

    /// Network of thickened walls and small cysts under the pleura, mostly at the bases.
    private func fibrosis(_ place: Place) -> Float {
        let near = 1 - ramp(min(place.wall, place.diaphragm), 0.4 * disease.fibrosisMM, disease.fibrosisMM)
        guard near > 0 else { return 0 }
        let p = place.point
        let low = 0.35 + 0.65 * (1 - ramp(p.z, 0, person.carinaHeight))
        let net = 1 - ramp(abs(noise(p * 0.26)), 0.04, 0.32)
        return near * low * (0.5 * net + 0.1) * ramp(noise(p * 0.05), -0.7, 0.3)
    }

    /// How much of a place in a lesion has kept its air.
    private func airPockets(_ lesion: LungDisease.Lesion, _ p: Point) -> Float {
        guard lesion.aeration > 0 else { return 0 }
        let pocket = noise(p * 0.22) + 0.5 * noise(p * 0.07)
        let edge = 0.8 - 1.6 * lesion.aeration
        return 0.9 * ramp(pocket, edge, edge + 0.25)
    }

    private func coverage(_ lesion: LungDisease.Lesion, _ p: Point) -> Float {
        let offset = p - lesion.centre
        let reach = lesion.radius * (1 + lesion.roughness) + lesion.edge
        let square = dot(offset, offset)
        guard square < reach * reach else { return 0 }
        if lesion.lobe != nil, lobe(p) != lobe(lesion.centre) { return 0 }
        let uneven = noise(p * lesion.frequency) + 0.4 * noise(p * lesion.frequency * 2.7)
        let distance = square.squareRoot() - lesion.radius * (1 + lesion.roughness * uneven * 0.7)
        return 1 - ramp(distance, -lesion.edge, lesion.edge)
    }

    // MARK: - Trees

    private func addBranches(_ p: Point, _ below: Float, isTumour: Bool, softness: Float) -> Float {
        var vessel: Float = 0
        var wall: Float = 0
        var lumen: Float = 0
        branches.withUnsafeBufferPointer { list in
            grid.forEach(near: p) { index in
                let branch = list[index]
                let axis = branch.end - branch.start
                let along = clamp(dot(p - branch.start, axis) / max(1e-6, dot(axis, axis)))
                let offset = p - (branch.start + axis * along)
                let square = dot(offset, offset)
                if branch.kind == .vessel {
                    vessel = max(vessel, Lung.cover(square, branch.radius, softness))
                } else {
                    wall = max(wall, Lung.cover(square, Lung.outerRadius(branch), softness))
                    lumen = max(lumen, Lung.cover(square, branch.radius, softness))
                }
            }
        }
        var hu = below + vessel * (bloodHU - below)
        if isTumour { return hu }
        hu += wall * (wallHU - hu)
        return hu + lumen * (-960 - hu)
    }

    /// How much of a small neighbourhood a round branch fills whose axis is `square.squareRoot()` mm away.
    @inline(__always)
    private static func cover(_ square: Float, _ radius: Float, _ softness: Float) -> Float {
        let reach = radius + 2.2 * softness
        guard square < reach * reach else { return 0 }
        if radius > 1.3 * softness { return clamp((radius - square.squareRoot()) / (2.2 * softness) + 0.5) }
        let peak = 1 - expf(-0.5 * radius * radius / (softness * softness))
        return peak * expf(-0.5 * square / (softness * softness + 0.25 * radius * radius))
    }
}
