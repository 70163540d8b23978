#if canImport(Glibc)
import Glibc
#endif

/// Bones of the chest wall and the shoulders: ribs by their spiral course, the others as solids.
struct Skeleton: Sendable {
    let person: ThoraxAnatomy
    private let grain: ValueNoise
    /// Where the necks end and the bodies of the ribs begin.
    private static let neckAngle: Float = 2.68
    /// How much lower than the middle of its vertebra the body of a rib begins, mm.
    private let ribNeckDrop: Float = 6

    init(_ person: ThoraxAnatomy, seed: UInt64) {
        self.person = person
        grain = ValueNoise(seed: seed &+ 23, cellMM: 1)
    }

    /// Rib or costal cartilage at a point of the deep layer of the chest wall; nil between them.
    ///
    /// The second to the twelfth: each begins at its vertebra, runs obliquely, up to `ribDrop` lower in front, where cartilage
    /// rises to the sternum. The last two end in the muscles.
    func rib(_ p: Point, _ layers: ChestWall.Layers, spine: Spine) -> Tissue? {
        let depth = layers.radius - layers.cavity - 5.2
        guard abs(depth) < 5.5, p.z < person.apexHeight + 4 else { return nil }
        let phi = abs(layers.angle)
        // The bony rib ends earlier the lower it lies; below the costal arch there is none in front.
        let end = 0.5 + 0.55 * ramp(70 - p.z, 0, 110) + 0.9 * ramp(-20 - p.z, 0, 90)
        let course = (.pi - max(phi, end)) / .pi
        // The upper ribs are short and fall less.
        let upper = (person.apexHeight - 60 - p.z) / 120
        let fall = person.ribDrop * course * (0.75 + 0.25 * course)
        var origin = p.z + fall * (0.7 + 0.3 * clamp(upper))
        let isCartilage = phi < end
        if isCartilage {
            guard p.z > -35, phi > 0.14 else { return nil }
            origin -= 60 * (end - phi)
        }
        // -1 is the second rib, as the neck of each leaves its vertebra.
        let number = person.vertebra(origin + ribNeckDrop)
        let rib = number.rounded()
        guard (-11 ... -1).contains(rib), rib > -10 || phi > (rib < -10 ? 2.1 : 1.6) else { return nil }
        // How fast the place along the spine changes with the height, so that all are equally tall.
        let stretch = 1 - (upper > 0 && upper < 1 ? 0.3 * fall / 120 : 0)
        let phase = (number - rib) * person.vertebraSpacing / stretch
        let (tall, thick): (Float, Float) = isCartilage ? (5.6, 4.0) : (6.4, 3.6)
        let section = sqrtf(phase * phase / (tall * tall) + depth * depth / (thick * thick))
        guard section < 1 else { return nil }
        if isCartilage {
            let calcium = person.boneDensity < 0.85 ? max(0, grain(p * 0.22) - 0.25) * 500 : 0
            return Tissue(organ: .costalCartilage, hu: 95 + 15 * grain(p * 0.5) + calcium)
        }
        return spine.bone(p, depth: (1 - section) * thick, organ: .rib, cortex: 1.1)
    }

    /// Sternum, clavicles, scapulae, humeri and the necks of the ribs.
    func solids(wall: ChestWall, arms: PhantomOptions.Arms) -> [Solid] {
        var solids = sternum(wall) + ribNecks()
        for side in [Float(-1), 1] {
            solids += firstRib(side, wall) + clavicle(side, wall) + scapula(side, wall) + humerus(side, arms)
        }
        return solids.map { solid in
            var bone = solid
            bone.priority = 5
            return bone
        }
    }

    private func front(_ z: Float, outside: Float) -> Float {
        person.cavityCentreY(z) - person.cavityRadius(0, z) - outside
    }

    /// A bone of half thickness `radius` in front of the chest: at `y`, or as far behind as the fat under the skin demands.
    ///
    /// - Parameter reach: how far the bone extends above and to the sides, where the skin may lie farther back, mm.
    private func underSkin(_ x: Float, _ y: Float, _ z: Float, radius: Float, reach: Float, _ wall: ChestWall) -> Point
    {
        let cover = 6 + 0.28 * person.fatThickness
        let places = [(x, z), (x, z + reach), (x - reach, z), (x + reach, z)]
        let skin = places.map { wall.frontSkinY($0.0, $0.1, centreY: person.cavityCentreY($0.1)) }
        return Point(x, skin.reduce(y) { max($0, $1 + cover + radius) }, z)
    }

    private func sternum(_ wall: ChestWall) -> [Solid] {
        let apex = person.apexHeight
        let heights: [(Float, Float)] = [
            (apex - 54, 18), (apex - 68, 23), (apex - 88, 15), (apex - 120, 17), (apex - 160, 19), (apex - 188, 12),
        ]
        let course = heights.map { (z, width) in
            let point = underSkin(0, front(z, outside: 6.5), z, radius: 5.6, reach: 0.9 * width, wall)
            return (point: point, radius: width)
        }
        return tube(smoothCurve(course, pieces: 3), .sternum) { solid in
            solid.flatAxis = Point(0, 1, 0)
            solid.flatness = solid.startRadius / 5.6
        }
    }

    private func ribNecks() -> [Solid] {
        var solids: [Solid] = []
        for number in 0..<12 {
            let z = person.firstVertebraZ - Float(number) * person.vertebraSpacing
            for side in [Float(-1), 1] {
                let (x, y) = (person.spineX(z), person.spineY(z))
                let head = Point(x + side * 15, y + 6, z + 9)
                let outer = onCage(side * Skeleton.neckAngle, z - ribNeckDrop, outside: 5)
                solids += tube([(head, 4.4), (Point(x + side * 25, y + 17, z + 4), 3.8), (outer, 4.2)], .rib)
            }
        }
        return solids
    }

    /// The ring around the tip of the lung: flat bone from the first vertebra, cartilage to the manubrium.
    private func firstRib(_ side: Float, _ wall: ChestWall) -> [Solid] {
        let top = person.firstVertebraZ - ribNeckDrop
        var course: [(point: Point, radius: Float)] = []
        for angle in [Skeleton.neckAngle, 2.3, 1.9, 1.5, 1.1, 0.75] {
            let share = (Skeleton.neckAngle - angle) / Skeleton.neckAngle
            let place = onCage(side * angle, top - 52 * powf(share, 1.2), outside: 6.5)
            course.append((place, 5.2 + 2 * bell(share - 0.4, 0.3)))
        }
        let z = person.apexHeight - 52
        let end = underSkin(side * 23, front(z, outside: 6.5), z, radius: 5.6, reach: 6, wall)
        let bone = tube(smoothCurve(course, pieces: 3), .rib)
        let cartilage = tube([course[course.count - 1], (end, 6)], .costalCartilage)
        return (bone + cartilage).map { solid in
            var flat = solid
            (flat.flatAxis, flat.flatness) = (unit(Point(side * 0.25, -0.4, 0.9)), 1.9)
            return flat
        }
    }

    /// A point outside the inner chest wall.
    private func onCage(_ angle: Float, _ z: Float, outside: Float) -> Point {
        let radius = person.cavityRadius(angle, z) + outside
        return Point(radius * sinf(angle), person.cavityCentreY(z) - radius * cosf(angle), z)
    }

    private func clavicle(_ side: Float, _ wall: ChestWall) -> [Solid] {
        let apex = person.apexHeight
        let wide = person.shoulderHalfWidth
        let y = front(apex - 44, outside: 6)
        let places: [(x: Float, y: Float, z: Float, radius: Float)] = [
            (20, y, apex - 40, 8), (50, y - 6, apex - 30, 5.6), (0.56 * wide, y + 18, apex - 20, 5.4),
            (0.76 * wide, 2, apex - 14, 6),
        ]
        let course = places.map { place in
            let point = underSkin(side * place.x, place.y, place.z, radius: place.radius, reach: place.radius, wall)
            return (point: point, radius: place.radius)
        }
        return tube(smoothCurve(course), .clavicle)
    }

    /// The blade lies on the ribs, from the medial to the lateral border, with its spine and the joint.
    private func scapula(_ side: Float, _ wall: ChestWall) -> [Solid] {
        let apex = person.apexHeight
        func place(_ phi: Float, _ z: Float, out: Float) -> Point {
            let radius = person.cavityRadius(phi, z) + 12 + out
            return Point(side * radius * sinf(phi), person.cavityCentreY(z) - radius * cosf(phi), z)
        }
        var solids: [Solid] = []
        let rows = 15
        for row in 0...rows {
            let t = Float(row) / Float(rows)
            let z = apex - 138 + 116 * t
            let medial = place(2.3 + 0.33 * t, z, out: 7 + 6 * t)
            let lateral = place(2.25 - 0.3 * t, z, out: 9 + 22 * t)
            let normal = unit(Point(side * sinf(2.3), -cosf(2.3), 0.1))
            var blade = Solid.capsule(medial, lateral, 6, .scapula)
            (blade.flatAxis, blade.flatness) = (normal, 3.2)
            solids.append(blade)
            solids.append(Solid.capsule(lateral, lateral + Point(0, 0, 7), 4.6, .scapula))
        }
        let joint = Point(side * (person.shoulderHalfWidth - 42), 22, apex - 28)
        let top = place(2.0, apex - 40, out: 26)
        solids.append(Solid.capsule(top, joint, 7, 11, .scapula))
        // Spine of the scapula up to the acromion.
        let root = place(2.5, apex - 62, out: 12)
        let acromion = Point(side * (person.shoulderHalfWidth - 26), 26, apex + 2)
        var ridge = Solid.capsule(root + Point(side * 6, 10, 2), acromion, 11, 9, .scapula)
        (ridge.flatAxis, ridge.flatness) = (unit(Point(0, 0.35, 1)), 2.6)
        solids.append(ridge)
        solids.append(
            Solid.capsule(joint, Point(side * 0.62 * person.shoulderHalfWidth, -28, apex - 22), 6, 5, .scapula)
        )
        return solids
    }

    /// Where the arm begins.
    func shoulder(_ side: Float) -> Point { Point(side * (person.shoulderHalfWidth - 16), 16, person.apexHeight - 26) }

    func elbow(_ side: Float, _ arms: PhantomOptions.Arms) -> Point {
        let wide = person.shoulderHalfWidth
        return arms == .up
            ? Point(side * (wide + 22), -34, person.apexHeight + 250)
            : Point(side * (wide + 62), 34, person.apexHeight - 320)
    }

    private func humerus(_ side: Float, _ arms: PhantomOptions.Arms) -> [Solid] {
        let head = shoulder(side)
        let shaft = head + (elbow(side, arms) - head) * 0.12
        return [
            .ellipsoid(head, Point(22, 22, 23), .humerus),
            .capsule(head, shaft, 19, 11.5, .humerus),
            .capsule(shaft, elbow(side, arms), 11, .humerus),
        ]
    }
}
