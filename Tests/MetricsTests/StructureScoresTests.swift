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
        let distances = SurfaceDistances(reference: nothing, prediction: nothing, threads: 1)
        #expect(distances.surfaceOverlap(toleranceMM: 1).reference == nil)
        #expect(distances.surfaceOverlap(toleranceMM: 1).prediction == nil)
        #expect(distances.hausdorff(percentile: 100) == nil)
    }

    @Test("With one mask empty the distances are undefined and the overlaps are zero", arguments: [true, false])
    func oneEmpty(missed: Bool) {
        let (reference, prediction) = missed ? (something, nothing) : (nothing, something)
        let scores = StructureScores(name: "lung", reference: reference, prediction: prediction, threads: 1)
        #expect(scores.dice == 0)
        #expect(scores.surfaceDice == Self.surfaceDice(0))
        #expect(scores.hausdorff95MM == nil)
        #expect(scores.meanSurfaceDistanceMM == nil)
        #expect(abs(scores.volumeReferenceML - (missed ? 0.24 : 0)) < 1e-12)
        #expect(abs(scores.volumePredictionML - (missed ? 0 : 0.24)) < 1e-12)
        let distances = SurfaceDistances(reference: reference, prediction: prediction, threads: 1)
        #expect(distances.hausdorff(percentile: 100) == nil)
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
        for key in ["dice", "hausdorff_95_mm", "mean_surface_distance_mm"] { #expect(object[key] is NSNull, "\(key)") }
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
}
