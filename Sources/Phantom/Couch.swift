#if canImport(Glibc)
import Glibc
#endif

/// What the patient lies on and what lies on the patient: table, mattress, blanket, wires. In scanner coordinates.
struct Couch: Sendable {
    private let layers: [Layer]
    private let immobilisation: Immobilisation?
    private let top: Float
    private let halfWidth: Float
    private let curvature: Float
    private let hasBlanket: Bool
    private let blanketY: Float
    /// Leads of an ECG; none without.
    private let leads: [Lead]
    private let noise: ValueNoise

    /// A sheet of the couch, as wide as it.
    private struct Layer: Sendable {
        /// From `top` downwards, mm.
        var depth: ClosedRange<Float>
        var hu: Float
        /// How uneven a foam is, HU.
        var grainHU: Float = 0
        /// Wider things are cut off at this distance from the middle, mm.
        var halfWidth = Float.infinity
    }

    init(_ person: ThoraxAnatomy, _ options: PhantomOptions, wall: ChestWall, seed: UInt64) {
        var random = SeededRandom(seed: seed, stream: 12)
        let back = Couch.back(person, wall: wall) + Float(options.turn.y)
        halfWidth = random.float(195...265)
        curvature = options.couch == .curved ? random.float(0.0004...0.0016) : 0
        hasBlanket = random.happens(0.5)
        blanketY = -random.float(8...30)
        layers = Couch.layers(options.couch, &random)
        immobilisation = options.couch == .radiotherapy ? Immobilisation(person, &random) : nil
        top = back + random.float(1...8) + (immobilisation?.boardMM ?? 0)
        let noise = ValueNoise(seed: seed &+ 121, cellMM: 1)
        self.noise = noise
        leads =
            options.implants.contains(.ecgLeads)
            ? (0..<3).map { Lead($0, person, options, wall: wall, noise: noise, end: random.float(-70...20)) } : []
    }

    /// The lowest point of the person's back, before it is moved.
    private static func back(_ person: ThoraxAnatomy, wall: ChestWall) -> Float {
        var lowest: Float = 0
        for z in stride(from: Float(-60), to: person.apexHeight, by: 20) {
            for step in -4...4 {
                let angle = Float.pi - Float(step) * 0.12
                let point = Point(sinf(angle) * 10, person.cavityCentreY(z) - cosf(angle) * 10, z)
                let layers = wall.layers(point, centreY: person.cavityCentreY(z))
                lowest = max(lowest, person.cavityCentreY(z) - layers.skin * cosf(angle))
            }
        }
        return lowest
    }

    private static func layers(_ kind: PhantomOptions.Couch, _ random: inout SeededRandom) -> [Layer] {
        var layers: [Layer] = []
        var depth: Float = 0
        func add(_ thickness: Float, hu: Float, grainHU: Float = 0, halfWidth: Float = .infinity) {
            layers.append(Layer(depth: depth...(depth + thickness), hu: hu, grainHU: grainHU, halfWidth: halfWidth))
            depth += thickness
        }
        func addBoard(shellMM: ClosedRange<Float>, shellHU: ClosedRange<Float>, coreMM: ClosedRange<Float>) {
            let (shell, hu) = (random.float(shellMM), random.float(shellHU))
            add(shell, hu: hu)
            add(random.float(coreMM), hu: random.float(-995 ... -860), grainHU: random.float(0...20))
            add(shell, hu: hu)
        }
        switch kind {
        case .none: return []
        case .flat: addBoard(shellMM: 1.2...3, shellHU: -300...100, coreMM: 15...60)
        case .radiotherapy: addBoard(shellMM: 1...3.5, shellHU: -350...250, coreMM: 30...75)
        case .curved, .mattress:
            if kind == .mattress || random.happens(0.6) {
                add(random.float(0.6...1.6), hu: random.float(-600 ... -100))
                add(random.float(10...55), hu: random.float(-995 ... -870), grainHU: random.float(4...30))
                depth += max(0, random.float(-4...6))
            }
            addBoard(shellMM: 1.2...3.5, shellHU: -100...400, coreMM: 12...60)
            // The rail in which the table runs.
            if random.happens(0.4) {
                depth += random.float(0...12)
                add(random.float(2...5), hu: random.float(600...1500), halfWidth: random.float(40...120))
            }
        }
        return layers
    }

    func tissue(_ p: Point) -> Tissue? {
        if hasBlanket || !leads.isEmpty, p.y < 0, let cloth = cover(p) { return cloth }
        if let immobilisation, let hu = immobilisation.attenuation(p, tableY: top, noise) {
            return Tissue(organ: .table, hu: hu)
        }
        guard abs(p.x) < halfWidth else { return nil }
        // A curved table rises at its sides.
        let depth = p.y - (top - curvature * p.x * p.x)
        guard depth > 0 else { return nil }
        for layer in layers where layer.depth.contains(depth) && abs(p.x) < layer.halfWidth {
            guard layer.grainHU > 0 else { return Tissue(organ: .table, hu: layer.hu) }
            // At the sides what lies on top, shell or cover, closes the foam.
            let isRim = halfWidth - abs(p.x) < 2
            return Tissue(organ: .table, hu: isRim ? layers[0].hu : layer.hu + layer.grainHU * noise(p * 0.15))
        }
        return nil
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
