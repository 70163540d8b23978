import Imaging
import Phantom
import Testing

@Suite("What the scanner makes of phantoms")
struct ScannerTests {
    /// Six slices through the heart; `x` is the middle of the picture.
    static func scan(x: Double = 0) -> PhantomScan {
        var geometry = PhantomTests.geometry()
        geometry.spacing = Vector3(3, 3, 8)
        geometry.dimensions = Dimensions(i: 120, j: 100, k: 6)
        geometry.origin = PatientPoint(x: x - 178.5, y: -148.5, z: 30)
        return PhantomScan(geometry: geometry, noiseHU: 0)
    }

    static func picture(_ scan: PhantomScan) -> PhantomCase {
        var options = PhantomOptions()
        options.couch = .none
        return generatePhantom(seed: 3, options: options, scan: scan, threads: 2)
    }

    static let soft = Set([Organ.muscle, .heart, .myocardium, .aorta, .liver].map(\.rawValue))

    /// Mean and standard deviation of the difference of two pictures in soft tissue, by the distance from the body's middle in mm.
    static func difference(_ a: PhantomCase, _ b: PhantomCase, _ ring: Range<Double>) -> (mean: Double, spread: Double)
    {
        let g = a.ct.geometry
        var values: [Double] = []
        for k in 0..<g.dimensions.k {
            for j in 0..<g.dimensions.j {
                for i in 0..<g.dimensions.i where soft.contains(a.organs[i, j, k]) {
                    let p = g.patientPoint(i: Double(i), j: Double(j), k: Double(k))
                    guard ring.contains((p.x * p.x + p.y * p.y).squareRoot()) else { continue }
                    values.append(Double(a.ct[i, j, k]) - Double(b.ct[i, j, k]))
                }
            }
        }
        let mean = values.reduce(0, +) / Double(values.count)
        return (mean, (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)).squareRoot())
    }

    @Test(
        "outside of a round picture there is padding and nothing of the patient, inside there is none",
        arguments: [-1024, -2000, -3024]
    )
    func padding(hu: Int) {
        var scan = Self.scan()
        scan.isRound = true
        scan.paddingHU = hu
        let (round, whole) = (Self.picture(scan), Self.picture(Self.scan()))
        for j in 0..<100 {
            for i in 0..<120 {
                let (x, y) = ((Double(i) - 59.5) * 3, (Double(j) - 49.5) * 3)
                let isOutside = x * x + y * y > 150 * 150
                #expect(round.ct[i, j, 2] == (isOutside ? Int16(hu) : whole.ct[i, j, 2]))
                #expect(round.organs[i, j, 2] == (isOutside ? Organ.air.rawValue : whole.organs[i, j, 2]))
            }
        }
    }

    @Test("noise is as strong as was asked for, and stronger in the middle of the body than at its edge")
    func noise() {
        var scan = Self.scan()
        scan.noiseHU = 20
        let (noisy, clean) = (Self.picture(scan), Self.picture(Self.scan()))
        let (inner, outer) = (Self.difference(noisy, clean, 0..<60), Self.difference(noisy, clean, 130..<200))
        #expect((17...26).contains(inner.spread) && abs(inner.mean) < 2, "\(inner)")
        #expect((10...20).contains(outer.spread) && outer.spread < inner.spread - 2, "\(outer)")
    }

    @Test("beam hardening reads low in the middle of the body, wherever the picture lies", arguments: [0.0, 80, -80])
    func cupping(x: Double) {
        var scan = Self.scan(x: x)
        scan.cuppingHU = 14
        let (cupped, clean) = (Self.picture(scan), Self.picture(Self.scan(x: x)))
        #expect(abs(Self.difference(cupped, clean, 0..<30).mean + 7) < 1)
        #expect(Self.difference(cupped, clean, 140..<180).mean > 1)
    }

    @Test("errors of the calibration shift and scale every value")
    func calibration() {
        var scan = Self.scan()
        (scan.offsetHU, scan.scaleError) = (10, 0.02)
        let (wrong, right) = (Self.picture(scan), Self.picture(Self.scan()))
        let off = wrong.ct.voxels.indices.filter {
            let expected = max(-1024, min(3071, Double(right.ct.voxels[$0]) * 1.02 + 10))
            return abs(Double(wrong.ct.voxels[$0]) - expected) > 1.1
        }
        #expect(off.isEmpty)
    }

    @Test("a patient who moved shows two positions, and the truth is the stronger one")
    func motion() {
        var scan = Self.scan()
        scan.motionMM = 8
        let (moved, still) = (Self.picture(scan), Self.picture(Self.scan()))
        #expect(moved.organs.voxels == still.organs.voxels)
        #expect(moved.ct.voxels != still.ct.voxels)
    }

    @Test("breathing moves picture and truth alike from slice to slice")
    func breathing() {
        var scan = Self.scan()
        scan.breathingMM = 4
        let (moved, still) = (Self.picture(scan), Self.picture(Self.scan()))
        #expect(moved.organs.voxels != still.organs.voxels)
        let lung = LabelMap(volume: moved.organs, labels: [:]).mask(ofLabels: PhantomAnatomyTests.lungs)
        #expect(PhantomTests.meanHU(moved.ct, in: lung) < -650)
    }

    @Test("a thick slice averages: where the diaphragm rises through it, values lie between lung and liver")
    func partialVolume() {
        func between(_ thickness: Double) -> Int {
            var scan = Self.scan()
            scan.geometry.origin = PatientPoint(x: -178.5, y: -148.5, z: -30)
            scan.thicknessMM = thickness
            return Self.picture(scan).ct.voxels.count { (-650 ... -150).contains($0) }
        }
        #expect(Double(between(8)) > 1.3 * Double(between(1)))
    }
}
