#if canImport(Glibc)
import Glibc
#endif

/// Heart, great vessels, airways, esophagus and nodes as solids, placed from the carina, the spine and the diaphragm.
struct Mediastinum: Sendable {
    private(set) var solids: [Solid] = []
    /// Where the vessels and the bronchus of a lung enter it: index 0 right, 1 left.
    private(set) var hila: [Hilum] = []
    let septumFat: Float
    private let person: ThoraxAnatomy
    private let blood: Blood
    /// In front of the vertebral bodies at the height of the carina.
    private let ys: Float
    private let c: Float
    private let shape: Shape

    /// What makes people's mediastina unlike each other beside their size.
    private struct Shape {
        /// How far the trachea divides below its usual height over the hila: the lower, the flatter the main bronchi, mm.
        let carinaDrop: Float
        /// Length of the bronchi and arteries of the lower lobes over the usual one, outside of the lung.
        let lowerReach: Float
        /// Half the width over which heart and fat lie against the front wall, mm.
        let frontContact: Float
        /// How far the aorta of older people bends to the left beside the vertebrae, mm, and its width over the usual one.
        let aortaBend: Float
        let aortaWidth: Float

        init(seed: UInt64) {
            var random = SeededRandom(seed: seed, stream: 32)
            carinaDrop = random.float(-4...18)
            lowerReach = random.float(0.75...1.5)
            frontContact = random.happens(0.2) ? random.float(0...8) : random.float(10...46)
            aortaBend = random.happens(0.5) ? random.float(0...8) : random.float(8...30)
            aortaWidth = random.float(0.95...1.4)
        }
    }

    /// Where vessels and bronchi enter a lung.
    struct Hilum: Sendable {
        var artery: Point
        /// End of the interlobar artery.
        var lowerArtery: Point
        var upperVein: Point
        var lowerVein: Point
        /// End of the main bronchus, on the right of the intermediate one.
        var bronchus: Point
        /// Ends of the bronchi of the lobes, lower, upper and middle (Lung.lobe); the left lung has no middle one.
        var lobarBronchi: [Point]
    }

    /// - Parameter removed: side whose lung was taken out, 0 right and 1 left; its vessels and bronchus end as stumps.
    init(_ person: ThoraxAnatomy, blood: Blood, removed: Int?, seed: UInt64) {
        self.person = person
        self.blood = blood
        c = person.carinaHeight
        ys = person.spineY(c) - 13
        septumFat = person.mediastinalFat
        shape = Shape(seed: seed)
        var random = SeededRandom(seed: seed, stream: 3)
        addHeart()
        addAorta(&random)
        addPulmonaryVessels(removed: removed)
        addVeins()
        addAirways(removed: removed)
        addEsophagus(&random)
        addSmall(&random)
    }

    private typealias Course = [(point: Point, radius: Float)]

    private func at(_ x: Float, _ y: Float, _ z: Float) -> Point { person.mediastinal(x, y, z) }

    private mutating func add(
        _ course: Course,
        _ organ: Organ,
        priority: Int,
        hu: Float? = nil,
        change: (inout Solid) -> Void = { _ in }
    ) {
        solids += tube(smoothCurve(course, pieces: 3), organ, priority: priority) { solid in
            solid.isInMediastinum = true
            solid.hu = hu
            change(&solid)
        }
    }

    private mutating func addBody(_ solid: Solid, hu: Float? = nil) {
        var body = solid
        body.hu = hu
        body.isInMediastinum = true
        solids.append(body)
    }

    /// Below the hila heights stretch, so that the heart always rests on the diaphragm.
    private func low(_ x: Float, _ y: Float, _ z: Float) -> Point { at(x, y, z * person.heartStretch) }

    private mutating func addHeart() {
        let s = person.heartScale
        let shift = person.heartShift
        let tall = Point(s, s, s * person.heartStretch)
        addBody(.ellipsoid(low(4 + shift, -26, -54), Point(34, 19, 21) * tall, .heart, priority: 11), hu: blood.left)
        addBody(.ellipsoid(low(-30 + shift, -50, -66), Point(24, 28, 34) * tall, .heart, priority: 10), hu: blood.right)
        addBody(.ellipsoid(low(8 + shift, -70, -76), Point(42, 23, 36) * tall, .heart, priority: 10), hu: blood.right)
        let base = low(26 + shift, -42, -62)
        let tip = low(60 + shift, -64, -92)
        addBody(.capsule(base, tip, 34 * s, 23 * s, .myocardium, priority: 8), hu: blood.myocardium)
        let inner = Solid.capsule(base, base + (tip - base) * 0.8, 23 * s, 13 * s, .heart, priority: 12)
        addBody(inner, hu: blood.left)
        addBody(.capsule(low(14 + shift, -74, -56), at(20, -74, -38), 19 * s, 15, .heart, priority: 9), hu: blood.right)
        // The lower face of both chambers, on the diaphragm.
        addBody(.ellipsoid(low(20 + shift, -58, -90), Point(54, 36, 24) * tall, .heart, priority: 7), hu: blood.right)
        // Fat in the angles between heart and diaphragm.
        let pad = person.mediastinalFat
        let size = Point(12 + 2.4 * pad, 9 + pad, 12 + 2 * pad)
        addBody(.ellipsoid(low(-30, -82, -98), size, .mediastinalFat, priority: 1))
        addBody(.ellipsoid(low(64, -86, -100), size, .mediastinalFat, priority: 1))
    }

    private mutating func addAorta(_ random: inout SeededRandom) {
        let r = person.aortaRadius
        func descending(_ x: Float, _ gap: Float, _ z: Float, bend share: Float, radius: Float) -> (Point, Float) {
            let bend = share * shape.aortaBend
            let y = person.spineY(z) - gap + 0.55 * max(0, bend - 6)
            return (Point(x + bend, y, z), radius * r * (1 + share * (shape.aortaWidth - 1)))
        }
        let course: Course = [
            (at(4, -60, -48), 1.05 * r), (at(-8, -68, -22), 1.15 * r), (at(-13, -66, 2), 1.12 * r),
            (at(-3, -50, 23), 1.05 * r), (at(12, -24, 27), r), (at(22, 0, 15), 0.95 * r), (at(26, 8, -12), 0.92 * r),
            descending(24, 9, 40, bend: 0.55, radius: 0.9), descending(14, 16, -20, bend: 1, radius: 0.85),
            descending(6, 22, -80, bend: 0.7, radius: 0.8), descending(4, 22, -200, bend: 0, radius: 0.75),
        ]
        // Calcium in the wall of older arteries.
        let calcified = random.happens(0.35)
        add(course, .aorta, priority: 14, hu: blood.left) { solid in
            if calcified { (solid.wall, solid.wallOrgan) = (1.2, .aorta) }
        }
        let apex = person.apexHeight
        let branches: [Course] = [
            [
                (at(-6, -48, 28), 6.5), (at(-14, -42, 55), 6), (Point(-26, 26, apex), 5),
                (Point(-28, 24, apex + 110), 3.5),
            ],
            [
                (at(6, -36, 30), 4.5), (at(14, -34, 58), 4), (Point(24, 26, apex + 10), 3.6),
                (Point(28, 24, apex + 110), 3.5),
            ],
            [
                (at(17, -20, 28), 5.5), (at(24, -16, 58), 5), (Point(30, 24, apex), 4.6),
                (Point(52, 16, apex + 9), 4.5), (Point(120, 2, apex - 4), 4),
            ],
            [(Point(-24, 26, apex - 2), 4.6), (Point(-52, 16, apex + 9), 4.5), (Point(-120, 2, apex - 4), 4)],
        ]
        for branch in branches { add(branch, .greatVessel, priority: 13, hu: blood.left) }
    }

    private mutating func addPulmonaryVessels(removed: Int?) {
        let s = person.heartScale
        let left: Course = [
            (at(18, -76, -42), 14 * s), (at(23, -64, -24), 13.5 * s), (at(27, -48, -13), 12 * s),
            (at(38, -26, -9), 10.5 * s), (at(46, -10, -20), 8 * s),
        ]
        let right: Course = [
            (at(22, -56, -20), 11 * s), (at(0, -46, -22), 11 * s), (at(-24, -38, -24), 10 * s),
            (at(-40, -30, -30), 8 * s),
        ]
        for (side, course) in [right, left].enumerated() {
            let kept = side == removed ? Course(course.dropLast(side == 1 ? 2 : 1)) : course
            add(kept, .pulmonaryVessel, priority: 13, hu: blood.pulmonary)
        }
        // The interlobar arteries run down beside the bronchi, outside of the lung.
        let interlobar: [Course] = [
            [
                (at(-40, -30, -30), 8 * s), (at(-52, -24, -46), 7.5 * s),
                (at(-56, -14, -46 - 20 * shape.lowerReach), 6 * s),
            ],
            [(at(46, -10, -20), 8 * s), (at(53, 0, -38), 7.5 * s), (at(57, 4, -44 - 17 * shape.lowerReach), 6 * s)],
        ]
        for (side, course) in interlobar.enumerated() where side != removed {
            add(course, .pulmonaryVessel, priority: 13, hu: blood.pulmonary)
        }
        let veins: [Course] = [
            [(at(-20, -28, -48), 7.5), (at(-34, -38, -44), 6.5), (at(-46, -46, -40), 5.5)],
            [(at(-22, -20, -60), 7.5), (at(-36, -10, -66), 6.5), (at(-46, -4, -70), 5.5)],
            [(at(28, -28, -46), 7.5), (at(40, -40, -42), 6.5), (at(50, -46, -36), 5.5)],
            [(at(28, -20, -62), 7.5), (at(40, -10, -70), 6.5), (at(49, -2, -80), 5.5)],
        ]
        for (index, vein) in veins.enumerated() {
            let kept = index / 2 == removed ? Course(vein.dropLast()) : vein
            add(kept, .pulmonaryVessel, priority: 12, hu: blood.left)
        }
        hila = [
            Hilum(
                artery: at(-40, -30, -30),
                lowerArtery: interlobar[0][2].point,
                upperVein: at(-46, -46, -40),
                lowerVein: at(-46, -4, -70),
                bronchus: at(-38, -20, -38),
                lobarBronchi: [
                    at(-43, -13, -42 - 16 * shape.lowerReach), at(-48, -25, -12 - 0.35 * shape.carinaDrop),
                    at(-52, -36, -58),
                ]
            ),
            Hilum(
                artery: at(46, -10, -20),
                lowerArtery: interlobar[1][2].point,
                upperVein: at(50, -46, -36),
                lowerVein: at(49, -2, -80),
                bronchus: at(44, -18, -42),
                lobarBronchi: [at(49, -10, -44 - 14 * shape.lowerReach), at(58, -30, -37)]
            ),
        ]
    }

    private mutating func addVeins() {
        let apex = person.apexHeight
        let courses: [Course] = [
            [(at(-28, -58, 34), 9), (at(-29, -58, 0), 9.5), (at(-30, -54, -36), 11)],
            person.upperVein(isLeft: true),
            person.upperVein(isLeft: false),
            [(Point(-36, 14, apex + 100), 5), (Point(-36, 12, apex + 22), 5.5), (Point(-30, 6, apex), 6)],
            [(Point(38, 14, apex + 100), 4.5), (Point(36, 12, apex + 22), 5), (Point(32, 6, apex), 5.5)],
            [(Point(-22, ys - 22, -200), 11), (Point(-24, ys - 26, -40), 12), (low(-28, -42, -84), 13)],
            [
                (Point(-6, person.spineY(-60) - 18, -60), 3), (at(-7, 2, -40), 3.6), (at(-9, 0, 2), 4),
                (at(-16, -18, 14), 4.2), (at(-26, -46, 10), 4.5),
            ],
        ]
        for (index, course) in courses.enumerated() {
            let hu = index == 5 ? blood.lowerVein : [0, 1].contains(index) ? blood.upperVein : blood.vein
            add(course, .vein, priority: 12, hu: hu)
        }
    }

    private mutating func addAirways(removed: Int?) {
        let r = person.tracheaRadius
        let top = person.apexHeight
        func air(_ course: Course) {
            for (organ, extra, priority) in [(Organ.airwayWall, Float(1.4), 18), (.airway, 0, 20)] {
                add(course.map { ($0.point, $0.radius + extra) }, organ, priority: priority)
            }
        }
        let drop = shape.carinaDrop
        air([
            (Point(0, person.spineY(top + 100) - 34, top + 100), r * 0.9), (Point(0, person.spineY(top) - 34, top), r),
            (at(-1, -22, 45), r),
            (at(0, -18, -drop), r * 1.05),
        ])
        let right: Course = [
            (at(0, -18, 2 - drop), r * 0.85), (at(-16, -18, -14 - 0.55 * drop), r * 0.82), (hila[0].bronchus, r * 0.7),
        ]
        let left: Course = [
            (at(0, -18, 2 - drop), r * 0.8), (at(20, -16, -18 - 0.6 * drop), r * 0.74), (hila[1].bronchus, r * 0.62),
        ]
        air(removed == 0 ? right.dropLast() : right)
        air(removed == 1 ? left.dropLast() : left)
        for (side, hilum) in hila.enumerated() where side != removed {
            let radii: [(Float, Float)] = [side == 0 ? (0.68, 0.58) : (0.6, 0.54), (0.56, 0.46), (0.44, 0.38)]
            for (lobe, end) in hilum.lobarBronchi.enumerated() {
                // That of the right upper lobe leaves the main bronchus, before the intermediate one begins.
                let start = side == 0 && lobe == 1 ? at(-20, -18.5, -18 - 0.5 * drop) : hilum.bronchus
                air([(start, r * radii[lobe].0), (end, r * radii[lobe].1)])
            }
        }
    }

    private mutating func addEsophagus(_ random: inout SeededRandom) {
        let top = person.apexHeight
        let course: Course = [
            (Point(3, person.spineY(top + 80) - 18, top + 80), 6.5), (Point(4, person.spineY(top) - 18, top), 7),
            (at(5, -6, 30), 7.5), (at(3, -5, -10), 7.5),
            (at(4, -6, -60), 8), (Point(10, ys - 12, 12), 8.5), (Point(22, ys - 26, -14), 9),
            (Point(38, ys - 32, -26), 10),
        ]
        add(course, .esophagus, priority: 15) { solid in
            (solid.flatAxis, solid.flatness) = (Point(0, 1, 0), 1.45)
        }
        // Air in a part of its length, more often in the upper half.
        let begin = random.index(3)
        for n in begin..<min(course.count - 2, begin + 1 + random.index(4)) where random.happens(0.75) {
            let radius = random.float(1.2...4)
            add(course[n...(n + 1)].map { ($0.point - Point(0, 1, 0), radius) }, .esophagealAir, priority: 16) {
                solid in
                (solid.flatAxis, solid.flatness) = (Point(0, 1, 0), 1.3)
            }
        }
    }

    private mutating func addSmall(_ random: inout SeededRandom) {
        let places: [Point] = [
            at(-14, -34, 14), at(-16, -32, 26), at(0, -12, -22), at(14, -44, 2), at(-4, -62, 30), at(10, -8, -30),
            at(-44, -34, -18), at(48, -24, -4), at(2, -40, 8),
        ]
        for place in places where random.happens(0.7) {
            let size = random.float(2.5...6.5) * (random.happens(0.1) ? 1.8 : 1)
            addBody(
                .ellipsoid(
                    place + random.inBall() * 3,
                    Point(size, size * random.float(0.7...1.2), size * 1.2),
                    .lymphNode,
                    priority: 11
                )
            )
        }
        let top = person.apexHeight
        for side in [Float(-1), 1] {
            let y = person.spineY(top + 36) - 36
            addBody(.ellipsoid(Point(side * 17, y, top + 36), Point(9, 11, 22), .thyroid, priority: 13))
        }
        // Vessels of the armpits and under the muscles of the chest.
        for side in [Float(-1), 1] {
            for _ in 0..<9 {
                let start = Point(side * random.float(95...140), random.float(-30...40), top - random.float(30...95))
                let end = start + Point(side * random.float(-16...16), random.float(-14...14), random.float(-40...30))
                solids.append(.capsule(start, end, random.float(1.2...2.6), .vein, priority: 4))
                if random.happens(0.5) {
                    let size = random.float(2.5...5)
                    solids.append(
                        .ellipsoid(
                            start + random.inBall() * 14,
                            Point(size, size * 0.8, size * 1.4),
                            .lymphNode,
                            priority: 4
                        )
                    )
                }
            }
        }
    }

    /// Half the thickness of the sheet between the lungs, where nothing else separates them, mm.
    func septum(_ p: Point, frontGap: Float) -> Float {
        let upper = ramp(p.z, c + 14, person.apexHeight)
        // Fat fills the space between the great vessels: there is no lung in it.
        let hilar = 17 * bell((p.z - c + 8) / 30, 1) * bell((p.y - ys + 36) / 34, 1)
        // Nor is there between the lower bronchi and the left atrium.
        let lower = 24 * bell((p.z - c + 48) / 20, 1) * bell((p.y - ys + 17) / 11, 1)
        // Heart and fat lie against the front wall, most of them broadly.
        let front = shape.frontContact * (1 - ramp(p.z, c - 56, c - 8)) * (1 - ramp(frontGap, 22, 64))
        return 1.6 + 0.55 * septumFat + (8 + septumFat) * bell(frontGap / 15, 1) + 20 * upper + hilar + lower + front
            + 6 * bell((p.y - ys) / 12, 1)
    }
}
