import Daemon
import Foundation
import Testing

@Suite("Configuration")
struct ConfigurationTests {
    @Test("etc/contourd.toml shows every key with its default, and no other")
    func exampleFile() throws {
        let text = try Project.text("etc/contourd.toml")
        let assignments = text.split(separator: "\n").filter { $0.contains(#/^\#[a-z_]+ = /#) }
        #expect(assignments.count > 50)
        let plain = text.replacing(#/(?m)^\#([a-z_]+ = )/#) { $0.1 }
        #expect(try parse(plain) == Configuration())
        // The parser knows every key that the file names; the file must name every key that the code has.
        let shown = Set(assignments.map { String($0.dropFirst().prefix { $0 != " " }) })
        let known = try JSONSerialization.jsonObject(with: JSONEncoder().encode(Configuration())) as? [String: Any]
        for (section, keys) in try #require(known) {
            #expect(text.contains("[\(section)]"))
            for key in try #require(keys as? [String: Any]).keys {
                #expect(shown.contains(snake(key)), "\(section).\(key)")
            }
        }
    }

    @Test("An empty file, and one of comments, are the defaults")
    func empty() throws {
        #expect(try parse("") == Configuration())
        #expect(try parse("# nothing\n[series]\n") == Configuration())
    }

    @Test("The digest changes with any value, and with nothing else")
    func digest() throws {
        var other = Configuration()
        #expect(try other.digest() == parse("# nothing\n").digest())
        other.work.stallSeconds += 1
        #expect(try other.digest() != Configuration().digest())
    }

    @Test("The socket is known from a file whatever else is wrong in it, but from TOML only")
    func socketOfInvalidFile() throws {
        let folder = try TemporaryFolder()
        func socket(_ text: String) throws -> String? {
            try Data(text.utf8).write(to: URL(fileURLWithPath: folder.path + "/c.toml"))
            return Configuration.controlSocket(of: folder.path + "/c.toml")
        }
        #expect(try socket("[nonsense]\nx = 1\n[control]\nsocket = \"/run/x\"\n") == "/run/x")
        #expect(try socket("[work]\nworkers = 99\n") == Configuration().control.socket)
        #expect(try socket("[work\n") == nil)
        #expect(Configuration.controlSocket(of: folder.path + "/none") == nil)
    }

    @Test("A mistake is told with file, line and key")
    func mistakes() {
        expect("[series]\n\nquiet_second = 3.0\n", line: 3, key: "series.quiet_second", says: "unknown key")
        expect("[serie]\n", line: 1, key: "serie", says: "unknown key")
        expect("[series]\nquiet_seconds = \"soon\"\n", line: 2, key: "series.quiet_seconds", says: "takes a number")
        expect("[series]\nquiet_seconds = -1.0\n", line: 2, key: "series.quiet_seconds", says: "0.1 to 86400")
        expect("series.quiet_seconds = -1.0\n", line: 1, key: "series.quiet_seconds", says: "0.1 to 86400")
        expect("\n[work]\nworkers = 99\n", line: 3, key: "work.workers", says: "1 to 16")
        for value in ["0", "255", "1048577"] {
            expect(
                "[work]\nmemory_budget_mb = \(value)\n",
                line: 2,
                key: "work.memory_budget_mb",
                says: "256 to 1048576"
            )
        }
        expect("[work]\nworkers = 1.5\n", line: 2, key: "work.workers", says: "a whole number")
        expect("[work]\nthreads = true\n", line: 2, key: "work.threads", says: "a whole number")
        expect("[work]\nworkers = [1]\n", line: 2, key: "work.workers", says: "a whole number")
        expect("[admission]\nair_hu = [nan, 1]\n", line: 2, key: "admission.air_hu", says: "two numbers")
        expect("[admission]\nair_hu = [1.0, -1.0]\n", line: 2, key: "admission.air_hu", says: "the lower one first")
        // Of two limits that do not go together, the one that somebody wrote.
        expect(
            "[admission]\nminimum_matrix = 4000\n",
            line: 2,
            key: "admission.minimum_matrix",
            says: "at most admission.maximum_matrix, which is 2048, not 4000"
        )
        expect("[admission]\nsquare_pixel_ratio = 2.5\n", line: 2, key: "admission.square_pixel_ratio", says: "not 2.5")
        expect(
            "[admission]\nminimum_matrix = 100\nmaximum_matrix = 90\n",
            line: 3,
            key: "admission.maximum_matrix",
            says: "at least admission.minimum_matrix and at most 8192, not 90"
        )
        expect(
            "[series]\nquiet_seconds = 700\n",
            line: 2,
            key: "series.quiet_seconds",
            says: "at most series.incomplete"
        )
        expect("[series]\nquiet_seconds = 1e9\n", line: 2, key: "series.quiet_seconds", says: "0.1 to 86400, not 1")
        // What no number of TOML holds.
        expect(
            "[work]\n[admission]\nmaximum_voxels = 99999999999999999999\n",
            line: 3,
            key: "admission.maximum_voxels",
            says: "99999999999999999999"
        )
        expect(
            "[admission]\nmaximum_slice_spacing_mm = 0.1\n",
            line: 2,
            key: "admission.maximum_slice_spacing_mm",
            says: "at least admission.minimum_slice_spacing_mm"
        )
        expect(
            "[admission]\nspacing_tolerance_mm = -1\n",
            line: 2,
            key: "admission.spacing_tolerance_mm",
            says: "0 to 0.5"
        )
        // Limits that would let everything pass.
        for (key, value) in [
            ("minimum_slices", "0"), ("spacing_tolerance_mm", "inf"), ("spacing_tolerance_fraction", "0.21"),
            ("grid_tolerance_mm", "nan"), ("thick_slice_ratio", "0.5"), ("tilt_tolerance_degrees", "90"),
            ("orientation_tolerance_degrees", "6.0"), ("maximum_impossible_fraction", "1.0"),
            ("possible_hu", "[-1e9, 1e9]"), ("undeclared_padding_hu", "0.0"), ("maximum_pixel_ratio", "100.0"),
        ] {
            expect("[admission]\n\(key) = \(value)\n", line: 2, key: "admission.\(key)", says: "")
        }
        expect("[export]\nminimum_round_trip_dice = 0.5\n", line: 2, key: "export.minimum_round_trip_dice", says: "0.9")
        expect("[series]\nmarker = 7\n", line: 2, key: "series.marker", says: "text in quotes")
        for ending in ["dcm", ".DCM", "1", "001", ".ima", "a/b"] {
            expect("[series]\nmarker = \"\(ending)\"\n", line: 2, key: "series.marker", says: "that no image has")
        }
        expect("work = 3\n", line: 1, key: "work", says: "section")
        expect("[inbox]\npolling = \"sometimes\"\n", line: 2, key: "inbox.polling", says: "")
        expect("[export]\ntolerances_mm = []\n", line: 2, key: "export.tolerances_mm", says: "at least one")
        expect("[series]\nquiet_seconds = \n", line: 2, key: "series.quiet_seconds", says: "")
        expect(
            "[work]\nkeep_label_maps_days = 3.0\n",
            line: 2,
            key: "work.keep_label_maps_days",
            says: "keep_pixels_days"
        )
        expect("[series]\nother_modalities = \"some\"\n", line: 2, key: "series.other_modalities", says: "alone")
        expect("[outbox]\nname = \"result\"\n", line: 2, key: "outbox.name", says: "{series}")
        let long = String(repeating: "{series}", count: 5)
        expect("[outbox]\nname = \"\(long)\"\n", line: 2, key: "outbox.name", says: "at most 200 bytes")
        expect("[outbox]\nname = \"{series}{date}\"\n", line: 2, key: "outbox.name", says: "{series}")
        for ending in [".refused", ".evaluation-1", ".partial", "-r2", "-s10"] {
            expect("[outbox]\nname = \"{series}\(ending)\"\n", line: 2, key: "outbox.name", says: "contourd's own")
        }
    }

    @Test("Numbers may be written in every way that TOML has")
    func numbers() throws {
        let read = try parse("[outbox]\nminimum_free_mb = 0x800\n[series]\nquiet_seconds = 0x1_0\n")
        #expect(read.outbox.minimumFreeMB == 2048)
        #expect(read.series.quietSeconds == 16)
        #expect(try parse("[series]\nquiet_seconds = 1e1\n").series.quietSeconds == 10)
    }

    @Test("The line is told whatever way the file is written in")
    func waysOfWriting() {
        let key = "series.quiet_seconds"
        expect("[series]\r\n\r\nquiet_seconds = 0\r\n", line: 3, key: key, says: "0.1 to 86400")
        expect("[series]  # how long\nquiet_seconds = 0\n", line: 2, key: key, says: "0.1 to 86400")
        expect("[ \"series\" ]\n\"quiet_seconds\" = 0\n", line: 2, key: key, says: "0.1 to 86400")
        expect("\nseries = { quiet_seconds = 0 }\n", line: 2, key: key, says: "0.1 to 86400")
    }

    @Test("A zero byte is no end of the file")
    func zeroByte() {
        expect("[inbox]\nsettle_seconds = 1\n\0[nonsense]\n", line: 3, key: "", says: "zero byte")
        expect("[control]\nsocket = \"/run/a\\u0000b\"\n", line: 2, key: "control.socket", says: "zero byte")
        expect("[outbox]\nname = \"{series}\\n\"\n", line: 2, key: "outbox.name", says: "a folder name")
    }

    @Test("A socket whose path no address can hold is told as that")
    func longSocket() {
        let path = "/" + String(repeating: "s", count: 120)
        expect("[control]\nsocket = \"\(path)\"\n", line: 2, key: "control.socket", says: "shorter than 100 bytes")
    }

    @Test("Folders must not lie in each other's way")
    func folders() {
        expect("[folders]\ninbox = \"in\"\n", line: 2, key: "folders.inbox", says: "absolute")
        expect(
            "[folders]\noutbox = \"/var/lib/contourd/inbox/results\"\n",
            line: 2,
            key: "folders.outbox",
            says: "outside"
        )
        expect(
            "[folders]\ninbox = \"/var/lib/contourd/work/../outbox\"\n",
            line: 2,
            key: "folders.outbox",
            says: "outside"
        )
        expect("[folders]\ninbox = \"/var/lib/contourd/work/in\"\n", line: 2, key: "folders.inbox", says: "outside")
        expect(
            "[folders]\nstate = \"/srv/ct/in/state\"\ninbox = \"/srv/ct/in\"\n",
            line: 2,
            key: "folders.state",
            says: "outside"
        )
    }

    @Test("Two models need a name that tells them apart")
    func severalModels() throws {
        expect("[models]\nnames = [\"a\", \"b\"]\n", line: 2, key: "outbox.name", says: "{model}")
        let two = try parse("[models]\nnames = [\"a\", \"b\"]\n[outbox]\nname = \"{series}-{model}\"\n")
        #expect(two.models.names == ["a", "b"])
    }

    @Test("A model that is not there is told with file, line and key, and what there is; its folder likewise")
    func missingModels() throws {
        let models = folder.path + "/models"
        _ = try folder.file("models/lungs/model.json", "{}")
        func problem(_ text: String) throws -> ConfigurationError? {
            let path = try folder.file("contourd.toml", text)
            do throws(ConfigurationError) {
                _ = try Configuration.read(path, findsModels: true)
                return nil
            } catch { return error }
        }
        let named = try problem("[models]\ndirectory = \"\(models)\"\nnames = [\"nope\"]\n")
        #expect(named?.line == 3 && named?.key == "models.names")
        #expect(named?.message.contains("there is no model \"nope\"; there is lungs") == true)
        #expect(try problem("[models]\ndirectory = \"\(models)\"\nnames = [\"lungs\"]\n") == nil)
        let nowhere = try problem("[models]\n\ndirectory = \"\(folder.path)/nowhere\"\n")
        #expect(nowhere?.line == 3 && nowhere?.key == "models.directory")
        // Who only asks the service, or looks for models, may read it all the same.
        #expect(try parse("[models]\nnames = [\"nope\"]\n").models.names == ["nope"])
    }

    @Test("A file that is not there is told by its path")
    func missingFile() {
        let error = #expect(throws: ConfigurationError.self) { try Configuration.read("/nonexistent/contourd.toml") }
        #expect(error?.description.hasPrefix("/nonexistent/contourd.toml: cannot be read") == true)
    }

    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func parse(_ text: String) throws -> Configuration {
        try Configuration.read(folder.file("contourd.toml", text))
    }

    private func expect(
        _ text: String,
        line: Int?,
        key: String,
        says words: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let error = #expect(throws: ConfigurationError.self, sourceLocation: sourceLocation) { try parse(text) }
        #expect(error?.line == line, sourceLocation: sourceLocation)
        #expect(error?.key == key, sourceLocation: sourceLocation)
        #expect(
            words.isEmpty || error?.message.contains(words) == true,
            "\(error?.message ?? "")",
            sourceLocation: sourceLocation
        )
        let place = folder.path + "/contourd.toml" + (line.map { ":\($0): " } ?? ": ")
        #expect(error?.description.hasPrefix(place) == true, sourceLocation: sourceLocation)
    }

    /// quietSeconds -> quiet_seconds, minimumFreeMB -> minimum_free_mb.
    private func snake(_ name: String) -> String {
        name.replacing(/([a-z])([A-Z])/) { "\($0.1)_\($0.2)" }.lowercased()
    }
}
