import Foundation
import Imaging
import Nifti
import Pipeline
import Platform
import Segmentation
import Testing

private func request(_ folder: Folder, output: String = "model") throws -> TrainRequest {
    var recipe = try SmallModel.recipe()
    recipe.split = SplitConfiguration(validationFraction: 0, testFraction: 0)
    recipe.optimisation = OptimisationConfiguration(epochs: 1, stepsPerEpoch: 1, batchSize: 1, warmUpSteps: 0)
    return TrainRequest(
        dataDirectories: [folder.file("data")],
        labelsDirectory: nil,
        output: folder.file(output),
        workDirectory: folder.file(output + ".training"),
        configuration: recipe,
        threads: 1,
        scoresCases: false
    )
}

@Suite("Where a training reads and writes")
struct TrainingPlacesTests {
    /// What stops a training before it does anything; nil where something was done.
    private func refusal(_ request: TrainRequest) -> (any Error)? {
        var steps = 0
        do { _ = try trainModel(request) { _ in steps += 1 } } catch { return steps == 0 ? error : nil }
        return nil
    }

    @Test("an output that is taken or cannot be made is refused before anything is done")
    func output() throws {
        let folder = try Folder()
        try folder.pairs(["a", "b", "c"], in: "data")
        try Data().write(to: URL(fileURLWithPath: folder.file("file")))
        try Directory.create(folder.file("full/of/something"))
        let link = folder.file("link")
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: folder.file("data"))
        for (name, words) in [("file", "is no folder"), ("full", "is not empty"), ("link", "is no folder")] {
            let fault = refusal(try request(folder, output: name)) as? Fault
            #expect(fault?.code == "E_OUTPUT_TAKEN" && fault?.message.contains(words) == true)
        }
        let below = refusal(try request(folder, output: "file/model")) as? Fault
        #expect(below?.code == "E_CANNOT_WRITE" && below?.kind == .operator)
        try Directory.create(folder.file("vacant"))
        _ = try trainModel(request(folder, output: "vacant")) { _ in }
        let again = refusal(try request(folder, output: "vacant")) as? Fault
        #expect(again?.message.contains("already holds a model package") == true)
    }

    @Test(
        "a work folder that is the output, lies in it or holds it is refused before anything is done, whatever names lead there",
        arguments: [
            ("model", "model", "is"), ("model", "model/work", "lies in"), ("work/model", "work", "holds"),
            ("model", "model.partial", "is"), ("model", "link/model", "is"),
        ]
    )
    func nested(_ output: String, _ work: String, _ words: String) throws {
        let folder = try Folder()
        try folder.pairs(["a", "b", "c"], in: "data")
        try FileManager.default.createSymbolicLink(atPath: folder.file("link"), withDestinationPath: folder.path)
        var asked = try request(folder, output: output)
        asked.workDirectory = folder.file(work)
        let fault = refusal(asked) as? Fault
        #expect(fault?.code == "E_OUTPUT_TAKEN")
        #expect(fault?.message.contains("\(asked.workDirectory) \(words) the folder of the model package") == true)
        #expect(try Directory.list(folder.path).map(\.name).sorted() == ["data", "link"])
    }

    @Test(
        "an output or a work folder in the data, or in the folder of labels, is refused before anything is done",
        arguments: [
            ("data/model", "work", "--output", "--data"), ("data", "work", "--output", "--data"),
            ("model", "data/a/work", "--work", "--data"), ("model", "link/work", "--work", "--data"),
            ("labels/model", "work", "--output", "--labels"),
        ]
    )
    func inData(_ output: String, _ work: String, _ option: String, _ source: String) throws {
        let folder = try Folder()
        try Directory.create(folder.file("data"))
        try folder.pairs(["a"], in: "labels")
        try FileManager.default.createSymbolicLink(
            atPath: folder.file("link"),
            withDestinationPath: folder.file("data")
        )
        var asked = try request(folder, output: output)
        asked.workDirectory = folder.file(work)
        asked.labelsDirectory = folder.file("labels")
        let fault = refusal(asked) as? Fault
        #expect(fault?.code == "E_OUTPUT_TAKEN" && fault?.hint.contains(option) == true)
        #expect(fault?.message.contains("would lie in the data (\(source) ") == true)
        #expect(try Directory.list(folder.path).map(\.name).sorted() == ["data", "labels", "link"])
        #expect(try Directory.list(folder.file("data")).isEmpty)
    }

    @Test("data, labels and weights that are not there are told as such")
    func missingInput() throws {
        let folder = try Folder()
        var missing = try request(folder)
        #expect((refusal(missing) as? SystemError)?.code == ENOENT)
        try folder.pairs(["a", "b", "c"], in: "data")
        missing.labelsDirectory = folder.file("labels")
        #expect((refusal(missing) as? SystemError)?.path == folder.file("labels"))
        missing = try request(folder)
        missing.startingWeights = folder.file("weights.safetensors")
        #expect((refusal(missing) as? SystemError)?.path == folder.file("weights.safetensors"))
    }

    @Test("a second training in the same work folder is refused while the first works")
    func busy() throws {
        let folder = try Folder()
        try folder.pairs(["a", "b", "c"], in: "data")
        let asked = try request(folder)
        try Directory.create(asked.workDirectory)
        var lock = try FileLock(folder: asked.workDirectory)
        try #require(lock != nil)
        let fault = refusal(asked) as? Fault
        #expect(fault?.code == "E_BUSY" && fault?.kind == .transient)
        lock = nil
        _ = try trainModel(asked) { _ in }
    }

    @Test(
        "a second training that makes the same package in another work folder is refused, and a refused one leaves nothing"
    )
    func sameOutput() throws {
        let folder = try Folder()
        try folder.pairs(["a", "b", "c"], in: "data")
        let first = try request(folder)
        var second = first
        second.workDirectory = folder.file("other")
        var faults: [Fault?] = []
        _ = try trainModel(first) { progress in
            guard progress.phase == .finishing, progress.item.isEmpty else { return }
            faults.append(refusal(second) as? Fault)
        }
        #expect(faults.map { $0?.code } == ["E_BUSY"])
        #expect(faults.first??.message == "Another training makes \(first.output).")
        #expect(throws: (any Error).self) {
            var damaged = second
            damaged.output = folder.file("never")
            damaged.configuration.split.validation = ["nobody"]
            _ = try trainModel(damaged) { _ in }
        }
        let left = try Directory.list(folder.path).map(\.name).sorted()
        #expect(left == ["data", "model", "model.training", "other"])
    }

    @Test("weights to begin with are named with the test patients that they have seen, over several trainings")
    func startingWeights() throws {
        let folder = try Folder()
        try folder.pairs(["a", "b", "c"], in: "data")
        let first = try trainModel(request(folder)) { _ in }
        #expect(first.startingWeights == nil)

        var second = try request(folder, output: "second")
        second.configuration.split = SplitConfiguration(validationFraction: 0, testFraction: 0.34)
        second.startingWeights = folder.file("model/weights.safetensors")
        second.scoresCases = true
        let report = try trainModel(second) { _ in }
        let origin = try #require(report.startingWeights)
        #expect(origin.file == "model/weights.safetensors" && origin.digest == first.weightsDigest && origin.hasReport)
        #expect(origin.earlierCases == ["a", "b", "c"])
        #expect(!origin.seenTestCases.isEmpty && origin.seenTestCases == report.split.test)
        let card = try String(contentsOfFile: folder.file("second/MODEL_CARD.md"), encoding: .utf8)
        let page = try String(contentsOfFile: folder.file("second/evaluation.html"), encoding: .utf8)
        let words = "whose scores are too good: \(report.split.test[0])"
        #expect(card.contains(words) && page.contains(words))

        // From a checkpoint; the first training is remembered.
        var third = second
        (third.output, third.workDirectory) = (folder.file("third"), folder.file("third.training"))
        third.startingWeights = folder.file("second.training/last.safetensors")
        third.scoresCases = false
        let later = try trainModel(third) { _ in }
        #expect(later.startingWeights?.earlierCases == ["a", "b", "c"])

        // Without its report nothing is known.
        try FileManager.default.removeItem(atPath: folder.file("model/training-report.json"))
        var fourth = second
        (fourth.output, fourth.workDirectory) = (folder.file("fourth"), folder.file("fourth.training"))
        let unknown = try #require(trainModel(fourth) { _ in }.startingWeights)
        #expect(!unknown.hasReport && unknown.seenTestCases.isEmpty && unknown.text.contains("is not known"))
    }
}
