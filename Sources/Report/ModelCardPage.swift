import Foundation

/// A model card as HTML: what `contourctl train` writes, of Markdown headings, paragraphs, lists, tables and code. Whatever
/// else stands there is shown as text.
func cardHTML(_ card: String) -> String {
    var page = ""
    var lines = card.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).map(String.init)[...]
    /// Takes lines from the front as long as they belong together.
    func take(while belongs: (String) -> Bool) -> [String] {
        let taken = lines.prefix { belongs($0) }
        lines = lines.dropFirst(taken.count)
        return Array(taken)
    }
    while let line = lines.first {
        if line.isEmpty {
            lines.removeFirst()
        } else if line.hasPrefix("#") {
            lines.removeFirst()
            let level = line.prefix { $0 == "#" }.count <= 2 ? "h3" : "h4"
            page += "<\(level)>\(inline(line.drop { $0 == "#" || $0 == " " }))</\(level)>"
        } else if line.hasPrefix("```") {
            lines.removeFirst()
            page += "<pre>\(escaped(take { !$0.hasPrefix("```") }.joined(separator: "\n")))</pre>"
            lines = lines.dropFirst()
        } else if line.hasPrefix("|") {
            page += table(take { $0.hasPrefix("|") }.map(cells))
        } else if isItem(line) {
            page += list(take { isItem($0) || $0.hasPrefix("  ") })
        } else {
            lines.removeFirst()
            page += "<p>\(inline(([line] + take(while: isText)).joined(separator: " ")))</p>"
        }
    }
    return page
}

private func isItem(_ line: String) -> Bool { line.hasPrefix("- ") || line.hasPrefix("* ") }

private func isText(_ line: String) -> Bool {
    !line.isEmpty && !isItem(line) && !["#", "```", "|"].contains(where: line.hasPrefix)
}

/// An item goes on in lines that are indented.
private func list(_ lines: [String]) -> String {
    var items: [String] = []
    for line in lines {
        if isItem(line) {
            items.append(String(line.dropFirst(2)))
        } else {
            items[items.count - 1] += " " + line.trimmingCharacters(in: .whitespaces)
        }
    }
    return "<ul>\(items.map { "<li>\(inline($0))</li>" }.joined())</ul>"
}

private func cells(_ line: String) -> [String] {
    let inner = line.dropFirst().hasSuffix("|") ? line.dropFirst().dropLast() : line.dropFirst()
    return inner.split(separator: "|", omittingEmptySubsequences: false).map {
        inline($0.trimmingCharacters(in: .whitespaces))
    }
}

/// The first row is the head, if a line of dashes follows.
private func table(_ rows: [[String]]) -> String {
    func isRule(_ row: [String]) -> Bool { row.allSatisfy { !$0.isEmpty && $0.allSatisfy("-: ".contains) } }
    guard rows.count > 1, isRule(rows[1]) else { return table([], rows) }
    return table(rows[0], Array(rows.dropFirst(2)))
}

/// Code, strong and emphasised words of a line.
private func inline(_ text: some StringProtocol) -> String {
    let parts = escaped(String(text)).components(separatedBy: "`")
    // A sign without its partner is a sign.
    guard parts.count % 2 == 1 else { return parts.joined(separator: "`") }
    return parts.enumerated().map { n, part in
        guard n % 2 == 0 else { return "<code>\(part)</code>" }
        return part.replacing(/\*\*([^*\s](?:[^*]*[^*\s])?)\*\*/) { "<strong>\($0.output.1)</strong>" }
            .replacing(/(^|[\s(])\*([^*\s](?:[^*]*[^*\s])?)\*(?=$|[\s.,;:)])/) {
                "\($0.output.1)<em>\($0.output.2)</em>"
            }
    }.joined()
}
