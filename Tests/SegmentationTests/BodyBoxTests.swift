import Imaging
import Segmentation
import Testing

@Suite("The box around the patient")
struct BodyBoxTests {
    /// 96 x 96 pixels of 4 mm.
    static func volume(_ slices: Int = 20, _ hu: (Vector3) -> Float) -> Volume<Float> {
        ToyChest.fill(grid(96, 96, slices, spacing: Vector3(4, 4, 5)), hu)
    }

    /// The box around all voxels whose centre fulfils a condition, counted one by one.
    static func box(of volume: Volume<Float>, where holds: (Vector3) -> Bool) -> GridBox? {
        let d = volume.geometry.dimensions
        var result: GridBox?
        for k in 0..<d.k {
            for j in 0..<d.j {
                for i in 0..<d.i {
                    let point = volume.geometry.patientPoint(i: Double(i), j: Double(j), k: Double(k)).vector
                    guard holds(point) else { continue }
                    let old = result ?? GridBox(columns: i..<i + 1, rows: j..<j + 1, slices: k..<k + 1)
                    result = GridBox(
                        columns: min(old.columns.lowerBound, i)..<max(old.columns.upperBound, i + 1),
                        rows: min(old.rows.lowerBound, j)..<max(old.rows.upperBound, j + 1),
                        slices: min(old.slices.lowerBound, k)..<max(old.slices.upperBound, k + 1)
                    )
                }
            }
        }
        return result
    }

    @Test(
        "holds every voxel of a body wherever it lies, to the pixel, with lungs inside and noise around",
        arguments: 0..<20
    )
    func holdsBody(_ seed: Int) throws {
        var random = SeededRandom(UInt64(seed))
        let middle = Vector3(random.uniform(-150, 150), random.uniform(-150, 150), random.uniform(-30, 30))
        let radii = Vector3(random.uniform(60, 180), random.uniform(50, 120), random.uniform(30, 200))
        func isBody(_ p: Vector3) -> Bool { ToyChest.ellipse(p, middle, radii) }
        let volume = Self.volume { p in
            guard isBody(p) else { return random.uniform(0, 1) < 0.02 ? 200 : -1000 }
            return ToyChest.ellipse(p, middle, radii * 0.5) ? -850 : 20
        }
        let (found, wanted) = try (
            #require(bodyBox(of: volume, threads: 2)), #require(Self.box(of: volume, where: isBody))
        )
        // Erosion rounds the tips of an ellipse off by a pixel or two, and noise beside the body may add one.
        for (a, b) in [(found.columns, wanted.columns), (found.rows, wanted.rows), (found.slices, wanted.slices)] {
            #expect(abs(a.lowerBound - b.lowerBound) <= 3 && abs(a.upperBound - b.upperBound) <= 3)
        }
        #expect(bodyBox(of: volume, threads: 1) == found)
    }

    @Test("a couch, a sheet and a tube are not the patient, arms are")
    func couch() throws {
        func isPatient(_ p: Vector3) -> Bool {
            ToyChest.ellipse(p, Vector3(0, -40, 0), Vector3(110, 80, 1000))
                || ToyChest.ellipse(p, Vector3(-150, -30, 0), Vector3(26, 26, 1000))
        }
        let volume = Self.volume { p in
            if isPatient(p) { return 30 }
            // Two shells of a couch, one of which touches the back, and a tube beside.
            if abs(p.x) < 180, abs(p.y - 42) < 4 || abs(p.y - 110) < 4 { return -200 }
            return ToyChest.ellipse(p, Vector3(170, -120, 0), Vector3(5, 5, 1000)) ? 100 : -1000
        }
        let (found, wanted) = try (
            #require(bodyBox(of: volume, threads: 2)), #require(Self.box(of: volume, where: isPatient))
        )
        #expect(abs(found.columns.lowerBound - wanted.columns.lowerBound) <= 1)
        #expect(abs(found.columns.upperBound - wanted.columns.upperBound) <= 1)
        #expect(abs(found.rows.lowerBound - wanted.rows.lowerBound) <= 1)
        // The shell that touches is as thick as two pixels.
        #expect(abs(found.rows.upperBound - wanted.rows.upperBound) <= 2)
    }

    @Test("slices above and below the patient are left out; there is no box in air or around thin things")
    func ends() throws {
        let volume = Self.volume(40) { p in
            ToyChest.ellipse(p, Vector3(0, 0, 0), Vector3(80, 80, 1000)) && abs(p.z) < 50 ? 0 : -1000
        }
        let found = try #require(bodyBox(of: volume, threads: 2))
        #expect(found.slices == 10..<30)
        #expect(bodyBox(of: Self.volume { _ in -1000 }, threads: 1) == nil)
        #expect(bodyBox(of: Self.volume { abs($0.y - 40) < 4 ? -100 : -1000 }, threads: 1) == nil)
    }

    @Test("a body that the picture cuts reaches the edge of the box on that side")
    func cut() throws {
        let volume = Self.volume { ToyChest.ellipse($0, Vector3(-150, 0, 0), Vector3(120, 90, 1000)) ? 30 : -1000 }
        let found = try #require(bodyBox(of: volume, threads: 2))
        #expect(found.columns.lowerBound == 0 && found.columns.upperBound < 48)
    }
}
