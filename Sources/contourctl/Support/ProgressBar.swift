import Foundation
import Synchronization

/// A bar on standard error, rewritten in place on a terminal; elsewhere silent, so that logs stay readable.
final class ProgressBar: Sendable {
    private let isShown: Bool
    private let state = Mutex((text: "", time: ContinuousClock.now - .seconds(10)))

    init(isQuiet: Bool = false) { isShown = !isQuiet && isatty(STDERR_FILENO) == 1 }

    /// - Parameter fraction: 0 to 1; from any thread.
    func show(_ fraction: Double, _ what: String) {
        guard isShown else { return }
        let width = 30
        let done = Int((min(max(fraction, 0), 1) * Double(width)).rounded())
        let bar = String(repeating: "#", count: done) + String(repeating: ".", count: width - done)
        let text = "[\(bar)] \(Int(fraction * 100)) % \(what)"
        state.withLock { last in
            guard text != last.text, last.time.duration(to: .now) > .milliseconds(100) else { return }
            last = (text, .now)
            FileHandle.standardError.write(Data("\r\u{1B}[K\(text)".utf8))
        }
    }

    /// Removes the bar.
    func end() {
        guard isShown else { return }
        FileHandle.standardError.write(Data("\r\u{1B}[K".utf8))
    }
}
