import Foundation
import Imaging
import Nifti
import Phantom
import Pipeline
import Platform
import Segmentation
import Testing

private func phantom(_ seed: UInt64, in folder: String, withTruth: Bool = true) throws {
    let signs = seed.isMultiple(of: 2) ? "-x+y-z" : "+x+y+z"
    try SmallPhantom.write(seed, signs: signs, to: folder, withTruth: withTruth)
}

/// A recipe that takes a second.
private func quickRecipe() throws -> TrainingConfiguration {
    try TrainingConfiguration(
        from: Data(
            #"""
            {"name": "quick", "architecture": {"filters": 4, "layers": 2},
             "input": {"columns": 64, "rows": 64, "pixelSpacingMM": 6, "neighbourSlices": 0},
             "optimisation": {"epochs": 2, "stepsPerEpoch": 3, "batchSize": 2, "validateEvery": 1},
             "split": {"testFraction": 0, "validation": ["b"]}}
            """#.utf8
        )
    )
}

private let rois = TrainingConfiguration.lungs.rois

@Suite("Training data")
struct TrainingDataTests {
    @Test("DICOM series with RT Structure Sets and Segmentations become a model package with its report")
    func dicomToPackage() throws {
        let folder = try Folder()
        try phantom(1, in: folder.path + "/data/a/deep/er")
        try phantom(2, in: folder.path + "/data/b")
        let request = TrainRequest(
            dataDirectories: [folder.path + "/data"],
            labelsDirectory: nil,
            output: folder.path + "/model",
            workDirectory: folder.path + "/work",
            configuration: try quickRecipe(),
            threads: 2
        )
        let report = try trainModel(request) { _ in }
        #expect(report.summary.trainingCases == ["a"] && report.summary.validationCases == ["b"])
        #expect(report.history.epochs.count == 2)
        // Two cases, each with an RT Structure Set and a Segmentation.
        #expect(report.unmatchedNames["Heart"] == 2)
        #expect(try ModelPackage(contentsOf: folder.path + "/model").name == "quick")
        let card = try String(contentsOfFile: folder.path + "/model/MODEL_CARD.md", encoding: .utf8)
        #expect(card.contains("| a | training |"))
        for file in ["training.json", "training-report.json", "learning-curve.svg"] {
            #expect(FileManager.default.fileExists(atPath: folder.path + "/model/" + file))
        }
        #expect(throws: Fault.self) { try trainModel(request) { _ in } }
    }

    @Test("label maps in a folder of their own are found by UID and by grid, and an unused one is told")
    func labelFolder() throws {
        let folder = try Folder()
        try phantom(1, in: folder.path + "/data/a", withTruth: false)
        let grid = uprightGrid(4, 4, 4, spacing: Vector3(1, 1, 1))
        try FileManager.default.createDirectory(atPath: folder.path + "/labels", withIntermediateDirectories: true)
        try NiftiFile.write(Volume<UInt8>(geometry: grid, repeating: 1), to: folder.path + "/labels/other.nii.gz")
        var found = try findTrainingCases(in: [folder.path + "/data"], labels: folder.path + "/labels", rois: rois)
        #expect(found.sources.isEmpty)
        #expect(found.skipped.contains { $0.name == "other.nii.gz" && $0.remark == "this label map fits no CT series" })
        #expect(found.skipped.contains { $0.name == "a" && $0.remark == "no contours of the recipe's structures" })

        // The same grid, stored from the other end.
        let geometry = phantomGeometry(try SmallPhantom.request(1, withTruth: false))
        let last = VoxelIndex(
            i: geometry.dimensions.i - 1,
            j: geometry.dimensions.j - 1,
            k: geometry.dimensions.k - 1
        )
        var turned = geometry
        turned.origin = geometry.patientPoint(last)
        (turned.directionI, turned.directionJ, turned.directionK) = (
            -geometry.directionI, -geometry.directionJ, -geometry.directionK
        )
        var labels = Volume<UInt8>(geometry: turned, repeating: 0)
        labels[0, 0, 0] = 2
        try NiftiFile.write(labels, to: folder.path + "/labels/lungs.nii.gz")
        found = try findTrainingCases(in: [folder.path + "/data"], labels: folder.path + "/labels", rois: rois)
        let loaded = try #require(found.sources.first).load()
        #expect(loaded.labels[last] == 2)
        #expect(loaded.labels.voxels.count { $0 != 0 } == 1)
    }

    @Test("nnU-Net's and the Decathlon's layouts, with their own label numbers")
    func niftiLayouts() throws {
        let folder = try Folder()
        let grid = uprightGrid(8, 8, 4, spacing: Vector3(2, 2, 3))
        let image = airAndTissue(grid)
        var label = Volume<UInt8>(geometry: grid, repeating: 0)
        label[1, 1, 1] = 7
        label[2, 1, 1] = 3
        label[3, 1, 1] = 5
        func write(_ root: String, _ suffix: String, _ json: String) throws {
            for sub in ["/imagesTr", "/labelsTr"] {
                try FileManager.default.createDirectory(
                    atPath: folder.path + root + sub,
                    withIntermediateDirectories: true
                )
            }
            try NiftiFile.write(image, to: folder.path + root + "/imagesTr/case" + suffix)
            try NiftiFile.write(label, to: folder.path + root + "/labelsTr/case.nii.gz")
            try Data(json.utf8).write(to: URL(fileURLWithPath: folder.path + root + "/dataset.json"))
        }
        try write(
            "/nnunet",
            "_0000.nii.gz",
            #"{"labels": {"background": 0, "lung left": 7, "Right Lung": 3, "heart": 5}}"#
        )
        try write("/msd", ".nii.gz", #"{"labels": {"0": "background", "7": "Lung_L", "3": "Lung_R", "5": "Heart"}}"#)
        for (root, heart) in [("/nnunet", "heart"), ("/msd", "Heart")] {
            let found = try findTrainingCases(in: [folder.path + root], labels: nil, rois: rois)
            #expect(found.unmatchedNames == [heart: 1])
            let loaded = try #require(found.sources.first).load()
            #expect(loaded.labels[1, 1, 1] == 1 && loaded.labels[2, 1, 1] == 2 && loaded.labels[3, 1, 1] == 0)
            #expect(loaded.ct[0, 0, 0] == -800)
        }
    }

    @Test("a folder without cases, and a label map on another grid, are refused in words")
    func refusals() throws {
        let folder = try Folder()
        let data = folder.file("data")
        try Directory.create(data)
        try Data("notes".utf8).write(to: URL(fileURLWithPath: data + "/notes.txt"))
        let request = TrainRequest(
            dataDirectories: [data],
            labelsDirectory: nil,
            output: folder.file("model"),
            workDirectory: folder.file("work"),
            configuration: try quickRecipe(),
            threads: 1
        )
        #expect {
            try trainModel(request) { _ in }
        } throws: { error in
            "\(error)".hasPrefix("nothing to train on: data: skipped this folder holds no CT and no NIfTI file")
        }

        let grid = uprightGrid(8, 8, 4, spacing: Vector3(2, 2, 3))
        var moved = grid
        moved.origin.x = 40
        try NiftiFile.write(airAndTissue(grid), to: data + "/a.nii.gz")
        try NiftiFile.write(Volume<UInt8>(geometry: moved, repeating: 0), to: data + "/a_label.nii.gz")
        #expect(
            throws: SegmentationError.invalidConfiguration(
                key: "split.validation",
                message: "no case or patient is called b; there is a"
            )
        ) { try trainModel(request) { _ in } }
        var drawn = request
        drawn.configuration.split.validation = []
        do {
            _ = try trainModel(drawn) { _ in }
            Issue.record("a label map on another grid was accepted")
        } catch SegmentationError.noUsableCases(let message) {
            #expect(message.contains("different grids"))
        }
    }
}
