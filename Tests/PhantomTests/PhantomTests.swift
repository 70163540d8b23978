import Imaging
import Phantom
import Testing

@Suite("The thorax phantom")
struct PhantomTests {
    static func geometry(signs: Vector3 = Vector3(1, 1, 1)) -> VolumeGeometry {
        let spacing = Vector3(6, 6, 8)
        let half = Vector3(31.5, 31.5, 21.5) * spacing
        let centre = Vector3(0, 10, 60)
        return VolumeGeometry(
            dimensions: Dimensions(i: 64, j: 64, k: 44),
            origin: PatientPoint(centre - signs * half),
            spacing: spacing,
            directionI: Vector3(signs.x, 0, 0),
            directionJ: Vector3(0, signs.y, 0),
            directionK: Vector3(0, 0, signs.z),
            frameOfReferenceUID: "2.25.1"
        )
    }

    static func phantom(seed: UInt64, threads: Int = 1, signs: Vector3 = Vector3(1, 1, 1)) -> PhantomCase {
        generatePhantom(seed: seed, scan: PhantomScan(geometry: geometry(signs: signs)), threads: threads)
    }

    static func volumeML(_ mask: Mask) -> Double {
        Double(mask.voxels.reduce(0) { $0 + Int($1) }) * mask.geometry.voxelVolumeMM3 / 1000
    }

    @Test("the same seed gives the same voxels on one thread and on two")
    func deterministic() {
        let one = Self.phantom(seed: 5, threads: 1)
        let two = Self.phantom(seed: 5, threads: 2)
        #expect(one.ct.voxels == two.ct.voxels)
        #expect(one.organs.voxels == two.organs.voxels)
    }

    @Test("another seed is another person")
    func seedsDiffer() {
        #expect(Self.phantom(seed: 5).organs.voxels != Self.phantom(seed: 6).organs.voxels)
    }

    @Test("organ volumes are those of adults", arguments: [UInt64(1), 2, 3, 4, 5, 6, 7, 8])
    func volumes(seed: UInt64) throws {
        let phantom = Self.phantom(seed: seed)
        let ranges: [String: ClosedRange<Double>] = [
            "Lung_L": 900...3200, "Lung_R": 1100...3600, "Heart": 280...900, "Esophagus": 8...60,
            "SpinalCord": 15...70, "Body": 9000...40000, "Body-Lungs": 6000...36000,
        ]
        for name in PhantomCase.structures {
            let mask = try #require(phantom.mask(of: name))
            let range = try #require(ranges[name])
            #expect(range.contains(Self.volumeML(mask)), "\(name): \(Self.volumeML(mask)) ml")
        }
    }

    @Test("the body without the lungs is the body minus the lungs")
    func bodyWithoutLungs() throws {
        let phantom = Self.phantom(seed: 2)
        let masks = try ["Body", "Lung_L", "Lung_R", "Body-Lungs"].map { try #require(phantom.mask(of: $0)).voxels }
        #expect(masks[0].indices.allSatisfy { masks[0][$0] == masks[1][$0] + masks[2][$0] + masks[3][$0] })
    }

    @Test(
        "contours with a margin are as much larger as their surface says, and change nothing else",
        arguments: [0.3, 1.0]
    )
    func lungMargin(marginMM: Double) throws {
        var scan = PhantomScan(geometry: Self.geometry(signs: Vector3(1, 1, 1)))
        let plain = generatePhantom(seed: 2, scan: scan, threads: 2)
        scan.lungMarginMM = marginMM
        let wide = generatePhantom(seed: 2, scan: scan, threads: 1)
        #expect(wide.ct.voxels == plain.ct.voxels && wide.organs.voxels == plain.organs.voxels)
        for name in ["Heart", "Esophagus", "SpinalCord", "Body"] {
            #expect(wide.mask(of: name)?.voxels == plain.mask(of: name)?.voxels, "\(name)")
        }
        let spacing = scan.geometry.spacing
        for name in ["Lung_L", "Lung_R"] {
            let (inner, outer) = try (#require(plain.mask(of: name)), #require(wide.mask(of: name)))
            #expect(inner.voxels.indices.allSatisfy { inner.voxels[$0] <= outer.voxels[$0] })
            // Sides of pixels between lung and no lung.
            let d = inner.geometry.dimensions
            var steps = (columns: 0.0, rows: 0.0)
            for k in 0..<d.k {
                for j in 1..<d.j {
                    for i in 1..<d.i {
                        if inner[i, j, k] != inner[i - 1, j, k] { steps.columns += 1 }
                        if inner[i, j, k] != inner[i, j - 1, k] { steps.rows += 1 }
                    }
                }
            }
            // Length of the edge in the slices, mm: sides of pixels are 4 / pi times as long as a curve (Crofton).
            let edge = (steps.columns * spacing.y + steps.rows * spacing.x) * .pi / 4
            let wanted = edge * marginMM / (spacing.x * spacing.y)
            let gained = outer.voxels.indices.count { outer.voxels[$0] > inner.voxels[$0] }
            #expect((0.75...1.15).contains(Double(gained) / wanted), "\(name): \(gained) voxels, \(wanted) wanted")
        }
        let masks = try ["Body", "Lung_L", "Lung_R", "Body-Lungs"].map { try #require(wide.mask(of: $0)).voxels }
        #expect(masks[0].indices.allSatisfy { masks[0][$0] == masks[1][$0] + masks[2][$0] + masks[3][$0] })
    }

    @Test("the left lung lies on the patient's left in every orientation")
    func sides() throws {
        for x in [-1.0, 1] {
            for y in [-1.0, 1] {
                for z in [-1.0, 1] {
                    let phantom = Self.phantom(seed: 3, signs: Vector3(x, y, z))
                    let left = try #require(phantom.mask(of: "Lung_L"))
                    let right = try #require(phantom.mask(of: "Lung_R"))
                    #expect(Self.meanX(left) > 30)
                    #expect(Self.meanX(right) < -30)
                }
            }
        }
    }

    @Test("lung is dark, soft tissue grey and bone bright")
    func attenuation() throws {
        let phantom = Self.phantom(seed: 2)
        let left = try #require(phantom.mask(of: "Lung_L"))
        let heart = try #require(phantom.mask(of: "Heart"))
        #expect((-900 ... -650).contains(Self.meanHU(phantom.ct, in: left)))
        #expect((20...70).contains(Self.meanHU(phantom.ct, in: heart)))
        #expect(phantom.ct.voxels.max() ?? 0 > 300)
        #expect(phantom.ct.voxels.min() ?? 0 < -950)
    }

    static func meanX(_ mask: Mask) -> Double {
        var sum = 0.0
        var count = 0.0
        let dimensions = mask.geometry.dimensions
        for k in 0..<dimensions.k {
            for j in 0..<dimensions.j {
                for i in 0..<dimensions.i where mask[i, j, k] == 1 {
                    sum += mask.geometry.patientPoint(VoxelIndex(i: i, j: j, k: k)).x
                    count += 1
                }
            }
        }
        return sum / max(1, count)
    }

    static func meanHU(_ ct: Volume<Int16>, in mask: Mask) -> Double {
        var sum = 0.0
        var count = 0.0
        for n in ct.voxels.indices where mask.voxels[n] == 1 {
            sum += Double(ct.voxels[n])
            count += 1
        }
        return sum / max(1, count)
    }
}
