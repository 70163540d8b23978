import Platform
import Segmentation

/// A training that was asked to end before it was done. It says what is kept and how to go on.
package struct TrainingStopped: Error, CustomStringConvertible {
    package let description: String

    /// - Parameter work: what it was at.
    init(at work: TrainingProgress, in workDirectory: String) {
        description = """
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
            guard let (path, epochs) = try Trainer.epochsKept(in: workDirectory) else {
                return "\(cases), no epoch has ended yet"
            }
            return "\(counted(epochs, "epoch")) \(epochs == 1 ? "is" : "are") kept in \(path)"
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
        throw TrainingStopped(at: progress, in: workDirectory)
    }
}
