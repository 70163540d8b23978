/// What REFUSED.txt is about, and who made the attempt.
package enum RefusalSubject: Sendable {
    /// A CT Series, or a stack of one, with its number in the queue of the service.
    case series(number: Int64)
    /// The same without a service: somebody ran all stages.
    case input
    /// Files in the inbox that belong to no Series as far as is known.
    case files
    /// A Series that is no CT.
    case otherSeries

    fileprivate var opening: String {
        switch self {
        case .series, .input: "This CT was not contoured."
        case .files: "Files were not taken."
        case .otherSeries: "This series was not contoured."
        }
    }

    fileprivate var closing: String {
        switch self {
        case .series(let number):
            "Nothing was lost: the images are kept. What is sent later for this series is taken up by itself; "
                + "`contourctl retry \(number)` makes another attempt with the images at hand."
        case .input: "The images were only read. Run `contourctl run` again when they are corrected."
        case .files: "Nothing was lost: the files are kept. `contourctl show files` tells which they are."
        case .otherSeries:
            "Nothing was taken: the files lie in the inbox as they came. `contourctl show files` tells which they are."
        }
    }
}

/// REFUSED.txt: what a person reads who finds no contours.
///
/// - Parameter name: what the result would have been called: by default the Series Instance UID and the revision.
package func refusalText(_ report: CaseReport, name: String, of subject: RefusalSubject) -> String {
    var lines = [subject.opening, "", "Result: \(name)"]
    if let fault = report.fault {
        lines += wrapped("Why: \(fault.message)", width: 96) + ["Code: \(fault.code)"]
        if !fault.details.isEmpty { lines += ["", "Details:"] + fault.details.map { "  " + $0 } }
        if !fault.hint.isEmpty { lines += [""] + wrapped("What to do: \(fault.hint)", width: 96) }
    }
    if let series = report.series { lines += ["", "Images:"] + identity(of: series).map { "  \($0): \($1)" } }
    for finding in report.findings { lines += [""] + wrapped("\(finding.message) \(finding.hint)", width: 96) }
    lines += [""] + wrapped("\(subject.closing) contourd \(report.softwareVersion), \(report.createdAt).", width: 96)
    lines.append("")
    return lines.joined(separator: "\n")
}

/// What names the CT to whoever must find it again.
func identity(of series: CaseReport.SeriesSummary) -> [(String, String)] {
    let part = series.part.map { part in
        [("Part", "\(part.number) of \(part.count)")] + part.attributes.map { ($0.name, $0.value) }
    }
    let own = [
        ("Series Instance UID", series.seriesInstanceUID), ("Study Instance UID", series.studyInstanceUID),
        ("Modality", series.modality), ("Number of images", "\(series.images)"),
        ("Columns x rows", "\(series.columns) x \(series.rows)"),
    ]
    let frame = ("Frame of Reference UID", series.frameOfReferenceUID ?? "missing")
    let told = Set((part ?? []).map(\.0))
    return own + (told.contains(frame.0) ? [] : [frame]) + (part ?? [])
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
