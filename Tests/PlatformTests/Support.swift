import Foundation

/// A folder that is deleted with its owner.
final class TemporaryFolder {
    let path: String

    init(below parent: String = NSTemporaryDirectory()) throws {
        path = (parent as NSString).appendingPathComponent("platform-tests-" + UUID().uuidString)
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }  // a leftover in the temporary folder harms nobody

    func file(_ name: String) -> String { path + "/" + name }

    func write(_ text: String, _ name: String) throws -> String {
        try Data(text.utf8).write(to: URL(fileURLWithPath: file(name)))
        return file(name)
    }

    var names: [String] {
        get throws { try FileManager.default.contentsOfDirectory(atPath: path).sorted() }
    }
}

func contents(_ path: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path)) }

func text(_ path: String) throws -> String { String(decoding: try contents(path), as: UTF8.self) }

/// The exit status of a program that is found on the path.
func exitStatus(_ program: String, _ arguments: String...) throws -> Int32 {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [program] + arguments
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    return process.terminationStatus
}
