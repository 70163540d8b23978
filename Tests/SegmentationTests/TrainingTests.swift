import Foundation
import Imaging
import NeuralNet
import Segmentation
import Testing

@Suite("Training")
struct TrainingTests {
    static func source(_ name: String, _ geometry: VolumeGeometry) -> TrainingCaseSource {
        TrainingCaseSource(name: name, patient: name, fingerprint: "1") {
            TrainingCase(ct: ToyChest.ct(geometry), labels: ToyChest.labels(geometry))
        }
    }

    static func cases(_ folder: String, _ recipe: TrainingConfiguration) throws -> [CachedCase] {
        let cache = CaseCache(directory: folder + "/cache", input: recipe.input, roiCount: 2)
        return try [("a", Vector3(1, 1, 1)), ("b", Vector3(-1, 1, -1))].map { name, signs in
            try cache.prepare(source(name, grid(40, 36, 22, spacing: Vector3(7, 7, 6), signs: signs)), threads: 1)
        }
    }

    static func train(
        _ recipe: TrainingConfiguration,
        in folder: String,
        threads: Int = 1,
        progress: @escaping (TrainingProgress) throws -> Void = { _ in }
    ) throws -> TrainingOutcome {
        let cases = try cases(folder, recipe)
        return try Trainer(
            configuration: recipe,
            training: [cases[0]],
            validation: [cases[1]],
            directory: folder + "/work",
            threads: threads,
            progress: progress
        ).run()
    }

    struct Killed: Error {}

    @Test("a small network learns the toy chest, sides included, and the package contours it")
    func learns() throws {
        let folder = try TemporaryFolder()
        var recipe = smallRecipe(filters: 8, dropout: 0)
        recipe.optimisation = OptimisationConfiguration(
            epochs: 12,
            stepsPerEpoch: 15,
            batchSize: 4,
            learningRate: 1e-2,
            warmUpSteps: 5,
            validateEvery: 4
        )
        let outcome = try Self.train(recipe, in: folder.path)
        let losses = outcome.history.epochs.map(\.meanLoss)
        #expect(losses.last ?? 9 < losses[0] / 2)
        #expect(outcome.history.bestDice ?? 0 > 0.9)
        let description = recipe.modelDescription(training: nil)
        try writePackage(description, outcome.network, to: folder.path + "/model")
        let model = try ModelPackage(contentsOf: folder.path + "/model")
        try expectContours(of: model)
    }

    @Test("a checkpoint of another recipe is not continued")
    func otherRecipe() throws {
        let folder = try TemporaryFolder()
        _ = try Self.train(smallRecipe(), in: folder.path)
        var other = smallRecipe()
        other.seed = 2
        #expect(throws: SegmentationError.self) { try Self.train(other, in: folder.path) }
        // What it is called decides no weight.
        var renamed = smallRecipe()
        renamed.name = "another"
        _ = try Self.train(renamed, in: folder.path)
    }

    @Test("a checkpoint is continued where only what becomes of the network's results is another")
    func otherResults() throws {
        let folder = try TemporaryFolder()
        let first = try Self.train(smallRecipe(), in: folder.path)
        var other = smallRecipe()
        other.rois[0].roi.acceptance = Acceptance(minimumVolumeML: 1, minimumConfidence: 0.25)
        other.rois[0].roi.plausibility = Plausibility(reviewConfidence: 0.5)
        other.rois[0].roi.postprocessing = Postprocessing(largestComponents: 3)
        other.rois[0].roi.confidence = ConfidenceCalibration(knots: [
            .init(raw: 0, calibrated: 0), .init(raw: 1, calibrated: 0.9),
        ])
        other.rois[0].roi.color = [1, 2, 3]
        other.output.threshold = 0.35
        other.derivedROIs = []
        let second = try Self.train(other, in: folder.path) { _ in }
        #expect(try first.network.safetensors() == second.network.safetensors())
        #expect(first.history == second.history)
        // What a structure is called in the data decides which voxels are learned.
        other.rois[0].patterns = ["Another"]
        #expect { try Self.train(other, in: folder.path) } throws: { "\($0)".contains("rois[0].patterns[0]") }
    }

    @Test("a training that runs away stops with an error and keeps its checkpoint")
    func divergence() throws {
        let folder = try TemporaryFolder()
        var recipe = smallRecipe(layers: 4, batchNorm: false)
        recipe.optimisation = OptimisationConfiguration(
            epochs: 30,
            stepsPerEpoch: 5,
            batchSize: 2,
            learningRate: 0.99,
            schedule: .constant,
            warmUpSteps: 10
        )
        do {
            _ = try Self.train(recipe, in: folder.path)
            Issue.record("a learning rate of 0.99 did not diverge")
        } catch let error as SegmentationError {
            guard case .diverged(_, _, let checkpoint) = error else {
                Issue.record("\(error)")
                return
            }
            let bytes = FileManager.default.contents(atPath: checkpoint ?? "")
            let kept = try Safetensors.decode(bytes ?? Data()).tensors
            #expect(!kept.isEmpty && kept.values.allSatisfy { $0.values.allSatisfy(\.isFinite) })
        }
    }

    @Test("a loss that stays high is a divergence, a noisy one is not")
    func divergenceRule() {
        func history(_ losses: [Double]) -> TrainingHistory {
            var history = TrainingHistory()
            for (n, loss) in losses.enumerated() {
                _ = history.append(.init(number: n + 1, meanLoss: loss, learningRate: 1, validationDice: [:]))
            }
            return history
        }
        #expect(history([1, 0.5, 0.3, 0.9, 0.9, 0.9]).divergence != nil)
        #expect(history([1, 0.5, 0.3, 0.5, 0.9, 0.4]).divergence == nil)
        #expect(history([1, .nan]).divergence != nil)
    }

    @Test("a case is preprocessed once, and again when its files change")
    func cache() throws {
        let folder = try TemporaryFolder()
        let recipe = smallRecipe()
        let cache = CaseCache(directory: folder.path, input: recipe.input, roiCount: 2)
        let geometry = grid(20, 20, 8)
        _ = try cache.prepare(Self.source("a", geometry), threads: 1)
        var again = Self.source("a", geometry)
        again.load = { throw Killed() }
        _ = try cache.prepare(again, threads: 1)
        again.fingerprint = "2"
        #expect(throws: Killed.self) { try cache.prepare(again, threads: 1) }
    }

    @Test("recipes that differ in how the network sees its pixels share a cache, those with other pixels do not")
    func sharedCache() throws {
        let folder = try TemporaryFolder()
        var source = Self.source("a", grid(20, 20, 8))
        var input = smallRecipe().input
        func prepare(_ input: InputDescription) throws {
            _ = try CaseCache(directory: folder.path, input: input, roiCount: 2).prepare(source, threads: 1)
        }
        try prepare(input)
        source.load = { throw Killed() }
        input.windowHU = ClosedInterval(-1000, 300)
        (input.neighbourSlices, input.neighbourDistanceMM, input.crop) = (2, 3, .none)
        try prepare(input)
        for change in [
            { $0.columns = 64 }, { $0.rows = 64 }, { $0.pixelSpacingMM = 7 }, { $0.centre = .body },
            { $0.sliceSpacing = .fixed(millimetres: 4) },
        ] as [(inout InputDescription) -> Void] {
            var other = input
            change(&other)
            #expect(throws: Killed.self) { try prepare(other) }
        }
    }

    @Test("what of a structure lies outside of the model's picture is told in the row of its case")
    func outsideOfPicture() throws {
        let folder = try TemporaryFolder()
        let geometry = grid(40, 36, 22, spacing: Vector3(7, 7, 6))
        func remark(columns: Int) throws -> String {
            var input = smallRecipe().input
            input.columns = columns
            let cache = CaseCache(directory: "\(folder.path)/\(columns)", input: input, roiCount: 2)
            return try cache.prepare(Self.source("a", geometry), threads: 1).remark(["Lung_L", "Lung_R"])
        }
        #expect(try remark(columns: 32) == "")
        // 16 columns of 8 mm are 128 mm.
        let labels = ToyChest.labels(geometry)
        let parts = [UInt8(1), 2].map { label in
            let places = labels.voxels.indices.filter { labels.voxels[$0] == label }.map {
                (Double($0 % 40) - 19.5) * 7
            }
            return Int((100 * Double(places.count { abs($0) > 64 }) / Double(places.count)).rounded())
        }
        let words = "outside of the model's picture (input.columns, rows and pixelSpacingMM)"
        #expect(try remark(columns: 16) == "\(parts[0]) % of Lung_L \(words); \(parts[1]) % of Lung_R \(words)")
        #expect(parts.allSatisfy { $0 > 10 })
    }

    @Test("a cached case with other voxels than were written is made again")
    func changedCache() throws {
        let folder = try TemporaryFolder()
        let recipe = smallRecipe()
        let cache = CaseCache(directory: folder.path, input: recipe.input, roiCount: 2)
        let digest = try cache.prepare(Self.source("a", grid(20, 20, 8)), threads: 1).digest
        let voxels = URL(fileURLWithPath: folder.path + "/a.voxels")
        let written = try Data(contentsOf: voxels)
        try Data(count: written.count).write(to: voxels)
        #expect(try cache.prepare(Self.source("a", grid(20, 20, 8)), threads: 1).digest == digest)
        #expect(try Data(contentsOf: voxels) == written)
    }

    @Test("low resolution leaves even and, inside, sloping pictures alone, and takes the finest pattern away")
    func lowResolution() {
        let width = 24
        func picture(_ value: (Int, Int) -> Float) -> [Float] {
            (0..<16).flatMap { y in (0..<width).map { x in value(x, y) } }
        }
        let even = picture { _, _ in 0.25 }
        #expect(coarsened(even, width: width, factor: 2.7) == even)
        // Of pixels twice as large the nearest value is half a pixel beside the centre.
        let slope = picture { x, y in Float(x + 2 * y) }
        let coarse = coarsened(slope, width: width, factor: 2)
        for y in 1..<15 {
            for x in 1..<23 { #expect(abs(coarse[x + width * y] - slope[x + width * y] - 1.5) < 1e-4) }
        }
        let stripes = picture { x, _ in x % 2 == 0 ? 0 : 1 }
        #expect(Set(coarsened(stripes, width: width, factor: 2)) == [1])
    }

    @Test("low resolution changes what is trained, and where it is off nothing is drawn for it")
    func lowResolutionTraining() throws {
        func weights(_ probability: Double) throws -> Data {
            let folder = try TemporaryFolder()
            var recipe = smallRecipe()
            recipe.optimisation.epochs = 1
            recipe.augmentation.lowResolutionProbability = probability
            recipe.augmentation.lowResolution = probability == 0 ? 3 : 2
            return try Self.train(recipe, in: folder.path).network.safetensors()
        }
        #expect(try weights(1) != weights(0))
    }
}

@Suite("Recipes, splits and names")
struct RecipeTests {
    @Test("a recipe needs only what differs from the built-in one")
    func overlay() throws {
        let recipe = try TrainingConfiguration(
            from: Data(#"{"name": "mine", "optimisation": {"epochs": 7}, "input": {"sliceSpacing": 3}}"#.utf8)
        )
        #expect(recipe.name == "mine" && recipe.optimisation.epochs == 7)
        #expect(recipe.input.sliceSpacing == .fixed(millimetres: 3))
        #expect(recipe.optimisation.batchSize == TrainingConfiguration.lungs.optimisation.batchSize)
    }

    @Test(
        "mistakes in a recipe are named",
        arguments: [
            (#"{"optimisation": {"epoch": 7}}"#, "optimisation.epoch"),
            (#"{"optimisation": {"batchSize": 0}}"#, "optimisation.batchSize"),
            (#"{"optimisation": {"loss": "focal"}}"#, "optimisation.loss"),
            (#"{"optimisation": {"lossSmooth": -1}}"#, "optimisation.lossSmooth"),
            (#"{"optimisation": {"tverskyAlpha": 0, "tverskyBeta": 0}}"#, "optimisation.tverskyAlpha"),
            (#"{"optimisation": {"optimizer": {"kind": "rmsprop"}}}"#, "optimisation.optimizer.kind"),
            (#"{"optimisation": {"optimizer": {"momentum": 1}}}"#, "optimisation.optimizer.momentum"),
            (
                #"{"optimisation": {"optimizer": {"kind": "sgd", "momentum": 0}}}"#,
                "optimisation.optimizer.nesterov"
            ),
            (#"{"optimisation": {"gradientNorm": -1}}"#, "optimisation.gradientNorm"),
            (#"{"optimisation": {"polyPower": 0}}"#, "optimisation.polyPower"),
            (#"{"architecture": {"kind": "res_net"}}"#, "architecture.kind"),
            (#"{"architecture": {"kind": "v_net", "dropout": 0.1}}"#, "architecture.dropout"),
            (#"{"input": {"columns": 100}}"#, "input.columns"),
            (#"{"augmentation": {"scale": 0.5}}"#, "augmentation.scale"),
            (#"{"augmentation": {"blurMM": -1}}"#, "augmentation.blurMM"),
            (#"{"augmentation": {"contrast": 50}}"#, "augmentation.contrast"),
            (#"{"augmentation": {"rotationDegrees": 180}}"#, "augmentation.rotationDegrees"),
            (#"{"augmentation": {"lowResolutionProbability": 2}}"#, "augmentation.lowResolutionProbability"),
            (#"{"augmentation": {"halfProbability": -0.1}}"#, "augmentation.halfProbability"),
            (#"{"sampling": {"borderMM": -40}}"#, "sampling.borderMM"),
            (#"{"sampling": {"borderMM": 1e300}}"#, "sampling.borderMM"),
            (#"{"sampling": {"caseWeights": {"a": 0}}}"#, "sampling.caseWeights.a"),
            (#"{"optimisation": {"epochs": 9000000000000000000}}"#, "optimisation.epochs"),
            (#"{"optimisation": {"warmUpSteps": 9000000000000000000}}"#, "optimisation.warmUpSteps"),
            (#"{"split": {"testFraction": -1}}"#, "split.testFraction"),
            (#"{"split": {"validationFraction": 1}}"#, "split.validationFraction"),
            (#"{"split": {"validationFraction": 0.6, "testFraction": 0.6}}"#, "split"),
            (#"{"generator": {"count": 1000000000}}"#, "generator.count"),
            (#"{"generator": {"count": 9223372036854775807, "validationCount": 1}}"#, "generator.count"),
            (#"{"generator": {"validationCount": -1}}"#, "generator.validationCount"),
        ]
    )
    func mistakes(_ json: String, _ key: String) {
        do {
            _ = try TrainingConfiguration(from: Data(json.utf8))
            Issue.record("accepted: \(json)")
        } catch SegmentationError.invalidConfiguration(let found, _) {
            #expect(found == key)
        } catch {
            Issue.record("\(error)")
        }
    }

    @Test(
        "a mistake is told with what was given and what is possible",
        arguments: [
            (#"{"seed": -1}"#, "seed: -1 is given, a whole number from 0 on is needed"),
            (#"{"seed": 1.5}"#, "seed: 1.5 is given, a whole number is needed"),
            (#"{"seed": "one"}"#, #"seed: "one" is given, a whole number is needed"#),
            (
                #"{"optimisation": {"loss": "focal"}}"#,
                #"optimisation.loss: "focal" is not one of "dice", "crossEntropy", "diceAndCrossEntropy", "tversky""#
            ),
            (
                #"{"architecture": {"kind": "res_net"}}"#,
                #"architecture.kind: "res_net" is not one of "custom_unet", "vanilla_unet", "v_net", "plain_conv_unet""#
            ),
            (#"{"optimisation": {"optimizer": {"epsilonConvention": "tf"}}}"#, "\"pyTorch\", \"keras\""),
            (#"{"optimisation": {"lossReduction": "mean"}}"#, "\"perBatch\""),
            (#"{"optimisation": 3}"#, "optimisation: 3 is given, an object is needed"),
            (#"{"rois": {"name": "Heart"}}"#, "rois: an object is given, a list is needed"),
            (#"{"demonstration": "yes"}"#, #"demonstration: "yes" is given, true or false is needed"#),
            (
                #"{"sampling": {"borderMM": 0.5}, "optimisation": {"epochs": 2.5, "learningRate": 0.01}}"#,
                "optimisation.epochs: 2.5 is given, a whole number is needed"
            ),
            (#"{"seed" 1}"#, "training configuration: not JSON: "),
            (#"{"architecture": {"attention": null}}"#, "attention: null is given, true or false is needed"),
            (
                #"{"optimisation": {"epochs": 3, "epochs": 4}}"#,
                "training configuration: optimisation.epochs: this key is there twice; leave one"
            ),
            (#"{"optimisation": {"tverskyBeta": -1}}"#, "optimisation.tverskyBeta: 0 to 10 (-1 is given)"),
            (
                #"{"optimisation": {"optimizer": {"beta2": 1}}}"#,
                "optimisation.optimizer.beta2: 0 to below 1 (1 is given)"
            ),
            (
                #"{"input": {"sliceSpacing": {"nativeUpToMM": 0}}}"#,
                "input.sliceSpacing.nativeUpToMM: 0.1 to 50 mm (0 is given)"
            ),
            (#"{"output": {"threshold": 1.5}}"#, "output.threshold: must lie between 0 and 1 (1.5 is given)"),
        ]
    )
    func messages(_ json: String, _ words: String) {
        #expect {
            _ = try TrainingConfiguration(from: Data(json.utf8))
        } throws: { error in
            "\(error)".contains(words)
        }
    }

    @Test("patients never part, the draw does not depend on the order, and named ones stay out")
    func splitting() {
        let cases = (0..<40).map { (name: "case\($0)", patient: "patient\($0 / 2)") }
        let configuration = SplitConfiguration(
            validationFraction: 0.1,
            testFraction: 0.2,
            exclude: ["case3"]
        )
        let a = split(cases, configuration: configuration, seed: 5)
        let b = split(cases.reversed(), configuration: configuration, seed: 5)
        #expect(a == b)
        #expect(a.test.count == 8 && a.validation.count == 4 && a.training.count == 26)
        // Case 2 is of the same patient as case 3.
        #expect(Set(a.excluded) == ["case2", "case3"])
        let patients = [a.training, a.validation, a.test].map { names in
            Set(cases.filter { names.contains($0.name) }.map(\.patient))
        }
        #expect(patients[0].isDisjoint(with: patients[1]) && patients[0].isDisjoint(with: patients[2]))
        #expect(split(cases, configuration: configuration, seed: 6) != a)
    }

    @Test(
        "a pattern and a name that is written like it",
        arguments: [
            ("Lung_L", true), ("LUNG LEFT", true), ("lung-left", true), ("lt lung", true), ("Left  Lung", true),
            ("Lung_R", false), ("Lungs", false), ("Lung Left Lower Lobe", false), ("Heart", false), ("", false),
        ]
    )
    func names(_ name: String, _ matches: Bool) {
        let patterns = TrainingConfiguration.lungs.rois[0].patterns
        #expect(patterns.contains { NamePattern($0).matches(name) } == matches)
    }
}
