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
