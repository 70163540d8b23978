import Foundation
import Imaging
import Phantom
import Pipeline
import Segmentation
import Testing

@Suite("Training on generated patients")
struct GeneratedCasesTests {
    @Test("a recipe with a generator trains without any data, validates on its own patients and says so")
    func trains() throws {
        let folder = try Folder()
        var recipe = try SmallModel.recipe()
        recipe.split = SplitConfiguration()
        recipe.optimisation.epochs = 1
        recipe.optimisation.stepsPerEpoch = 2
        recipe.optimisation.validateEvery = 1
        recipe.generator = GeneratorConfiguration(
            count: 2,
            validationCount: 1,
            firstSeed: 5,
            columns: 64,
            maximumSlices: 10
        )
        func train(_ name: String) throws -> TrainingReport {
            try trainModel(
                TrainRequest(
                    dataDirectories: [],
                    labelsDirectory: nil,
                    output: folder.file(name),
                    workDirectory: folder.file(name + ".work"),
                    configuration: recipe,
                    threads: 2,
                    scoresCases: false
                )
            ) { _ in }
        }
        let report = try train("model")
        #expect(
            report.cases.map { "\($0.name) \($0.role.rawValue)" }.sorted() == [
                "generated-training-5 training", "generated-training-6 training", "generated-validation-7 validation",
            ]
        )
        #expect(report.cases.allSatisfy { (1...10).contains($0.slices) })
        // The patients are the same when they are made again.
        #expect(try train("again").cases.map(\.digest) == report.cases.map(\.digest))
    }

    @Test("a generated case has the labels of the recipe's structures, where the generator has its organs")
    func labels() throws {
        let json = try contents(projectFolder + "/docs/recipes/thorax.json")
        var recipe = try TrainingConfiguration(from: json)
        #expect(recipe.demonstration)
        #expect(recipe.rois.map(\.roi.name) == ["Lung_L", "Lung_R", "Heart", "Esophagus", "SpinalCord"])
        recipe.generator.count = 1
        recipe.generator.validationCount = 0
        recipe.generator.diseaseFactor = 3
        (recipe.generator.columns, recipe.generator.maximumSlices) = (96, 200)
        let source = try #require(generatedCases(recipe.generator, rois: recipe.rois, threads: 2).first)
        let item = try source.load()
        let same = RandomPhantom(
            seed: recipe.generator.firstSeed,
            columns: 96,
            maximumSlices: 200,
            diseaseFactor: 3
        ).generate(threads: 2)
        #expect(item.ct.voxels == same.ct.voxels)
        for roi in recipe.rois {
            let truth = try #require(same.mask(of: roi.roi.name)).voxels
            #expect(
                item.labels.voxels.indices.allSatisfy { (item.labels.voxels[$0] == roi.roi.label) == (truth[$0] == 1) }
            )
        }
    }

    private var projectFolder: String {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().path
    }
}
