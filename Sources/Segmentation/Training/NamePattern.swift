/// Matches the many spellings of one name: letter case and runs of blanks, `_`, `-` and `.` are ignored, `*` stands
/// for anything, `|` separates alternatives.
package struct NamePattern: Sendable {
    private let alternatives: [[Character]]
    /// What the alternatives without `*` mean as names of structures.
    private let structures: Set<StructureName>

    package init(_ text: String) {
        let parts = text.split(separator: "|").map(String.init)
        alternatives = parts.map(Self.normalized)
        structures = Set(parts.filter { !$0.contains("*") }.map(StructureName.init).filter { !$0.words.isEmpty })
    }

    /// Whether it matches no name that has a letter in it.
    var isEmpty: Bool { alternatives.allSatisfy(\.isEmpty) }

    /// Whether a structure of that name is meant, though it is spelt in another way.
    package func means(_ name: String) -> Bool { structures.contains(StructureName(name)) }

    package func matches(_ name: String) -> Bool {
        let name = Self.normalized(name)
        return alternatives.contains { Self.matches(name[...], $0[...]) }
    }

    /// Lower case; separators become one blank, none at the ends or beside a `*`.
    private static func normalized(_ text: String) -> [Character] {
        var result: [Character] = []
        var pendingBlank = false
        for character in text.lowercased() {
            if character == " " || character == "_" || character == "-" || character == "." {
                pendingBlank = true
                continue
            }
            if pendingBlank, let last = result.last, last != "*", character != "*" { result.append(" ") }
            pendingBlank = false
            result.append(character)
        }
        return result
    }

    private static func matches(_ name: ArraySlice<Character>, _ pattern: ArraySlice<Character>) -> Bool {
        guard let first = pattern.first else { return name.isEmpty }
        if first == "*" {
            return matches(name, pattern.dropFirst()) || (!name.isEmpty && matches(name.dropFirst(), pattern))
        }
        return name.first == first && matches(name.dropFirst(), pattern.dropFirst())
    }
}
