import Imaging

#if canImport(Glibc)
import Glibc
#endif

extension PhantomScan {
    /// Kinds of scans that departments make.
    package enum Kind: String, Sendable, CaseIterable {
        case standard, sharp, lowDose = "low-dose"
    }

    /// Sets kernel and noise as scans of a kind have them; `noiseHU` of a standard scan stays as it is.
    package mutating func apply(_ kind: Kind) {
        switch kind {
        case .standard: break
        case .sharp:
            (kernelMM, edgeEnhancement, noiseCorrelationMM) = (0.42, 0.8, 0.42)
            noiseHU = max(noiseHU, 45)
        case .lowDose:
            (kernelMM, noiseCorrelationMM) = (0.75, 0.8)
            noiseHU = max(noiseHU, 42)
        }
    }
}

/// A patient and a scan drawn by chance: what a training sees.
///
/// Disease, implants, contrast medium and pose are those of `PhantomOptions.random`; the scan draws its kernel, dose,
/// slice thickness (0.6 to 8 mm), field of view, range, orientation, padding and errors of calibration.
package struct RandomPhantom: Sendable {
    package let seed: UInt64
    package var options: PhantomOptions
    package var scan: PhantomScan

    /// - Parameters:
    ///   - columns: columns and rows of the picture.
    ///   - maximumSlices: longer ranges are cropped at a random place.
    ///   - diseaseFactor: see `PhantomOptions.random`.
    package init(seed: UInt64, columns: Int = 256, maximumSlices: Int = 400, diseaseFactor: Double = 1) {
        self.seed = seed
        options = .random(seed: seed, diseaseFactor: diseaseFactor)
        var random = SeededRandom(seed: seed, stream: 14)
        let person = ThoraxAnatomy(seed: seed)
        let thickness = RandomPhantom.thickness(&random)
        let spacing = thickness > 1.2 && random.happens(0.15) ? thickness * random.uniform(0.6...1) : thickness
        var range = RandomPhantom.range(person, &random)
        let longest = Double(maximumSlices) * spacing
        if range.upperBound - range.lowerBound > longest {
            let low = random.uniform(range.lowerBound...(range.upperBound - longest))
            range = low...(low + longest)
        }
        scan = PhantomScan(
            geometry: RandomPhantom.geometry(range, spacing: spacing, columns: columns, person, options, &random)
        )
        scan.thicknessMM = thickness
        RandomPhantom.drawReconstruction(&scan, &random)
    }

    private static func thickness(_ random: inout SeededRandom) -> Double {
        let kind = random.uniform(0...1)
        if kind < 0.12 { return random.uniform(0.6...1.2) }
        if kind < 0.55 { return random.uniform(1.5...3.2) }
        return kind < 0.88 ? random.uniform(3.2...5.2) : random.uniform(5.2...8)
    }

    /// Mostly the whole chest; also parts of it, the upper abdomen with the bases, the neck with the apices.
    private static func range(_ person: ThoraxAnatomy, _ random: inout SeededRandom) -> ClosedRange<Double> {
        let (low, high) = (person.scanRange.lowerBound, person.scanRange.upperBound)
        let middle = Double(person.carinaHeight)
        switch random.uniform(0...1) {
        case ..<0.58: return (low + random.uniform(-25...30))...(high + random.uniform(-25...40))
        case ..<0.68: return (middle + random.uniform(-60...40))...(high + random.uniform(-20...60))
        case ..<0.8: return (low + random.uniform(-30...20))...(middle + random.uniform(-40...60))
        case ..<0.88: return (low - random.uniform(60...130))...(low + random.uniform(60...120))
        case ..<0.95: return (high - random.uniform(50...90))...(high + random.uniform(60...190))
        default: return (middle - 60)...(middle + random.uniform(-20...40))
        }
    }

    private static func geometry(
        _ range: ClosedRange<Double>,
        spacing: Double,
        columns: Int,
        _ person: ThoraxAnatomy,
        _ options: PhantomOptions,
        _ random: inout SeededRandom
    ) -> VolumeGeometry {
        let view = RandomPhantom.view(person, options, &random)
        let pixel = view.field / Double(columns)
        let slices = max(6, Int((range.upperBound - range.lowerBound) / spacing))
        let signs = Vector3(
            random.happens(0.1) ? -1 : 1,
            random.happens(0.1) ? -1 : 1,
            random.happens(0.2) ? -1 : 1
        )
        let half =
            Vector3(Double(columns - 1), Double(columns - 1), Double(slices - 1)) * Vector3(pixel, pixel, spacing) / 2
        let centre = Vector3(view.x, view.y, (range.lowerBound + range.upperBound) / 2)
        let tilt = random.happens(0.08) ? random.uniform(-0.3...0.3) : 0
        let (c, s) = (cos(tilt), sin(tilt))
        let directionI = Vector3(signs.x, 0, 0)
        let directionJ = Vector3(0, c, s) * signs.y
        let directionK = Vector3(0, -s, c) * signs.z
        let corner = centre - directionI * half.x - directionJ * half.y - directionK * half.z
        return VolumeGeometry(
            dimensions: Dimensions(i: columns, j: columns, k: slices),
            origin: PatientPoint(corner),
            spacing: Vector3(pixel, pixel, spacing),
            directionI: directionI,
            directionJ: directionJ,
            directionK: directionK,
            frameOfReferenceUID: "2.25.\(SeededRandom.hash(random.word()))"
        )
    }

    /// The side of the picture and its middle, mm: mostly the whole patient, some cut at the sides; one lung; and a box around
    /// anything, as studies keep it, often without lung and with the air beside the patient shut in between body and border.
    private static func view(
        _ person: ThoraxAnatomy,
        _ options: PhantomOptions,
        _ random: inout SeededRandom
    ) -> (field: Double, x: Double, y: Double) {
        let halfWidth = Double(person.cavityHalfWidth)
        let whole = 2.55 * halfWidth + 1.4 * Double(person.fatThickness)
        let (x, y) = (options.turn.x, options.turn.y + 12)
        let kind = random.uniform(0...1)
        if kind < 0.1 {
            let side: Double = random.happens(0.5) ? 85 : -85
            return (random.uniform(190...260), x + side, y + random.uniform(-15...15))
        }
        if kind < 0.17 {
            let side: Double = random.happens(0.5) ? 1 : -1
            let field = random.uniform(130...250)
            return (field, x + side * halfWidth * random.uniform(0...1.7), y + random.uniform(-110...110))
        }
        let field = kind < 0.28 ? whole * random.uniform(0.72...0.95) : min(560, whole * random.uniform(1...1.45))
        return (field, x + random.uniform(-15...15), y + random.uniform(-15...15))
    }

    private static func drawReconstruction(_ scan: inout PhantomScan, _ random: inout SeededRandom) {
        switch random.uniform(0...1) {
        case ..<0.3:
            // Soft kernel.
            scan.kernelMM = random.uniform(0.7...1.1)
            scan.noiseCorrelationMM = random.uniform(0.6...0.95)
            scan.noiseHU = random.uniform(5...20)
        case ..<0.62:
            scan.kernelMM = random.uniform(0.5...0.75)
            scan.noiseCorrelationMM = random.uniform(0.5...0.8)
            scan.noiseHU = random.uniform(8...32)
        case ..<0.82:
            // Sharp kernel.
            scan.kernelMM = random.uniform(0.32...0.5)
            scan.noiseCorrelationMM = random.uniform(0.3...0.5)
            scan.edgeEnhancement = random.uniform(0.2...1.2)
            scan.noiseHU = random.uniform(25...90)
        default:
            // Low dose.
            scan.kernelMM = random.uniform(0.6...0.9)
            scan.noiseCorrelationMM = random.uniform(0.5...0.85)
            scan.noiseHU = random.uniform(25...65)
        }
        // A thick slice averages noise away.
        scan.noiseHU *= min(1.3, max(0.55, (2.5 / scan.thicknessMM).squareRoot()))
        scan.isRound = random.happens(0.45)
        scan.paddingHU = [-1024, -1024, -2000, -2048, -3024][random.index(5)]
        if random.happens(0.5) {
            scan.offsetHU = random.uniform(-14...14)
            scan.scaleError = random.uniform(-0.02...0.02)
        }
        scan.cuppingHU = random.uniform(0...14)
        if random.happens(0.12) { scan.motionMM = random.uniform(2...8) }
        if random.happens(0.08) { scan.breathingMM = random.uniform(1...4) }
    }

    package func generate(threads: Int) -> PhantomCase {
        generatePhantom(seed: seed, options: options, scan: scan, threads: threads)
    }
}
