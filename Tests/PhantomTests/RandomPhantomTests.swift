import Imaging
import Phantom
import Testing

@Suite("Patients by chance")
struct RandomPhantomTests {
    static func coarse(_ options: PhantomOptions, seed: UInt64 = 3) -> PhantomCase {
        generatePhantom(
            seed: seed,
            options: options,
            scan: PhantomScan(geometry: PhantomTests.geometry(), noiseHU: 0),
            threads: 2
        )
    }

    static func ill(_ disease: PhantomOptions.Disease) -> PhantomCase {
        var options = PhantomOptions()
        options.diseases = [disease]
        return coarse(options)
    }

    static func count(_ phantom: PhantomCase, _ organs: [Organ]) -> Int {
        let wanted = Set(organs.map(\.rawValue))
        return phantom.organs.voxels.count { wanted.contains($0) }
    }

    @Test("a drawn patient is the same on one thread and on three")
    func deterministic() {
        for seed in [UInt64(21), 22] {
            var drawn = RandomPhantom(seed: seed, columns: 64, maximumSlices: 12)
            drawn.scan.motionMM = 4
            let (one, three) = (drawn.generate(threads: 1), drawn.generate(threads: 3))
            #expect(one.ct.voxels == three.ct.voxels)
            #expect(one.organs.voxels == three.organs.voxels)
        }
    }

    @Test("seeds draw all kinds of scans: thin and thick, turned, cropped, padded, ill and healthy")
    func variety() {
        let drawn = (0..<400).map { RandomPhantom(seed: UInt64($0), maximumSlices: 60) }
        let thickness = drawn.map(\.scan.thicknessMM)
        #expect(thickness.allSatisfy { (0.6...8).contains($0) })
        #expect(thickness.contains { $0 < 1 } && thickness.contains { $0 > 7 })
        #expect(drawn.allSatisfy { (6...60).contains($0.scan.geometry.dimensions.k) })
        #expect(drawn.contains { $0.scan.geometry.directionK.z < -0.9 })
        #expect(drawn.contains { $0.scan.geometry.directionI.x < 0 })
        #expect(drawn.contains { abs($0.scan.geometry.directionJ.z) > 0.1 })
        #expect(Set(drawn.map(\.scan.paddingHU)).count >= 3)
        let fields = drawn.map(\.scan.geometry.extent.x)
        #expect((fields.min() ?? 0) < 160 && (fields.max() ?? 0) > 480)
        let isBeside = drawn.map { scan in
            let g = scan.scan.geometry
            let middle = g.patientPoint(i: Double(g.dimensions.i) / 2, j: Double(g.dimensions.j) / 2, k: 0)
            return abs(middle.x - scan.options.turn.x) > 140
        }
        #expect(isBeside.contains(true), "boxes beside the chest")
        let diseases = drawn.reduce(into: Set<PhantomOptions.Disease>()) { $0.formUnion($1.options.diseases) }
        #expect(diseases == Set(PhantomOptions.Disease.allCases))
        #expect(drawn.contains { $0.options.diseases.isEmpty })
        let implants = drawn.reduce(into: Set<PhantomOptions.Implant>()) { $0.formUnion($1.options.implants) }
        #expect(implants == Set(PhantomOptions.Implant.allCases))
    }

    @Test("a factor of disease makes patients ill more often, and changes nothing else about them")
    func diseaseFactor() {
        let seeds = UInt64(0)..<200
        let usual = seeds.map { RandomPhantom(seed: $0, maximumSlices: 60) }
        let often = seeds.map { RandomPhantom(seed: $0, maximumSlices: 60, diseaseFactor: 2) }
        for (usual, often) in zip(usual, often) {
            #expect(often.options.diseases.isSuperset(of: usual.options.diseases))
            var cured = often.options
            cured.diseases = usual.options.diseases
            #expect(cured == usual.options)
            #expect(often.scan.geometry == usual.scan.geometry)
            #expect(often.scan.noiseHU == usual.scan.noiseHU)
        }
        func count(_ drawn: [RandomPhantom]) -> Int { drawn.reduce(0) { $0 + $1.options.diseases.count } }
        #expect((1.6...2.4).contains(Double(count(often)) / Double(count(usual))))
        #expect(seeds.allSatisfy { RandomPhantom(seed: $0, diseaseFactor: 0).options.diseases.isEmpty })
        #expect(seeds.contains { !RandomPhantom(seed: $0, diseaseFactor: 10).options.diseases.contains(.mass) })
    }

    @Test(
        "tumour and airless lung are lung",
        arguments: [PhantomOptions.Disease.mass, .nodules, .consolidation, .collapse]
    )
    func inside(_ disease: PhantomOptions.Disease) throws {
        let phantom = Self.ill(disease)
        let sick: [Organ] = [.tumourLeft, .tumourRight, .consolidationLeft, .consolidationRight]
        #expect(Self.count(phantom, sick) > 0)
        let lungs = try ["Lung_L", "Lung_R"].map { try #require(phantom.mask(of: $0)).voxels }
        let raw = Set(sick.map(\.rawValue))
        let outside = phantom.organs.voxels.indices.filter {
            raw.contains(phantom.organs.voxels[$0]) && lungs[0][$0] + lungs[1][$0] == 0
        }
        #expect(outside.isEmpty)
        // A collapsed lobe draws the heart and the diaphragm to its side.
        guard disease != .collapse else { return }
        // The contour is that of the healthy chest: the disease takes no lung away.
        let healthy = Self.coarse(PhantomOptions())
        #expect(healthy.mask(of: "Lung_L")?.voxels == lungs[0])
        #expect(healthy.mask(of: "Lung_R")?.voxels == lungs[1])
    }

    @Test(
        "fluid and air between lung and wall are no lung",
        arguments: [PhantomOptions.Disease.effusion, .pneumothorax]
    )
    func pleura(_ disease: PhantomOptions.Disease) throws {
        let phantom = Self.ill(disease)
        let organ: Organ = disease == .effusion ? .effusion : .pneumothorax
        let taken = Self.count(phantom, [organ])
        #expect(taken > 50)
        let healthy = Self.coarse(PhantomOptions())
        let lungs = Organ.leftLung + Organ.rightLung
        let left = Self.count(phantom, lungs)
        let expected = Self.count(healthy, lungs) - taken
        // Fluid pushes the heart and the diaphragm away, which changes both lungs a little.
        let tolerance = disease == .effusion ? taken / 2 : 0
        #expect(abs(left - expected) <= tolerance, "\(left) voxels instead of \(expected)")
    }

    @Test("after a pneumonectomy one lung is left")
    func pneumonectomy() throws {
        let phantom = Self.ill(.pneumonectomy)
        let volumes = try ["Lung_L", "Lung_R"].map { PhantomTests.volumeML(try #require(phantom.mask(of: $0))) }
        #expect(volumes.min() == 0 && (volumes.max() ?? 0) > 900)
    }

    @Test("every organ that is named can be seen somewhere")
    func organs() {
        var options = PhantomOptions()
        options.implants = Set(PhantomOptions.Implant.allCases)
        options.diseases = [.nodules, .mass, .consolidation, .effusion, .pneumothorax]
        options.arms = .down
        var seen = Set<UInt8>()
        for seed in [UInt64(1), 2, 3, 4] {
            var geometry = PhantomTests.geometry()
            geometry.spacing = Vector3(3, 3, 8)
            geometry.dimensions = Dimensions(i: 150, j: 110, k: 70)
            geometry.origin = PatientPoint(x: -224, y: -155, z: -160)
            let scan = PhantomScan(geometry: geometry, noiseHU: 0)
            seen.formUnion(generatePhantom(seed: seed, options: options, scan: scan, threads: 2).organs.voxels)
        }
        let missing = Organ.allCases.filter { !seen.contains($0.rawValue) }
        #expect(missing.isEmpty, "\(missing)")
    }

    @Test("air, fat, muscle, blood and bone have the attenuation that they have in people")
    func attenuation() {
        let phantom = Self.coarse(PhantomOptions(), seed: 8)
        let ranges: [(Organ, ClosedRange<Double>)] = [
            (.air, -1024 ... -940), (.fat, -125 ... -50), (.muscle, 20...75), (.liver, 5...75), (.vertebra, 120...500),
            (.aorta, 20...75), (.airway, -1010 ... -500),
        ]
        for (organ, range) in ranges {
            let mask = LabelMap(volume: phantom.organs, labels: [:]).mask(ofLabels: [organ.rawValue])
            #expect(range.contains(PhantomTests.meanHU(phantom.ct, in: mask)), "\(organ)")
        }
    }
}
