import Foundation
import ServiceLifecycle

/// A part of the service that works synchronously on a thread of its own: long calls never block Swift's
/// cooperative threads.
struct ThreadService: Service {
    let name: String
    let stop: @Sendable () -> Void
    let body: @Sendable () -> Void

    func run() async throws {
        await withGracefulShutdownHandler {
            await withCheckedContinuation { continuation in
                let thread = Thread {
                    body()
                    continuation.resume()
                }
                thread.name = name
                thread.stackSize = 8 << 20
                thread.start()
            }
        } onGracefulShutdown: {
            stop()
        }
    }
}
