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
    private let hasWires: Bool
    private let noise: ValueNoise

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
        top = lowest + Float(options.turn.y) + random.float(1...8)
        halfWidth = random.float(195...265)
        curvature = kind == .curved ? random.float(0.0006...0.0016) : 0
        thickness = random.float(18...60)
        coreHU = random.float(-990 ... -930)
        hasBlanket = random.happens(0.5)
        blanketY = -random.float(8...30)
        hasWires = options.implants.contains(.ecgLeads)
        noise = ValueNoise(seed: seed &+ 121, cellMM: 1)
    }

    func tissue(_ p: Point) -> Tissue? {
        if hasBlanket || hasWires, p.y < 0, let cloth = cover(p) { return cloth }
        guard kind != .none, abs(p.x) < halfWidth else { return nil }
        // A curved table rises at its sides.
        let depth = p.y - (top - curvature * p.x * p.x)
        guard depth > -14 else { return nil }
        switch kind {
        case .none: return nil
        case .flat:
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
        if hasWires {
            // Leads run along slow curves in front of the chest.
            for lead in 0..<3 {
                let x = Float(lead - 1) * 46 + 30 * noise(Point(Float(lead) * 9 + 0.5, 0.5, p.z * 0.02))
                let y = -150 + 20 * noise(Point(Float(lead) * 9 + 3.5, 0.5, p.z * 0.02))
                let (dx, dy) = (p.x - x, p.y - y)
                if dx * dx + dy * dy < 2.2 { return Tissue(organ: .clothing, hu: 900) }
            }
        }
        guard hasBlanket else { return nil }
        let sheet = -118 + blanketY + 0.0016 * p.x * p.x + 16 * noise(Point(p.x * 0.022, 0.5, p.z * 0.015))
        let fold = abs(p.y - sheet + 5 * noise(Point(p.x * 0.07, 3.5, p.z * 0.05)))
        return fold < 0.9 ? Tissue(organ: .clothing, hu: -800) : nil
    }
}
