import Foundation
import Testing

/// What a program said and how it ended.
struct Outcome {
    var status: Int32
    var output: String
    var errors: String

    /// Standard output as JSON.
    func json() throws -> Any { try JSONSerialization.jsonObject(with: Data(output.utf8)) }
}

/// The programs as they were built, run as a user runs them.
enum Program {
    /// CONTOURD_BIN, or the folder of the test bundle: `swift build` puts programs and tests side by side.
    static let folder: String = {
        if let named = ProcessInfo.processInfo.environment["CONTOURD_BIN"] { return named }
        let bundle = Bundle.allBundles.map(\.bundlePath).first { $0.hasSuffix(".xctest") } ?? CommandLine.arguments[0]
        return (bundle as NSString).deletingLastPathComponent
    }()

    static var areBuilt: Bool { FileManager.default.isExecutableFile(atPath: folder + "/contourctl") }

    static func contourctl(_ arguments: String..., models: String? = nil) throws -> Outcome {
        try run("contourctl", arguments, models: models)
    }

    static func contourctl(_ arguments: [String]) throws -> Outcome { try run("contourctl", arguments, models: nil) }

    static func contourd(_ arguments: String...) throws -> Outcome { try run("contourd", arguments, models: nil) }

    static func contourBench(_ arguments: String...) throws -> Outcome {
        try run("contour-bench", arguments, models: nil)
    }

    static func contourBench(_ arguments: [String]) throws -> Outcome {
        try run("contour-bench", arguments, models: nil)
    }

    private static func run(_ name: String, _ arguments: [String], models: String?) throws -> Outcome {
        try RunningProgram("\(folder)/\(name)", arguments, models: models).outcome()
    }

    /// contourctl while it works.
    static func started(_ arguments: String...) throws -> RunningProgram {
        try RunningProgram("\(folder)/contourctl", arguments, models: nil)
    }
}

/// A program that was started.
final class RunningProgram {
    private let process = Process()
    private let place: TemporaryFolder
    // Files, not pipes: no program waits for a reader.
    private var out: String { place.path + "/out" }
    private var err: String { place.path + "/err" }

    init(_ path: String, _ arguments: [String], models: String?) throws {
        place = try TemporaryFolder()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        var environment = ProcessInfo.processInfo.environment
        environment["CONTOURD_MODELS"] = models
        process.environment = environment
        for path in [out, err] { _ = FileManager.default.createFile(atPath: path, contents: nil) }
        process.standardOutput = FileHandle(forWritingAtPath: out)
        process.standardError = FileHandle(forWritingAtPath: err)
        process.standardInput = FileHandle.nullDevice
        try process.run()
    }

    /// Waits until it says something on standard error.
    /// - Returns: false where it ended without, or said nothing of that for two minutes; it is killed then.
    func says(_ text: String) throws -> Bool {
        let start = ContinuousClock.now
        while try !String(contentsOfFile: err, encoding: .utf8).contains(text) {
            guard process.isRunning, start.duration(to: .now) < .seconds(120) else {
                send(SIGKILL)
                return false
            }
            usleep(20_000)
        }
        return true
    }

    func send(_ signal: Int32) { if process.isRunning { kill(process.processIdentifier, signal) } }

    /// Waits for its end.
    func outcome() throws -> Outcome {
        process.waitUntilExit()
        return Outcome(
            status: process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus,
            output: try String(contentsOfFile: out, encoding: .utf8),
            errors: try String(contentsOfFile: err, encoding: .utf8)
        )
    }
}

/// A folder that goes with its value.
final class TemporaryFolder {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/contourd-cli-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }  // a leftover in the temporary folder harms nobody

    /// A small phantom: `ct` and `truth` below the returned folder.
    func phantom(_ name: String = "phantom", _ more: String...) throws -> String {
        let folder = "\(path)/\(name)"
        let outcome = try Program.phantom(["--output", folder] + more)
        try #require(outcome.status == 0, "\(outcome.errors)")
        return folder
    }
}

extension Program {
    fileprivate static func phantom(_ arguments: [String]) throws -> Outcome {
        let grid =
            arguments.contains("--columns") ? [] : ["--columns", "72", "--rows", "72", "--spacing", "5", "5", "8"]
        return try run("contourctl", ["phantom"] + arguments + grid, models: nil)
    }
}
