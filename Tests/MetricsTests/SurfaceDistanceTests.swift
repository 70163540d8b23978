import Imaging
import Metrics
import Testing

/// Against google-deepmind/surface-distance: `Fixtures/metrics/make_goldens.py`.
@Suite("Surface distances")
struct SurfaceDistanceTests {
    struct Goldens: Decodable {
        struct Case: Decodable {
            var name: String
            /// dz, dy, dx.
            var spacing: [Double]
            var reference: [Int]
            var prediction: [Int]
            var surfaceDice: [Double]
            var overlap: [Double]
            var hausdorff95: Double
            var hausdorff100: Double
            var averages: [Double]
            var dice: Double
        }

        /// z, y, x.
        var shape: [Int]
        var cases: [Case]

        func masks(_ one: Case) -> (reference: Mask, prediction: Mask) {
            let spacing = Vector3(one.spacing[2], one.spacing[1], one.spacing[0])
            let geometry = grid(shape[2], shape[1], shape[0], spacing: spacing)
            return (mask(geometry, runs: one.reference), mask(geometry, runs: one.prediction))
        }
    }

    static let tolerance = 1e-9

    @Test("Every score equals the published implementation on pairs of many shapes and spacings")
    func scoresEqualThePublishedOnes() throws {
        let goldens = try Fixtures.decode(Goldens.self, "surfaces.json")
        #expect(goldens.cases.count >= 60)
        for one in goldens.cases {
            let (reference, prediction) = goldens.masks(one)
            let distances = SurfaceDistances(reference: reference, prediction: prediction, threads: 2)
            let overlap = distances.surfaceOverlap(toleranceMM: 1)
            let averages = distances.averageSurfaceDistances
            var pairs: [(String, Double?, Double)] = [
                ("HD95", distances.hausdorff(percentile: 95), one.hausdorff95),
                ("HD100", distances.hausdorff(percentile: 100), one.hausdorff100),
                ("average to prediction", averages.referenceToPrediction, one.averages[0]),
                ("average to reference", averages.predictionToReference, one.averages[1]),
                ("mean", distances.meanSurfaceDistance, (one.averages[0] + one.averages[1]) / 2),
                ("overlap of reference", overlap.reference, one.overlap[0]),
                ("overlap of prediction", overlap.prediction, one.overlap[1]),
                ("Dice", dice(reference: reference, prediction: prediction), one.dice),
            ]
            for (n, expected) in one.surfaceDice.enumerated() {
                pairs.append(("surface Dice \(n + 1) mm", distances.surfaceDice(toleranceMM: Double(n + 1)), expected))
            }
            for (what, found, expected) in pairs {
                let value = try #require(found, "\(one.name), \(one.spacing): \(what)")
                #expect(agree(value, expected, within: Self.tolerance), "\(one.name), \(one.spacing): \(what)")
            }
        }
    }

    @Test("The number of threads changes nothing")
    func threadsChangeNothing() throws {
        let goldens = try Fixtures.decode(Goldens.self, "surfaces.json")
        let (reference, prediction) = goldens.masks(goldens.cases[0])
        let one = SurfaceDistances(reference: reference, prediction: prediction, threads: 1)
        let five = SurfaceDistances(reference: reference, prediction: prediction, threads: 5)
        #expect(one.referenceToPrediction.surfels == five.referenceToPrediction.surfels)
        #expect(one.predictionToReference.surfels == five.predictionToReference.surfels)
    }

    @Test("Exchanging the masks exchanges the directions and keeps the symmetric scores")
    func exchangedMasks() throws {
        let goldens = try Fixtures.decode(Goldens.self, "surfaces.json")
        for one in goldens.cases.prefix(18) {
            let (reference, prediction) = goldens.masks(one)
            let forth = SurfaceDistances(reference: reference, prediction: prediction, threads: 1)
            let back = SurfaceDistances(reference: prediction, prediction: reference, threads: 1)
            #expect(
                forth.averageSurfaceDistances.referenceToPrediction
                    == back.averageSurfaceDistances.predictionToReference
            )
            #expect(forth.hausdorff(percentile: 95) == back.hausdorff(percentile: 95))
            let (a, b) = (
                try #require(forth.surfaceDice(toleranceMM: 1)), try #require(back.surfaceDice(toleranceMM: 1))
            )
            #expect(agree(a, b, within: 1e-12))
        }
    }

    @Test("A distance equal to the tolerance is within it, on a spacing that binary numbers cannot say")
    func toleranceIsInclusive() {
        // Two sheets five voxels of 0.6 mm apart, away from the origin of the grid.
        let geometry = grid(40, 9, 9, spacing: Vector3(0.6, 0.6, 0.6))
        for start in 0..<30 {
            let a = box(geometry, start..<start + 1, 0..<9, 0..<9)
            let b = box(geometry, start + 5..<start + 6, 0..<9, 0..<9)
            let distances = SurfaceDistances(reference: a, prediction: b, threads: 1)
            #expect(distances.surfaceDice(toleranceMM: 3) == 1, "from column \(start)")
            #expect(distances.hausdorff(percentile: 100) == 3, "from column \(start)")
        }
    }

    @Test(
        "A slice's distance is within a tolerance of one slice, although rounded positions made its spacing a little more"
    )
    func noisySpacing() {
        let geometry = grid(12, 9, 12, spacing: Vector3(1.0000000035, 0.9765625, 3.00000006779661))
        let a = box(geometry, 2..<9, 2..<7, 2..<6)
        let b = box(geometry, 2..<9, 2..<7, 3..<7)
        let distances = SurfaceDistances(reference: a, prediction: b, threads: 1)
        #expect(distances.surfaceDice(toleranceMM: 3) == 1)
        #expect(geometry.measuredSpacing == Vector3(1, 0.9765625, 3))
    }

    @Test(
        "A slice's distance is within a tolerance of one slice, although a NIfTI header has its spacing as a float32",
        arguments: [0.6, 1.1, 1.2, 2.2, 3]
    )
    func singlePrecisionSpacing(millimetres: Double) {
        let spacing = Double(Float(millimetres))
        let geometry = grid(12, 9, 12, spacing: Vector3(spacing, 0.9765625, spacing))
        let a = box(geometry, 2..<9, 2..<7, 2..<6)
        for b in [box(geometry, 2..<9, 2..<7, 3..<7), box(geometry, 3..<10, 2..<7, 2..<6)] {
            let distances = SurfaceDistances(reference: a, prediction: b, threads: 1)
            #expect(distances.surfaceDice(toleranceMM: millimetres) == 1)
            #expect(distances.surfaceDice(toleranceMM: millimetres * 0.999999) ?? 1 < 1)
        }
        let moved = box(geometry, 3..<10, 2..<7, 2..<6)
        let path = AddedPathLength(reference: a, prediction: moved, threads: 1)
        #expect(path.millimetres(toleranceMM: millimetres) == 0)
    }

    @Test("The float32 spacing of a NIfTI header is measured with as it stands")
    func givenSpacing() {
        let given = Vector3(Double(Float(3.6)), Double(Float(0.7)), Double(Float(1.2)))
        #expect(grid(4, 4, 4, spacing: given).measuredSpacing == given)
    }

    @Test("Masks whose surfaces are the same have distance zero and a surface Dice of one at tolerance zero")
    func identicalMasks() {
        let a = box(grid(8, 8, 8, spacing: Vector3(0.9, 0.9, 3)), 2..<6, 0..<8, 3..<5)
        let distances = SurfaceDistances(reference: a, prediction: a, threads: 1)
        #expect(distances.surfaceDice(toleranceMM: 0) == 1)
        #expect(distances.hausdorff(percentile: 100) == 0)
        #expect(distances.meanSurfaceDistance == 0)
    }
}
