import Imaging

#if canImport(Glibc)
import Glibc
#endif

/// A whole synthetic patient: gives the tissue at any point.
///
/// Points are the scanner's (LPS mm). The person may be turned and shifted in it, and every surface is bent a little by
/// a smooth displacement.
struct Thorax: Sendable {
    let person: ThoraxAnatomy
    let options: PhantomOptions
    let wall: ChestWall
    let couch: Couch
    private let spine: Spine
    private let skeleton: Skeleton
    private let abdomen: Abdomen
    private let mediastinum: Mediastinum
    private let lungs: [Lung]
    private let outside: Outside
    private let solids: [Solid]
    private let grid: SolidGrid
    private let warp: Warp
    private let fineWarp: Warp
    private let noise: ValueNoise
    private let domes: HeightField
    private let rotation: (Point, Point, Point)
    private let offset: Point

    init(person: ThoraxAnatomy, options: PhantomOptions, seed: UInt64) {
        let sides = DiseaseSide(options, seed: seed)
        let person = person.displaced(by: sides.displacement)
        (self.person, self.options) = (person, options)
        let low = Point(-330, -220, -360)
        let high = Point(330, 220, person.apexHeight + 300)
        wall = ChestWall(person, seed: seed, lowest: low.z, highest: high.z)
        spine = Spine(person, seed: seed)
        skeleton = Skeleton(person, seed: seed)
        let blood = Blood(person, options.contrast, seed: seed)
        abdomen = Abdomen(person, blood: blood, seed: seed)
        domes = HeightField(person, seed: seed)
        noise = ValueNoise(seed: seed &+ 5, cellMM: 1)
        let bend = Float(options.irregularityMM)
        warp = Warp(seed: seed &+ 1, cellMM: 46, amplitude: 1.7 * bend, low: low, high: high)
        fineWarp = Warp(seed: seed &+ 2, cellMM: 17, amplitude: 0.45 * bend, low: low, high: high)
        let builder = LungBuilder(
            person: person,
            options: options,
            seed: seed,
            wall: wall,
            domes: domes,
            spine: spine,
            sides: sides
        )
        mediastinum = Mediastinum(person, blood: blood, removed: sides.removed, seed: seed)
        let built = builder.build(mediastinum, blood: blood)
        lungs = built.lungs
        outside = Outside(person, skeleton: skeleton, wall: wall, arms: options.arms, seed: seed)
        let implants = Implants(person, options, wall: wall, seed: seed).solids
        solids = mediastinum.solids + built.hila + skeleton.solids(wall: wall, arms: options.arms) + implants
        grid = SolidGrid(boxes: solids.map { ($0.low, $0.high) }, cellMM: 12, reach: 9)
        couch = Couch(person, options, wall: wall, seed: seed)
        let pose = Pose(options.turn, pivot: Point(0, 0, 0.5 * person.apexHeight))
        (rotation, offset) = (pose.rows, pose.offset)
    }

    /// From the scanner's coordinates to the person's, without irregularity.
    @inline(__always)
    private func turned(_ p: Point) -> Point {
        Point(dot(rotation.0, p), dot(rotation.1, p), dot(rotation.2, p)) + offset
    }

    /// The tissue at a point of the scanner.
    func tissue(at scanner: Point, softness: Float) -> Tissue {
        let turned = turned(scanner)
        let coarse = turned + warp.displacement(at: turned)
        let p = coarse + fineWarp.displacement(at: turned)
        let layers = wall.layers(p, centreY: person.cavityCentreY(p.z))
        if layers.radius > layers.skin {
            return outside.tissue(p, layers, person, solids: self) ?? couch.tissue(scanner) ?? .air
        }
        if let implant = metal(p) { return implant }
        if layers.radius < layers.cavity, p.z < person.apexHeight { return inCavity(p, layers, softness) }
        if let bone = spine.tissue(p) ?? solidTissue(p) ?? skeleton.rib(p, layers, spine: spine) { return bone }
        return outside.wallTissue(p, layers)
    }

    private func inCavity(_ p: Point, _ layers: ChestWall.Layers, _ softness: Float) -> Tissue {
        let dome = domes.height(p)
        let gap = layers.cavity - layers.radius
        if let bone = spine.tissue(p) { return bone }
        if p.z < dome {
            return solidTissue(p) ?? abdomen.tissue(p, depth: dome - p.z, wallDistance: gap)
        }
        let hull = hullDistance(p, layers)
        if hull > 0 {
            let place = Lung.Place(
                point: p,
                wall: gap,
                diaphragm: p.z - dome,
                angle: abs(layers.angle),
                back: person.cavityCentreY(p.z) + wall.backDepth(p.z)
            )
            return lungs[p.x > septumX(p) ? 1 : 0].tissue(place, softness: softness)
        }
        if let tissue = solidTissue(p) { return tissue }
        // Beside the vertebrae lies muscle.
        if p.y > person.spineY(p.z) + 4 { return outside.muscle(p, plane: 99) }
        if isPericardium(p) { return Tissue(organ: .mediastinalFat, hu: 15) }
        let strand = max(0, abs(noise(p * 0.13)) - 0.5) * 110
        let vessel = noise.threads(p * 0.07) * (person.muscleHU - person.fatHU)
        return Tissue(organ: .mediastinalFat, hu: person.fatHU + 8 + max(strand, vessel))
    }

    /// The sheet between the lungs bulges a little to the left in front of the heart, and moves with it.
    private func septumX(_ p: Point) -> Float {
        (9 + 9 * noise(Point(0.5, 0.5, p.z * 0.014))) * ramp(-p.y, -20, 80) + person.mediastinalShift(p.y, p.z)
    }

    /// Distance to what the lungs keep off, mm; only right near it, large elsewhere.
    private func hullDistance(_ p: Point, _ layers: ChestWall.Layers) -> Float {
        let frontGap = p.y < 0 ? max(0, layers.cavity - layers.radius) : 99
        var hull = abs(p.x - septumX(p)) - mediastinum.septum(p, frontGap: frontGap)
        hull = smoothMin(hull, spine.hullDistance(p), 8)
        let margin = 1 + mediastinum.septumFat * 0.55
        solids.withUnsafeBufferPointer { list in
            grid.forEach(near: p) { index in
                guard list[index].isInMediastinum else { return }
                let distance = list[index].distance(p)
                hull = list[index].isHilar ? smoothMin(hull, distance - 0.4, 3) : smoothMin(hull, distance - margin, 7)
            }
        }
        return hull
    }

    /// Whether a point of the fat lies in the thin sac around the heart, which fat parts from the heart here and there.
    private func isPericardium(_ p: Point) -> Bool {
        var distance: Float = 99
        solids.withUnsafeBufferPointer { list in
            grid.forEach(near: p) { index in
                if list[index].organ == .heart || list[index].organ == .myocardium {
                    distance = min(distance, list[index].distance(p))
                }
            }
        }
        let fat = max(0.4, 0.55 * person.mediastinalFat + 3 * noise(p * 0.02 + 5))
        return abs(distance - fat) < 0.7
    }

    /// The highest solid at a point.
    func solidTissue(_ p: Point) -> Tissue? {
        var best = -1
        var priority = Int.min
        var depth: Float = 0
        solids.withUnsafeBufferPointer { list in
            grid.forEach(near: p) { index in
                guard list[index].priority > priority else { return }
                let distance = list[index].distance(p)
                if distance < 0 { (best, priority, depth) = (index, list[index].priority, -distance) }
            }
        }
        guard best >= 0 else { return nil }
        let solid = solids[best]
        if solid.wall > 0, depth < solid.wall, noise(p * 0.09) > 0.35 { return Tissue(organ: solid.wallOrgan, hu: 620) }
        switch solid.organ {
        case .rib, .sternum, .scapula, .clavicle, .humerus:
            return spine.bone(p, depth: depth, organ: solid.organ, cortex: solid.organ == .humerus ? 2.6 : 1.3)
        default: return Tissue(organ: solid.organ, hu: (solid.hu ?? attenuation(solid.organ)) + 3 * noise(p * 0.2))
        }
    }

    private func metal(_ p: Point) -> Tissue? {
        guard !options.implants.isEmpty, let tissue = solidTissue(p), tissue.organ == .metal else { return nil }
        return tissue
    }

    private func attenuation(_ organ: Organ) -> Float {
        switch organ {
        // Scattered rays let the air in a body read a little high.
        case .airway, .esophagealAir: -962
        case .airwayWall: 20
        case .esophagus: 36
        case .lymphNode: 42
        case .thyroid: 100
        case .mediastinalFat: person.fatHU + 8
        case .costalCartilage: 95
        case .metal: 3000
        default: person.muscleHU
        }
    }
}

/// The diaphragm's height, tabulated.
struct HeightField: Sendable {
    private static let step: Float = 3
    private let half: (x: Float, y: Float)
    private let counts: (x: Int, y: Int)
    private let heights: [Float]

    /// No two diaphragms have one shape: on the person's domes stand humps, low in half of all, up to some 30 mm in the others.
    init(_ person: ThoraxAnatomy, seed: UInt64) {
        var random = SeededRandom(seed: seed, stream: 15)
        let humpMM = random.happens(0.5) ? random.float(0...8) : random.float(8...36)
        let noise = ValueNoise(seed: seed &+ 81, cellMM: 1)
        half = (person.cavityHalfWidth * 1.2, person.cavityHalfDepth * 1.3)
        counts = (Int(2 * half.x / HeightField.step) + 2, Int(2 * half.y / HeightField.step) + 2)
        var heights: [Float] = []
        for j in 0..<counts.y {
            for i in 0..<counts.x {
                let (x, y) = (Float(i) * HeightField.step - half.x, Float(j) * HeightField.step - half.y)
                let hump = max(0, noise(Point(x, y, 0) * 0.018) + 0.4 * noise(Point(x, y, 90) * 0.045) - 0.1)
                heights.append(person.diaphragm(x, y) + humpMM * hump)
            }
        }
        self.heights = heights
    }

    @inline(__always)
    func height(_ p: Point) -> Float {
        let u = clamp((p.x + half.x) / HeightField.step, 0, Float(counts.x) - 1.001)
        let v = clamp((p.y + half.y) / HeightField.step, 0, Float(counts.y) - 1.001)
        let (i, j) = (Int(u), Int(v))
        let (a, b) = (u - Float(i), v - Float(j))
        let n = i + counts.x * j
        return heights.withUnsafeBufferPointer { h in
            (h[n] * (1 - a) + h[n + 1] * a) * (1 - b) + (h[n + counts.x] * (1 - a) + h[n + counts.x + 1] * a) * b
        }
    }
}

/// The rotation that turns scanner coordinates into the person's.
struct Pose: Sendable {
    let rows: (Point, Point, Point)
    let offset: Point

    init(_ turn: PhantomOptions.Pose, pivot: Point) {
        let degree = Float.pi / 180
        let (a, b, c) = (Float(turn.pitch) * degree, Float(turn.roll) * degree, Float(turn.yaw) * degree)
        // About x (pitch), then z (roll of a lying patient), then y (yaw).
        let (sa, ca, sb, cb, sc, cc) = (sinf(a), cosf(a), sinf(b), cosf(b), sinf(c), cosf(c))
        let x = Point(cb * cc, sb * cc, -sc)
        let y = Point(cb * sc * sa - sb * ca, sb * sc * sa + cb * ca, cc * sa)
        let z = Point(cb * sc * ca + sb * sa, sb * sc * ca - cb * sa, cc * ca)
        rows = (x, y, z)
        let moved = pivot + Point(Float(turn.x), Float(turn.y), 0)
        offset = pivot - Point(dot(x, moved), dot(y, moved), dot(z, moved))
    }
}
