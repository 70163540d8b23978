import Dicom
import Foundation
import Pipeline
import Platform

/// Reads headers in a worker process that is kept for many files.
final class HeaderReader {
    private let context: ServiceContext
    private var child: ChildProcess?
    /// A worker that says nothing for so long is ended.
    private static let patience = Duration.seconds(60)
    /// Workers in a row that may end before they look at a file.
    private static let maximumStarts = 3

    init(_ context: ServiceContext) { self.context = context }

    enum Result {
        case header(InstanceHeader, digest: String)
        case fault(Fault, DamagedHeader)
        /// The worker died on this file.
        case crashed(String)
        /// The worker was killed from outside while it read this file.
        case killed(ChildProcess.Ending)
        /// No worker got so far as to look at this file.
        case unread(Fault)
        /// The service is stopping.
        case stopped
    }

    func read(_ path: String) throws -> Result {
        let request = try JSONEncoder().encode(WorkerRequest.header(path: path))
        var starts = 0
        while true {
            let child = try worker()
            if child.send(request), let result = listen(to: child) { return result }
            // One that ends while it waits, or while it starts, has not seen the file: another is asked.
            let ending = end()
            starts += 1
            if starts == Self.maximumStarts { return .unread(.workerEnded(ending)) }
        }
    }

    /// - Returns: nil when the worker ended before it looked at the file.
    private func listen(to child: ChildProcess) -> Result? {
        let start = ContinuousClock.now
        var isReading = false
        while true {
            context.liveness.beat(.intake)
            switch child.receive(timeoutSeconds: min(5, context.liveness.longestSleep), wake: context.intakeWake) {
            case .line(let line):
                // nil: another version's worker
                let reply = try? JSONDecoder().decode(WorkerReply.self, from: line)
                if case .reading? = reply { isReading = true } else { return answer(reply) }
            case .ended:
                guard isReading else { return nil }
                let ending = end()
                return ending.isFromOutside ? .killed(ending) : .crashed("\(ending)")
            case .nothing:
                context.intakeWake.clear()
                let isLate = start.duration(to: .now) > Self.patience
                guard isLate || context.isStopping else { continue }
                child.kill()
                end()
                return context.isStopping ? .stopped : .crashed("no answer for \(Int(Self.patience.seconds)) s")
            }
        }
    }

    private func answer(_ reply: WorkerReply?) -> Result {
        switch reply {
        case .header(let header, let digest): return .header(header, digest: digest)
        case .damaged(let fault, let header): return .fault(fault, header)
        default:
            child?.kill()
            end()
            return .crashed("it answered something else")
        }
    }

    private func worker() throws(SystemError) -> ChildProcess {
        if let child { return child }
        let child = try context.startWorker()
        self.child = child
        return child
    }

    @discardableResult
    private func end() -> ChildProcess.Ending {
        defer { child = nil }
        return child?.wait() ?? .exit(0)
    }

    deinit {
        child?.kill()
        child?.wait()
    }
}
