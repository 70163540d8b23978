import Foundation

/// JSON that tolerates nothing it does not know: a mistyped key is an error, not a default.
package enum StrictJSON {
    package struct Problem: Error, Sendable, Equatable {
        /// Where, for example `rois[1].label`; empty for the whole text.
        package var key: String
        package var message: String
    }

    /// Decodes and refuses keys that `Value` does not have.
    package static func decode<Value: Codable>(_ type: Value.Type, from data: Data) throws(Problem) -> Value {
        let value: Value
        do {
            value = try JSONDecoder().decode(type, from: data)
        } catch let error as DecodingError {
            throw problem(error)
        } catch {
            throw Problem(key: "", message: "\(error)")
        }
        if let unknown = try firstUnknownKey(in: data, of: value) {
            throw Problem(key: unknown, message: "unknown key")
        }
        return value
    }

    /// Sorted keys and a final line end: the same value is always the same bytes.
    package static func encode(_ value: some Encodable) throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(value) + Data("\n".utf8)
    }

    /// What is decoded and encoded again has lost exactly the keys that the type does not know.
    private static func firstUnknownKey<Value: Codable>(in data: Data, of value: Value) throws(Problem) -> String? {
        do {
            let given = try JSONSerialization.jsonObject(with: data, options: [.fragmentsAllowed])
            let known = try JSONSerialization.jsonObject(
                with: JSONEncoder().encode(value),
                options: [.fragmentsAllowed]
            )
            return firstUnknownKey(given, known, path: "")
        } catch {
            throw Problem(key: "", message: "not JSON")
        }
    }

    private static func firstUnknownKey(_ given: Any, _ known: Any, path: String) -> String? {
        if let given = given as? [String: Any] {
            let known = known as? [String: Any] ?? [:]
            for key in given.keys.sorted() where !(given[key] is NSNull) {
                let here = path.isEmpty ? key : "\(path).\(key)"
                guard let counterpart = known[key] else { return here }
                if let deeper = firstUnknownKey(given[key] as Any, counterpart, path: here) { return deeper }
            }
        } else if let given = given as? [Any], let known = known as? [Any] {
            for (index, pair) in zip(given, known).enumerated() {
                if let deeper = firstUnknownKey(pair.0, pair.1, path: "\(path)[\(index)]") { return deeper }
            }
        }
        return nil
    }

    private static func problem(_ error: DecodingError) -> Problem {
        switch error {
        case .keyNotFound(let key, let context):
            Problem(key: path(context.codingPath + [key]), message: "this key is missing")
        case .typeMismatch(_, let context): Problem(key: path(context.codingPath), message: context.debugDescription)
        case .valueNotFound(_, let context): Problem(key: path(context.codingPath), message: "a value is missing")
        case .dataCorrupted(let context): Problem(key: path(context.codingPath), message: context.debugDescription)
        @unknown default: Problem(key: "", message: "\(error)")
        }
    }

    private static func path(_ keys: [any CodingKey]) -> String {
        keys.reduce(into: "") { text, key in
            if let index = key.intValue {
                text += "[\(index)]"
            } else {
                text += text.isEmpty ? key.stringValue : ".\(key.stringValue)"
            }
        }
    }
}
