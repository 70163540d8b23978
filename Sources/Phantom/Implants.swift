#if canImport(Glibc)
import Glibc
#endif

/// Metal in the chest and the tubes that lead to it.
struct Implants: Sendable {
    private(set) var solids: [Solid] = []

    init(_ person: ThoraxAnatomy, _ options: PhantomOptions, wall: ChestWall, seed: UInt64) {
        var random = SeededRandom(seed: seed, stream: 13)
        let side: Float = random.happens(0.75) ? 1 : -1
        func skin(_ angle: Float, _ z: Float, under: Float) -> Point {
            let centre = person.cavityCentreY(z)
            let layers = wall.layers(Point(sinf(angle) * 10, centre - cosf(angle) * 10, z), centreY: centre)
            let radius = layers.muscle + max(2, layers.skin - layers.muscle - under)
            return Point(radius * sinf(angle), centre - radius * cosf(angle), z)
        }
        func wire(_ points: [Point], _ radius: Float, _ hu: Float) {
            solids += tube(smoothCurve(points.map { ($0, radius) }, pieces: 6), .metal, priority: 30) { $0.hu = hu }
        }
        let inHeart = person.mediastinal
        /// Within the vein from the arm to the right atrium.
        func veinToHeart(isLeft: Bool) -> [Point] {
            person.upperVein(isLeft: isLeft).map(\.point) + [inHeart(-29, -58, 0)]
        }
        if options.implants.contains(.pacemaker) {
            let pocket = skin(side * 0.72, person.apexHeight - 62, under: 6)
            var can = Solid.capsule(pocket, pocket + Point(0, 0, 14), 20, .metal, priority: 30)
            (can.flatAxis, can.flatness, can.hu) = (unit(Point(side * 0.66, -0.75, 0)), 5, 3000)
            solids.append(can)
            let course = [pocket] + veinToHeart(isLeft: side > 0)
            wire(
                course + [inHeart(-30, -54, -50), inHeart(-20, -60, -84), inHeart(22, -74, -98)],
                1.1,
                2600
            )
            wire(course + [inHeart(-34, -52, -40), inHeart(-38, -64, -54)], 1.1, 2600)
        }
        if options.implants.contains(.port) {
            let chamber = skin(-0.7, person.apexHeight - 66, under: 7)
            solids.append(.capsule(chamber, chamber + Point(0, 0, 5), 9, .metal, priority: 30))
            wire([chamber] + veinToHeart(isLeft: false), 1.2, 350)
        }
        if options.implants.contains(.sternalWires) {
            for z in stride(from: person.apexHeight - 170, to: person.apexHeight - 50, by: 24) {
                let front = person.cavityCentreY(z) - person.cavityRadius(0, z)
                wire(
                    [
                        Point(-19, front - 4, z), Point(-8, front - 13, z + 2), Point(8, front - 13, z - 2),
                        Point(19, front - 4, z),
                    ],
                    0.7,
                    3000
                )
            }
        }
        if options.implants.contains(.spinalScrews) {
            for level in 0..<3 {
                let z = 30 + Float(level) * person.vertebraSpacing
                for x in [Float(-1), 1] {
                    let y = person.spineY(z)
                    wire([Point(x * 9, y - 6, z), Point(x * 17, y + 26, z)], 2.6, 3000)
                    wire([Point(x * 19, y + 32, z - 14), Point(x * 19, y + 32, z + 14)], 3, 3000)
                }
            }
        }
    }
}
