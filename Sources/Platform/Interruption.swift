import Dispatch
import Foundation
import Glibc
import Synchronization

/// Notices Ctrl-C, SIGTERM and a terminal that is closed, so that work ends at the next safe moment and leaves nothing half-made.
package final class Interruption: Sendable {
    private let first = Atomic<Int32>(0)

    /// The sources live as long as the process, as the command does.
    package init() {
        for number in [SIGINT, SIGTERM, SIGHUP] {
            let former = Glibc.signal(number, SIG_IGN)
            // nohup: the work is to go on without its terminal.
            if number == SIGHUP, unsafeBitCast(former, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self) {
                continue
            }
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { [self] in
                _ = first.compareExchange(expected: 0, desired: number, ordering: .acquiringAndReleasing)
                withExtendedLifetime(source) {}
            }
            source.resume()
        }
    }

    package var isRequested: Bool { signal != nil }

    /// The signal that came first; nil before any.
    package var signal: Int32? {
        let number = first.load(ordering: .acquiring)
        return number == 0 ? nil : number
    }
}
