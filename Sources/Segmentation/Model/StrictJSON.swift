import Foundation

/// JSON that tolerates nothing it does not know: a mistyped key is an error, not a default.
package enum StrictJSON {
    package struct Problem: Error, Sendable, Equatable {
        /// Where, for example `rois[1].label`; empty for the whole text.
        package var key: String
        package var message: String

        /// With the value that breaks a rule, where the key is that of a single one and the words do not hold it already.
        func telling(valueIn whole: some Encodable) -> Problem {
            guard let json = try? JSONEncoder().encode(whole),
                let value = StrictJSON.given(StrictJSON.places(in: key), in: json), !(value is [Any]),
                !(value is [String: Any]), !message.contains("is given")
            else { return self }
            let text = StrictJSON.text(value)
            return message.contains(text) && value is String
                ? self : Problem(key: key, message: "\(message) (\(text) is given)")
        }
    }

    /// Decodes and refuses keys that `Value` does not have.
    package static func decode<Value: Codable>(_ type: Value.Type, from data: Data) throws(Problem) -> Value {
        let value: Value
        do {
            value = try JSONDecoder().decode(type, from: data)
        } catch let error as DecodingError {
            throw misfit(type, in: data, after: error) ?? problem(error, in: data)
        } catch {
            throw Problem(key: "", message: "\(error)")
        }
        if let unknown = try firstUnknownKey(in: data, of: value) {
            throw Problem(key: unknown, message: "unknown key")
        }
        try requireUniqueKeys(data)
        return value
    }

    /// - Parameter data: a text that is JSON.
    static func requireUniqueKeys(_ data: Data) throws(Problem) {
        if let key = RepeatedKey.first(in: data) {
            throw Problem(key: key, message: "this key is there twice; leave one")
        }
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

    private static func problem(_ error: DecodingError, in data: Data) -> Problem {
        switch error {
        case .keyNotFound(let key, let context):
            Problem(key: path(context.codingPath + [key]), message: "this key is missing")
        case .typeMismatch(let type, let context):
            Problem(
                key: path(context.codingPath),
                message: message(given(context.codingPath, in: data), kind(of: type))
            )
        case .valueNotFound(let type, let context):
            Problem(
                key: path(context.codingPath),
                message: message(given(context.codingPath, in: data), kind(of: type))
            )
        case .dataCorrupted(let context): Problem(key: path(context.codingPath), message: context.debugDescription)
        @unknown default: Problem(key: "", message: "\(error)")
        }
    }

    private static func message(_ given: Any?, _ wanted: String) -> String {
        "\(given.map { "\(text($0)) is given, " } ?? "")\(wanted) is needed"
    }

    /// A number that its key cannot hold, as -1 where numbers begin with 0. Foundation says neither which number it is nor what
    /// it wants: it is the one without which the complaint is another, or none. nil where the text has no such number.
    private static func misfit<Value: Decodable>(
        _ type: Value.Type,
        in data: Data,
        after error: DecodingError
    ) -> Problem? {
        guard error.isOfWholeText, var json = try? JSONSerialization.jsonObject(with: data) else { return nil }
        for (place, number) in numbersOutOfRange(json, []) {
            json = replacing(json, at: place[...], with: 0)
            do {
                _ = try JSONDecoder().decode(type, from: JSONSerialization.data(withJSONObject: json))
            } catch let next as DecodingError where next.isOfWholeText {
                continue
            } catch {
                // Another complaint: this one is gone.
            }
            let wanted =
                number != number.rounded()
                ? "a whole number" : number < 0 ? "a whole number from 0 on" : "a smaller whole number"
            return Problem(key: path(place), message: message(given(place, in: data), wanted))
        }
        return nil
    }

    /// Numbers that some integer cannot hold, in the order of their keys.
    private static func numbersOutOfRange(_ value: Any, _ place: [Place]) -> [([Place], Double)] {
        if let object = value as? [String: Any] {
            return object.sorted { $0.key < $1.key }.flatMap { numbersOutOfRange($0.value, place + [Place($0.key)]) }
        }
        if let list = value as? [Any] {
            return list.enumerated().flatMap { numbersOutOfRange($0.element, place + [Place($0.offset)]) }
        }
        guard let number = (value as? NSNumber)?.doubleValue else { return [] }
        return number == number.rounded() && (0...Double(Int.max)).contains(number) ? [] : [(place, number)]
    }

    private static func replacing(_ value: Any, at place: ArraySlice<Place>, with new: Any) -> Any {
        guard let step = place.first else { return new }
        let rest = place.dropFirst()
        if let index = step.intValue, var list = value as? [Any] {
            list[index] = replacing(list[index], at: rest, with: new)
            return list
        }
        guard var object = value as? [String: Any], let inner = object[step.stringValue] else { return value }
        object[step.stringValue] = replacing(inner, at: rest, with: new)
        return object
    }

    /// A step of a path: a key, or a place in a list.
    private struct Place: CodingKey {
        let stringValue: String
        var intValue: Int?

        init(_ key: String) { stringValue = key }
        init(_ index: Int) { (stringValue, intValue) = ("\(index)", index) }
        init?(stringValue: String) { self.init(stringValue) }
        init?(intValue: Int) { self.init(intValue) }
    }

    /// The value that a key of the text has.
    private static func given(_ keys: [any CodingKey], in data: Data) -> Any? {
        // What is no JSON has no values.
        let all = try? JSONSerialization.jsonObject(with: data, options: [.fragmentsAllowed])
        return keys.reduce(all) { value, key in
            if let index = key.intValue, let list = value as? [Any] {
                return list.indices.contains(index) ? list[index] : nil
            }
            return (value as? [String: Any])?[key.stringValue]
        }
    }

    /// The steps of a path as `path` writes it.
    private static func places(in key: String) -> [Place] {
        key.split(separator: ".").flatMap { step in
            step.split(separator: "[").enumerated().map { number, part in
                let index = number > 0 && part.hasSuffix("]") ? Int(part.dropLast()) : nil
                return index.map { Place($0) } ?? Place(String(part))
            }
        }
    }

    /// As it stands in the text, cut where it is long.
    private static func text(_ value: Any) -> String {
        if value is [Any] { return "a list" }
        if value is [String: Any] { return "an object" }
        let options: JSONSerialization.WritingOptions = [.fragmentsAllowed, .withoutEscapingSlashes]
        // Whatever was read can be written.
        let json = (try? JSONSerialization.data(withJSONObject: value, options: options)) ?? Data()
        let text = String(decoding: json, as: UTF8.self)
        return text.count > 60 ? text.prefix(60) + "..." : text
    }

    /// What a type is in JSON.
    private static func kind(of type: any Any.Type) -> String {
        switch type {
        case is Bool.Type: "true or false"
        case is String.Type: "a text in quotes"
        case is any BinaryInteger.Type: "a whole number"
        case is any BinaryFloatingPoint.Type: "a number"
        case is [Any].Type: "a list"
        default: "an object"
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

extension DecodingError {
    /// Whether it names no key: the text is no JSON, or a number in it is none that its type can hold.
    fileprivate var isOfWholeText: Bool {
        guard case .dataCorrupted(let context) = self else { return false }
        return context.codingPath.isEmpty
    }
}
