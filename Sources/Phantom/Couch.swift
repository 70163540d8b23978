#if canImport(Glibc)
import Glibc
#endif

/// What the patient lies on and what lies on the patient: table, mattress, blanket, wires. In scanner coordinates.
struct Couch: Sendable {
    private let kind: PhantomOptions.Couch
    private let top: Float
    private let halfWidth: Float
    private let curvature: Float
    private let thickness: Float
    private let coreHU: Float
    private let hasBlanket: Bool
    private let blanketY: Float
    /// Leads of an ECG; none without.
    private let leads: [Lead]
    private let noise: ValueNoise
    private let immobilisation: Immobilisation?

    init(_ person: ThoraxAnatomy, _ options: PhantomOptions, wall: ChestWall, seed: UInt64) {
        var random = SeededRandom(seed: seed, stream: 12)
        kind = options.couch
        // Below the lowest point of the back.
        var lowest: Float = 0
        var z: Float = -60
        while z < person.apexHeight {
            for step in -4...4 {
                let angle = Float.pi - Float(step) * 0.12
                let point = Point(sinf(angle) * 10, person.cavityCentreY(z) - cosf(angle) * 10, z)
                let layers = wall.layers(point, centreY: person.cavityCentreY(z))
                lowest = max(lowest, person.cavityCentreY(z) - layers.skin * cosf(angle))
            }
            z += 20
        }
        immobilisation = kind == .radiotherapy ? Immobilisation(person, seed: seed) : nil
        top = lowest + Float(options.turn.y) + random.float(1...8) + (immobilisation?.boardMM ?? 0)
        halfWidth = random.float(195...265)
        curvature = kind == .curved ? random.float(0.0006...0.0016) : 0
        thickness = random.float(18...60)
        coreHU = random.float(-990 ... -930)
        hasBlanket = random.happens(0.5)
        blanketY = -random.float(8...30)
        let noise = ValueNoise(seed: seed &+ 121, cellMM: 1)
        self.noise = noise
        leads =
            options.implants.contains(.ecgLeads)
            ? (0..<3).map { Lead($0, person, options, wall: wall, noise: noise, end: random.float(-70...20)) } : []
    }

    func tissue(_ p: Point) -> Tissue? {
        if hasBlanket || !leads.isEmpty, p.y < 0, let cloth = cover(p) { return cloth }
        if let immobilisation, let hu = immobilisation.attenuation(p, tableY: top, noise) {
            return Tissue(organ: .table, hu: hu)
        }
        guard kind != .none, abs(p.x) < halfWidth else { return nil }
        // A curved table rises at its sides.
        let depth = p.y - (top - curvature * p.x * p.x)
        guard depth > -14 else { return nil }
        switch kind {
        case .none: return nil
        case .flat, .radiotherapy:
            guard depth > 0, depth < thickness else { return nil }
            let shell = min(depth, thickness - depth, halfWidth - abs(p.x))
            return Tissue(organ: .table, hu: shell < 2 ? -120 : coreHU)
        case .curved:
            guard depth > 0, depth < thickness else { return nil }
            let shell = min(depth, thickness - depth)
            return Tissue(organ: .table, hu: shell < 1.6 ? 60 : -965 + 15 * noise(p * 0.1))
        case .mattress:
            if depth < 0 { return nil }
            if depth < 26 { return Tissue(organ: .table, hu: depth < 1 ? -550 : -950 + 14 * noise(p * 0.15)) }
            let below = depth - 30
            guard below > 0, below < thickness else { return nil }
            return Tissue(organ: .table, hu: min(below, thickness - below) < 2 ? 40 : coreHU)
        }
    }

    /// Cloth and wires over the chest.
    private func cover(_ p: Point) -> Tissue? {
        for lead in leads {
            if let hu = lead.attenuation(p) { return Tissue(organ: .clothing, hu: hu) }
        }
        guard hasBlanket else { return nil }
        let sheet = -118 + blanketY + 0.0016 * p.x * p.x + 16 * noise(Point(p.x * 0.022, 0.5, p.z * 0.015))
        let fold = abs(p.y - sheet + 5 * noise(Point(p.x * 0.07, 3.5, p.z * 0.05)))
        return fold < 0.9 ? Tissue(organ: .clothing, hu: -800) : nil
    }
}

/// A wire from an electrode on the skin in front of the chest towards the head, in scanner coordinates.
private struct Lead: Sendable {
    private static let stepMM: Float = 5
    private let end: Float
    /// Places from the electrode upwards, `stepMM` apart.
    private let places: [SIMD2<Float>]

    /// - Parameter end: height of the electrode over the carina, mm.
    init(
        _ number: Int,
        _ person: ThoraxAnatomy,
        _ options: PhantomOptions,
        wall: ChestWall,
        noise: ValueNoise,
        end: Float
    ) {
        let lowest = person.carinaHeight + end
        self.end = lowest
        let turn = SIMD2(Float(options.turn.x), Float(options.turn.y))
        places = stride(from: lowest, to: person.apexHeight + 20, by: Lead.stepMM).map { z in
            let x = Float(number - 1) * 62 + 26 * noise(Point(Float(number) * 9 + 0.5, 0.5, z * 0.02))
            let skin = wall.frontSkinY(x, min(z, person.apexHeight), centreY: person.cavityCentreY(z))
            let lift = 2 + 6 * max(0, noise(Point(Float(number) * 9 + 3.5, 0.5, z * 0.03))) * ramp(z - lowest, 0, 30)
            return SIMD2(x, skin - lift) + turn
        }
    }

    /// HU where the lead or its electrode is.
    func attenuation(_ p: Point) -> Float? {
        let position = (p.z - end) / Lead.stepMM
        guard position > -2, let first = places.first else { return nil }
        if abs(position) <= 2, abs(p.x - first.x) < 10, abs(p.y - first.y) < 2 { return 250 }
        guard position >= 0, Int(position) + 1 < places.count else { return nil }
        let below = places[Int(position)]
        let place = below + (places[Int(position) + 1] - below) * (position - position.rounded(.down))
        let (dx, dy) = (p.x - place.x, p.y - place.y)
        return dx * dx + dy * dy < 2.2 ? 900 : nil
    }
}
