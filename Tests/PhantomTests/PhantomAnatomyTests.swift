import Imaging
import Phantom
import Testing

@Suite("The anatomy of phantoms")
struct PhantomAnatomyTests {
    static let lungs = Set((Organ.leftLung + Organ.rightLung).map(\.rawValue))

    /// 3 mm pixels, slices 8 mm apart, from below the recesses to the neck.
    static func person(_ seed: UInt64, _ diseases: Set<PhantomOptions.Disease> = []) -> Volume<UInt8> {
        var options = PhantomOptions()
        options.diseases = diseases
        let grid = grid(150, 110, 56, spacing: Vector3(3, 3, 8), origin: PatientPoint(x: -223.5, y: -151.5, z: -190))
        return quiet(seed, options, grid).organs
    }

    static func grid(_ i: Int, _ j: Int, _ k: Int, spacing: Vector3, origin: PatientPoint) -> VolumeGeometry {
        var geometry = PhantomTests.geometry()
        (geometry.dimensions, geometry.spacing, geometry.origin) = (Dimensions(i: i, j: j, k: k), spacing, origin)
        return geometry
    }

    /// Without noise and couch.
    static func quiet(_ seed: UInt64, _ options: PhantomOptions, _ grid: VolumeGeometry) -> PhantomCase {
        var options = options
        options.couch = .none
        return generatePhantom(
            seed: seed,
            options: options,
            scan: PhantomScan(geometry: grid, noiseHU: 0),
            threads: 2
        )
    }

    static func indices(_ organs: Volume<UInt8>, _ wanted: [Organ]) -> [(i: Int, j: Int, k: Int)] {
        let values = Set(wanted.map(\.rawValue))
        let d = organs.geometry.dimensions
        var found: [(i: Int, j: Int, k: Int)] = []
        for k in 0..<d.k {
            for j in 0..<d.j {
                for i in 0..<d.i where values.contains(organs[i, j, k]) { found.append((i, j, k)) }
            }
        }
        return found
    }

    @Test("no bone of the trunk and the neck lies bare on the skin", arguments: [UInt64(1), 2, 3, 4, 5, 6, 7, 8])
    func covered(seed: UInt64) {
        let organs = Self.person(seed)
        let air = Organ.air.rawValue
        let bones = Self.indices(organs, [.clavicle, .sternum, .vertebra, .rib, .costalCartilage, .scapula])
        #expect(bones.count > 3000)
        let bare = bones.filter { i, j, k in
            organs[i - 1, j, k] == air || organs[i + 1, j, k] == air || organs[i, j - 1, k] == air
                || organs[i, j + 1, k] == air
        }
        #expect(bare.isEmpty, "\(bare.count) of \(bones.count) voxels, as \(bare.first.map { "\($0)" } ?? "")")
    }

    @Test("the aorta of some bends to the left beside the vertebrae, that of others runs before them")
    func aortaBends() {
        let grid = Self.grid(100, 100, 1, spacing: Vector3(2, 2, 2), origin: PatientPoint(x: -99, y: -79, z: -20))
        let places = (1...16).map { seed -> Double in
            let organs = Self.quiet(UInt64(seed), PhantomOptions(), grid).organs
            func middle(_ wanted: [Organ]) -> Double {
                let columns = Self.indices(organs, wanted).map { Double($0.i) * 2 }
                return columns.reduce(0, +) / Double(max(1, columns.count))
            }
            return middle([.aorta]) - middle([.vertebra, .disc])
        }
        #expect(places.allSatisfy { (0...60).contains($0) }, "\(places) mm")
        #expect(places.contains { $0 < 22 } && places.contains { $0 > 34 }, "\(places) mm")
    }

    @Test("no lung lies behind a vertebra", arguments: [UInt64(1), 2, 3, 4, 5, 6, 7, 8])
    func processes(seed: UInt64) {
        let organs = Self.person(seed)
        let behind = Self.indices(organs, [.vertebra]).filter { i, j, k in
            (j..<organs.geometry.dimensions.j).contains { Self.lungs.contains(organs[i, $0, k]) }
        }
        #expect(behind.isEmpty, "\(behind.count) voxels")
    }

    @Test("each side has twelve ribs, each at its vertebra", arguments: [UInt64(1), 2, 3, 4])
    func twelveRibs(seed: UInt64) {
        var geometry = PhantomTests.geometry()
        geometry.spacing = Vector3(3, 3, 3)
        geometry.dimensions = Dimensions(i: 50, j: 60, k: 124)
        geometry.origin = PatientPoint(x: -73.5, y: -28.5, z: -124)
        var options = PhantomOptions()
        options.couch = .none
        options.irregularityMM = 0
        let scan = PhantomScan(geometry: geometry, noiseHU: 0)
        let organs = generatePhantom(seed: seed, options: options, scan: scan, threads: 2).organs
        for side in [-1.0, 1] {
            // A sagittal plane beside the necks of the ribs, behind the middle of the chest.
            let i = Int((side * 57 + 73.5) / 3)
            let hasRib = (0..<124).map { k in (0..<60).contains { j in organs[i, j, k] == Organ.rib.rawValue } }
            let ribs = zip(hasRib, [false] + hasRib).count { $0 && !$1 }
            #expect(ribs == 12, "\(ribs) ribs at x \(side * 57) mm")
        }
    }

    @Test("no rib lies between the tips of the lungs: the first one goes around them", arguments: [UInt64(1), 2, 3, 4])
    func firstRing(seed: UInt64) {
        let organs = Self.person(seed)
        let apex = ThoraxAnatomy(seed: seed).scanRange.upperBound - 25
        let inner = Self.indices(organs, [.rib]).filter { i, j, k in
            let (x, y, z) = (3 * Double(i) - 223.5, 3 * Double(j) - 151.5, 8 * Double(k) - 190)
            return z > apex - 40 && abs(x) < 30 && y < 10
        }
        #expect(inner.isEmpty, "\(inner.count) voxels, as \(inner.first.map { "\($0)" } ?? "")")
    }

    /// Columns of voxels under the back of the right lung, and those of them in which fat fills the 15 mm under the
    /// diaphragm.
    private static func fatUnderTheRightDome(_ seed: UInt64) -> (columns: Int, thick: Int) {
        let grid = grid(22, 24, 50, spacing: Vector3(3, 3, 3), origin: PatientPoint(x: -115, y: -20, z: -120))
        let organs = quiet(seed, PhantomOptions(), grid).organs
        let lung = Set(Organ.rightLung.map(\.rawValue))
        var found = (columns: 0, thick: 0)
        for (i, j) in (0..<22).flatMap({ i in (0..<24).map { (i, $0) } }) {
            let column = (0..<50).map { organs[i, j, $0] }
            guard let base = column.firstIndex(where: lung.contains), base > 12 else { continue }
            let below = column[..<base].reversed().drop { $0 == Organ.diaphragm.rawValue }
            guard below.contains(Organ.liver.rawValue) || below.contains(Organ.visceralFat.rawValue) else { continue }
            found.columns += 1
            if below.prefix(5).allSatisfy({ $0 == Organ.visceralFat.rawValue }) { found.thick += 1 }
        }
        return found
    }

    @Test("under the right dome the liver touches the diaphragm of lean persons; in others fat parts them by 15 mm")
    func fatUnderTheDome() {
        let shares = (UInt64(1)...16).map { seed in
            let found = Self.fatUnderTheRightDome(seed)
            #expect(found.columns > 300)
            return Double(found.thick) / Double(max(1, found.columns))
        }
        #expect(shares.count { $0 < 0.05 } >= 4, "\(shares)")
        #expect(shares.count { $0 > 0.15 } >= 3, "\(shares)")
    }

    @Test(
        "hardly any lung lies between the lower bronchi and the middle; the interlobar arteries run beside them",
        arguments: [UInt64(1), 2, 3, 4]
    )
    func interlobar(seed: UInt64) {
        let organs = Self.person(seed)
        let middle = 74
        for side in [-1, 1] {
            let bronchi = Self.indices(organs, [.airway]).filter { side * ($0.i - middle) > 10 }
            guard let lowest = bronchi.map(\.k).min() else {
                Issue.record("no bronchus")
                continue
            }
            var (rows, withLung) = (0, 0)
            // Higher up the bronchi of the other lobes leave.
            for (i, j, k) in bronchi where k <= lowest + 1 {
                let inwards = stride(from: i, to: middle, by: -side).map { organs[$0, j, k] }
                rows += 1
                withLung += inwards.contains(where: Self.lungs.contains) ? 1 : 0
                let around = (0...8).flatMap { across in (-6...6).map { organs[i + side * across, j + $0, k] } }
                #expect(around.contains(Organ.pulmonaryVessel.rawValue), "\(i) \(j) \(k)")
            }
            // A voxel may lie in a gap.
            #expect(10 * withLung < rows, "\(withLung) of \(rows) rows")
        }
    }

    @Test("bowel lies before the spinal canal", arguments: [UInt64(1), 2, 3, 4, 5, 6, 7, 8])
    func bowel(seed: UInt64) {
        let organs = Self.person(seed)
        let canal = Self.indices(organs, [.spinalCanal, .spinalCord])
        let front = Dictionary(grouping: canal, by: \.k).mapValues { $0.map(\.j).min() ?? 0 }
        let behind = Self.indices(organs, [.bowel, .bowelGas]).filter { $0.j >= front[$0.k, default: .max] }
        #expect(behind.isEmpty, "\(behind.count) voxels")
    }

    @Test(
        "the side of a lung that was taken out shrinks: the heart moves there, its vessels are gone",
        arguments: [
            UInt64(1), 2, 3, 4,
        ]
    )
    func pneumonectomy(seed: UInt64) {
        let (healthy, operated) = (Self.person(seed), Self.person(seed, [.pneumonectomy]))
        func middle(_ organs: Volume<UInt8>, _ wanted: [Organ]) -> Double {
            let found = Self.indices(organs, wanted)
            return found.reduce(0) { $0 + Double($1.i) } / Double(max(1, found.count))
        }
        let isLeftGone = Self.indices(operated, Organ.leftLung).isEmpty
        let moved = 3 * (middle(operated, [.heart, .myocardium]) - middle(healthy, [.heart, .myocardium]))
        #expect(isLeftGone ? moved > 8 : moved < -8, "the heart moved by \(moved) mm")
        let before = Self.indices(healthy, isLeftGone ? Organ.leftLung : Organ.rightLung).count
        let fluid = Self.indices(operated, [.effusion])
        #expect(Double(fluid.count) < 0.9 * Double(before) && !fluid.isEmpty)
        let drowned = Self.indices(operated, [.pulmonaryVessel]).filter { i, j, k in
            [operated[i - 1, j, k], operated[i + 1, j, k], operated[i, j - 1, k], operated[i, j + 1, k]]
                .allSatisfy { $0 == Organ.effusion.rawValue }
        }
        #expect(drowned.isEmpty)
        let other = isLeftGone ? Organ.rightLung : Organ.leftLung
        #expect(Self.indices(operated, other).count > Self.indices(healthy, other).count)
    }

    @Test("the range that shows both lungs ends outside of them", arguments: (1...12).map(UInt64.init))
    func range(seed: UInt64) {
        let range = ThoraxAnatomy(seed: seed).scanRange
        let organs = Self.person(seed)
        let heights = Set(Self.indices(organs, Organ.leftLung + Organ.rightLung).map(\.k)).map { -190 + 8 * Double($0) }
        #expect(heights.allSatisfy(range.contains))
    }
}
