import Dicom
import Foundation
import Pipeline
import Platform
import Synchronization

/// The worker side: reads requests from standard input and answers on standard output until its input ends.
///
/// Untrusted bytes are parsed here; a file that crashes the parser ends this process, not the service, which looks at no
/// more of it than `DamagedHeader` does. When the service dies, its end of the pipe closes and the worker ends at once.
package enum Worker {
    package static func run(memoryLimitMB: Int) {
        takeName("contourd-worker")
        limitMemory(memoryLimitMB)
        signal(SIGPIPE, SIG_IGN)
        let requests = Requests()
        while let request = requests.next() {
            switch request {
            case .header(let path):
                reply(.reading)
                reply(readHeader(path))
            case .stage(let name, let folder, let threads, let budget):
                reply(runStage(name, folder, threads, MemoryBudget(megabytes: budget)))
            }
        }
    }

    /// We were started as /proc/self/exe; ps(1) shall show something better.
    private static func takeName(_ name: String) {
        guard let file = fopen("/proc/self/comm", "w") else { return }
        fputs(name, file)
        fclose(file)
    }

    private static func limitMemory(_ megabytes: Int) {
        guard megabytes > 0 else { return }
        let bytes = rlim_t(megabytes) << 20
        var limit = rlimit(rlim_cur: bytes, rlim_max: bytes)
        setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit)
    }

    private static func readHeader(_ path: String) -> WorkerReply {
        do {
            let header = try InstanceHeader(contentsOf: path)
            return .header(header, digest: try SHA256Digest.hex(ofFile: path))
        } catch {
            return .damaged(classify(error), DamagedHeader(contentsOf: path))
        }
    }

    private static func runStage(
        _ name: StageName,
        _ folder: String,
        _ threads: Int,
        _ memory: MemoryBudget
    ) -> WorkerReply {
        let reported = Mutex((fraction: -1.0, time: ContinuousClock.now))
        let context = StageContext(
            threads: threads,
            memory: memory,
            progress: { fraction, what in
                let due = reported.withLock { last in
                    guard fraction - last.fraction >= 0.01 || last.time.duration(to: .now) > .seconds(1) else {
                        return false
                    }
                    last = (fraction, .now)
                    return true
                }
                if due { reply(.progress(fraction, what)) }
            }
        )
        do {
            // The worker of a service that was killed may live a moment longer than it.
            let lock = try FileLock(path: folder + "/lock", waitingSeconds: 20)
            defer { withExtendedLifetime(lock) {} }
            try Pipeline.runStage(name, in: RunFolder(path: folder), context)
            return .done
        } catch {
            return .fault(classify(error))
        }
    }

    private static func reply(_ reply: WorkerReply) {
        // What we encode are our own plain types.
        guard let data = try? JSONEncoder().encode(reply) else { return }
        outputLock.withLock { _ in write(data + [0x0A]) }
    }

    /// A service that is gone hears nothing, and there is nothing more to do for it.
    private static func write(_ line: Data) {
        line.withUnsafeBytes { bytes in
            var done = 0
            while done < bytes.count {
                let count = Glibc.write(STDOUT_FILENO, bytes.baseAddress! + done, bytes.count - done)
                if count < 0 && errno == EINTR { continue }
                if count <= 0 { _exit(0) }
                done += count
            }
        }
    }

    private static let outputLock = Mutex<Void>(())
}

/// Reads requests on a thread of its own, so that the end of the input ends the process in the middle of a stage.
private final class Requests: Sendable {
    private let queue = Mutex<[WorkerRequest]>([])
    private let arrived = DispatchSemaphore(value: 0)

    init() {
        Thread.detachNewThread { [self] in
            while let line = readLine(strippingNewline: true) {
                // A line that is no request comes from no service of this version.
                guard let request = try? JSONDecoder().decode(WorkerRequest.self, from: Data(line.utf8)) else { break }
                queue.withLock { $0.append(request) }
                arrived.signal()
            }
            _exit(0)
        }
    }

    func next() -> WorkerRequest? {
        arrived.wait()
        return queue.withLock { $0.isEmpty ? nil : $0.removeFirst() }
    }
}
