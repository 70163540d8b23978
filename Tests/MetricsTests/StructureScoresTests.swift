import Foundation
import Imaging
import Metrics
import Testing

@Suite("Scores of a structure")
struct StructureScoresTests {
    let geometry = grid(10, 9, 8, spacing: Vector3(1, 2, 2.5))
    var something: Mask { box(geometry, 2..<6, 3..<7, 2..<5) }
    var nothing: Mask { Mask(geometry: geometry, repeating: 0) }

    static func surfaceDice(_ value: Double?) -> [String: Double?] { ["1": value, "2": value, "3": value] }

    @Test("With both masks empty every score is undefined and the volumes are zero")
    func bothEmpty() {
        let scores = StructureScores(name: "lung", reference: nothing, prediction: nothing, threads: 1)
        #expect(scores.dice == nil)
        #expect(scores.surfaceDice == Self.surfaceDice(nil))
        #expect(scores.hausdorff95MM == nil)
        #expect(scores.meanSurfaceDistanceMM == nil)
        #expect(scores.volumeReferenceML == 0 && scores.volumePredictionML == 0)
        #expect(scores.jaccard == nil && scores.hausdorffMM == nil && scores.centreShiftMM == nil)
        #expect(scores.volumeDifferenceML == 0 && scores.volumeDifferencePercent == nil)
        #expect(scores.addedPathLengthMM == Self.surfaceDice(0))
        #expect(scores.sliceDice.firstSlice == nil && scores.sliceDice.dice.isEmpty)
        let distances = SurfaceDistances(reference: nothing, prediction: nothing, threads: 1)
        #expect(distances.surfaceOverlap(toleranceMM: 1).reference == nil)
        #expect(distances.surfaceOverlap(toleranceMM: 1).prediction == nil)
        #expect(distances.hausdorff(percentile: 100) == nil)
    }

    @Test("With one mask empty the distances are undefined and the overlaps are zero", arguments: [true, false])
    func oneEmpty(missed: Bool) throws {
        let (reference, prediction) = missed ? (something, nothing) : (nothing, something)
        let scores = StructureScores(name: "lung", reference: reference, prediction: prediction, threads: 1)
        #expect(scores.dice == 0)
        #expect(scores.surfaceDice == Self.surfaceDice(0))
        #expect(scores.hausdorff95MM == nil)
        #expect(scores.meanSurfaceDistanceMM == nil)
        #expect(abs(try #require(scores.volumeReferenceML) - (missed ? 0.24 : 0)) < 1e-12)
        #expect(abs(try #require(scores.volumePredictionML) - (missed ? 0 : 0.24)) < 1e-12)
        let distances = SurfaceDistances(reference: reference, prediction: prediction, threads: 1)
        #expect(distances.hausdorff(percentile: 100) == nil)
        // The whole reference has to be drawn, or nothing of it: 4 x 4 pixels less the 2 x 2 inside, three slices.
        #expect(scores.addedPathLengthMM["2"] == (missed ? 12 * 3 * 1.5 : 0))
        #expect(scores.jaccard == 0 && scores.centreShiftMM == nil && scores.centreShiftLPSMM == nil)
        #expect(scores.volumeDifferencePercent == (missed ? -100 : nil))
        #expect(scores.falseNegativeML == scores.volumeReferenceML)
        #expect(scores.falsePositiveML == scores.volumePredictionML)
        #expect(scores.sliceDice.firstSlice == 2 && scores.sliceDice.dice == [0, 0, 0])
        let overlap = distances.surfaceOverlap(toleranceMM: 3)
        #expect(overlap.reference == (missed ? 0 : nil))
        #expect(overlap.prediction == (missed ? nil : 0))
        #expect(distances.averageSurfaceDistances.referenceToPrediction == nil)
        #expect(distances.averageSurfaceDistances.predictionToReference == nil)
    }

    @Test("Undefined scores are written as null and read back as undefined")
    func undefinedIsNull() throws {
        let scores = StructureScores(name: "lung", reference: nothing, prediction: nothing, threads: 1)
        let data = try JSONEncoder().encode(scores)
        let object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        let undefined = [
            "dice", "jaccard", "hausdorff_95_mm", "hausdorff_100_mm", "mean_surface_distance_mm",
            "average_distance_reference_to_prediction_mm", "average_distance_prediction_to_reference_mm",
            "volume_difference_percent", "centre_shift_mm", "centre_shift_lps_mm",
        ]
        for key in undefined { #expect(object[key] is NSNull, "\(key)") }
        let surface = try #require(object["surface_dice"] as? [String: Any])
        #expect(Set(surface.keys) == ["1", "2", "3"])
        #expect(surface.values.allSatisfy { $0 is NSNull })
        #expect(try JSONDecoder().decode(StructureScores.self, from: data) == scores)
    }

    @Test("Scores survive JSON, and tolerances name themselves")
    func roundTrip() throws {
        let shifted = box(geometry, 3..<7, 3..<7, 2..<5)
        let scores = StructureScores(
            name: "lung",
            reference: something,
            prediction: shifted,
            tolerancesMM: [0.5, 2],
            threads: 1
        )
        #expect(Set(scores.surfaceDice.keys) == ["0.5", "2"])
        let (half, two) = (try #require(scores.surfaceDice["0.5"] ?? nil), try #require(scores.surfaceDice["2"] ?? nil))
        #expect(half > 0 && half < 1)
        #expect(two == 1)
        #expect(scores.dice == 0.75)
        let copy = try JSONDecoder().decode(StructureScores.self, from: JSONEncoder().encode(scores))
        #expect(copy == scores)
    }

    @Test("A box moved to the left of the patient has the shift, the overlaps and the volumes that one can count")
    func countable() throws {
        let shifted = box(geometry, 3..<7, 3..<7, 3..<6)
        let scores = StructureScores(name: "lung", reference: something, prediction: shifted, threads: 1)
        // 3 of 4 columns and 2 of 3 slices are common: 24 of 48 voxels, 72 in the union.
        #expect(scores.dice == 0.5)
        #expect(scores.jaccard == 24.0 / 72)
        let (positive, negative) = (try #require(scores.falsePositiveML), try #require(scores.falseNegativeML))
        #expect(abs(positive - 0.12) < 1e-12 && abs(negative - 0.12) < 1e-12)
        #expect(scores.volumeDifferenceML == 0 && scores.volumeDifferencePercent == 0)
        let shift = try #require(scores.centreShiftLPSMM)
        #expect(zip(shift, [1, 0, 2.5]).allSatisfy { abs($0 - $1) < 1e-9 })
        #expect(abs(try #require(scores.centreShiftMM) - 7.25.squareRoot()) < 1e-9)
        #expect(scores.sliceDice.firstSlice == 2 && scores.sliceDice.dice == [0, 0.75, 0.75, 0])
        #expect(scores.sliceDice.worst?.slice == 2)
        // Slice 2 is missing: 12 pixels. In the two others the left column of 4 lies 1 mm outside.
        #expect(scores.addedPathLengthMM["1"] == 12 * 1.5)
        #expect(AddedPathLength(reference: something, prediction: shifted, threads: 3).millimetres() > 12 * 1.5)
    }

    @Test("Slices are scored in their plane")
    func slices() throws {
        let shifted = box(geometry, 3..<7, 3..<7, 3..<6)
        let slices = SliceScores.of(reference: something, prediction: shifted, tolerancesMM: [0.5, 1])
        #expect(slices.map(\.slice) == [2, 3, 4, 5])
        #expect(slices[0].dice == 0 && slices[0].hausdorff95MM == nil && slices[0].surfaceDice["1"] == 0)
        #expect(slices[1].dice == 0.75 && slices[1].surfaceDice["1"] == 1 && slices[1].hausdorff95MM == 1)
        #expect(try #require(slices[1].surfaceDice["0.5"] ?? nil) < 1)
    }
}
