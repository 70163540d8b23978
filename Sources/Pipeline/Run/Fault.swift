import Platform

/// Why work stopped, and what follows from it: the one value that the journal, `contourctl show`, exit codes and
/// the file beside the result are told from.
///
/// Texts hold no patient data and no path of the inbox. File names below the work folder are numbers.
package struct Fault: Error, Codable, Sendable, Equatable {
    package enum Kind: String, Codable, Sendable {
        /// It may work later: try again with backoff.
        case transient
        /// The input is the reason: refuse at once and tell the sender.
        case permanent
        /// Somebody must change the installation: hold.
        case `operator`
        /// The service or the user stopped the work: the attempt does not count.
        case interrupted
        /// Our mistake, or a crash: try again a few times, then refuse.
        case bug
    }

    package var kind: Kind
    /// Stable, for example `E_MISSING_SLICE`.
    package var code: String
    package var message: String
    package var hint: String
    /// Slices, structures or files concerned, one line each.
    package var details: [String]

    package init(_ kind: Kind, _ code: String, _ message: String, hint: String, details: [String] = []) {
        self.kind = kind
        self.code = code
        self.message = message
        self.hint = hint
        self.details = details
    }
}

extension Fault: CustomStringConvertible {
    package var description: String { "\(code): \(message)" }
}

extension Fault {
    package static let cancelled = Fault(.interrupted, "E_INTERRUPTED", "The work was stopped.", hint: "")

    /// A worker process ended before it had answered.
    package static func workerEnded(_ ending: ChildProcess.Ending) -> Fault {
        guard !ending.isFromOutside else {
            return Fault(
                .transient,
                "E_WORKER_KILLED",
                "The worker process was killed (\(ending)).",
                hint: "Somebody did that, or the kernel for lack of memory: journalctl -k tells."
            )
        }
        return Fault(
            .bug,
            "E_WORKER_ENDED",
            "The worker process ended unexpectedly (\(ending == .exit(0) ? "without an answer" : "\(ending)")).",
            hint: "If it happens again with this series, please report it with the journal of contourd."
        )
    }
}
