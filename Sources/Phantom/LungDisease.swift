#if canImport(Glibc)
import Glibc
#endif

/// What is wrong in one lung, and where.
struct LungDisease: Sendable {
    struct Lesion: Sendable {
        enum Kind: Sendable { case tumour, consolidation, bulla }

        var kind: Kind
        var centre: Point
        var radius: Float
        /// Share of the radius by which the surface is uneven.
        var roughness: Float
        /// Number per mm of the unevenness.
        var frequency: Float
        var hu: Float
        /// Only inside the lobe in which it began.
        var lobe: Int?
        /// mm over which it fades out.
        var edge: Float
        /// How much of it has kept its air, in pockets of some mm: at 0.1 a few in a hundred, at 0.5 four tenths.
        var aeration: Float = 0
    }

    var lesions: [Lesion] = []
    /// Highest thickness of pleural fluid behind, mm.
    var effusionMM: Float = 0
    var effusionHU: Float = 8
    /// Thickness of airless lung on the fluid, mm.
    var compressionMM: Float = 0
    /// Depth of the air in front of a collapsed lung, mm.
    var pneumothoraxMM: Float = 0
    /// Added to the lung where emphysema is, HU (negative), and the share of the lung that has it.
    var emphysemaHU: Float = 0
    var emphysemaShare: Float = 0
    var groundGlassHU: Float = 0
    var groundGlassShare: Float = 0
    /// Depth under the pleura, mm.
    var fibrosisMM: Float = 0
    /// A lobe that has fallen in, and of which this share of its healthy volume is left, without air; its neighbours fill the rest.
    var collapsedLobe: (lobe: Int, share: Float)?
    /// How far what is left of it reaches from where it lies on the mediastinum, see `Lung.collapseDistance`, mm.
    var collapseMM: Float = 0
    /// The lung was taken out; fluid fills the space.
    var isRemoved = false
}

/// Which lung a disease of one side has, 0 right and 1 left, and how it moves what lies beside it.
struct DiseaseSide: Sendable {
    /// Diseases of one side only show here, others on both.
    let chosen: Int
    /// The lung that was taken out.
    let removed: Int?
    let displacement: ThoraxAnatomy.Displacement

    init(_ options: PhantomOptions, seed: UInt64) {
        var random = SeededRandom(seed: seed, stream: 69)
        let sick = random.index(2)
        let side = random.index(2)
        removed = options.diseases.contains(.pneumonectomy) ? side : nil
        // Where one lung was taken out, the other one has what there is.
        chosen = removed.map { 1 - $0 } ?? sick
        var displacement = ThoraxAnatomy.Displacement()
        func pull(_ side: Int, by distance: Float, dome: Float) {
            displacement.mediastinumMM += side == 1 ? distance : -distance
            if side == 1 { displacement.leftDomeMM += dome } else { displacement.rightDomeMM += dome }
        }
        // Years after the operation fluid fills what the heart, the diaphragm and the other lung have left of the space.
        if let removed {
            pull(removed, by: random.float(22...48), dome: random.float(20...55))
        } else if options.diseases.contains(.collapse) {
            pull(chosen, by: random.float(2...18), dome: random.float(0...22))
        } else if options.diseases.contains(.effusion) {
            pull(chosen, by: -random.float(0...10), dome: -random.float(0...8))
        }
        self.displacement = displacement
    }
}

extension LungDisease {
    /// Draws the diseases of one lung. `place` returns a random point of that lung.
    init(
        _ options: PhantomOptions,
        _ sides: DiseaseSide,
        side: Int,
        seed: UInt64,
        place: (inout SeededRandom) -> Point?
    ) {
        var random = SeededRandom(seed: seed, stream: 70 &+ UInt64(side))
        func affects(_ disease: PhantomOptions.Disease, both: Double) -> Bool {
            guard options.diseases.contains(disease) else { return false }
            return side == sides.chosen || random.happens(both)
        }
        if side == sides.removed {
            isRemoved = true
            effusionHU = random.float(5...25)
            return
        }
        if options.diseases.contains(.nodules) { addNodules(&random, place) }
        if affects(.mass, both: 0) { addMass(&random, place) }
        if affects(.consolidation, both: 0.35) { addConsolidation(&random, place) }
        if affects(.effusion, both: 0.5) {
            effusionMM = random.float(8...80)
            effusionHU = random.float(0...28)
            compressionMM = random.float(0...28)
        }
        if affects(.pneumothorax, both: 0.05) { pneumothoraxMM = random.float(6...60) }
        if options.diseases.contains(.emphysema) {
            emphysemaHU = -random.float(40...110)
            emphysemaShare = random.float(0.15...0.7)
            for _ in 0..<random.index(6) { addBulla(&random, place) }
        }
        if options.diseases.contains(.groundGlass) {
            groundGlassHU = random.float(100...330)
            groundGlassShare = random.float(0.1...0.6)
        }
        if options.diseases.contains(.fibrosis) { fibrosisMM = random.float(8...26) }
        if affects(.collapse, both: 0) {
            let share = random.float(0.1...0.28)
            collapsedLobe = (random.index(2), share)
        }
    }

    private mutating func addNodules(_ random: inout SeededRandom, _ place: (inout SeededRandom) -> Point?) {
        for _ in 0..<(1 + random.index(random.happens(0.2) ? 14 : 4)) {
            // One in three near the middle: beside the mediastinum, where the vessels of the hilum are as wide and stay out.
            let end: End? = random.happens(0.33) ? .inner : nil
            guard let centre = farthest(to: end, among: 5, &random, place) else { return }
            let kind = random.uniform(0...1)
            lesions.append(
                Lesion(
                    kind: .tumour,
                    centre: centre,
                    radius: random.float(2...11),
                    roughness: random.float(0.05...0.35),
                    frequency: 0.25,
                    hu: kind < 0.15
                        ? random.float(-650 ... -350) : kind < 0.25 ? random.float(150...500) : random.float(10...80),
                    edge: kind < 0.15 ? 3 : 0.6
                )
            )
        }
    }

    /// Of what lies on the way from the middle of the chest to its wall.
    private enum End { case inner, outer }

    /// The place of some that lies farthest in or out; the first of them where none is asked for.
    private func farthest(
        to end: End?,
        among count: Int,
        _ random: inout SeededRandom,
        _ place: (inout SeededRandom) -> Point?
    ) -> Point? {
        guard var best = place(&random) else { return nil }
        guard let end else { return best }
        for _ in 1..<count {
            guard let other = place(&random) else { continue }
            let isFartherOut = length(Point(other.x, other.y, 0)) > length(Point(best.x, best.y, 0))
            if isFartherOut == (end == .outer) { best = other }
        }
        return best
    }

    private mutating func addMass(_ random: inout SeededRandom, _ place: (inout SeededRandom) -> Point?) {
        let kind = random.uniform(0...1)
        // Where a contour is lost most easily: four in ten at the wall of the chest, three at the hilum or the heart.
        let end: End? = kind < 0.4 ? .outer : kind > 0.7 ? .inner : nil
        guard let centre = farthest(to: end, among: 5, &random, place) else { return }
        let radius = random.happens(0.15) ? random.float(38...55) : random.float(13...42)
        lesions.append(
            Lesion(
                kind: .tumour,
                centre: centre,
                radius: radius,
                roughness: random.float(0.12...0.4),
                frequency: random.float(0.04...0.12),
                hu: random.float(20...85),
                edge: random.float(0.6...2.5)
            )
        )
        // A bronchus that the tumour closes lets the lung behind it fill.
        guard end == .inner, random.happens(0.6) else { return }
        let outwards = Point(centre.x < 0 ? -1 : 1, random.float(-0.6...0.8), random.float(-0.7...0.7))
        let behind = centre + unit(outwards) * (radius + random.float(4...16))
        addFilledLung(&random, at: behind, radius: 14...40, hu: -40...60, edge: 2...18)
    }

    private mutating func addConsolidation(_ random: inout SeededRandom, _ place: (inout SeededRandom) -> Point?) {
        for _ in 0..<(1 + random.index(2)) {
            guard var centre = place(&random) else { return }
            // Mostly in the dependent part: the backmost of some draws.
            for _ in 0..<2 {
                if let other = place(&random), other.y > centre.y, random.happens(0.8) { centre = other }
            }
            addFilledLung(&random, at: centre, radius: 18...65, hu: -60...75, edge: 3...25)
        }
    }

    /// Filled lung around a point, as far as the lobe goes.
    private mutating func addFilledLung(
        _ random: inout SeededRandom,
        at centre: Point,
        radius: ClosedRange<Float>,
        hu: ClosedRange<Float>,
        edge: ClosedRange<Float>
    ) {
        lesions.append(
            Lesion(
                kind: .consolidation,
                centre: centre,
                radius: random.float(radius),
                roughness: random.float(0.3...0.6),
                frequency: random.float(0.03...0.07),
                hu: random.float(hu),
                lobe: 0,
                edge: random.float(edge),
                aeration: random.happens(0.35) ? random.float(0.1...0.5) : 0
            )
        )
    }

    private mutating func addBulla(_ random: inout SeededRandom, _ place: (inout SeededRandom) -> Point?) {
        guard var centre = place(&random) else { return }
        if let other = place(&random), other.z > centre.z { centre = other }
        lesions.append(
            Lesion(
                kind: .bulla,
                centre: centre,
                radius: random.float(6...30),
                roughness: 0.15,
                frequency: 0.06,
                hu: -990,
                edge: 0.8
            )
        )
    }
}
