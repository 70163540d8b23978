import ArgumentParser
import Foundation
import Pipeline
import Platform
import Segmentation

struct TrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train",
        abstract: "Train a model on contoured CTs.",
        discussion: """
            DIR holds what people have, nested as deep as it comes: DICOM series with RT Structure Sets or \
            Segmentations (as TCIA delivers LCTSC), or NIfTI pairs (nnU-Net and Medical Segmentation Decathlon \
            layouts, NAME.nii.gz beside NAME_label.nii.gz, or a folder with ct.nii.gz and one file for each structure). \
            Links are followed. With --labels, label maps in a folder of their own are \
            matched to CT series by Series Instance UID in the file name, or by a grid that only one series has.

            The recipe is JSON; only what differs from the built-in lungs recipe has to be given, but lists as a whole. A \
            structure needs its name and its patterns: {"patterns": ["Heart"], "roi": {"name": "Heart"}}, a model with \
            structures of its own its name; other models are called after the folder of --output. --print-config prints \
            the whole recipe that would be used. Cases that must not be learned from are skipped, with the reason in the table at the end.

            Cache and checkpoints lie in MODEL.training (or --work). Ctrl-C ends it at the next step, keeps that and says \
            so. When the same command is given again, the training goes on from there, after kill -9 from its last epoch, and \
            ends with the same bytes. Patients are divided \
            70/10/20 by default; --fold takes one part of a cross-validation. The package holds the scores of the test \
            patients (evaluation.html, MODEL_CARD.md). docs/training.md shows the whole way.

            EXAMPLES
              contourctl train --data LCTSC --output models/my-lungs
              contourctl train --data ct --labels masks --config recipe.json --output models/my-lungs
              contourctl train --data Task06_Lung --output models/tumour --config tumour.json
              contourctl train --data LCTSC --output models/my-lungs-fold2 --fold 2/5

            EXIT STATUS
              0 trained; 65 the data or the recipe cannot be used; 66 a folder or file is not there; 70 training \
            diverged; 73 the output cannot be made or is not empty, or no space is left; 74 a file cannot be read or \
            written; 75 another training works in the same folder or makes the same package; 77 permission denied; 129, 130, 143 \
            stopped by SIGHUP, Ctrl-C, SIGTERM: the same command goes on
            """
    )

    @Option(help: ArgumentHelp("Folder with training cases; may be given several times.", valueName: "dir"))
    var data: [String] = []

    @Option(help: ArgumentHelp("Folder with label maps (NIfTI) for the CT series.", valueName: "dir"))
    var labels: String?

    @Option(help: ArgumentHelp("Model package to make: a new or an empty folder.", valueName: "model"))
    var output: String?

    @Option(help: ArgumentHelp("Recipe (JSON).", valueName: "file"))
    var config: String?

    @Option(help: ArgumentHelp("Folder for cache and checkpoints. Default: MODEL.training", valueName: "dir"))
    var work: String?

    @Option(help: "Number of threads. The result does not depend on it.")
    var threads: Int = ProcessorCount.available

    @Option(help: ArgumentHelp("Test on part N of K parts of the patients.", valueName: "n/k"))
    var fold: String?

    @Option(
        help: ArgumentHelp("Begin with these weights, of a package or a checkpoint (safetensors).", valueName: "file")
    )
    var startFrom: String?

    @Flag(help: "Do not score the cases with the finished model.")
    var withoutScores = false

    @Flag(help: "Print the recipe that would be used and do nothing.")
    var printConfig = false

    @Flag(help: "Print the training report as JSON at the end.")
    var json = false

    private static let mostRecipeBytes = 16 << 20

    func validate() throws {
        if !printConfig, output == nil { throw ValidationError("--output is needed") }
        if !printConfig, data.isEmpty, config == nil {
            throw ValidationError("--data is needed, or --config with a recipe that generates patients")
        }
        _ = try foldNumbers()
        guard (1...256).contains(threads) else { throw ValidationError("--threads takes 1 to 256") }
    }

    func run() throws {
        try exiting {
            do { try perform() } catch let error as SegmentationError {
                throw CommandFailure(error.isDivergence ? .internalError : .dataError, error.description)
            }
        }
    }

    private func perform() throws {
        var recipe = try readRecipe()
        if let (fold, folds) = try foldNumbers() {
            (recipe.split.fold, recipe.split.folds) = (fold, folds)
            try recipe.validate()
        }
        if printConfig {
            return print(String(decoding: try StrictJSON.encode(recipe), as: UTF8.self), terminator: "")
        }
        try train(recipe)
    }

    /// Part and number of parts; nil without --fold.
    private func foldNumbers() throws -> (Int, Int)? {
        guard let fold else { return nil }
        let parts = fold.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
        guard parts.count == 2, let part = parts[0], let count = parts[1], count >= 2, (1...count).contains(part) else {
            throw ValidationError("--fold takes N/K, for example 1/5")
        }
        return (part, count)
    }

    /// The recipe that is given, over the built-in one, whose name is that of the folder that is to be made: two models of one
    /// name could not be told apart in their results.
    private func readRecipe() throws -> TrainingConfiguration {
        var base = TrainingConfiguration.lungs
        if let output { base.name = ModelDescription.name(ofFolder: output) }
        guard let config else { return base }
        guard let json = try contents(ofText: config, atMost: Self.mostRecipeBytes) else {
            throw SegmentationError.invalidConfiguration(
                key: "--config",
                message: "\(config) has more than \(Self.mostRecipeBytes >> 20) MiB, which no recipe has"
            )
        }
        return try TrainingConfiguration(from: json, over: base)
    }

    private func train(_ recipe: TrainingConfiguration) throws {
        guard let output = output.map(withoutSlashes) else { return }
        guard !data.isEmpty || recipe.generator.count > 0 else {
            throw SegmentationError.invalidConfiguration(
                key: "generator.count",
                message: "without --data the recipe must generate patients"
            )
        }
        let line = TrainingProgressLine()
        var request = TrainRequest(
            dataDirectories: data,
            labelsDirectory: labels,
            output: output,
            workDirectory: work ?? output + WeightsOrigin.workSuffix,
            configuration: recipe,
            threads: threads,
            scoresCases: !withoutScores
        )
        request.startingWeights = startFrom
        let result = try train(request, line)
        if json {
            print(String(decoding: try StrictJSON.encode(result), as: UTF8.self), terminator: "")
        } else {
            printTables(result)
            print("model package: \(output)")
        }
        if result.history.hasLearnedNothing {
            let warning = """
                contourctl train: the model has LEARNED NOTHING that can be used: no epoch has a mean Dice of 0.1 on the validation \
                cases. Look at \(output)/learning-curve.svg; give it more epochs or steps, or another learning rate or loss.

                """
            FileHandle.standardError.write(Data(warning.utf8))
        }
    }

    private func train(_ request: TrainRequest, _ line: TrainingProgressLine) throws -> TrainingReport {
        let interruption = Interruption()
        defer { line.end() }
        do {
            return try trainModel(request, isCancelled: { interruption.isRequested }) { line.show($0) }
        } catch let stop as TrainingStopped {
            throw CommandFailure(ExitStatus(signal: interruption.signal), stop.description)
        }
    }

    private func printTables(_ result: TrainingReport) {
        for record in result.cases.sorted(by: { $0.name < $1.name }) {
            let remark = record.remark.isEmpty ? "" : ", " + record.remark.printable
            print("\(record.name): \(record.role.rawValue)\(remark)")
        }
        for (name, count) in result.unmatchedNames.sorted(by: { $0.key < $1.key }) {
            print(
                "structure \(name.printable) (\(count) \(count == 1 ? "case" : "cases")) matches no ROI of the recipe"
            )
        }
        for name in result.unusedExclusions ?? [] { print("split.exclude: no case or patient is called \(name)") }
        if let origin = result.startingWeights { print(origin.text) }
        for score in result.scores {
            let dice = score.dice.map { String(format: "%.3f", $0) } ?? "undefined"
            let surface = score.surfaceDice2MM.map { String(format: "%.3f", $0) } ?? "undefined"
            let remark = score.remark.isEmpty ? "" : " (\(score.remark))"
            print(
                "\(score.caseName) (\(score.role.rawValue)) \(score.structure): Dice \(dice), surface Dice 2 mm \(surface)\(remark)"
            )
        }
    }

    /// A folder that is to be made has names beside it.
    private func withoutSlashes(_ path: String) -> String {
        String(path.prefix(upTo: path.lastIndex { $0 != "/" }.map(path.index(after:)) ?? path.endIndex))
    }
}

extension SegmentationError {
    fileprivate var isDivergence: Bool {
        if case .diverged = self { return true }
        return false
    }
}
