import Imaging
import Segmentation
import Testing

@Suite("Sides of training data")
struct ExchangedSidesTests {
    @Test("a case whose left and right are exchanged is told, whatever the orientation of its image")
    func exchangedSides() throws {
        let folder = try TemporaryFolder()
        let recipe = smallRecipe()
        let cache = CaseCache(directory: folder.path, input: recipe.input, roiCount: recipe.rois.count)
        for signs in [Vector3(1, 1, 1), Vector3(-1, -1, 1), Vector3(-1, 1, -1)] {
            let geometry = grid(40, 34, 20, signs: signs)
            let right = try cache.prepare(TrainingTests.source("right", geometry), threads: 1)
            #expect(right.exchangedSides(recipe.rois.map(\.roi)) == nil)
            let wrong = TrainingCaseSource(name: "wrong", patient: "wrong", fingerprint: "\(signs)") {
                let voxels = ToyChest.labels(geometry).voxels.map { $0 == 0 ? 0 : 3 - $0 }
                return TrainingCase(ct: ToyChest.ct(geometry), labels: Volume(geometry: geometry, voxels: voxels))
            }
            let reason = try cache.prepare(wrong, threads: 1).exchangedSides(recipe.rois.map(\.roi))
            #expect(reason?.contains("to the patient's right of") == true, "\(reason ?? "nothing")")
            // Names say it, too, where the recipe's codes have no side.
            var uncoded = recipe.rois.map(\.roi)
            for index in uncoded.indices { uncoded[index].codes.modifier = nil }
            #expect(right.exchangedSides(uncoded) == nil)
            #expect(try cache.prepare(wrong, threads: 1).exchangedSides(uncoded) == reason)
        }
    }
}
