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

    init(_ context: ServiceContext) { self.context = context }

    enum Result {
        case header(InstanceHeader, digest: String)
        case fault(Fault, DamagedHeader)
        /// The worker died on this file.
        case crashed(String)
        /// The service is stopping.
        case stopped
    }

    func read(_ path: String) throws -> Result {
        let child = try worker()
        guard child.send(try JSONEncoder().encode(WorkerRequest.header(path: path))) else { return .crashed(end()) }
        let start = ContinuousClock.now
        while true {
            context.liveness.beat(.intake)
            switch child.receive(timeoutSeconds: min(5, context.liveness.longestSleep), wake: context.intakeWake) {
            case .line(let line): return answer(line)
            case .ended: return .crashed(end())
            case .nothing:
                context.intakeWake.clear()
                let isLate = start.duration(to: .now) > Self.patience
                guard isLate || context.isStopping else { continue }
                child.kill()
                _ = end()
                return context.isStopping ? .stopped : .crashed("no answer for \(Int(Self.patience.seconds)) s")
            }
        }
    }

    private func answer(_ line: Data) -> Result {
        switch try? JSONDecoder().decode(WorkerReply.self, from: line) {  // nil: another version's worker
        case .header(let header, let digest): return .header(header, digest: digest)
        case .damaged(let fault, let header): return .fault(fault, header)
        default:
            child?.kill()
            _ = end()
            return .crashed("it answered something else")
        }
    }

    private func worker() throws(SystemError) -> ChildProcess {
        if let child { return child }
        let child = try context.startWorker()
        self.child = child
        return child
    }

    private func end() -> String {
        let how = child?.wait() ?? "it ended"
        child = nil
        return how
    }

    deinit {
        child?.kill()
        _ = child?.wait()
    }
}
