import Foundation

/// What a reader of a report must know of a model before all else, taken from its card (Markdown as `contourctl train` writes
/// it): what it is for, what it learned from, and what it cannot do.
struct ModelCardBrief {
    /// First paragraph of `Intended use`.
    let intendedUse: String?
    /// Sources of `Training data`, and the first sentence about how they were labelled.
    let sources: [String]
    let labelling: String?
    /// Entries of `Limits`.
    let limits: [String]

    init(_ card: String) {
        var sections: [String: [String]] = [:]
        var title = ""
        for line in card.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("## ") {
                title = String(line.dropFirst(3))
            } else {
                sections[title, default: []].append(String(line))
            }
        }
        intendedUse = Self.paragraphs(sections["Intended use"] ?? []).first
        let data = sections["Training data"] ?? []
        // The table of sources stands first; that of the cases has other columns.
        let rows = data.drop { !$0.hasPrefix("| cases | source |") }.dropFirst(2).prefix { $0.hasPrefix("|") }
        sources = rows.compactMap { row in
            let cells = row.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            return cells.count >= 2 ? cells[1] : nil
        }
        let words = Self.paragraphs(data).first { !$0.hasPrefix("|") && !$0.hasPrefix("Divided by patient") }
        labelling = words?.components(separatedBy: ". ").first
        limits = (sections["Limits"] ?? []).filter { $0.hasPrefix("- ") }.map { String($0.dropFirst(2)) }
    }

    private static func paragraphs(_ lines: [String]) -> [String] {
        lines.split(separator: "").map { $0.joined(separator: " ") }
    }

    /// Facts for a list; the card has licences, citations and the rest.
    var told: [(String, String)] {
        let learned = [sources.joined(separator: ", "), labelling ?? ""].filter { !$0.isEmpty }
        return [("Intended use", intendedUse ?? ""), ("Training data", learned.map(sentence).joined(separator: " "))]
            .filter { !$0.1.isEmpty }
    }

    var limitsHTML: String {
        limits.isEmpty ? "" : "<h3>Limits</h3><ul>\(limits.map { "<li>\(escaped($0))</li>" }.joined())</ul>"
    }
}
