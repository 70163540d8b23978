import Imaging

#if canImport(Glibc)
import Glibc
#endif

/// What a point of the phantom belongs to.
package enum Organ: UInt8, Sendable, CaseIterable {
    case air, table, skin, fat, muscle, bone, marrow, cartilage
    case lungLeft, lungRight, airway, heart, aorta, superiorVenaCava, pulmonaryVessel
    case esophagus, esophagealAir, spinalCord, liver, stomach, stomachGas, mediastinalFat
}

/// One synthetic person: the measures of a thorax, drawn from a seed.
///
/// Coordinates are the person's own: LPS millimetres, x = 0 in the midline, y = 0 in the middle of
/// the chest (posterior positive), z = 0 at the height of the right diaphragm dome (superior positive).
/// The ranges are those of adult anatomy atlases, rounded.
package struct ThoraxAnatomy: Sendable {
    let cavityHalfWidth: Double
    let cavityHalfDepth: Double
    let apexHeight: Double
    let recessDepth: Double
    let wallThickness: Double
    let fatThickness: Double
    let rightDomeHeight = 0.0
    let leftDomeHeight: Double
    let heartCentre: Vector3
    let heartRadii: Vector3
    let carinaHeight: Double
    let aortaRadius: Double
    let ribSpacing: Double
    let ribDrop: Double
    let vertebraSpacing: Double
    let spineCentreY: Double
    let esophagusOffset: Double
    let stomachGasRadius: Double
    let tableGap: Double
    let lungHU: Double
    let bloodHU: Double

    package init(seed: UInt64) {
        var random = SeededRandom(seed: seed, stream: 1)
        cavityHalfWidth = random.uniform(118...140)
        cavityHalfDepth = random.uniform(78...96)
        apexHeight = random.uniform(175...215)
        recessDepth = random.uniform(45...70)
        wallThickness = random.uniform(16...22)
        fatThickness = random.uniform(8...28)
        leftDomeHeight = -random.uniform(8...18)
        heartCentre = Vector3(random.uniform(18...30), -random.uniform(22...34), random.uniform(28...40))
        heartRadii = Vector3(random.uniform(54...64), random.uniform(42...50), random.uniform(48...58))
        carinaHeight = random.uniform(92...108)
        aortaRadius = random.uniform(11...15)
        ribSpacing = random.uniform(23...27)
        ribDrop = random.uniform(60...85)
        vertebraSpacing = random.uniform(22...26)
        spineCentreY = cavityHalfDepth * 0.72
        esophagusOffset = random.uniform(4...10)
        stomachGasRadius = random.uniform(18...34)
        tableGap = random.uniform(2...5)
        lungHU = random.uniform(-880 ... -800)
        bloodHU = random.uniform(38...48)
    }

    /// The height range, mm, that shows both lungs whole with a margin.
    package var scanRange: ClosedRange<Double> { (-recessDepth - 45)...(apexHeight + 25) }

    /// Attenuation of an organ in HU, without texture and noise (typical clinical values at 120 kV).
    func attenuation(of organ: Organ) -> Double {
        switch organ {
        case .air, .esophagealAir, .airway: -1000
        case .stomachGas: -985
        case .table: -180
        case .skin: 10
        case .fat, .mediastinalFat: -100
        case .muscle: 52
        case .bone: 780
        case .marrow: 230
        case .cartilage: 110
        case .lungLeft, .lungRight: lungHU
        case .heart, .aorta, .superiorVenaCava, .pulmonaryVessel: bloodHU
        case .esophagus: 34
        case .spinalCord: 38
        case .liver: 58
        case .stomach: 24
        }
    }
}

// MARK: - Surfaces

extension ThoraxAnatomy {
    /// 0 in the middle of a superellipse, 1 on it.
    func superellipse(_ x: Double, _ y: Double, _ a: Double, _ b: Double) -> Double {
        let u = x / a
        let v = y / b
        // Exponent 2.5: flatter than an ellipse, as a chest is.
        let u2 = u * u
        let v2 = v * v
        return u2 * sqrt(sqrt(u2)) + v2 * sqrt(sqrt(v2))
    }

    /// How far the cavity has narrowed at a height: 1 at the base, 0 at the apex.
    func narrowing(_ z: Double) -> Double {
        guard z > 30 else { return 1 - 0.0006 * max(0, 30 - z) }
        let t = (z - 30) / (apexHeight - 30)
        guard t < 1 else { return 0 }
        return sqrt(1 - t * t * sqrt(t))
    }

    /// Height of the diaphragm under a point, lower towards the walls and at the back.
    func diaphragm(_ x: Double, _ y: Double) -> Double {
        let left = x > 0
        let top = left ? leftDomeHeight : rightDomeHeight
        let dx = (abs(x) - 0.48 * cavityHalfWidth) / (0.62 * cavityHalfWidth)
        let dy = (y + 0.15 * cavityHalfDepth) / (1.0 * cavityHalfDepth)
        let radial = dx * dx + dy * dy
        return top - recessDepth * min(1, 0.62 * radial) - (y > 0 ? 0.14 * y : 0)
    }

    /// Half-width of the mediastinum: narrow at the anterior and wide at the hilar level.
    func mediastinum(_ y: Double, _ z: Double) -> Double {
        let back = (y + cavityHalfDepth) / (2 * cavityHalfDepth)
        let base = 8 + 20 * min(1, max(0, back * 1.8))
        let hilar = exp(-((z - carinaHeight + 22) / 30) * ((z - carinaHeight + 22) / 30))
        let apex = z > carinaHeight + 20 ? 0.12 * (z - carinaHeight - 20) : 0
        return base + 10 * hilar * exp(-(y / 35) * (y / 35)) + apex
    }

    /// The spine follows the thoracic curve.
    func spineY(_ z: Double) -> Double {
        let t = (z - 60) / 140
        return spineCentreY + 6 * (1 - t * t) - 8
    }

    func isInHeart(_ x: Double, _ y: Double, _ z: Double, margin: Double = 0) -> Bool {
        // The long axis points to the left, forward and down.
        let px = x - heartCentre.x
        let py = y - heartCentre.y
        let pz = z - heartCentre.z
        let rx = 0.82 * px - 0.40 * py - 0.41 * pz
        let ry = 0.44 * px + 0.90 * py
        let rz = 0.37 * px - 0.18 * py + 0.91 * pz
        let ex = rx / (heartRadii.x + margin)
        let ey = ry / (heartRadii.y + margin)
        let ez = rz / (heartRadii.z + margin)
        return ex * ex + ey * ey + ez * ez <= 1
    }
}
