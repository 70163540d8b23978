/// Which names mean the same structure.
///
/// Letter case, separators and word order do not count, words that are written together are told apart (`LungL`,
/// `RTLung`), and common words of English, German, French, Spanish and Italian for organs and sides are one: `Lung_L`,
/// `LUNG LT`, `linke Lunge` and `poumon gauche` agree (TG-263 and its usual predecessors). Every word must have its
/// partner: `Lung_L_PTV` is no `Lung_L`. Nothing is guessed beyond that: an unmatched name is told to the user.
package struct StructureName: Hashable, Sendable {
    package private(set) var words: [String]

    package init(_ name: String) {
        var words = Set(Self.parts(of: name).flatMap { Self.synonyms[$0] ?? [$0] })
        // Who or what drew it says nothing about what it is.
        if words.count > 1 { words.subtract(Self.origins) }
        let hasSide = words.contains("left") || words.contains("right")
        if !hasSide, !words.isDisjoint(with: ["lung", "lungs"]), !words.isDisjoint(with: Self.collectives) {
            words.subtract(Self.collectives)
            words.remove("lung")
            words.insert("lungs")
        }
        self.words = words.sorted()
    }

    /// The left and the right structure that a name in the plural without a side stands for, as `Lungs` for `Lung_L` and
    /// `Lung_R` (TG-263 names paired organs so); one candidate for each word that may be a plural.
    package var sides: [(left: StructureName, right: StructureName)] {
        guard !words.contains("left"), !words.contains("right") else { return [] }
        return words.indices.filter { words[$0].count > 3 && words[$0].hasSuffix("s") }.map { index in
            var singular = words
            singular[index].removeLast()
            return (StructureName(words: singular + ["left"]), StructureName(words: singular + ["right"]))
        }
    }

    private init(words: [String]) { self.words = words.sorted() }

    /// The same structure of the other side; nil for one that names no side, or both.
    package var ofOtherSide: StructureName? {
        let sides = Set(words).intersection(["left", "right"])
        guard sides.count == 1, let side = sides.first else { return nil }
        var other = self
        other.words = (words.filter { $0 != side } + [side == "left" ? "right" : "left"]).sorted()
        return other
    }

    /// Whether it names the left side alone.
    package var isLeft: Bool { words.contains("left") && !words.contains("right") }

    /// Whether it is a lung, or both of them: `Lung_L`, `linke Lunge`, `Lungs`; not what has more than that in its name.
    package var isLung: Bool { ["lung", "lungs"].contains(withoutSide.words.joined(separator: " ")) }

    /// The same without its side.
    package var withoutSide: StructureName { StructureName(words: words.filter { $0 != "left" && $0 != "right" }) }

    /// Partners for names: those that read the same but for letter case and separators first, then those that mean the
    /// same. Each name and each of `others` has one partner at most.
    ///
    /// - Returns: for the index of a name, the index of its partner.
    package static func partners(of names: [String], in others: [String]) -> [Int: Int] {
        var partners: [Int: Int] = [:]
        var taken: Set<Int> = []
        func pair(_ key: (String) -> [String]) {
            let keys = others.map(key)
            for (index, name) in names.enumerated() where partners[index] == nil {
                let wanted = key(name)
                let found = keys.indices.first { !wanted.isEmpty && keys[$0] == wanted && !taken.contains($0) }
                guard let found else { continue }
                partners[index] = found
                taken.insert(found)
            }
        }
        pair { $0.lowercased().split { !$0.isLetter && !$0.isNumber }.map(String.init) }
        pair { StructureName($0).words }
        return partners
    }

    /// Words in small letters. A word ends at whatever is no letter or digit, before a capital that follows a small
    /// letter, and before the last of several capitals that a small letter follows.
    private static func parts(of name: String) -> [String] {
        let characters = Array(name)
        var parts: [String] = []
        var part = ""
        for (n, character) in characters.enumerated() {
            guard character.isLetter || character.isNumber else {
                parts.append(part)
                part = ""
                continue
            }
            if character.isUppercase, n > 0 {
                let isNext = characters[n - 1].isLowercase
                let isLastCapital =
                    characters[n - 1].isUppercase && n + 1 < characters.count && characters[n + 1].isLowercase
                if isNext || isLastCapital {
                    parts.append(part)
                    part = ""
                }
            }
            part += character.lowercased()
        }
        return (parts + [part]).filter { !$0.isEmpty }
    }

    private static let origins: Set<String> = ["auto", "ai"]
    private static let collectives: Set<String> = ["total", "both", "bilateral", "bilat", "beide", "gesamt"]

    private static let synonyms: [String: [String]] = {
        var table: [String: [String]] = [:]
        func add(_ meaning: [String], _ words: String) {
            for word in words.split(separator: " ") { table[String(word)] = meaning }
        }
        let left = "l lt left li links linke linker linkes gauche izquierdo izquierda izq sinistro sinistra sx"
        let right = "r rt right re rechts rechte rechter rechtes droit droite derecho derecha der destro destra dx"
        add(["left"], left)
        add(["right"], right)
        add(["lung"], "lung lunge poumon pulmon pulmón polmone")
        add(["lungs"], "lungs lungen poumons pulmones polmoni")
        // Written together without capitals that would tell the words apart.
        for (side, letters) in [("left", ["l", "lt", "left"]), ("right", ["r", "rt", "right"])] {
            for letter in letters {
                add(["lung", side], "lung\(letter)")
                add(["lung", side], "\(letter)lung")
            }
        }
        add(["heart"], "heart herz coeur cœur corazon corazón cuore")
        add(["esophagus"], "esophagus oesophagus œsophage oesophage ösophagus speiseröhre esofago esófago")
        add(["spinal", "cord"], "cord spinalcord rückenmark")
        add(["body"], "body external skin outline")
        return table
    }()
}
