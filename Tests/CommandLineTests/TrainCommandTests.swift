import Foundation
import Testing

@Suite("contourctl train", .enabled(if: Program.areBuilt, "the programs are not built"))
struct TrainCommandTests {
    @Test("data that is not there ends with 66, an output that is taken or cannot be made with 73, before it begins")
    func places() throws {
        let place = try TemporaryFolder()
        let data = try place.phantom()
        func train(data: String, output: String) throws -> Outcome {
            try Program.contourctl("train", "--data", data, "--output", output, "--without-scores")
        }
        let missing = try train(data: place.path + "/gone", output: place.path + "/model")
        #expect(missing.status == 66)
        #expect(missing.errors == "contourctl train: \(place.path)/gone: No such file or directory (opendir)\n")
        let taken = try train(data: data, output: data)
        #expect(taken.status == 73)
        #expect(taken.errors.hasPrefix("contourctl train: E_OUTPUT_TAKEN: \(data) is not empty."))
        let nowhere = try train(data: data, output: "/proc/nowhere/model")
        #expect(nowhere.status == 73)
        #expect(nowhere.errors.contains("E_CANNOT_WRITE: /proc/nowhere/model.partial cannot be made"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: place.path) == ["phantom"])
    }

    @Test(
        "Ctrl-C, SIGTERM and SIGHUP end it with 130, 143 and 129, in an epoch or before: it says what is kept, and goes on"
    )
    func stopped() throws {
        let place = try TemporaryFolder()
        let recipe = place.path + "/recipe.json"
        func start(patients: Int) throws -> RunningProgram {
            let json = """
                {"architecture": {"filters": 8, "layers": 3},
                 "input": {"columns": 64, "rows": 64, "pixelSpacingMM": 6, "neighbourSlices": 0},
                 "optimisation": {"epochs": 100000, "stepsPerEpoch": 2, "batchSize": 1, "schedule": "constant",
                                  "warmUpSteps": 0},
                 "generator": {"count": \(patients), "validationCount": 1, "columns": 64, "maximumSlices": 10}}
                """
            try Data(json.utf8).write(to: URL(fileURLWithPath: recipe))
            return try Program.started("train", "--config", recipe, "--output", place.path + "/model", "--threads", "1")
        }
        let work = place.path + "/model.training"
        let preparing = try start(patients: 500)
        try #require(try preparing.says("preparing case 3 of"))
        preparing.send(SIGINT)
        let first = try preparing.outcome()
        #expect(first.status == 130)
        #expect(
            first.errors.hasSuffix(
                """
                contourctl train: stopped while the cases were prepared. Nothing that is finished is lost: prepared cases are kept \
                in \(work)/cache, no epoch has begun yet. Give the same command again to go on from there.

                """
            ),
            "\(first.errors)"
        )
        var epochs = 0
        for (signal, status) in [(SIGTERM, 143), (SIGHUP, 129)] as [(Int32, Int32)] {
            let training = try start(patients: 2)
            try #require(try training.says("epoch \(epochs + 2) of"))
            training.send(signal)
            let outcome = try training.outcome()
            #expect(outcome.status == status)
            let words =
                #/stopped in epoch ([0-9]+) of 100000\. Nothing that is finished is lost: ([0-9]+) epochs?( and [12] steps? of the next)? (is|are) kept in /#
            let told = try #require(outcome.errors.firstMatch(of: words), "\(outcome.errors)")
            let kept = try #require(Int(told.2))
            #expect(Int(told.1) == kept + 1 && kept > epochs)
            let end = " kept in \(work). Give the same command again to go on from there.\n"
            #expect(outcome.errors.hasSuffix(end), "\(outcome.errors)")
            epochs = kept
        }
        let left = try FileManager.default.contentsOfDirectory(atPath: place.path).sorted()
        #expect(left == ["model.training", "recipe.json"])
    }

    @Test("a training that diverges ends with 70, and says what to change and where the last good weights are")
    func divergence() throws {
        let place = try TemporaryFolder()
        let recipe = place.path + "/recipe.json"
        let json = """
            {"architecture": {"filters": 8, "layers": 3},
             "input": {"columns": 64, "rows": 64, "pixelSpacingMM": 6, "neighbourSlices": 0},
             "optimisation": {"epochs": 60, "stepsPerEpoch": 10, "batchSize": 2, "warmUpSteps": 0, "schedule": "constant",
                              "learningRate": 0.99, "gradientNorm": 0, "optimizer": {"kind": "sgd", "momentum": 0.99}},
             "generator": {"count": 2, "validationCount": 1, "columns": 64, "maximumSlices": 10}}
            """
        try Data(json.utf8).write(to: URL(fileURLWithPath: recipe))
        let outcome = try Program.contourctl(
            "train",
            "--config",
            recipe,
            "--output",
            place.path + "/model",
            "--threads",
            "1"
        )
        #expect(outcome.status == 70)
        let words =
            #/contourctl train: training diverged at step [0-9]+: .*\. Train again with a lower learning rate .*/#
        let told = try #require(outcome.errors.firstMatch(of: words), "\(outcome.errors)")
        let good = try #require(told.output.firstMatch(of: #/--start-from (\S+\.safetensors)/#))
        #expect(FileManager.default.fileExists(atPath: String(good.1)))
        #expect(!FileManager.default.fileExists(atPath: place.path + "/model/model.json"))
    }

    @Test("a model whose recipe has no name is called after its folder")
    func name() throws {
        let place = try TemporaryFolder()
        let recipe = place.path + "/recipe.json"
        func name(of json: String, output: String) throws -> String? {
            try Data(json.utf8).write(to: URL(fileURLWithPath: recipe))
            let outcome = try Program.contourctl("train", "--print-config", "--config", recipe, "--output", output)
            return (try outcome.json() as? [String: Any])?["name"] as? String
        }
        #expect(try name(of: "{}", output: place.path + "/my-lungs/") == "my-lungs")
        #expect(try name(of: "{}", output: place.path + "/Lungen, 2. Versuch") == "Lungen--2--Versuch")
        #expect(try name(of: #"{"name": "hers"}"#, output: place.path + "/my-lungs") == "hers")
        let outcome = try Program.contourctl("train", "--print-config", "--output", place.path + "/mine")
        #expect((try outcome.json() as? [String: Any])?["name"] as? String == "mine")
    }

    @Test("a recipe that is wrong ends with 65 and names the key")
    func recipe() throws {
        let place = try TemporaryFolder()
        let recipe = place.path + "/recipe.json"
        try Data(#"{"split": {"folds": 1}}"#.utf8).write(to: URL(fileURLWithPath: recipe))
        let outcome = try Program.contourctl("train", "--config", recipe, "--print-config")
        #expect(outcome.status == 65)
        #expect(
            outcome.errors == "contourctl train: training configuration: split.folds: 0, or 2 to 100 (1 is given)\n"
        )
    }

    @Test("a recipe that is not there ends with 66, a folder with 74, and one that comes through a pipe is read")
    func recipeFile() throws {
        let place = try TemporaryFolder()
        let missing = try Program.contourctl("train", "--config", place.path + "/none.json", "--print-config")
        #expect(missing.status == 66)
        #expect(missing.errors == "contourctl train: \(place.path)/none.json: No such file or directory (open)\n")
        let folder = try Program.contourctl("train", "--config", place.path, "--print-config")
        #expect(folder.status == 74 && folder.errors.contains("\(place.path): Is a directory (read)"))
        let pipe = place.path + "/recipe"
        try #require(mkfifo(pipe, 0o600) == 0)
        let writer = Process()
        writer.executableURL = URL(fileURLWithPath: "/bin/sh")
        writer.arguments = ["-c", #"echo '{"seed": 42}' >"$0""#, pipe]
        try writer.run()
        let outcome = try Program.contourctl("train", "--config", pipe, "--print-config")
        writer.waitUntilExit()
        #expect(outcome.status == 0 && outcome.output.contains(#""seed" : 42"#))
    }
}
