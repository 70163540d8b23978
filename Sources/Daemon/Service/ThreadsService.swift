import Foundation
import ServiceLifecycle

/// The parts of the service that work synchronously, each on a thread of its own: long calls never block Swift's
/// cooperative threads. One `Service` for all of them, because they stop together: a group of several would take
/// the first that ends during a shutdown for a failure.
struct ThreadsService: Service {
    struct Part: Sendable {
        var name: String
        var body: @Sendable () -> Void
    }

    let parts: [Part]
    /// Asks every part to end soon.
    let stop: @Sendable () -> Void

    func run() async throws {
        await withGracefulShutdownHandler {
            await withTaskGroup(of: Void.self) { group in
                for part in parts { group.addTask { await run(part) } }
            }
        } onGracefulShutdown: {
            stop()
        }
    }

    private func run(_ part: Part) async {
        await withCheckedContinuation { continuation in
            let thread = Thread {
                part.body()
                continuation.resume()
            }
            thread.name = part.name
            thread.stackSize = 8 << 20
            thread.start()
        }
    }
}
