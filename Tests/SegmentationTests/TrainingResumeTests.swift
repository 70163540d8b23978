import Foundation
import Platform
import Segmentation
import Testing

@Suite("A training that was interrupted")
struct TrainingResumeTests {
    struct Killed: Error {}

    static let stoppedName = "/work/stopped.safetensors"

    /// Trains, ending when a moment comes; a training that is killed then has not kept the epoch that had begun.
    static func interrupt(
        _ recipe: TrainingConfiguration,
        in folder: String,
        isKilled: Bool,
        at moment: @escaping (TrainingProgress) -> Bool
    ) throws {
        #expect(throws: Killed.self) {
            try TrainingTests.train(recipe, in: folder, threads: 2) { if moment($0) { throw Killed() } }
        }
        if isKilled { try FileManager.default.removeItem(atPath: folder + stoppedName) }
    }

    static func expectSameFiles(_ a: String, _ b: String) {
        for file in ["/work/last.safetensors", "/work/best.safetensors"] {
            let bytes = FileManager.default.contents(atPath: a + file)
            #expect(bytes != nil && bytes == FileManager.default.contents(atPath: b + file), "\(file)")
        }
    }

    @Test(
        "killed or stopped in the middle of an epoch and resumed: the same bytes, on one thread or two",
        arguments: [true, false]
    )
    func resume(_ isKilled: Bool) throws {
        let recipe = smallRecipe()
        let whole = try TemporaryFolder()
        let undisturbed = try TrainingTests.train(recipe, in: whole.path)
        let folder = try TemporaryFolder()
        for deadline in [3, 8, 12] {
            try Self.interrupt(recipe, in: folder.path, isKilled: isKilled) {
                $0.phase == .training && $0.step == deadline
            }
        }
        let resumed = try TrainingTests.train(recipe, in: folder.path, threads: 2)
        #expect(resumed.history == undisturbed.history)
        #expect(try resumed.network.safetensors() == undisturbed.network.safetensors())
        Self.expectSameFiles(whole.path, folder.path)
    }

    @Test(
        "stopped after any step or while it validates, no step is made twice, and the bytes are those of an undisturbed one"
    )
    func stoppedAnywhere() throws {
        var recipe = smallRecipe()
        recipe.optimisation.validateEvery = 1
        let whole = try TemporaryFolder()
        var moments: [TrainingProgress] = []
        let undisturbed = try TrainingTests.train(recipe, in: whole.path) { moments.append($0) }
        let folder = try TemporaryFolder()
        var steps: [Int] = []
        // Every moment of a training ends one of its parts: each goes on with the work that comes after.
        for moment in moments where [.training, .validated].contains(moment.phase) {
            try Self.interrupt(recipe, in: folder.path, isKilled: false) {
                if $0.phase == .training { steps.append($0.step) }
                return ($0.phase, $0.step) == (moment.phase, moment.step)
            }
        }
        let resumed = try TrainingTests.train(recipe, in: folder.path) {
            if $0.phase == .training { steps.append($0.step) }
        }
        #expect(steps == Array(1...recipe.optimisation.totalSteps))
        #expect(resumed.history == undisturbed.history)
        #expect(try resumed.network.safetensors() == undisturbed.network.safetensors())
        Self.expectSameFiles(whole.path, folder.path)
        #expect(!Directory.exists(folder.path + Self.stoppedName))
    }

    @Test("an epoch that was stopped is not mixed up with other epochs, and none is continued with another recipe")
    func stoppedElsewhere() throws {
        let recipe = smallRecipe()
        let whole = try TemporaryFolder()
        _ = try TrainingTests.train(recipe, in: whole.path)
        let folder = try TemporaryFolder()
        let steps = recipe.optimisation.stepsPerEpoch
        try Self.interrupt(recipe, in: folder.path, isKilled: false) { $0.step == steps + 1 }
        let stopped = try #require(FileManager.default.contents(atPath: folder.path + Self.stoppedName))
        // As after a kill between the end of the epoch and the removal of what it had begun with.
        _ = try TrainingTests.train(recipe, in: folder.path)
        try stopped.write(to: URL(fileURLWithPath: folder.path + Self.stoppedName))
        _ = try TrainingTests.train(recipe, in: folder.path)
        Self.expectSameFiles(whole.path, folder.path)
        // A training that begins anew makes its first epoch itself.
        try FileManager.default.removeItem(atPath: folder.path + "/work/last.safetensors")
        _ = try TrainingTests.train(recipe, in: folder.path)
        Self.expectSameFiles(whole.path, folder.path)
        let another = try TemporaryFolder()
        try Self.interrupt(recipe, in: another.path, isKilled: false) { $0.step == 1 }
        var other = recipe
        other.seed = 2
        #expect(throws: SegmentationError.self) { try TrainingTests.train(other, in: another.path) }
        try stopped.prefix(stopped.count / 2).write(to: URL(fileURLWithPath: another.path + Self.stoppedName))
        #expect {
            try TrainingTests.train(recipe, in: another.path)
        } throws: { error in
            "\(error)".contains("/work/stopped.safetensors: ")
                && "\(error)".contains("begins from what was kept before it")
        }
    }
}
