import Pipeline
import Synchronization

/// Feeds systemd's watchdog as long as every part of the service makes progress.
///
/// A part reports each piece of work that it finished, and each look that found none to do. No timer of its own
/// feeds the watchdog: a part that hangs stops it for all, and the service is started anew.
package final class Liveness: Sendable {
    /// A part of the service with a thread of its own.
    package enum Part: Hashable, Sendable { case intake, control, dispatcher(Int) }

    private struct State {
        var last: [Part: ContinuousClock.Instant] = [:]
        var fed: ContinuousClock.Instant?
    }

    private let state = Mutex(State())
    /// How long a part may say nothing; nil when no watchdog listens.
    private let patience: Duration?
    private let feed: @Sendable () -> Void

    package init(watchdog: Duration?, feed: @escaping @Sendable () -> Void) {
        patience = watchdog.map { $0 / 2 }
        self.feed = feed
    }

    /// How long a part may sleep when there is nothing to do, seconds.
    package var longestSleep: Double { min(15, patience.map { $0.seconds / 2 } ?? 15) }

    /// A part did something.
    package func beat(_ part: Part, at now: ContinuousClock.Instant = .now) {
        guard let patience else { return }
        let isDue = state.withLock { state in
            state.last[part] = now
            guard state.last.values.allSatisfy({ $0.duration(to: now) < patience }) else { return false }
            if let fed = state.fed, fed.duration(to: now) < min(.seconds(1), patience / 4) { return false }
            state.fed = now
            return true
        }
        if isDue { feed() }
    }

    /// A part ended in order, and is waited for no more.
    package func end(_ part: Part) { state.withLock { state in _ = state.last.removeValue(forKey: part) } }
}
