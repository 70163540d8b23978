import Dicom
import Foundation
import Pipeline
import Platform
import Store

/// The configuration of the service. etc/contourd.toml shows every key with its default; in it, names are written
/// with underscores (`quiet_seconds`).
package struct Configuration: Codable, Sendable, Equatable {
    package struct Folders: Codable, Sendable, Equatable {
        /// Work folders, quarantine, database and lock; on one file system.
        package var state = "/var/lib/contourd"
        package var inbox = "/var/lib/contourd/inbox"
        package var outbox = "/var/lib/contourd/outbox"
    }

    package struct Inbox: Codable, Sendable, Equatable {
        package enum Polling: String, Sendable, NamedChoice { case auto, always, never }
        /// How long a file must stay as it is before it is taken.
        package var settleSeconds = 2.0
        /// Longest time between two scans of the whole inbox, whatever inotify says.
        package var scanSeconds = 120.0
        /// `auto` polls network file systems.
        package var polling = Polling.auto
        package var pollSeconds = 5.0
        /// A file that ends too early is given this long to grow before it is set aside.
        package var truncatedAfterSeconds = 60.0
    }

    package struct Series: Codable, Sendable, Equatable {
        /// A series without visible gaps is complete after so long without a new image.
        package var quietSeconds = 20.0
        /// A series with gaps is given up after so long, and refused with the slices that are missing.
        package var incompleteAfterSeconds = 600.0
        /// A file of this name, or with this ending, says that its folder is complete.
        package var marker = ".done"
        package enum OtherModalities: String, Sendable, NamedChoice { case alone, always, never }
        /// Whether the sender of a series that is no CT is told that it is not contoured: `alone`, when no CT of its study
        /// came.
        package var otherModalities = OtherModalities.alone
    }

    package struct Models: Codable, Sendable, Equatable {
        /// Folder with model packages; empty: where contourd was installed.
        package var directory = ""
        /// Every series is contoured with each of these.
        package var names = ["lungs"]
    }

    package struct Outbox: Codable, Sendable, Equatable {
        /// Name of a result: `{series}` and `{model}` are replaced. Later revisions get `-r2`, `-r3`...
        package var name = "{series}"
        /// Mode of delivered folders and files is 0777 and 0666 less the umask of the service.
        package var minimumFreeMB = 2048
    }

    package struct Work: Codable, Sendable, Equatable {
        /// Stages that run at the same time.
        package var workers = 1
        /// Threads of one stage; 0: all processors.
        package var threads = 0
        /// Address space of a worker, MiB; 0: no limit.
        package var memoryLimitMB = 12288
        /// A stage without progress for so long is ended and tried again.
        package var stallSeconds = 900.0
        /// Pixels of delivered series are kept so long.
        package var keepPixelsDays = 7.0
        /// Label maps, measurements and references are kept so long; 0: for good. Without them a reference that comes later
        /// cannot be scored.
        package var keepLabelMapsDays = 0.0
    }

    package struct Retry: Codable, Sendable, Equatable {
        package var maximumAttempts = 6
        package var maximumCrashes = 3
        package var firstDelaySeconds = 5.0
        package var longestDelaySeconds = 600.0
    }

    package struct Control: Codable, Sendable, Equatable {
        package var socket = "/run/contourd/control.sock"
        /// Members may use the socket; where there is no such group, only the service's own user and group may.
        package var group = "contourd-users"
    }

    package var folders = Folders()
    package var inbox = Inbox()
    package var series = Series()
    package var models = Models()
    package var outbox = Outbox()
    package var work = Work()
    package var retry = Retry()
    package var control = Control()
    package var admission = AdmissionLimits()
    package var export = ExportOptions()

    package init() {}
}

extension Configuration {
    package static let defaultPath = "/etc/contourd/contourd.toml"

    var retryPolicy: RetryPolicy {
        var policy = RetryPolicy()
        policy.maximumAttempts = retry.maximumAttempts
        policy.maximumCrashes = retry.maximumCrashes
        policy.firstDelayMS = Int64(retry.firstDelaySeconds * 1000)
        policy.longestDelayMS = Int64(retry.longestDelaySeconds * 1000)
        return policy
    }

    /// The first value that cannot be used, by its dotted key.
    func firstProblem() -> (key: String, message: String)? {
        let rules: [(Bool, String, String)] = [
            (folders.state.hasPrefix("/"), "folders.state", "an absolute path"),
            (folders.inbox.hasPrefix("/"), "folders.inbox", "an absolute path"),
            (folders.outbox.hasPrefix("/"), "folders.outbox", "an absolute path"),
            (!isInside(folders.outbox, folders.inbox), "folders.outbox", "outside of the inbox"),
            (!isInside(folders.inbox, folders.outbox), "folders.inbox", "outside of the outbox"),
            (!isInside(folders.state, folders.inbox), "folders.state", "outside of the inbox"),
            (!isInside(folders.state, folders.outbox), "folders.state", "outside of the outbox"),
            (!isUsedByState(folders.inbox), "folders.inbox", "outside of the state folder's own folders"),
            (!isUsedByState(folders.outbox), "folders.outbox", "outside of the state folder's own folders"),
            ((0.1...3600).contains(inbox.settleSeconds), "inbox.settle_seconds", "0.1 to 3600"),
            ((1...86400).contains(inbox.scanSeconds), "inbox.scan_seconds", "1 to 86400"),
            ((0.1...3600).contains(inbox.pollSeconds), "inbox.poll_seconds", "0.1 to 3600"),
            ((0...86400).contains(inbox.truncatedAfterSeconds), "inbox.truncated_after_seconds", "0 to 86400"),
            ((0.1...86400).contains(series.quietSeconds), "series.quiet_seconds", "0.1 to 86400"),
            (
                series.incompleteAfterSeconds >= series.quietSeconds, "series.incomplete_after_seconds",
                "at least series.quiet_seconds"
            ),
            (!series.marker.isEmpty && !series.marker.contains("/"), "series.marker", "a file name"),
            (!models.names.isEmpty, "models.names", "at least one model"),
            (Set(models.names).count == models.names.count, "models.names", "each model once"),
            (isUsableName(outbox.name), "outbox.name", "a folder name with {series} in it and no /"),
            (
                models.names.count == 1 || outbox.name.contains("{model}"), "outbox.name",
                "a name with {model} in it, because there are several models"
            ),
            ((0...10_000_000).contains(outbox.minimumFreeMB), "outbox.minimum_free_mb", "0 to 10000000"),
            ((1...16).contains(work.workers), "work.workers", "1 to 16"),
            ((0...256).contains(work.threads), "work.threads", "0 to 256"),
            (
                work.memoryLimitMB == 0 || work.memoryLimitMB >= 1024, "work.memory_limit_mb", "0 or at least 1024"
            ),
            ((10...86400).contains(work.stallSeconds), "work.stall_seconds", "10 to 86400"),
            (work.keepPixelsDays >= 0, "work.keep_pixels_days", "0 or more"),
            (
                work.keepLabelMapsDays == 0
                    || work.keepLabelMapsDays > 0 && work.keepLabelMapsDays >= work.keepPixelsDays,
                "work.keep_label_maps_days", "0 (for good) or at least work.keep_pixels_days"
            ),
            ((1...100).contains(retry.maximumAttempts), "retry.maximum_attempts", "1 to 100"),
            ((1...100).contains(retry.maximumCrashes), "retry.maximum_crashes", "1 to 100"),
            ((0...3600).contains(retry.firstDelaySeconds), "retry.first_delay_seconds", "0 to 3600"),
            ((0...86400).contains(retry.longestDelaySeconds), "retry.longest_delay_seconds", "0 to 86400"),
            (control.socket.hasPrefix("/") && control.socket.utf8.count < 100, "control.socket", "an absolute path"),
            (admission.minimumSlices >= 1, "admission.minimum_slices", "at least 1"),
            ((0...1).contains(export.minimumRoundTripDice), "export.minimum_round_trip_dice", "0 to 1"),
            (
                !export.tolerancesMM.isEmpty && export.tolerancesMM.allSatisfy { $0 > 0 }, "export.tolerances_mm",
                "at least one, all above 0"
            ),
        ]
        return rules.first { !$0.0 }.map { ($0.1, "must be \($0.2)") }
    }

    private func isInside(_ path: String, _ folder: String) -> Bool {
        let (path, folder) = (standardized(path), standardized(folder))
        return path == folder || path.hasPrefix(folder == "/" ? folder : folder + "/")
    }

    private func isUsedByState(_ path: String) -> Bool {
        let state = StateFolder(path: standardized(folders.state))
        return isInside(path, state.work) || isInside(path, state.quarantine)
    }

    private func standardized(_ path: String) -> String { (path as NSString).standardizingPath }

    private func isUsableName(_ name: String) -> Bool {
        name.contains("{series}") && !name.contains("/") && !name.hasPrefix(".") && name.utf8.count < 120
    }

    /// The folder of a result in the outbox, without its revision.
    func deliveredName(stack: String, model: String) -> String {
        outbox.name.replacingOccurrences(of: "{series}", with: stack)
            .replacingOccurrences(of: "{model}", with: model)
    }
}
