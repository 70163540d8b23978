import Foundation
import Imaging
import NeuralNet
import Segmentation
import Testing

@Suite("Rules of training")
struct TrainingRulesTests {
    @Test("over all folds every patient tests once, and never in a part that trains", arguments: [2, 5, 7])
    func folds(_ count: Int) {
        let cases = (0..<46).map { (name: "case\($0)", patient: "patient\($0 / 2)") }
        var tested: [String] = []
        var sizes = Set<Int>()
        for fold in 1...count {
            let configuration = SplitConfiguration(validationFraction: 0.1, folds: count, fold: fold)
            let a = split(cases, configuration: configuration, seed: 3)
            #expect(a == split(cases.reversed(), configuration: configuration, seed: 3))
            let patients = [a.training, a.validation, a.test].map { names in
                Set(cases.filter { names.contains($0.name) }.map(\.patient))
            }
            #expect(patients[0].isDisjoint(with: patients[1]) && patients[2].isDisjoint(with: patients[0]))
            #expect(patients[2].isDisjoint(with: patients[1]))
            #expect(patients.map(\.count).reduce(0, +) == 23)
            #expect(patients[1].count == Int((0.1 * Double(23 - patients[2].count)).rounded()))
            sizes.insert(patients[2].count)
            tested += patients[2]
        }
        #expect(tested.count == 23 && Set(tested).count == 23)
        #expect((sizes.max() ?? 9) - (sizes.min() ?? 0) <= 1)
    }

    @Test("by default 60 patients are divided into 42, 6 and 12; of four, one validates")
    func defaults() {
        func sizes(_ count: Int) -> [Int] {
            let cases = (0..<count).map { (name: "case\($0)", patient: "patient\($0)") }
            let a = split(cases, configuration: TrainingConfiguration.lungs.split, seed: 1)
            return [a.training.count, a.validation.count, a.test.count]
        }
        #expect(sizes(60) == [42, 6, 12])
        #expect(sizes(4) == [2, 1, 1])
        #expect(sizes(1) == [1, 0, 0])
    }

    @Test(
        "a fold that is none is refused",
        arguments: [#"{"folds": 1}"#, #"{"folds": 5, "fold": 6}"#, #"{"fold": 0}"#]
    )
    func foldMistakes(_ json: String) {
        #expect(throws: SegmentationError.self) {
            _ = try TrainingConfiguration(from: Data("{\"split\": \(json)}".utf8))
        }
    }

    private func constantRecipe(epochs: Int) -> TrainingConfiguration {
        var recipe = smallRecipe()
        recipe.optimisation.schedule = .constant
        recipe.optimisation.validateEvery = 1
        recipe.optimisation.epochs = epochs
        return recipe
    }

    @Test("more epochs of a constant learning rate go on, and end with the bytes of a training that had them at once")
    func moreEpochs() throws {
        let (stepwise, atOnce) = (try TemporaryFolder(), try TemporaryFolder())
        _ = try TrainingTests.train(constantRecipe(epochs: 1), in: stepwise.path)
        let later = try TrainingTests.train(constantRecipe(epochs: 3), in: stepwise.path)
        let whole = try TrainingTests.train(constantRecipe(epochs: 3), in: atOnce.path)
        #expect(later.history == whole.history && later.history.epochs.count == 3)
        #expect(try later.network.safetensors() == whole.network.safetensors())
    }

    @Test(
        "more epochs go on also where the former last one was validated out of turn, and is the best",
        arguments: [3, 4]
    )
    func moreEpochsOutOfTurn(_ first: Int) throws {
        let (stepwise, atOnce) = (try TemporaryFolder(), try TemporaryFolder())
        func recipe(_ epochs: Int) -> TrainingConfiguration {
            var recipe = constantRecipe(epochs: epochs)
            recipe.optimisation.validateEvery = 2
            return recipe
        }
        _ = try TrainingTests.train(recipe(first), in: stepwise.path)
        let later = try TrainingTests.train(recipe(5), in: stepwise.path)
        let whole = try TrainingTests.train(recipe(5), in: atOnce.path)
        #expect(later.history == whole.history && later.history.epochs.count == 5)
        #expect(try later.network.safetensors() == whole.network.safetensors())
    }

    @Test("patience counts validations: an epoch that was not validated is neither better nor worse")
    func patienceBetweenValidations() throws {
        var history = TrainingHistory()
        for number in 1...8 {
            let dice = number % 5 == 0 ? ["Lung_L": 0.5] : [:]
            _ = history.append(.init(number: number, meanLoss: 1, learningRate: 1, validationDice: dice))
        }
        #expect(history.bestEpoch == 5 && history.epochsSinceBest == 0)
        for number in 9...10 {
            let dice = number == 10 ? ["Lung_L": 0.4] : [:]
            _ = history.append(.init(number: number, meanLoss: 1, learningRate: 1, validationDice: dice))
        }
        #expect(history.epochsSinceBest == 5)
    }

    @Test("without the weights of its best epoch a training is not finished with others")
    func lostBest() throws {
        let folder = try TemporaryFolder()
        var recipe = constantRecipe(epochs: 2)
        recipe.architecture = smallRecipe(batchNorm: false).architecture
        recipe.optimisation.learningRate = 1e-12
        #expect(try TrainingTests.train(recipe, in: folder.path).history.bestEpoch == 1)
        try FileManager.default.removeItem(atPath: folder.path + "/work/best.safetensors")
        #expect(throws: SegmentationError.self) { try TrainingTests.train(recipe, in: folder.path) }
    }

    @Test("a network that the machine cannot hold is refused before anything is prepared, with what it needs")
    func memory() throws {
        // The published training took 7.7 GiB (docs/performance.md).
        var recipe = TrainingConfiguration.lungs
        recipe.architecture = .customUNet(CustomUNet(filters: 64, layers: 4, dropout: 0))
        recipe.input.columns = 512
        recipe.input.rows = 512
        recipe.optimisation.batchSize = 4
        try Trainer.requireMemory(for: recipe, memoryBytes: 8 << 30)
        #expect {
            try Trainer.requireMemory(for: recipe, memoryBytes: 4 << 30)
        } throws: { error in
            "\(error)".contains(
                #/a step of 4 samples with this network needs [5-7]\.[0-9] GiB, and this machine has 4\.0/#
            )
        }
    }

    @Test("names for validation that nobody has are told")
    func unknownValidation() {
        let cases = [(name: "case1", patient: "p1"), (name: "case2", patient: "p2")]
        let split = SplitConfiguration(validation: ["case*", "p2", "caes1"])
        #expect(split.unknownNames(among: cases) == ["caes1"])
        #expect(SplitConfiguration(exclude: ["p1", "case3"]).unusedExclusions(among: cases) == ["case3"])
    }

    @Test("more epochs of a planned learning rate are refused, and the reason is said")
    func plannedEpochs() throws {
        let folder = try TemporaryFolder()
        var recipe = constantRecipe(epochs: 1)
        recipe.optimisation.schedule = .cosine
        _ = try TrainingTests.train(recipe, in: folder.path)
        recipe.optimisation.epochs = 2
        do {
            _ = try TrainingTests.train(recipe, in: folder.path)
            Issue.record("a cosine schedule went on with other epochs")
        } catch SegmentationError.damagedCheckpoint(_, let message) {
            #expect(message.contains("optimisation.epochs (1 there, 2 here)"))
            #expect(message.contains("cosine schedule"))
        }
    }

    @Test("a training without a better validation ends early, with the weights of its best epoch")
    func earlyStop() throws {
        let folder = try TemporaryFolder()
        var recipe = constantRecipe(epochs: 40)
        recipe.architecture = smallRecipe(batchNorm: false).architecture
        recipe.optimisation.patience = 2
        // So slow that no voxel changes sides: the first validation stays the best.
        recipe.optimisation.learningRate = 1e-12
        var notes: [String] = []
        let outcome = try TrainingTests.train(recipe, in: folder.path) {
            if $0.phase == .noted { notes.append($0.item) }
        }
        #expect(outcome.history.epochs.count == 3 && outcome.history.bestEpoch == 1)
        let words = "ended early, after epoch 3 of 40: no validation since epoch 1 was better (optimisation.patience 2)"
        #expect(notes == [words])
        #expect(outcome.history.earlyEnd(recipe.optimisation) == words)
        recipe.optimisation.epochs = 3
        #expect(outcome.history.earlyEnd(recipe.optimisation) == nil)
    }

    @Test(
        "without a validation, a training that diverges names the weights from before its loss rose, not the last ones"
    )
    func goodWeights() throws {
        let folder = try TemporaryFolder()
        func train(_ epochs: Int) throws {
            var recipe = constantRecipe(epochs: epochs)
            recipe.optimisation.validateEvery = 100
            _ = try Trainer(
                configuration: recipe,
                training: TrainingTests.cases(folder.path, recipe),
                validation: [],
                directory: folder.path + "/work",
                threads: 1
            ) { _ in }.run()
        }
        try train(2)
        // As if it had been far better before: each of the next epochs is far above that.
        let last = folder.path + "/work/last.safetensors"
        let (tensors, metadata) = try Safetensors.decode(Data(contentsOf: URL(fileURLWithPath: last)))
        let better = metadata.mapValues { text in
            text.replacing(#/"meanLoss" : [0-9.]+/#) { _ in #""meanLoss" : 0.0001"# }
        }
        try Safetensors.encode(tensors, metadata: better).write(to: URL(fileURLWithPath: last))
        let good = try Data(contentsOf: URL(fileURLWithPath: last))
        do {
            try train(10)
            Issue.record("a loss far above the best was no divergence")
        } catch SegmentationError.diverged(_, _, let checkpoint) {
            let named = try #require(checkpoint)
            #expect(try Data(contentsOf: URL(fileURLWithPath: named)) == good && named != last)
        }
    }

    @Test("a training begins with the weights of another, and its checkpoint remembers them")
    func startingWeights() throws {
        let folder = try TemporaryFolder()
        let first = try TrainingTests.train(constantRecipe(epochs: 1), in: folder.path)
        let best = folder.path + "/work/best.safetensors"
        var recipe = constantRecipe(epochs: 1)
        recipe.optimisation.learningRate = 1e-12
        let cases = try TrainingTests.cases(folder.path, recipe)
        func trainer(_ start: String?) -> Trainer {
            Trainer(
                configuration: recipe,
                training: [cases[0]],
                validation: [cases[1]],
                directory: folder.path + "/second",
                threads: 1,
                startingWeights: start
            ) { _ in }
        }
        let second = try trainer(best).run()
        for (name, tensor) in first.network.parameters {
            let other = try #require(second.network.parameters[name]).values
            #expect(zip(tensor.values, other).allSatisfy { abs($0 - $1) < 1e-6 }, "\(name)")
        }
        #expect(throws: SegmentationError.self) { try trainer(nil).run() }
        #expect(throws: SegmentationError.self) { try trainer(folder.path + "/none").run() }
    }

    @Test("precision, recall, Dice and surface Dice of a case, counted by hand")
    func caseScores() {
        let geometry = grid(6, 6, 6, spacing: Vector3(1, 1, 1))
        func mask(_ voxels: Set<Int>) -> Mask {
            Mask(geometry: geometry, voxels: (0..<216).map { voxels.contains($0) ? 1 : 0 })
        }
        let wanted = Set([86, 87, 88, 92, 93, 94].flatMap { [$0, $0 + 36] })
        let found = wanted.subtracting([86, 122, 92]).union([89])
        let scores = CaseScores(found: mask(found), wanted: mask(wanted), threads: 1)
        #expect(scores.precision == 9.0 / 10 && scores.recall == 9.0 / 12 && scores.dice == 18.0 / 22)
        // No surface is farther than 2 mm from the other.
        #expect(scores.surfaceDice == 1)
        let nothing = CaseScores(found: mask([]), wanted: mask(wanted), threads: 1)
        #expect(nothing.precision == nil && nothing.recall == 0 && nothing.dice == 0)
        let neither = CaseScores(found: mask([]), wanted: mask([]), threads: 1)
        #expect(neither.dice == nil && neither.recall == nil && neither.surfaceDice == nil)
    }
}
