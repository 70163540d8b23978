import Foundation
import Pipeline
import Platform
import Segmentation
internal import TOMLKit

/// A configuration that cannot be used: where, and what is wrong.
package struct ConfigurationError: Error, Sendable, Equatable, CustomStringConvertible {
    package var path: String
    package var line: Int?
    package var key: String
    package var message: String

    package var description: String {
        let place = line.map { "\(path):\($0)" } ?? path
        return key.isEmpty ? "\(place): \(message)" : "\(place): \(key): \(message)"
    }
}

extension Configuration {
    /// Reads a TOML file; keys that are not given keep their defaults, unknown keys are errors.
    ///
    /// - Parameter findsModels: a model that the file names must be there, as for a service that is to use it.
    package static func read(
        _ path: String,
        findsModels: Bool = false
    ) throws(ConfigurationError) -> Configuration {
        guard !Directory.isFolder(path) else {
            throw ConfigurationError(path: path, line: nil, key: "", message: "is a folder; name the file")
        }
        let data: Data
        do { data = try Data(contentsOf: URL(fileURLWithPath: path)) } catch {
            throw ConfigurationError(
                path: path,
                line: nil,
                key: "",
                message: "cannot be read: \(error.localizedDescription)"
            )
        }
        for (index, line) in data.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            let problem =
                String(validating: line, as: UTF8.self) == nil
                ? "is not UTF-8 text; save it as UTF-8"
                // The parser would take it for the end of the file, and what stands behind it would not count.
                : line.contains(0) ? "holds a zero byte; the file is damaged, or no text" : nil
            if let problem { throw ConfigurationError(path: path, line: index + 1, key: "", message: problem) }
        }
        let text = ConfigurationText(path: path, text: String(decoding: data, as: UTF8.self))
        let configuration = try text.parse()
        if findsModels { try text.findModels(of: configuration) }
        return configuration
    }

    /// The socket that a file names, whatever else is wrong in it; nil when it is no TOML. The default where it names none.
    package static func controlSocket(of path: String) -> String? {
        // What is wrong with the file is told by `read`.
        guard let text = try? String(contentsOfFile: path, encoding: .utf8), let table = try? TOMLTable(string: text)
        else { return nil }
        return table["control"]?.table?["socket"]?.string ?? Configuration().control.socket
    }

    /// Of everything that can be set.
    package func digest() throws -> String { SHA256Digest.hex(of: try RunJSON.encode(self)) }
}

/// TOML on its way to a `Configuration`.
struct ConfigurationText {
    let path: String
    let text: String

    func parse() throws(ConfigurationError) -> Configuration {
        let given = try table()
        do {
            let known = try JSONSerialization.jsonObject(with: JSONEncoder().encode(Configuration()))
            let merged = try merge(given, over: known, of: Configuration(), path: "")
            let data = try JSONSerialization.data(withJSONObject: merged)
            let configuration = try StrictJSON.decode(Configuration.self, from: data)
            if let problem = configuration.firstProblem() {
                let value = Self.value(of: problem.key, in: given).map { ", not \($0)" } ?? ""
                throw error(problem.key, problem.message + value)
            }
            return configuration
        } catch let problem as ConfigurationError {
            throw problem
        } catch let problem as StrictJSON.Problem {
            throw error(snakeCase(problem.key), problem.message)
        } catch {
            throw ConfigurationError(path: path, line: nil, key: "", message: "\(error)")
        }
    }

    /// Models by default may come later, with a package of their own; what somebody wrote down is meant.
    func findModels(of configuration: Configuration) throws(ConfigurationError) {
        let folder = configuration.models.directory
        if !folder.isEmpty, !Directory.isFolder(folder) {
            throw error("models.directory", "there is no folder \(folder)")
        }
        let catalog = ModelCatalog.locate(explicitDirectory: folder.isEmpty ? nil : folder)
        for name in configuration.models.names where catalog.directory(of: name) == nil {
            guard !folder.isEmpty || line(of: "models.names") != nil else { continue }
            let present = catalog.names()
            throw error(
                "models.names",
                "there is no model \"\(name)\"; "
                    + (present.isEmpty ? "none is installed" : "there is \(present.joined(separator: ", "))")
                    + ". Searched: \(catalog.searchPath.joined(separator: ", "))"
            )
        }
    }

    private func table() throws(ConfigurationError) -> TOMLTable {
        // The parser would end the text of a value there.
        if let index = lines.firstIndex(where: { $0.contains("\\u0000") || $0.contains("\\U00000000") }) {
            let (line, message) = (index + 1, "must not hold a zero byte")
            throw ConfigurationError(path: path, line: line, key: key(inLine: line) ?? "", message: message)
        }
        do { return try TOMLTable(string: text) } catch let problem as TOMLParseError {
            let line = problem.source.begin.line
            throw ConfigurationError(path: path, line: line, key: key(inLine: line) ?? "", message: problem.description)
        } catch {
            throw ConfigurationError(path: path, line: nil, key: "", message: "not TOML: \(error)")
        }
    }

    /// Keys with underscores onto our property names, values onto what JSON calls them.
    ///
    /// - Parameters:
    ///   - known: the defaults, as JSON.
    ///   - defaults: the same as values, which tell what each key takes.
    private func merge(
        _ given: TOMLTable,
        over known: Any,
        of defaults: Any,
        path: String
    ) throws(ConfigurationError) -> Any {
        guard var result = known as? [String: Any] else { throw error(path, "takes a value, not a table") }
        let names = Dictionary(uniqueKeysWithValues: result.keys.map { ($0.lowercased(), $0) })
        let values = Dictionary(
            uniqueKeysWithValues: Mirror(reflecting: defaults).children.map { ($0.label ?? "", $0.value) }
        )
        for key in given.keys.sorted() {
            let here = path.isEmpty ? key : "\(path).\(key)"
            let plain = key.replacingOccurrences(of: "_", with: "").lowercased()
            guard let name = names[plain], let standard = values[name], let value = given[key] else {
                throw error(here, "unknown key; etc/contourd.toml shows all that there are")
            }
            if let table = value.table {
                result[name] = try merge(table, over: result[name] as Any, of: standard, path: here)
            } else if let kind = ConfigurationValue(standard) {
                guard let converted = kind.json(value) else { throw error(here, "takes \(kind.words)") }
                result[name] = converted
            } else {
                throw error(here, "is a section: [\(here)], then its keys")
            }
        }
        return result
    }

    private func error(_ key: String, _ message: String) -> ConfigurationError {
        // A default can be wrong beside what the file gives for another key.
        let line = line(of: key) ?? Self.companions[key, default: []].lazy.compactMap(line(of:)).first
        return ConfigurationError(path: path, line: line, key: key, message: message)
    }

    /// Keys by which the value of a key is judged.
    private static let companions = [
        "folders.inbox": ["folders.outbox", "folders.state"], "folders.outbox": ["folders.inbox", "folders.state"],
        "folders.state": ["folders.inbox", "folders.outbox"], "outbox.name": ["models.names"],
        "series.quiet_seconds": ["series.incomplete_after_seconds"],
        "series.incomplete_after_seconds": ["series.quiet_seconds"],
    ]

    /// TOML's line ends; the bytes of one with a carriage return are one `Character`.
    private var lines: [String] {
        text.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }
            .map { $0.trimmingCharacters(in: .whitespaces) }
    }

    /// What the file gives for a dotted key, as it can be written there; nil for a list, and where the key has its default.
    private static func value(of key: String, in table: TOMLTable) -> String? {
        var table = table
        let parts = key.split(separator: ".").map(String.init)
        for section in parts.dropLast() {
            guard let next = table[section]?.table else { return nil }
            table = next
        }
        guard let value = parts.last.flatMap({ table[$0] }) else { return nil }
        return value.int.map { "\($0)" } ?? value.double.map { "\($0)" } ?? value.bool.map { "\($0)" }
            ?? value.string.map { "\"\($0)\"" }
    }

    /// The dotted key that a line (from 1) gives a value to, also where the value is no TOML; nil for another line.
    private func key(inLine number: Int) -> String? {
        let lines = lines
        guard lines.indices.contains(number - 1),
            let found = lines[number - 1].prefixMatch(of: #/([A-Za-z0-9_.-]+)\s*=/#)
        else { return nil }
        let section = lines[..<(number - 1)].last { $0.hasPrefix("[") }.flatMap { $0.prefixMatch(of: #/\[([^\]]+)\]/#) }
        return (section.map { "\($0.1)." } ?? "") + found.1
    }

    /// The line that gives a dotted key, found in the text, or else the table that it lies in as a value (`series = { ... }`);
    /// nil when the key has its default.
    private func line(of key: String) -> Int? {
        let parts = key.split(separator: ".").map { plain(String($0.prefix { $0 != "[" })) }
        guard let last = parts.last else { return nil }
        let whole = parts.joined(separator: ".")
        let parent = parts.dropLast().joined(separator: ".")
        var section = ""
        var inlineTable: Int?
        for (index, line) in lines.enumerated() {
            if let header = line.prefixMatch(of: #/\[+([^\]]+)\]/#) {
                section = plain(String(header.1))
                if section == whole { return index + 1 }
                continue
            }
            guard let equals = line.firstIndex(of: "=") else { continue }
            let name = plain(String(line[..<equals]))
            if name == whole || (name == last && section == parent) { return index + 1 }
            if name == parent { inlineTable = index + 1 }
        }
        return inlineTable
    }

    /// Spellings of one key: underscores, capitals, quotes and spaces about it.
    private func plain(_ name: String) -> String { name.lowercased().filter { !"_ \t\"'".contains($0) } }

    private func snakeCase(_ key: String) -> String {
        var result = ""
        var previous: Character = "."
        for character in key {
            if character.isUppercase && !previous.isUppercase && previous != "." { result += "_" }
            result += character.lowercased()
            previous = character
        }
        return result
    }
}
