import Foundation
import Testing

@Suite("contourctl as a user calls it", .enabled(if: Program.areBuilt, "the programs are not built"))
struct CommandLineTests {
    static let commands = [
        "run", "explain", "evaluate", "phantom", "train", "models", "submit", "status", "list", "show", "watch",
        "retry",
        "cancel", "pause", "resume", "reload", "check", "version",
    ]

    @Test("every command explains itself", arguments: commands)
    func help(command: String) throws {
        let outcome = try Program.contourctl(command, "--help")
        #expect(outcome.status == 0)
        #expect(outcome.output.contains("USAGE: contourctl \(command)"))
        #expect(outcome.output.contains("OVERVIEW"))
    }

    @Test("wrong use ends with status 64 and says what is wrong")
    func wrongUse() throws {
        for arguments in [
            ["run"], ["run", "ct"], ["show"], ["evaluate", "--reference", "a"], ["list", "--state", "sleeping"],
            ["phantom", "--output", "x", "--spacing", "1"], ["retry", "one"], ["dance"], ["help", "nosuch"],
            ["help", "run", "nosuch"],
        ] {
            let outcome = try Program.contourctl(arguments)
            #expect(outcome.status == 64, "\(arguments)")
            #expect(outcome.errors.contains("Error:"), "\(arguments)")
        }
    }

    @Test("the version is that of contourd")
    func version() throws {
        let text = try Program.contourctl("version").output
        #expect(text.hasPrefix("contourd "))
        #expect(try Program.contourd("--version").output == text)
        let json = try #require(try Program.contourctl("version", "--json").json() as? [String: String])
        #expect(text == "contourd \(json["version"] ?? "")\n")
    }

    @Test("help takes every command, and none")
    func helpOfCommands() throws {
        #expect(try Program.contourctl("help").status == 0)
        for command in Self.commands + ["outcomes"] {
            let outcome = try Program.contourctl("help", command)
            #expect(outcome.status == 0 && outcome.output.contains("USAGE: contourctl \(command)"), "\(command)")
        }
    }

    @Test("phantom tells a script what it wrote")
    func phantomAnswer() throws {
        let place = try TemporaryFolder()
        let outcome = try Program.contourctl([
            "phantom", "--output", place.path + "/p", "--columns", "32", "--rows", "32", "--spacing", "10", "10", "20",
            "--json",
        ])
        let answer = try #require(try outcome.json() as? [String: Any])
        let files = try FileManager.default.contentsOfDirectory(atPath: "\(answer["ct"] ?? "")")
        #expect(files.count == answer["slices"] as? Int)
        #expect("\(answer["truth"] ?? "")" == place.path + "/p/truth/rtstruct.dcm")
        #expect("\(answer["seriesInstanceUID"] ?? "")".hasPrefix("2.25."))
        #expect(answer["disease"] as? [String] == [] && answer["contrast"] as? String == "none")
        #expect(answer["spacingMM"] as? [Double] == [10, 10, 20])
    }

    @Test("a model that the configuration names and that is not there keeps contourd from starting, with status 78")
    func missingModel() throws {
        let place = try TemporaryFolder()
        let path = place.path + "/contourd.toml"
        try "[models]\nnames = [\"nope\"]\n".write(toFile: path, atomically: true, encoding: .utf8)
        for outcome in [
            try Program.contourd("--config", path), try Program.contourd("--config", path, "--check-configuration"),
        ] {
            #expect(outcome.status == 78)
            #expect(outcome.errors.contains("\(path):2: models.names: there is no model \"nope\""))
        }
    }

    @Test("explain says that a phantom would be contoured, and what a file that is no DICOM is")
    func explain() throws {
        let place = try TemporaryFolder()
        let folder = try place.phantom()
        try "notes".write(toFile: folder + "/ct/notes.txt", atomically: true, encoding: .utf8)
        let outcome = try Program.contourctl("explain", folder, "--json")
        #expect(outcome.status == 0)
        let answer = try #require(try outcome.json() as? [String: Any])
        let stacks = try #require(answer["stacks"] as? [[String: Any]])
        #expect(stacks.map { $0["outcome"] as? String } == ["contoured"])
        let ignored = try #require(answer["ignored"] as? [[String: Any]])
        #expect(
            ignored.contains { $0["code"] as? String == "E_TOO_SHORT" && "\($0["path"] ?? "")".hasSuffix("notes.txt") }
        )
        let references = try #require(answer["references"] as? [[String: Any]])
        #expect(Set(references.compactMap { $0["kind"] as? String }) == ["RT Structure Set", "Segmentation"])
    }

    @Test("explain names the gap of a series that lacks a slice, and ends with status 65")
    func explainGap() throws {
        let place = try TemporaryFolder()
        let folder = try place.phantom()
        let files = try FileManager.default.contentsOfDirectory(atPath: folder + "/ct").sorted()
        try FileManager.default.removeItem(atPath: "\(folder)/ct/\(files[files.count / 2])")
        let outcome = try Program.contourctl("explain", folder + "/ct")
        #expect(outcome.status == 65)
        #expect(outcome.output.contains("E_MISSING_SLICE"))
        #expect(outcome.output.contains("would wait for 1 more slice first"))
    }

    @Test("run refuses an output folder in its input, says so in JSON when there is no CT, and knows no such model")
    func runRefusals() throws {
        let place = try TemporaryFolder()
        try FileManager.default.createDirectory(atPath: place.path + "/in", withIntermediateDirectories: true)
        let inside = try Program.contourctl("run", place.path + "/in", "--output", place.path + "/in/out")
        #expect(inside.status == 64 && inside.errors.contains("lies in the input"))
        let empty = try Program.contourctl("run", place.path + "/in", "--output", place.path + "/out", "--json")
        #expect(empty.status == 66 && empty.errors.contains("there is no CT image"))
        #expect((try empty.json() as? [String: Any])?["outcomes"] as? [String] == [])
        let model = try Program.contourctl("run", place.path, "--output", "/nowhere", "--model", "nosuch")
        #expect(model.status == 66 && model.errors.contains("no model `nosuch`"))
    }

    @Test("submit hands a damaged image on with the others and leaves notes out")
    func submitDamaged() throws {
        let place = try TemporaryFolder()
        let folder = try place.phantom()
        let files = try FileManager.default.contentsOfDirectory(atPath: folder + "/ct").sorted()
        let cut = URL(fileURLWithPath: "\(folder)/ct/\(files[2])")
        try Data(contentsOf: cut).prefix(1500).write(to: cut)
        try "notes".write(toFile: folder + "/ct/notes.txt", atomically: true, encoding: .utf8)
        let inbox = place.path + "/inbox"
        try FileManager.default.createDirectory(atPath: inbox, withIntermediateDirectories: true)
        let configuration = place.path + "/c.toml"
        try "[folders]\ninbox = \"\(inbox)\"\n".write(toFile: configuration, atomically: true, encoding: .utf8)
        let outcome = try Program.contourctl("submit", folder + "/ct", "--config", configuration)
        #expect(outcome.status == 0, "\(outcome.errors)")
        let submitted = try #require(try FileManager.default.contentsOfDirectory(atPath: inbox).first)
        let handed = try FileManager.default.contentsOfDirectory(atPath: "\(inbox)/\(submitted)")
        #expect(handed.contains(".done"))
        let sizes = try handed.map { try Data(contentsOf: URL(fileURLWithPath: "\(inbox)/\(submitted)/\($0)")).count }
        #expect(handed.count == files.count + 1 && sizes.contains(1500))
    }

    @Test("submit says what to do where the inbox is not there, or may not be written to")
    func submitInboxTrouble() throws {
        let place = try TemporaryFolder()
        let ct = try place.phantom() + "/ct"
        let configuration = place.path + "/c.toml"
        func submit(_ inbox: String) throws -> Outcome {
            try "[folders]\ninbox = \"\(inbox)\"\n".write(toFile: configuration, atomically: true, encoding: .utf8)
            return try Program.contourctl("submit", ct, "--config", configuration)
        }
        let away = try submit(place.path + "/none")
        #expect(away.status == 69 && away.errors.contains("there is no inbox. Nothing was handed over. Mount it"))
        // Nobody may make folders there, not even root.
        let closed = try submit("/sys")
        #expect(closed.status == 77 && closed.errors.contains("Nothing was handed over. "), "\(closed.errors)")
    }

    @Test("a path that is not UTF-8 is told as what it is, not as one that is not there")
    func pathNotUTF8() throws {
        let place = try TemporaryFolder()
        let script =
            "cd \(place.path) && mkdir $'M\\xfcller' && \(Program.folder)/contourctl explain $'M\\xfcller' 2>&1"
        let shell = Process(), answer = Pipe()
        shell.executableURL = URL(fileURLWithPath: "/bin/bash")
        shell.arguments = ["-c", script]
        shell.standardOutput = answer
        try shell.run()
        let told = String(decoding: answer.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        shell.waitUntilExit()
        #expect(
            shell.terminationStatus == 66 && told.contains("is not UTF-8") && told.contains("another name"),
            "\(told)"
        )
    }

    @Test("a CT that the memory budget does not hold ends run with the status of a configuration to be changed")
    func memoryBudget() throws {
        let place = try TemporaryFolder()
        let ct = try place.phantom() + "/ct"
        let configuration = place.path + "/c.toml"
        try "[work]\nmemory_budget_mb = 256\n".write(toFile: configuration, atomically: true, encoding: .utf8)
        let outcome = try Program.contourctl("run", ct, "--output", place.path + "/out", "--config", configuration)
        #expect(outcome.status == 78, "\(outcome.errors)")
        #expect(
            outcome.errors.contains("E_MEMORY_BUDGET") && outcome.errors.contains("in the file that --config names")
        )
    }

    @Test("a run needs no more memory than the budget that it asks for, less than its volumes have")
    func memoryWithinBudget() throws {
        let place = try TemporaryFolder()
        let ct =
            try place.phantom(
                "phantom",
                "--columns",
                "512",
                "--rows",
                "512",
                "--slices",
                "360",
                "--spacing",
                "0.8",
                "0.8",
                "1"
            )
            + "/ct"
        let configuration = place.path + "/c.toml"
        func run(megabytes: Int) throws -> Outcome {
            try "[work]\nmemory_budget_mb = \(megabytes)\n".write(
                toFile: configuration,
                atomically: true,
                encoding: .utf8
            )
            return try Program.contourctl("run", ct, "--output", place.path + "/out", "--config", configuration)
        }
        let asked = try run(megabytes: 256).errors.firstMatch(of: /at least (\d+)/).flatMap { Int($0.1) }
        let budget = try #require(asked)
        // HU, the network's input, two structures' scores, the label map.
        let volumes = (360 * (512 * 512 * (2 + 1) + 192 * 192 * (1 + 2) * 4)) >> 20
        #expect(budget < volumes)
        let outcome = try run(megabytes: budget)
        #expect(outcome.status == 0, "\(outcome.errors)")
        let folder = try #require(try FileManager.default.contentsOfDirectory(atPath: place.path + "/out").first)
        let report = try JSONSerialization.jsonObject(
            with: Data(contentsOf: URL(fileURLWithPath: "\(place.path)/out/\(folder)/report.json"))
        )
        let stages = try #require((report as? [String: Any])?["stages"] as? [[String: Any]])
        #expect(stages.count == 4)
        for stage in stages { #expect(try #require(stage["peakMemoryMB"] as? Int) <= budget, "\(stage)") }
    }

    @Test("explain names images that the service would leave in the inbox for their names")
    func unfinishedNames() throws {
        let place = try TemporaryFolder()
        let ct = try place.phantom() + "/ct"
        let name = try #require(try FileManager.default.contentsOfDirectory(atPath: ct).min())
        try FileManager.default.moveItem(atPath: "\(ct)/\(name)", toPath: "\(ct)/\(name).part")
        let told = try Program.contourctl("explain", ct, "--all-files")
        #expect(told.output.contains("1 of these files has a name of what is not finished"), "\(told.output)")
        #expect(told.output.contains("/\(name).part"))
        let answer = try #require(try Program.contourctl("explain", ct, "--json").json() as? [String: Any])
        #expect((answer["unfinished"] as? [String])?.map { $0.hasSuffix("/\(name).part") } == [true])
    }

    @Test("names of files move no terminal")
    func controlCharacters() throws {
        let place = try TemporaryFolder()
        let name = place.path + "/b\u{1B}]0;evil\u{7}\nok"
        try String(repeating: "x", count: 200).write(toFile: name, atomically: true, encoding: .utf8)
        let told = try Program.contourctl("explain", place.path, "--all-files").output
        #expect(told.contains("b\\x1b]0;evil\\x07\\x0aok") && !told.contains("\u{1B}"))
        let error = try Program.contourctl("explain", place.path + "/\u{1B}[31m").errors
        #expect(error.contains("\\x1b[31m") && !error.contains("\u{1B}"))
    }

    @Test("a folder in place of the configuration file is told as such, with 78")
    func configurationFolder() throws {
        let place = try TemporaryFolder()
        let folder = try Program.contourctl("status", "--config", place.path)
        #expect(folder.status == 78 && folder.errors.contains("is a folder; name the file"))
    }

    @Test("a path that is not there ends with status 66 and names the path")
    func missingInput() throws {
        let outcome = try Program.contourctl("explain", "/nowhere/at/all")
        #expect(outcome.status == 66)
        #expect(outcome.errors.contains("/nowhere/at/all"))
    }

    @Test("an invalid configuration ends with status 78 and names file, line and key")
    func invalidConfiguration() throws {
        let place = try TemporaryFolder()
        let path = place.path + "/contourd.toml"
        try "[series]\nquiet_seconds = -1.0\n".write(toFile: path, atomically: true, encoding: .utf8)
        for outcome in [
            try Program.contourctl("check", "--config", path), try Program.contourd("--config", path),
        ] {
            #expect(outcome.status == 78)
            #expect(outcome.errors.contains("\(path):2: series.quiet_seconds"))
        }
    }

    @Test("a service that does not run is told with status 69")
    func noService() throws {
        let place = try TemporaryFolder()
        let path = place.path + "/contourd.toml"
        try """
        [folders]
        state = "\(place.path)/state"
        inbox = "\(place.path)/inbox"
        outbox = "\(place.path)/outbox"
        [control]
        socket = "\(place.path)/socket"
        """.write(toFile: path, atomically: true, encoding: .utf8)
        for command in ["status", "list", "pause", "resume", "reload"] {
            #expect(try Program.contourctl(command, "--config", path).status == 69, "\(command)")
        }
    }
}

@Suite("The models that come with contourd", .enabled(if: Program.areBuilt, "the programs are not built"))
struct ShippedModelTests {
    @Test("a model in a folder of another name is listed with what its results call it, and with whom it shares that")
    func otherFolder() throws {
        let models = try #require(try Program.contourctl("models", "--json").json() as? [[String: Any]])
        let lungs = try #require(models.first { $0["name"] as? String == "lungs" }?["directory"] as? String)
        let place = try TemporaryFolder()
        for name in ["lungs", "mine"] {
            try FileManager.default.createSymbolicLink(atPath: "\(place.path)/\(name)", withDestinationPath: lungs)
        }
        let list = try Program.contourctl("models", models: place.path).output
        let note = "its results call it lungs, as those of lungs do; model.json and its folder should give it one name"
        #expect(list.components(separatedBy: "NOTE").count == 2)
        #expect(list.contains("mine\n  NOTE: \(note)\n"))
    }

    @Test(
        "thorax is a demonstration: it contours five organs where it is named, says what it is, and is never chosen by itself"
    )
    func demonstration() throws {
        let models = try #require(try Program.contourctl("models", "--json").json() as? [[String: Any]])
        let thorax = try #require(models.first { $0["name"] as? String == "thorax" })
        #expect(thorax["demonstration"] as? Bool == true && thorax["isChosen"] as? Bool == false)
        #expect(models.filter { $0["isChosen"] as? Bool == true }.map { $0["name"] as? String } == ["lungs"])
        let place = try TemporaryFolder()
        let grid = ["--columns", "160", "--rows", "160", "--spacing", "2.5", "2.5", "5", "--seed", "3"]
        #expect(try Program.contourctl(["phantom", "--output", place.path + "/p"] + grid).status == 0)
        func report(_ options: String...) throws -> [String: Any] {
            let output = "\(place.path)/out\(options.count)"
            let truth = place.path + "/p/truth/rtstruct.dcm"
            let run = ["run", place.path + "/p/ct", "--reference", truth, "--output", output] + options
            #expect(try Program.contourctl(run).status == 0)
            let folder = try #require(try FileManager.default.contentsOfDirectory(atPath: output).first)
            let data = try Data(contentsOf: URL(fileURLWithPath: "\(output)/\(folder)/report.json"))
            return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        }
        let plain = try report()
        #expect((plain["model"] as? [String: Any])?["name"] as? String == "lungs")
        let named = try report("--model", "thorax")
        #expect(named["verdict"] as? String == "review")
        let evaluation = try #require(named["evaluation"] as? [String: Any])
        let scores = try #require(evaluation["structures"] as? [[String: Any]])
        let least = ["Lung_L": 0.95, "Lung_R": 0.95, "Heart": 0.85, "Esophagus": 0.6, "SpinalCord": 0.75]
        for (name, limit) in least {
            let score = try #require(scores.first { $0["name"] as? String == name }, "\(name)")
            #expect(try #require(score["dice"] as? Double) > limit, "\(name)")
        }
    }
}
