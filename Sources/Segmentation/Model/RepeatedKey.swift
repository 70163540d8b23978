import Foundation

/// Finds a key that an object of a JSON text has twice: RFC 8259 leaves open which of the two counts, and Foundation takes one
/// without a word.
struct RepeatedKey {
    private let bytes: [UInt8]
    private var place = 0
    private var found: String?

    /// - Parameter data: a text that is JSON, in UTF-8.
    /// - Returns: the path of the first such key, for example `optimisation.epochs`; nil where there is none.
    static func first(in data: Data) -> String? {
        var search = RepeatedKey(bytes: Array(data))
        search.skipBlanks()
        search.readValue("")
        return search.found
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    private var byte: UInt8? { place < bytes.count ? bytes[place] : nil }

    private mutating func skipBlanks() {
        // The byte order mark of UTF-8 is one.
        while let byte, " \t\r\n\u{FEFF}".utf8.contains(byte) { place += 1 }
    }

    private mutating func readValue(_ path: String) {
        switch byte {
        case UInt8(ascii: "{"): readObject(path)
        case UInt8(ascii: "["): readList(path)
        case UInt8(ascii: "\""): _ = readText()
        default: while let byte, !",]}".utf8.contains(byte) { place += 1 }
        }
        skipBlanks()
    }

    private mutating func readObject(_ path: String) {
        var keys = Set<String>()
        repeat {
            next()
            guard byte == UInt8(ascii: "\""), let key = readText() else { break }
            let here = path.isEmpty ? key : "\(path).\(key)"
            if !keys.insert(key).inserted, found == nil { found = here }
            // The colon.
            skipBlanks()
            next()
            readValue(here)
        } while byte == UInt8(ascii: ",")
        place += 1
    }

    private mutating func readList(_ path: String) {
        var index = 0
        repeat {
            next()
            readValue("\(path)[\(index)]")
            index += 1
        } while byte == UInt8(ascii: ",")
        place += 1
    }

    private mutating func next() {
        place += 1
        skipBlanks()
    }

    /// The text that begins here, its escapes resolved.
    private mutating func readText() -> String? {
        let start = place
        place += 1
        while let byte, byte != UInt8(ascii: "\"") { place += byte == UInt8(ascii: "\\") ? 2 : 1 }
        place += 1
        guard place <= bytes.count else { return nil }
        return try? JSONDecoder().decode(String.self, from: Data(bytes[start..<place]))
    }
}
