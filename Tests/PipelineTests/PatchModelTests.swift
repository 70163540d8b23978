import Dicom
import Foundation
import Pipeline
import Segmentation
import Testing

@Suite("A model of patches")
struct PatchModelTests {
    static func recipe() throws -> TrainingConfiguration {
        try TrainingConfiguration(
            from: Data(
                #"""
                {"name": "patches",
                 "architecture": {"kind": "v_net", "filters": 6, "layers": 2, "kernel": 3, "norm": "instance"},
                 "input": {"columns": 64, "rows": 64, "pixelSpacingMM": 6, "sliceSpacing": 9, "neighbourSlices": 0,
                           "patch": {"columns": 56, "rows": 48, "slices": 16, "overlap": 0.4}},
                 "optimisation": {"epochs": 3, "stepsPerEpoch": 20, "batchSize": 2, "learningRate": 0.01,
                                  "warmUpSteps": 5, "validateEvery": 3},
                 "augmentation": {"geometryProbability": 0, "truncationProbability": 0},
                 "split": {"testFraction": 0, "validation": ["validation"]}}
                """#.utf8
            )
        )
    }

    @Test("is trained on DICOM and contours a CT from file to folder, as a model of slices does")
    func delivers() throws {
        let folder = try Folder()
        try SmallPhantom.write(1, to: folder.file("data/training"))
        try SmallPhantom.write(2, to: folder.file("data/validation"))
        let request = TrainRequest(
            dataDirectories: [folder.file("data")],
            labelsDirectory: nil,
            output: folder.file("model"),
            workDirectory: folder.file("work"),
            configuration: try Self.recipe(),
            threads: 2,
            scoresCases: false
        )
        _ = try trainModel(request) { _ in }
        try SmallPhantom.write(3, to: folder.file("in"))
        try FileManager.default.createDirectory(atPath: folder.file("out"), withIntermediateDirectories: true)
        let run = DirectRun(
            model: try ModelPackage(contentsOf: folder.file("model")),
            admission: AdmissionLimits(),
            export: ExportOptions(),
            output: folder.file("out"),
            threads: 2
        )
        let scan = try SeriesScan(paths: [folder.file("in/ct")], limits: AdmissionLimits())
        let stack = try #require(scan.stacks.first)
        let outcome = run(
            stack,
            references: [folder.file("in/truth/rtstruct.dcm")],
            progress: { _, _ in },
            isCancelled: { false }
        )
        #expect(outcome.fault == nil)
        let report = try json(try #require(outcome.output) + "/report.json")
        let evaluation = try #require(report["evaluation"] as? [String: Any])
        let scores = try #require(evaluation["structures"] as? [[String: Any]])
        #expect(scores.compactMap { $0["name"] as? String }.sorted() == ["Lung_L", "Lung_R", "Lungs"])
        for score in scores { #expect(score["dice"] as? Double ?? 0 > 0.8, "\(score)") }
    }
}
