import Dicom
import Foundation
import Pipeline
import Platform

/// Reads headers in a worker process that is kept for many files.
final class HeaderReader {
    private let context: ServiceContext
    private var child: ChildProcess?

    init(_ context: ServiceContext) { self.context = context }

    enum Result {
        case header(InstanceHeader, digest: String)
        case fault(Fault)
        /// The worker died on this file.
        case crashed(String)
    }

    /// Reads one file. A worker that says nothing for a minute is ended.
    func read(_ path: String) throws(SystemError) -> Result {
        let child = try worker()
        guard let request = try? JSONEncoder().encode(WorkerRequest.header(path: path)) else {  // a plain type
            return .fault(Fault(.bug, "E_INTERNAL", "A request could not be encoded.", hint: "Please report it."))
        }
        guard child.send(request) else { return .crashed(end()) }
        switch child.receive(timeoutSeconds: 60) {
        case .line(let line):
            switch try? JSONDecoder().decode(WorkerReply.self, from: line) {  // nil: another version's worker
            case .header(let header, let digest): return .header(header, digest: digest)
            case .fault(let fault): return .fault(fault)
            default: return .crashed("it answered something else")
            }
        case .nothing:
            child.kill()
            _ = end()
            return .crashed("no answer for 60 s")
        case .ended: return .crashed(end())
        }
    }

    private func worker() throws(SystemError) -> ChildProcess {
        if let child { return child }
        let limit = context.configuration.work.memoryLimitMB
        let child = try ChildProcess(context.program, arguments: ["--worker", "--memory-limit-mb", "\(limit)"])
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
