/// Which names mean the same structure.
///
/// Letter case, separators and word order are ignored, and the common words and letters for a side are one:
/// `Lung_L`, `LUNG LEFT`, `lt lung` and `Left Lung` agree (TG-263 and its usual predecessors). Nothing is guessed
/// beyond that: an unmatched name is told to the user.
struct StructureName: Hashable, Sendable {
    let words: [String]

    init(_ name: String) {
        var words: [String] = []
        var word = ""
        for character in name.lowercased() {
            if character.isLetter || character.isNumber {
                word.append(character)
            } else {
                words.append(word)
                word = ""
            }
        }
        words.append(word)
        self.words = words.filter { !$0.isEmpty }.map { Self.synonyms[$0] ?? $0 }.sorted()
    }

    private static let synonyms = [
        "l": "left", "lt": "left", "li": "left", "links": "left", "r": "right", "rt": "right", "re": "right",
        "rechts": "right", "lunge": "lung", "oesophagus": "esophagus", "cord": "spinalcord",
    ]
}
