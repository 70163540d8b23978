import Platform
import Segmentation

/// A training that was asked to end before it was done. It says what is kept and how to go on.
package struct TrainingStopped: Error, CustomStringConvertible {
    /// What it was at.
    let work: TrainingProgress
    let workDirectory: String

    /// Read from the files: what was at hand when it was asked to end is written afterwards.
    package var description: String {
        """
        \(Self.place(work)). Nothing that is finished is lost: \(Self.kept(in: workDirectory)). \
        Give the same command again to go on from there.
        """
    }

    private static func place(_ work: TrainingProgress) -> String {
        switch work.phase {
        case .noted, .finding, .caching: "stopped while the cases were prepared"
        case .training, .validating, .validated: "stopped in epoch \(work.epoch) of \(work.epochs)"
        case .finishing: "stopped before the model package was whole"
        }
    }

    private static func kept(in workDirectory: String) -> String {
        let cases = "prepared cases are kept in \(workDirectory)/cache"
        do {
            let kept = try Trainer.kept(in: workDirectory)
            guard kept.epochs + kept.steps > 0 else { return "\(cases), no epoch has begun yet" }
            let parts = [(kept.epochs, "epoch"), (kept.steps, "step")].filter { $0.0 > 0 }.map(counted)
            let isOne = kept.epochs + kept.steps == 1
            let which = kept.steps > 0 ? " of the \(kept.epochs > 0 ? "next" : "first epoch")" : ""
            return "\(parts.joined(separator: " and "))\(which) \(isOne ? "is" : "are") kept in \(workDirectory)"
        } catch {
            return "\(cases); \(error)"
        }
    }
}

/// Passes the progress of a training on, and ends the training where that was asked for: between steps, cases and patches,
/// where no file is half-written.
struct StoppableProgress {
    let workDirectory: String
    let isCancelled: () -> Bool
    let show: (TrainingProgress) throws -> Void

    /// - Throws: `TrainingStopped`, or what `show` throws.
    func callAsFunction(_ progress: TrainingProgress) throws {
        try show(progress)
        // What was validated is written next: it would be lost for nothing. A note is no part of the work.
        guard progress.phase != .validated, progress.phase != .noted, isCancelled() else { return }
        throw TrainingStopped(work: progress, workDirectory: workDirectory)
    }
}
