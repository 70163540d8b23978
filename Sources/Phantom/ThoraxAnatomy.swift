#if canImport(Glibc)
import Glibc
#endif

/// One synthetic person: the measures of a thorax, drawn from a seed.
///
/// Coordinates are the person's own: LPS millimetres, x = 0 in the midline, y = 0 in the middle of the chest (posterior
/// positive), z = 0 at the height of the right diaphragm dome (superior positive). The ranges are those of adult
/// anatomy atlases, rounded.
package struct ThoraxAnatomy: Sendable {
    let isFemale: Bool
    let cavityHalfWidth: Float
    let cavityHalfDepth: Float
    /// Exponent of the chest's outline: 2 is an ellipse, more is squarer.
    let squareness: Float
    let apexHeight: Float
    let recessDepth: Float
    private(set) var rightDomeHeight: Float = 0
    private(set) var leftDomeHeight: Float
    /// How far heart, great vessels and lower trachea are drawn to the left (positive) or right, mm.
    private(set) var mediastinalShift: Float = 0
    /// Thickness of the subcutaneous fat at the side of the chest, mm.
    let fatThickness: Float
    /// How strong the muscles of the chest wall are; 1 is average.
    let muscularity: Float
    /// Fat between the organs of the mediastinum, mm.
    let mediastinalFat: Float
    let heartScale: Float
    let heartShift: Float
    let carinaHeight: Float
    let aortaRadius: Float
    let tracheaRadius: Float
    let ribDrop: Float
    let vertebraSpacing: Float
    /// 1 is a young skeleton: dense, cartilage without calcium.
    let boneDensity: Float
    let kyphosis: Float
    let scoliosis: Float
    let shoulderHalfWidth: Float
    let lungHU: Float
    /// Growth of lung density from front to back, HU per mm.
    let gravityHU: Float
    let bloodHU: Float
    let muscleHU: Float
    let fatHU: Float
    let liverHU: Float
    /// Vessels that can be told apart, ends of the trees per lung.
    let vesselEnds: Int
    let isBarrelChested: Bool

    package init(seed: UInt64) {
        var random = SeededRandom(seed: seed, stream: 1)
        isFemale = random.happens(0.5)
        let size = random.float(0.94...1.04) * (isFemale ? 0.94 : 1)
        cavityHalfWidth = 138 * size * random.float(0.95...1.05)
        isBarrelChested = random.happens(0.15)
        cavityHalfDepth = 92 * size * random.float(0.92...1.05) * (isBarrelChested ? 1.06 : 1)
        squareness = random.float(2.15...2.6)
        apexHeight = 196 * size * random.float(0.93...1.07)
        recessDepth = random.float(44...74)
        leftDomeHeight = random.float(-18...8)
        fatThickness = random.happens(0.25) ? random.float(26...48) : random.float(6...26)
        muscularity = random.float(0.75...1.25) * (isFemale ? 0.85 : 1.05)
        mediastinalFat = random.float(1.5...7)
        heartScale = size * random.float(1...1.2)
        heartShift = random.float(2...15)
        carinaHeight = 0.5 * apexHeight + random.float(-8...6)
        aortaRadius = random.float(10.5...15) * size
        tracheaRadius = random.float(7...9.5) * (isFemale ? 0.9 : 1.05)
        ribDrop = random.float(95...140)
        vertebraSpacing = random.float(22...26) * size
        boneDensity = random.float(0.45...1.05)
        kyphosis = random.float(4...20)
        scoliosis = random.float(-5...5)
        shoulderHalfWidth = random.float(158...186) * size
        lungHU = random.happens(0.2) ? random.float(-830 ... -720) : random.float(-905 ... -830)
        gravityHU = random.float(0.1...0.6)
        bloodHU = random.float(34...50)
        muscleHU = random.float(42...62)
        fatHU = random.float(-117 ... -101)
        liverHU = random.happens(0.2) ? random.float(15...45) : random.float(48...66)
        vesselEnds = Int(random.float(3200...6400))
    }

    /// The height range, mm, that shows both lungs with their lowest recess and their tips.
    package var scanRange: ClosedRange<Double> { (Double(lowestRecess) - 8)...(Double(apexHeight) + 25) }

    /// Height of the lowest place between diaphragm and wall.
    private var lowestRecess: Float {
        let z = -recessDepth
        return (0..<180).reduce(0) { lowest, step in
            let angle = Float(step) * .pi / 90 - .pi
            let radius = cavityRadius(angle, z)
            return min(lowest, diaphragm(radius * sinf(angle), cavityCentreY(z) - radius * cosf(angle)))
        }
    }
}

// MARK: - Displacement by disease

extension ThoraxAnatomy {
    /// The same person with the mediastinum moved and, where a lung was taken out, the diaphragm of its side raised.
    func displaced(by displacement: Displacement) -> ThoraxAnatomy {
        var moved = self
        // The tip of the heart stays off the wall of the chest.
        let room = 0.95 * cavityHalfWidth - 5 - (60 + heartShift + 23 * heartScale)
        moved.mediastinalShift = min(displacement.mediastinumMM, max(0, room))
        moved.rightDomeHeight += displacement.rightDomeMM
        moved.leftDomeHeight += displacement.leftDomeMM
        return moved
    }

    /// x by which a point of the mediastinum has moved: most before the spine and at the height of the heart, nothing at the apex.
    func mediastinalShift(_ y: Float, _ z: Float) -> Float {
        guard mediastinalShift != 0 else { return 0 }
        let front = spineY(carinaHeight) - 13
        return mediastinalShift * (1 - 0.8 * ramp(y, front - 30, front + 5))
            * (1 - ramp(z, carinaHeight, apexHeight + 10))
    }

    /// A place in the mediastinum, which moves with it: mm from the middle of the carina's height, in front of the spine.
    func mediastinal(_ x: Float, _ y: Float, _ z: Float) -> Point {
        let front = spineY(carinaHeight) - 13
        return Point(x + mediastinalShift(front + y, carinaHeight + z), front + y, carinaHeight + z)
    }

    /// The way of the blood from an arm to the superior vena cava: axis and radius, mm.
    func upperVein(isLeft: Bool) -> [(point: Point, radius: Float)] {
        if isLeft {
            return [
                (Point(120, -2, apexHeight - 6), 4.5), (Point(58, 2, apexHeight + 10), 5.5),
                (Point(24, 2, apexHeight - 8), 5.5), (mediastinal(18, -58, 62), 6), (mediastinal(-4, -68, 44), 6.5),
                (mediastinal(-26, -58, 33), 7),
            ]
        }
        return [
            (Point(-120, -2, apexHeight - 6), 4.5), (Point(-52, 2, apexHeight + 10), 6),
            (Point(-24, 2, apexHeight - 8), 6), (mediastinal(-24, -52, 66), 7), (mediastinal(-28, -58, 33), 8),
        ]
    }

    /// What disease does to the place of organs, mm.
    struct Displacement: Sendable, Equatable {
        /// Positive to the patient's left.
        var mediastinumMM: Float = 0
        /// Upwards.
        var rightDomeMM: Float = 0
        var leftDomeMM: Float = 0
    }
}

// MARK: - Lines and outlines

extension ThoraxAnatomy {
    /// How far the cavity has narrowed at a height: 1 at the base, 0 at the apex.
    func narrowing(_ z: Float) -> Float {
        guard z > 20 else { return 1 }
        let t = (z - 20) / (apexHeight - 20)
        guard t < 1 else { return 0 }
        return sqrtf(1 - powf(t, 2.9))
    }

    /// Middle of the cavity from front to back: the apex lies behind the base.
    func cavityCentreY(_ z: Float) -> Float { 14 * ramp(z, 0.3 * apexHeight, apexHeight) }

    /// Distance of the inner chest wall from the middle of the cavity.
    ///
    /// - Parameter angle: 0 at the front, positive to the patient's left, pi at the back.
    func cavityRadius(_ angle: Float, _ z: Float) -> Float {
        let narrow = narrowing(z)
        let low = clamp((30 - z) / 120)
        let a = cavityHalfWidth * max(narrow, 0.02) * (1 - 0.05 * low)
        let t = clamp((z - 20) / (apexHeight - 20))
        let front = cavityHalfDepth * (0.3 + 0.7 * narrow) * (1 - 0.34 * t * t)
        let back = cavityHalfDepth * (0.38 + 0.62 * narrow)
        let (s, c) = (sinf(angle), cosf(angle))
        let b = c > 0 ? front : back
        let n = squareness + 0.25 * (c < 0 ? 1 : 0) * abs(c)
        let sum = powf(abs(s) / a, n) + powf(abs(c) / b, n)
        // The gutters beside the spine are the deepest part.
        return powf(sum, -1 / n) * (1 + 0.1 * bell(abs(angle) - 2.42, 0.36)) * (1 - backDip(angle))
    }

    /// How far the back wall of the cavity comes forward towards the spine, as a share of its distance.
    func backDip(_ angle: Float) -> Float { 0.19 * bell(abs(angle) - .pi, 0.42) }

    /// The spine follows the thoracic curve: y of the middle of the vertebral bodies.
    func spineY(_ z: Float) -> Float {
        let t = (z - 70) / 140
        return 0.52 * cavityHalfDepth + kyphosis * (0.6 - t * t) - 2
    }

    /// Height in vertebrae: 0 in the middle of the first thoracic one, which stands at the tips of the lungs, 1 each upwards.
    func vertebra(_ z: Float) -> Float { (z - firstVertebraZ) / vertebraSpacing }

    /// z of the middle of the first thoracic vertebra.
    var firstVertebraZ: Float { apexHeight - 4 }

    /// Vertebrae grow from the neck to the loins.
    func vertebraScale(_ z: Float) -> Float {
        1.02 - 0.22 * ramp(z, 0, apexHeight + 90) + 0.12 * ramp(-z, 0, 140)
    }

    /// How far a spinous process reaches behind the arch, mm: those of the neck are short.
    func spinousLength(_ z: Float) -> Float { 26 * vertebraScale(z) * (1 - 0.6 * ramp(z, apexHeight, apexHeight + 45)) }

    /// y of the rearmost bone in the midline.
    func spineBackY(_ z: Float) -> Float { spineY(z) + 33 * vertebraScale(z) + spinousLength(z) }

    /// Sideways curve of the spine.
    func spineX(_ z: Float) -> Float { scoliosis * sinf((z - 40) / 90) }

    /// How much taller than average the heart stands between the carina and the diaphragm.
    var heartStretch: Float { (carinaHeight + 6) / 104 }

    /// Height of the diaphragm's upper face under a point, lower towards the walls and at the back.
    func diaphragm(_ x: Float, _ y: Float) -> Float {
        let (a, b) = (cavityHalfWidth, cavityHalfDepth)
        // Two domes that meet below the heart.
        func dome(_ top: Float, _ side: Float) -> Float {
            let dx = (side * x - 0.5 * a) / (side * x > 0.5 * a ? 0.56 * a : 0.95 * a)
            let dy = (y + 0.12 * b) / (y < -0.12 * b ? 1.0 * b : 1.02 * b)
            let rho = sqrtf(dx * dx + dy * dy)
            // Flat on top, steep at the wall; deepest at the back.
            let fall = 0.42 * rho * rho + 0.75 * powf(rho, 4)
            let deep = recessDepth * (0.62 + 0.38 * ramp(y, -0.6 * b, 0.7 * b))
            return top - deep * fall
        }
        let right = dome(rightDomeHeight, -1)
        let left = dome(leftDomeHeight, 1)
        // The heart rests on the tendon between the domes.
        let hx = (x - 16 - heartShift - mediastinalShift) / 66
        let hy = (y + 0.42 * b) / 50
        let tendon = carinaHeight - 100 * heartStretch - 34 * (hx * hx + hy * hy) * (hx * hx + hy * hy)
        return -smoothMin(smoothMin(-right, -left, 14), -tendon, 12)
    }

    /// The oblique fissure of both lungs: height at a point.
    func obliqueFissure(_ y: Float) -> Float { carinaHeight + 28 + 0.84 * (y - 0.75 * cavityHalfDepth) }

    /// The horizontal fissure of the right lung.
    func horizontalFissure(_ y: Float) -> Float { carinaHeight - 34 + 0.12 * y }
}
