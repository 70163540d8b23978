import Dispatch
import Foundation
import Synchronization

/// Notices Ctrl-C, SIGTERM and a terminal that is closed, so that work ends at the next safe moment and leaves nothing half-made.
package final class Interruption: Sendable {
    private let happened = Atomic<Bool>(false)

    /// The sources live as long as the process, as the command does.
    package init() {
        for number in [SIGINT, SIGTERM, SIGHUP] {
            let former = signal(number, SIG_IGN)
            // nohup: the work is to go on without its terminal.
            if number == SIGHUP, unsafeBitCast(former, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self) {
                continue
            }
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { [self] in
                happened.store(true, ordering: .releasing)
                withExtendedLifetime(source) {}
            }
            source.resume()
        }
    }

    package var isRequested: Bool { happened.load(ordering: .acquiring) }
}
