/// Text made safe for HTML, in elements and in quoted attributes.
func escaped(_ text: String) -> String {
    var result = ""
    for character in text {
        switch character {
        case "&": result += "&amp;"
        case "<": result += "&lt;"
        case ">": result += "&gt;"
        case "\"": result += "&quot;"
        case "'": result += "&#39;"
        default: result.append(character)
        }
    }
    return result
}

/// Text with a full stop, so that another sentence may follow.
func sentence(_ text: String) -> String {
    text.last.map { $0.isLetter || $0.isNumber || $0 == ")" } == true ? text + "." : text
}

/// A table; cells are HTML already.
func table(_ head: [String], _ rows: [[String]]) -> String {
    let header = head.map { "<th scope=\"col\">\($0)</th>" }.joined()
    let body = rows.map { "<tr>" + $0.map { "<td>\($0)</td>" }.joined() + "</tr>" }.joined(separator: "\n")
    return "<div class=\"scroll\"><table><thead><tr>\(header)</tr></thead>\n<tbody>\(body)</tbody></table></div>"
}

/// Two columns of facts; values are plain text.
func facts(_ pairs: [(String, String)]) -> String {
    "<dl>" + pairs.map { "<dt>\(escaped($0))</dt><dd>\(escaped($1))</dd>" }.joined() + "</dl>"
}

/// A number with a sensible count of digits; a dash when undefined.
func number(_ value: Double?, digits: Int = 1) -> String {
    guard let value else { return "&ndash;" }
    var scale = 1.0
    for _ in 0..<digits { scale *= 10 }
    let rounded = (value * scale).rounded() / scale
    return digits == 0 ? "\(Int(rounded))" : "\(rounded)"
}

/// A score with all its digits, so that columns can be compared; a dash when undefined.
func score(_ value: Double?, digits: Int) -> String { value.map { fixed($0, digits: digits) } ?? "&ndash;" }
