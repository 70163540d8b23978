import Foundation
import Platform
import Report

/// Writes `<run>/refused/`, the folder that is delivered instead of contours: `REFUSED.txt` and `report.json`.
package func writeRefusal(_ fault: Fault, request: RunRequest, to folder: RunFolder) throws(Fault) {
    do {
        if Directory.isFolder(folder.refusalDirectory) { return }
        let partial = folder.refusalDirectory + ".partial"
        try Directory.remove(partial)
        try Directory.create(partial)
        let report = CaseReport(
            verdict: .refused,
            softwareVersion: request.softwareVersion,
            createdAt: RunJSON.text(of: request.createdAt),
            revision: request.revision,
            series: nil,
            model: nil,
            configurationDigest: request.configurationDigest,
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
        try Data(refusalText(report, name: request.deliveredName).utf8).write(
            to: URL(fileURLWithPath: partial + "/REFUSED.txt")
        )
        try Directory.publish(partial: partial, as: folder.refusalDirectory)
    } catch {
        throw classify(error)
    }
}
