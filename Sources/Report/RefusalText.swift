/// What REFUSED.txt is about.
package enum RefusalSubject: Sendable {
    /// A CT Series, or a stack of one.
    case series
    /// Files that belong to no Series as far as is known.
    case files

    fileprivate var opening: String {
        switch self {
        case .series: "This CT was not contoured."
        case .files: "Files were not taken."
        }
    }

    fileprivate var closing: String {
        switch self {
        case .series:
            "Nothing was lost: the images are kept. Send the corrected series again; the service makes another attempt "
                + "at this one after `contourctl retry`."
        case .files: "Nothing was lost: the files are kept. `contourctl show files` tells which they are."
        }
    }
}

/// REFUSED.txt: what a person reads who finds no contours.
///
/// - Parameter name: what the result would have been called: by default the Series Instance UID and the revision.
package func refusalText(_ report: CaseReport, name: String, of subject: RefusalSubject = .series) -> String {
    var lines = [subject.opening, "", "Result: \(name)"]
    if let fault = report.fault {
        lines += wrapped("Why: \(fault.message)", width: 96) + ["Code: \(fault.code)"]
        if !fault.details.isEmpty { lines += ["", "Details:"] + fault.details.map { "  " + $0 } }
        if !fault.hint.isEmpty { lines += [""] + wrapped("What to do: \(fault.hint)", width: 96) }
    }
    lines += [""] + wrapped("\(subject.closing) contourd \(report.softwareVersion), \(report.createdAt).", width: 96)
    lines.append("")
    return lines.joined(separator: "\n")
}

private func wrapped(_ text: String, width: Int) -> [String] {
    var lines: [String] = []
    var line = ""
    for word in text.split(separator: " ") {
        if line.count + word.count + 1 > width, !line.isEmpty {
            lines.append(line)
            line = ""
        }
        line += line.isEmpty ? String(word) : " " + word
    }
    return lines + [line]
}
