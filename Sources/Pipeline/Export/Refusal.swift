import Foundation
import Platform
import Report

/// Writes `<run>/refused/`, the folder that is delivered instead of contours: `REFUSED.txt` and `report.json`.
package func writeRefusal(_ fault: Fault, request: RunRequest, to folder: RunFolder) throws(Fault) {
    try write(
        fault,
        of: .series,
        name: request.deliveredName,
        createdAt: request.createdAt,
        revision: request.revision,
        configurationDigest: request.configurationDigest,
        softwareVersion: request.softwareVersion,
        to: folder
    )
}

/// The same for files that were not taken.
package func writeFileRefusal(_ fault: Fault, name: String, createdAt: Date, to folder: RunFolder) throws(Fault) {
    try write(
        fault,
        of: .files,
        name: name,
        createdAt: createdAt,
        revision: 0,
        configurationDigest: "",
        softwareVersion: ContourdVersion.current,
        to: folder
    )
}

private func write(
    _ fault: Fault,
    of subject: RefusalSubject,
    name: String,
    createdAt: Date,
    revision: Int,
    configurationDigest: String,
    softwareVersion: String,
    to folder: RunFolder
) throws(Fault) {
    do {
        if Directory.isFolder(folder.refusalDirectory) { return }
        let partial = folder.refusalDirectory + ".partial"
        try Directory.remove(partial)
        try Directory.create(partial)
        let report = CaseReport(
            verdict: .refused,
            softwareVersion: softwareVersion,
            createdAt: RunJSON.text(of: createdAt),
            revision: revision,
            series: nil,
            model: nil,
            configurationDigest: configurationDigest,
            structures: [],
            findings: [],
            evaluation: nil,
            fault: .init(
                code: fault.code,
                kind: fault.kind.rawValue,
                message: fault.message,
                hint: fault.hint,
                details: fault.details
            ),
            stages: [],
            files: [:]
        )
        try RunJSON.encode(report).write(to: URL(fileURLWithPath: partial + "/report.json"))
        try Data(refusalText(report, name: name, of: subject).utf8).write(
            to: URL(fileURLWithPath: partial + "/REFUSED.txt")
        )
        try Directory.publish(partial: partial, as: folder.refusalDirectory)
    } catch {
        throw classify(error)
    }
}
