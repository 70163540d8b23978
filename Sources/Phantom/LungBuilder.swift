/// Grows the trees of both lungs into the space that the lungs take, and draws their diseases.
struct LungBuilder: Sendable {
    let person: ThoraxAnatomy
    let options: PhantomOptions
    let seed: UInt64
    let wall: ChestWall
    let domes: HeightField
    let spine: Spine
    let sides: DiseaseSide

    /// Branches thicker than this belong to the hilum, which a contour of the lung leaves out, as far as lung does not surround them, mm.
    static let hilarRadius: Float = 3.4
    /// How far the hilum reaches from where vessels and bronchus enter the lung, mm.
    static let hilarReach: Float = 36

    func build(_ mediastinum: Mediastinum, blood: Blood) -> (lungs: [Lung], hila: [Solid]) {
        var lungs: [Lung] = []
        var hila: [Solid] = []
        for side in 0..<2 {
            let isLeft = side == 1
            var branches: [Branch] = []
            var random = SeededRandom(seed: seed, stream: 40 &+ UInt64(side))
            var points: [Point] = []
            if side != sides.removed {
                points = space(mediastinum, isLeft: isLeft, count: person.vesselEnds, random: &random)
                branches = trees(points, mediastinum.hila[side], isLeft: isLeft, random: &random)
            }
            let isHilar = { (branch: Branch) in LungBuilder.isHilar(branch, mediastinum.hila[side]) }
            for branch in branches where isHilar(branch) {
                hila.append(hilarSolid(branch, blood))
                if branch.kind == .bronchus {
                    var lumen = Solid.capsule(branch.start, branch.end, branch.radius, .airway, priority: 20)
                    (lumen.isInMediastinum, lumen.isHilar) = (true, true)
                    hila.append(lumen)
                }
            }
            var disease = LungDisease(options, sides, side: side, seed: seed) { random in
                points.isEmpty ? nil : points[random.index(points.count)]
            }
            if let collapsed = disease.collapsedLobe {
                disease.collapseMM = collapseDepth(collapsed, among: points, isLeft: isLeft)
            }
            lungs.append(
                Lung(
                    person: person,
                    isLeft: isLeft,
                    branches: branches.filter { !isHilar($0) },
                    disease: disease,
                    blood: blood,
                    seed: seed
                )
            )
        }
        return (lungs, hila)
    }

    private static func isHilar(_ branch: Branch, _ hilum: Mediastinum.Hilum) -> Bool {
        guard branch.radius > hilarRadius else { return false }
        let middle = 0.5 * (branch.start + branch.end)
        let doors =
            [hilum.artery, hilum.lowerArtery, hilum.upperVein, hilum.lowerVein, hilum.bronchus] + hilum.lobarBronchi
        return doors.contains { length(middle - $0) < hilarReach }
    }

    /// The depth up to which a collapsed lobe keeps its share of the points of the healthy one.
    private func collapseDepth(_ collapsed: (lobe: Int, share: Float), among points: [Point], isLeft: Bool) -> Float {
        let distances = points.filter { Lung.lobe($0, person, isLeft: isLeft) == collapsed.lobe }.map {
            Lung.collapseDistance($0, person, isLeft: isLeft, lobe: collapsed.lobe)
        }.sorted()
        return distances.isEmpty
            ? 0 : distances[min(distances.count - 1, Int(collapsed.share * Float(distances.count)))]
    }

    private func hilarSolid(_ branch: Branch, _ blood: Blood) -> Solid {
        var solid = Solid.capsule(
            branch.start,
            branch.end,
            Lung.outerRadius(branch),
            branch.kind == .vessel ? .pulmonaryVessel : .airwayWall,
            priority: branch.kind == .vessel ? 12 : 18
        )
        if branch.kind == .vessel { solid.hu = 0.5 * (blood.pulmonary + blood.left) }
        (solid.isInMediastinum, solid.isHilar) = (true, true)
        return solid
    }

    /// Random points of one lung, evenly spread.
    private func space(
        _ mediastinum: Mediastinum,
        isLeft: Bool,
        count: Int,
        random: inout SeededRandom
    ) -> [Point] {
        var points: [Point] = []
        points.reserveCapacity(count)
        let (a, b) = (person.cavityHalfWidth, person.cavityHalfDepth)
        for _ in 0..<(count * 6) where points.count < count {
            let x = random.float(4...a)
            let y = random.float(-b...b)
            let z = random.float(-person.recessDepth * 1.2...person.apexHeight)
            // From the septum, wherever it is, to the wall.
            let p = Point((isLeft ? x : -x) + (1 - x / a) * person.mediastinalShift(y, z), y, z)
            let layers = wall.layers(p, centreY: person.cavityCentreY(p.z))
            guard layers.radius < layers.cavity - 3, p.z > domes.height(p) + 3 else { continue }
            guard spine.hullDistance(p) > 4, isClear(p, mediastinum) else { continue }
            // Nor where the fat lies that parts the lungs.
            let frontGap = p.y < 0 ? layers.cavity - layers.radius : 99
            let fromSeptum = abs(p.x - person.mediastinalShift(p.y, p.z))
            guard fromSeptum > mediastinum.septum(p, frontGap: frontGap) + 4 else { continue }
            points.append(p)
        }
        return points
    }

    private func isClear(_ p: Point, _ mediastinum: Mediastinum) -> Bool {
        mediastinum.solids.allSatisfy { !$0.isInMediastinum || length(p - $0.start) > 90 || $0.distance(p) > 4 }
    }

    private func trees(
        _ points: [Point],
        _ hilum: Mediastinum.Hilum,
        isLeft: Bool,
        random: inout SeededRandom
    ) -> [Branch] {
        var arteries = LungTree(kind: .vessel, endRadius: 0.3, exponent: 2.75)
        var veins = LungTree(kind: .vessel, endRadius: 0.3, exponent: 2.75)
        var bronchi = LungTree(kind: .bronchus, endRadius: 0.62, exponent: 3)
        let outwards = Point(isLeft ? 1 : -1, 0, 0)
        for lobe in 0..<3 {
            let cloud = points.filter { Lung.lobe($0, person, isLeft: isLeft) == lobe }
            guard cloud.count > 20 else { continue }
            let heading = unit(outwards + Point(0, lobe == 0 ? 0.3 : -0.3, lobe == 0 ? -0.8 : lobe == 1 ? 0.6 : -0.2))
            arteries.grow(
                from: lobe == 0 ? hilum.lowerArtery : hilum.artery,
                along: heading,
                to: cloud,
                random: &random
            )
            veins.grow(
                from: lobe == 0 ? hilum.lowerVein : hilum.upperVein,
                along: outwards,
                to: cloud.map { $0 + random.inBall() * 5 },
                random: &random
            )
            let wide = stride(from: 0, to: cloud.count, by: 22).map { cloud[$0] }
            bronchi.grow(
                from: hilum.lobarBronchi[lobe],
                along: heading,
                to: wide,
                random: &random
            )
        }
        return arteries.branches + veins.branches + bronchi.branches.filter { $0.radius > 0.75 }
    }
}
