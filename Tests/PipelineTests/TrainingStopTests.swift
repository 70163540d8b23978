import Foundation
import Pipeline
import Platform
import Segmentation
import Testing

@Suite("Stopping a training")
struct TrainingStopTests {
    /// What it says when it is asked to end at a moment; nil where it came to its end.
    private func words(of request: TrainRequest, stoppedAt moment: @escaping (TrainingProgress) -> Bool) throws
        -> String?
    {
        var isCancelled = false
        do {
            _ = try trainModel(request, isCancelled: { isCancelled }) { if moment($0) { isCancelled = true } }
        } catch let stop as TrainingStopped {
            return stop.description
        }
        return nil
    }

    private func request(_ folder: Folder) throws -> TrainRequest {
        try folder.pairs(["a", "b", "c"], in: "data")
        var request = try folder.request(SplitConfiguration(testFraction: 0, validation: ["c"]))
        request.configuration.optimisation = OptimisationConfiguration(
            epochs: 3,
            stepsPerEpoch: 2,
            batchSize: 1,
            warmUpSteps: 0,
            validateEvery: 1
        )
        request.scoresCases = true
        return request
    }

    @Test(
        "stopped anywhere it says what is kept, leaves no half files, and ends with the weights of an undisturbed one"
    )
    func everywhere() throws {
        let folder = try Folder()
        var request = try request(folder)
        let (before, after) = ("stopped while the cases were prepared", "stopped before the model package was whole")
        let none = "no epoch has begun yet"
        let moments: [((TrainingProgress) -> Bool, String, String)] = [
            ({ $0.phase == .finding }, before, none),
            ({ $0.phase == .caching && $0.step == 1 }, before, none),
            ({ $0.phase == .training && $0.step == 1 }, "stopped in epoch 1 of 3", "1 step of the first epoch is kept"),
            (
                { $0.phase == .training && $0.step == 2 }, "stopped in epoch 1 of 3",
                "2 steps of the first epoch are kept"
            ),
            (
                { $0.phase == .validated && $0.epoch == 1 }, "stopped in epoch 2 of 3",
                "1 epoch and 1 step of the next are kept"
            ),
            ({ $0.phase == .finding }, before, "1 epoch and 1 step of the next are kept"),
            (
                { $0.phase == .validating && $0.epoch == 2 }, "stopped in epoch 2 of 3",
                "1 epoch and 2 steps of the next are kept"
            ),
            ({ $0.phase == .finishing }, after, "3 epochs are kept"),
            ({ $0.phase == .finishing && $0.item == "a" }, after, "3 epochs are kept"),
        ]
        for (moment, place, kept) in moments {
            let words = try #require(try self.words(of: request, stoppedAt: moment))
            #expect(words.hasPrefix(place + ". Nothing that is finished is lost: "), "\(words)")
            #expect(words.contains(kept) && words.contains(folder.file("work")), "\(words)")
            #expect(try names(in: folder.path) == ["data", "work"])
            let files = FileManager.default.subpaths(atPath: folder.file("work")) ?? []
            #expect(!files.isEmpty && !files.contains { $0.hasSuffix(".partial") })
        }
        request.scoresCases = false
        let stopped = try trainModel(request) { _ in }
        let other = try Folder()
        var same = try self.request(other)
        same.scoresCases = false
        let undisturbed = try trainModel(same) { _ in }
        #expect(stopped.weightsDigest == undisturbed.weightsDigest)
        #expect(stopped.history.epochs.map(\.meanLoss) == undisturbed.history.epochs.map(\.meanLoss))
    }

    @Test("a training that nobody stops makes the model")
    func atTheEnd() throws {
        let folder = try Folder()
        var request = try request(folder)
        request.scoresCases = false
        #expect(try words(of: request, stoppedAt: { _ in false }) == nil)
        #expect(Directory.exists(folder.file("model/model.json")))
    }
}
