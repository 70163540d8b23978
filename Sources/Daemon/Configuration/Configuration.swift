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
        /// Memory that a stage may take, MiB.
        package var memoryBudgetMB = MemoryBudget.defaultMegabytes
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

    /// The folder of a result in the outbox, without its revision.
    @Sendable package func deliveredName(stack: String, model: String) -> String {
        outbox.name.replacingOccurrences(of: "{series}", with: stack)
            .replacingOccurrences(of: "{model}", with: model)
    }
}
