import ArgumentParser
import Daemon
import Foundation
import Pipeline
import Platform

struct SubmitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "submit",
        abstract: "Hand CTs to the service.",
        discussion: """
            Copies the CT images, RT Structure Sets and Segmentations below INPUT into the inbox, as one folder that \
            appears whole, and tells the service that it is complete: it starts at once instead of waiting for more. \
            Damaged files that may be images go with them, so that the service does not take the rest for the whole. \
            The input is only read. Whoever may write to the inbox may submit.

            EXIT STATUS
              0 handed over (with --wait: delivered); 65 files beside the images cannot be read, or refused (--wait); 66 no CT \
            series in the input; 69 there is no inbox, or the service does not run (--wait): it takes them when it is started; 73 \
            the inbox has no space left; 75 held or cancelled (--wait); 77 you may not write to the inbox; 130 stopped before all was \
            copied: nothing is handed over
            """
    )

    @Argument(help: ArgumentHelp("DICOM files or folders.", valueName: "input"))
    var inputs: [String]

    @Flag(help: "Wait until every series is delivered or refused.")
    var wait = false

    @Flag(help: "Print what was handed over, and with --wait what became of it, as JSON.")
    var json = false

    @OptionGroup var options: ConfigurationOptions

    func run() throws {
        try exiting {
            let configuration = try options.read()
            let bar = ProgressBar(isQuiet: json)
            let scan = try SeriesScan(paths: inputs, limits: configuration.admission) { done, all in
                bar.show(Double(done) / Double(max(all, 1)), "reading headers")
            }
            let damaged = try damaged(in: scan, bar)
            let files = scan.stacks.flatMap(\.files) + scan.references.map(\.path) + damaged
            guard !files.isEmpty else {
                bar.end()
                throw CommandFailure(
                    .noInput,
                    "there is no CT series in the input. contourctl explain tells what each file is."
                )
            }
            let submission = Submission(
                inbox: configuration.folders.inbox,
                marker: configuration.series.marker,
                group: configuration.control.group
            )
            let interruption = Interruption()
            let sent = try submission.send(
                files,
                progress: { bar.show($0, "copying") },
                isCancelled: { interruption.isRequested }
            )
            bar.end()
            let uids = Set(scan.stacks.map(\.key.seriesInstanceUID)).sorted()
            let leftOut = scan.ignored.count - damaged.count
            let ignored = leftOut == 0 ? "" : "; \(leftOut) other files were left out"
            if !json { print("\(counted(files.count, "file")) of \(uids.count) series handed over\(ignored)") }
            let found = wait ? try follow(uids, sent, interruption) : [:]
            if json {
                let series = uids.map { Handed.Series($0, found[$0]) }
                try printJSON(Handed(files: files.count, leftOut: leftOut, series: series))
            }
            for end in found.values.map(\.summary).sorted(by: { $0.number < $1.number }) {
                try SeriesEnd(end.state)?.exit()
            }
        }
    }

    /// Damaged files that may be images: the service must know of them, or it would take the rest for the whole.
    /// - Throws: what names those that cannot be copied.
    private func damaged(in scan: SeriesScan, _ bar: ProgressBar) throws -> [String] {
        let suspects = Dictionary(
            scan.stacks.flatMap { $0.damaged + $0.unread }.map { ($0.path, $0) },
            uniquingKeysWith: { first, _ in first }
        ).values.sorted { $0.path < $1.path }
        let lost = suspects.filter { !$0.canBeCopied }
        guard lost.isEmpty else {
            bar.end()
            let lines = lost.map { "\n  \($0.path): \($0.reason)" }.joined()
            throw CommandFailure(
                .dataError,
                "\(counted(lost.count, "file")) beside the images cannot be read; nothing was handed over.\(lines)"
            )
        }
        return suspects.map(\.path)
    }

    /// What `--json` prints.
    private struct Handed: Encodable {
        struct Series: Encodable {
            var seriesInstanceUID: String
            /// With `--wait`: as `list --json` has them.
            var number: Int64?
            var state: String?
            var fault: String?
            var deliveredName: String?
            /// Of all its stacks and models.
            var deliveredNames: [String]?

            init(_ uid: String, _ details: SeriesDetails?) {
                let summary = details?.summary
                seriesInstanceUID = uid
                (number, state) = (summary?.number, summary?.state)
                (fault, deliveredName) = (summary?.fault, summary?.deliveredName)
                deliveredNames = details?.resultNames
            }
        }
        var files: Int
        var leftOut: Int
        var series: [Series]
    }

    /// Waits for series by their UIDs; they have no number before the service took their first file.
    ///
    /// - Parameter marker: the file that the service removes when it has taken all that lay beside it. Before, a series
    ///   that was delivered earlier would seem to have reached its end already.
    /// - Returns: series of which every stack reached its end, by UID.
    private func follow(
        _ uids: [String],
        _ marker: String,
        _ interruption: Interruption
    ) throws -> [String: SeriesDetails] {
        var ends: [String: SeriesDetails] = [:]
        while ends.count < uids.count, !interruption.isRequested {
            Thread.sleep(forTimeInterval: 0.5)
            _ = try options.runningStatus()
            if Directory.exists(marker) { continue }
            for uid in uids where ends[uid] == nil {
                guard case .show(let details) = try options.ask(.find(seriesInstanceUID: uid)) else { continue }
                guard let end = SeriesEnd(details.summary.state) else { continue }
                ends[uid] = details
                if json { continue }
                let fault = details.summary.fault.map { ", \($0)" } ?? ""
                let names = details.resultNames.map { ", \($0)" }.joined()
                print("series \(details.summary.number): \(end.rawValue)\(fault)\(names)")
            }
        }
        return ends
    }
}

extension SeriesDetails {
    /// Folders of the outbox that hold its latest results, one for each stack and model.
    fileprivate var resultNames: [String] {
        let contouring = runs.filter { $0.kind == RunRequest.Kind.contouring.rawValue }
        let latest = Dictionary(contouring.map { ([$0.stack, $0.model], $0) }, uniquingKeysWith: { $1 }).values
        return latest.filter { $0.deliveredAt != nil }.map(\.deliveredName).sorted()
    }
}

/// A folder on its way into the inbox.
struct Submission {
    let inbox: String
    let marker: String
    /// Whose members may write to the inbox.
    let group: String

    /// Copies files into a hidden folder, which the service does not look at, and then gives it its name.
    ///
    /// - Returns: the marker file, which the service removes when it has taken everything.
    /// - Throws: what names the inbox where that is the reason, else `SystemError` with the path; `interrupted` when it was
    ///   cancelled. The hidden folder is removed.
    func send(_ files: [String], progress: (Double) -> Void, isCancelled: () -> Bool) throws -> String {
        removeLeftovers()
        let name = "submit-\(UUID().uuidString.lowercased())"
        let hidden = "\(inbox)/.\(name)"
        do {
            try syscall("mkdir", path: hidden) { mkdir(hidden, 0o777) }
            // Kept to the end: others see that it is no leftover.
            let lock = try FileLock(folder: hidden)
            defer { withExtendedLifetime(lock) {} }
            for (index, file) in files.enumerated() {
                guard !isCancelled() else {
                    throw CommandFailure(.interrupted, "stopped before all was copied; nothing was handed over")
                }
                progress(Double(index) / Double(files.count))
                // What links lead to: the service follows none.
                let source = URL(fileURLWithPath: file).resolvingSymlinksInPath().path
                try FileTransfer.copy(source, to: "\(hidden)/\(index + 1)")
            }
            try AtomicFile.write(Data(), to: "\(hidden)/\(marker)")
            try Directory.publish(partial: hidden, as: "\(inbox)/\(name)")
            return "\(inbox)/\(name)/\(marker)"
        } catch {
            try? Directory.remove(hidden)  // the first error is the one to tell
            if let error = error as? SystemError, let told = explained(error) { throw told }
            throw error
        }
    }

    /// Copies of commands that were killed: images of a patient that nobody comes back for. Those of other users are theirs.
    private func removeLeftovers() {
        guard let entries = try? Directory.list(inbox) else { return }  // sending tells what is wrong with the inbox
        for entry in entries where entry.kind == .folder && entry.name.hasPrefix(".submit-") {
            let path = "\(inbox)/\(entry.name)"
            var status = stat()
            guard lstat(path, &status) == 0, status.st_uid == getuid(),
                // Locked by a command that works there, or not lockable here: then nobody knows whether one does.
                let lock = try? FileLock(folder: path)
            else { continue }
            withExtendedLifetime(lock) { try? Directory.remove(path) }  // the next command tries again
        }
    }

    /// What the inbox refused, and what to do about it; nil where the input is the reason.
    private func explained(_ error: SystemError) -> CommandFailure? {
        guard error.path?.hasPrefix(inbox) != false else { return nil }
        let nothing = "Nothing was handed over."
        return switch error.code {
        case EACCES, EPERM:
            CommandFailure(
                .noPermission,
                """
                \(inbox): you may not write to the inbox (\(error.reason)). \(nothing) Join the group \(group) (usermod -aG \(group) \
                NAME, then log in again), or use sudo.
                """
            )
        case EROFS:
            CommandFailure(
                .noPermission,
                "\(inbox): the inbox may not be written to (\(error.reason)). \(nothing) Mount it for writing; sudo contourctl check."
            )
        case ENOSPC, EDQUOT:
            CommandFailure(
                .cannotCreate,
                "\(inbox): the inbox has no space left (\(error.reason)). \(nothing) Free space there and submit again."
            )
        case ENOENT where !Directory.exists(inbox):
            CommandFailure(
                .unavailable,
                "\(inbox): there is no inbox. \(nothing) Mount it, or make it; sudo contourctl check tells more."
            )
        default: nil
        }
    }
}
