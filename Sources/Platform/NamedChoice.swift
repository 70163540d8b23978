/// One of a few words in a file that people write. Reading another word names the ones that are allowed.
package protocol NamedChoice: RawRepresentable, CaseIterable, Codable where RawValue == String {}

extension NamedChoice {
    /// - Throws: `DecodingError.dataCorrupted` with the allowed words.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let word = try container.decode(String.self)
        guard let choice = Self(rawValue: word) else {
            let allowed = Self.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", ")
            throw DecodingError.dataCorruptedError(
                in: container,
                debugDescription: "\"\(word)\" is not one of \(allowed)"
            )
        }
        self = choice
    }
}
