import Imaging
import Metrics
import Testing

/// Against google-deepmind/surface-distance and SciPy on 1200 pairs: `Fixtures/metrics/make_goldens.py`.
/// Tests/conformance/parity.py does the same with thousands more.
@Suite("Parity with the published implementation")
struct ParityTests {
    struct Goldens: Decodable {
        var keys: [String]
        var rows: [[Double?]]
    }

    @Test("Every measure of 1200 numbered pairs equals the published one to nine digits, undefined where that is")
    func numberedPairs() throws {
        let goldens = try Fixtures.decode(Goldens.self, "parity.json")
        #expect(goldens.rows.count == 1200)
        var (undefined, planar) = (0, 0)
        for (index, row) in goldens.rows.enumerated() {
            let pair = RandomPair(index + 1)
            if pair.reference.geometry.dimensions.k == 1 { planar += 1 }
            let found = measures(of: pair)
            for (key, expected) in zip(goldens.keys, row) {
                let value = try #require(found[key], "a key of the golden file")
                let agrees =
                    if let value, let expected { agree(value, expected, within: 1e-9) } else { value == expected }
                #expect(agrees, "pair \(index + 1): \(key) is \(value as Any), published \(expected as Any)")
                if expected == nil { undefined += 1 }
            }
        }
        #expect(undefined > 500 && planar > 80, "the pairs lack cases: \(undefined) undefined, \(planar) in a plane")
    }

    private func measures(of pair: RandomPair) -> [String: Double?] {
        let (a, b) = (pair.reference, pair.prediction)
        let distances =
            a.geometry.dimensions.k == 1
            ? SurfaceDistances(referenceSlice: a, predictionSlice: b)
            : SurfaceDistances(reference: a, prediction: b, threads: 1)
        let counts = VoxelCounts(reference: a, prediction: b)
        let path = AddedPathLength(reference: a, prediction: b, threads: 1)
        let overlap = distances.surfaceOverlap(toleranceMM: 1)
        let averages = distances.averageSurfaceDistances
        var found: [String: Double?] = [
            "overlapReference": overlap.reference, "overlapPrediction": overlap.prediction,
            "averageReference": averages.referenceToPrediction, "averagePrediction": averages.predictionToReference,
            "dice": counts.total.dice, "jaccard": counts.total.jaccard,
            "path0": path.millimetres(), "path1": path.millimetres(toleranceMM: 1),
            "shift": counts.centreShift.map { dot($0, $0).squareRoot() },
        ]
        for tolerance in [0, 1, 2.5] {
            let key = "surfaceDice\(StructureScores.text(ofTolerance: tolerance))"
            found[key] = .some(distances.surfaceDice(toleranceMM: tolerance))
        }
        for percentile in [50, 95, 100] {
            found["hausdorff\(percentile)"] = .some(distances.hausdorff(percentile: Double(percentile)))
        }
        return found
    }

    // The numbers that surface_distance_test.py of the published implementation expects, to its three places.
    private func expectPublished(
        _ distances: SurfaceDistances,
        average: (Double, Double),
        hausdorff100: Double,
        hausdorff95: Double,
        overlap: (Double, Double),
        surfaceDice: Double
    ) throws {
        func near(_ value: Double?, _ expected: Double) -> Bool { value.map { abs($0 - expected) < 5e-4 } ?? false }
        let averages = distances.averageSurfaceDistances
        #expect(near(averages.referenceToPrediction, average.0) && near(averages.predictionToReference, average.1))
        #expect(near(distances.hausdorff(percentile: 100), hausdorff100))
        #expect(near(distances.hausdorff(percentile: 95), hausdorff95))
        let found = distances.surfaceOverlap(toleranceMM: 1)
        #expect(near(found.reference, overlap.0) && near(found.prediction, overlap.1))
        #expect(near(distances.surfaceDice(toleranceMM: 1), surfaceDice))
    }

    @Test("Two voxels 2 mm apart, and two pixels, have the published scores")
    func twoVoxels() throws {
        let space = grid(128, 128, 128, spacing: Vector3(1, 2, 3))
        let plane = grid(128, 128, 1, spacing: Vector3(1, 2, 1))
        for (geometry, k) in [(space, 50), (plane, 0)] {
            let a = box(geometry, 70..<71, 60..<61, k..<k + 1)
            let b = box(geometry, 72..<73, 60..<61, k..<k + 1)
            let distances =
                k == 0
                ? SurfaceDistances(referenceSlice: a, predictionSlice: b)
                : SurfaceDistances(reference: a, prediction: b, threads: 1)
            try expectPublished(
                distances,
                average: (1.5, 1.5),
                hausdorff100: 2,
                hausdorff95: 2,
                overlap: (0.5, 0.5),
                surfaceDice: 0.5
            )
            #expect(dice(reference: a, prediction: b) == 0)
        }
    }

    @Test("Two cubes that differ by a slice, on all borders of the grid, have the published scores")
    func twoCubes() throws {
        let geometry = grid(100, 100, 100, spacing: Vector3(1, 1, 2))
        let a = box(geometry, 0..<100, 0..<100, 0..<50)
        let b = box(geometry, 0..<100, 0..<100, 0..<51)
        try expectPublished(
            SurfaceDistances(reference: a, prediction: b, threads: 2),
            average: (0.322, 0.339),
            hausdorff100: 2,
            hausdorff95: 2,
            overlap: (0.842, 0.830),
            surfaceDice: 0.836
        )
        let overlap = try #require(dice(reference: a, prediction: b))
        #expect(abs(overlap - 0.990) < 5e-4)
    }

    @Test("Two squares that differ by a row have the published surfels")
    func twoSquares() {
        let geometry = grid(6, 6, 1, spacing: Vector3(1, 2, 1))
        let distances = SurfaceDistances(
            referenceSlice: box(geometry, 1..<3, 1..<3, 0..<1),
            predictionSlice: box(geometry, 1..<3, 1..<4, 0..<1)
        )
        let diagonal = 0.5 * 5.0.squareRoot()
        #expect(distances.referenceToPrediction.surfels.map(\.distance) == [0, 0, 0, 0, 0, 0, 0, 1])
        #expect(
            distances.referenceToPrediction.surfels.map(\.area).sorted()
                == [1, 1, diagonal, diagonal, diagonal, diagonal, 2, 2]
        )
        #expect(distances.predictionToReference.surfels.map(\.distance) == [0, 0, 0, 0, 0, 0, 0, 2, 2, 2])
        #expect(
            distances.predictionToReference.surfels.map(\.area).sorted()
                == [1, 1, diagonal, diagonal, diagonal, diagonal, 2, 2, 2, 2]
        )
    }
}
