import Foundation
import Platform

/// Text made safe for HTML, in elements and in quoted attributes.
///
/// Scalar by scalar, as a browser reads it: a quotation mark with a combining mark after it is one `Character`, and ends
/// an attribute all the same. What reorders the text around it (bidirectional controls) is shown by its number.
func escaped(_ text: String) -> String {
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
        switch scalar {
        case "&": result.append(contentsOf: "&amp;".unicodeScalars)
        case "<": result.append(contentsOf: "&lt;".unicodeScalars)
        case ">": result.append(contentsOf: "&gt;".unicodeScalars)
        case "\"": result.append(contentsOf: "&quot;".unicodeScalars)
        case "'": result.append(contentsOf: "&#39;".unicodeScalars)
        case "\u{202A}"..."\u{202E}", "\u{2066}"..."\u{2069}":
            result.append(contentsOf: "U+\(String(scalar.value, radix: 16, uppercase: true))".unicodeScalars)
        default: result.append(scalar)
        }
    }
    return String(result)
}

/// The head of a page up to its title's end: it opens offline, fetches nothing, and runs no script but the one given.
///
/// Names come from outside. Where one should ever get through as markup, the policy still forbids what it would do.
func pageHead(title: String, styles: String, script: String? = nil) -> String {
    let scripts = script.map { " script-src 'sha256-\(SHA256Digest.base64(of: Data($0.utf8)))';" } ?? ""
    return """
        <head><meta charset="utf-8">
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:;\
        \(scripts) base-uri 'none'; form-action 'none'">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>\(escaped(title))</title><style>\(styles)</style></head>
        """
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
