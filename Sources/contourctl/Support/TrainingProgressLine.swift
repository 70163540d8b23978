import Foundation
import Segmentation

/// One line on standard error: rewritten in place on a terminal, a new one each epoch and each case elsewhere.
final class TrainingProgressLine {
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private var lastKey = ""
    private var shownAt = ContinuousClock.now - .seconds(10)

    func show(_ progress: TrainingProgress) {
        let key = "\(progress.phase) \(progress.epoch) \(progress.item)"
        let now = ContinuousClock.now
        if isTerminal {
            guard key != lastKey || now - shownAt > .milliseconds(200) else { return }
            // What an epoch came to, and what is to be known, stays above the line.
            let stays = progress.phase == .validated || progress.phase == .noted
            write("\r\u{1B}[K" + text(progress) + (stays ? "\n" : ""))
        } else {
            // The last step of an epoch says all that its other steps would.
            let isEpochEnd =
                progress.phase == .training && progress.epochs > 0
                && progress.step % max(1, progress.steps / progress.epochs) == 0
            guard progress.phase == .training ? isEpochEnd : key != lastKey else { return }
            write(text(progress) + "\n")
        }
        (lastKey, shownAt) = (key, now)
    }

    func end() { if isTerminal { write("\n") } }

    private func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }

    private func text(_ p: TrainingProgress) -> String {
        switch p.phase {
        case .noted: return p.item
        case .finding: return "looking for cases"
        case .caching: return "preparing case \(p.step + 1) of \(p.steps): \(p.item)"
        case .validating: return "validating epoch \(p.epoch)"
        case .finishing: return p.item.isEmpty ? "writing the model package" : "scoring \(p.item)"
        case .validated:
            let dice = p.validationDice.sorted { $0.key < $1.key }.map {
                let surface = p.validationMeasures[$0.key]?.surfaceDice2MM
                return "\($0.key) \(String(format: "%.4f", $0.value))"
                    + (surface.map { String(format: " (%.4f)", $0) } ?? "")
            }
            return "epoch \(p.epoch) of \(p.epochs), validation Dice (surface Dice 2 mm) " + dice.joined(separator: " ")
        case .training: break
        }
        var parts = ["epoch \(p.epoch) of \(p.epochs), step \(p.step) of \(p.steps)"]
        if let loss = p.loss { parts.append(String(format: "loss %.4f", loss)) }
        if let seconds = p.secondsLeft { parts.append(duration(seconds) + " left") }
        return parts.joined(separator: ", ")
    }

    private func duration(_ seconds: Double) -> String {
        let whole = Int(seconds.rounded())
        return String(format: "%d:%02d:%02d", whole / 3600, whole / 60 % 60, whole % 60)
    }
}
