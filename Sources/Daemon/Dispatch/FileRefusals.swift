import Foundation
import Pipeline
import Store

/// Tells senders of files that were not taken: who drops files has nothing but folders to look into.
///
/// One folder in the outbox for all files that were not taken for the same reason, when no more of them come. Numbers
/// stand for the files, as their paths may name a patient.
package struct FileRefusals {
    let context: ServiceContext

    package init(context: ServiceContext) { self.context = context }

    /// - Returns: seconds until there is something to tell; nil when there is not.
    package func deliver() throws -> Double? {
        let files = try context.store.untoldFiles()
        guard let latest = files.map(\.receivedAt).max() else { return nil }
        let quiet = Double(context.store.now() - latest) / 1000
        let wanted = context.configuration.series.quietSeconds
        if quiet >= 0 && quiet < wanted { return wanted - quiet }
        let groups = Dictionary(grouping: files, by: Cause.init).values
        for group in groups.sorted(by: { $0[0].number < $1[0].number }) { try tell(group) }
        return nil
    }

    /// One code may have several reasons: a folder that may not be listed, and a file that may not be read.
    private struct Cause: Hashable {
        var code: String
        var reason: String

        init(_ file: InstanceRecord) {
            code = file.code ?? ""
            reason = file.reason ?? ""
        }
    }

    private func tell(_ files: [InstanceRecord]) throws {
        let numbers = files.map(\.number)
        guard let first = files.first else { return }
        let cause = Cause(first)
        let subject =
            first.snapshot == FileReceiver.folderSnapshot
            ? "Files in \(files.count == 1 ? "a folder" : "\(files.count) folders") were"
            : files.count == 1 ? "A file was" : "\(files.count) files were"
        let fault = Fault(
            .permanent,
            cause.code,
            "\(subject) not taken. \(cause.reason)",
            hint: hint(cause),
            details: files.map { file in
                let received = Date(timeIntervalSince1970: Double(file.receivedAt) / 1000)
                return "file \(file.number), received \(received.formatted(.iso8601))"
            }
        )
        let notice = SenderNotice(context: context, isOfSeries: false, name: "files-\(first.number)")
        try notice.deliver(fault)
        try context.store.setTold(numbers)
        try notice.clear()
    }

    /// For causes whose reason does not say it.
    private func hint(_ cause: Cause) -> String {
        switch cause.code {
        case SettingAside.conflictCode:
            """
            Nothing, if the first version is right: it is the one that is used. If the later one is right, have its system \
            export the series anew, complete and with UIDs of its own: a changed image is another instance.
            """
        case "E_WORKER_KILLED":
            "Send it again when the service has memory; its operator finds the reason with journalctl -k."
        case "E_PARSER_CRASHED": "Please report it, with the file if you may."
        default: ""
        }
    }
}
