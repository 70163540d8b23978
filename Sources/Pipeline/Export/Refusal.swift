import Foundation
import Platform
import Report

/// Writes `<run>/refused/`, the folder that is delivered instead of contours: `REFUSED.txt` and `report.json`.
package func writeRefusal(_ fault: Fault, request: RunRequest, to folder: RunFolder) throws(Fault) {
    var report = refusal(fault, createdAt: request.createdAt, softwareVersion: request.softwareVersion)
    report.revision = request.revision
    report.configurationDigest = request.configurationDigest
    report.series = request.series
    // There are no contours that could be reviewed.
    report.findings = seriesFindings(request, request.series).map { finding in
        var note = finding
        note.severity = .note
        return note
    }
    let subject = request.seriesNumber == 0 ? RefusalSubject.input : .series(number: request.seriesNumber)
    try write(report, name: request.deliveredName, of: subject, to: folder)
}

/// The same for files that were not taken.
/// - Parameter areSeries: they are a Series, and not for what is wrong with each of them.
package func writeFileRefusal(
    _ fault: Fault,
    areSeries: Bool,
    name: String,
    createdAt: Date,
    to folder: RunFolder
) throws(Fault) {
    let report = refusal(fault, createdAt: createdAt, softwareVersion: ContourdVersion.current)
    try write(report, name: name, of: areSeries ? .otherSeries : .files, to: folder)
}

/// Whether a folder of the outbox tells exactly this; what is no refusal of ours tells something else.
package func isRefusal(_ folder: String, of fault: Fault) -> Bool {
    guard let data = try? Data(contentsOf: URL(fileURLWithPath: "\(folder)/report.json")),  // not readable: not ours
        let report = try? RunJSON.decode(CaseReport.self, from: data)
    else { return false }
    return report.fault == summary(of: fault)
}

private func summary(of fault: Fault) -> CaseReport.FaultSummary {
    .init(
        code: fault.code,
        kind: fault.kind.rawValue,
        message: fault.message,
        hint: fault.hint,
        details: fault.details
    )
}

private func refusal(_ fault: Fault, createdAt: Date, softwareVersion: String) -> CaseReport {
    CaseReport(
        verdict: .refused,
        softwareVersion: softwareVersion,
        createdAt: RunJSON.text(of: createdAt),
        revision: nil,
        series: nil,
        model: nil,
        configurationDigest: nil,
        structures: [],
        findings: [],
        evaluation: nil,
        fault: summary(of: fault),
        stages: [],
        files: [:]
    )
}

private func write(
    _ report: CaseReport,
    name: String,
    of subject: RefusalSubject,
    to folder: RunFolder
) throws(Fault) {
    do {
        if Directory.isFolder(folder.refusalDirectory) { return }
        let partial = folder.refusalDirectory + ".partial"
        try Directory.remove(partial)
        try Directory.create(partial)
        try RunJSON.encode(report).write(to: URL(fileURLWithPath: partial + "/report.json"))
        try Data(refusalText(report, name: name, of: subject).utf8).write(
            to: URL(fileURLWithPath: partial + "/REFUSED.txt")
        )
        try Directory.publish(partial: partial, as: folder.refusalDirectory)
    } catch {
        throw classify(error)
    }
}
