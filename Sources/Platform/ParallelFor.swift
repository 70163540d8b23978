import Dispatch

#if canImport(Glibc)
import Glibc
#endif

/// How many processors this process may use.
package enum ProcessorCount {
    /// Online processors, at least 1; the environment variable `CONTOURD_THREADS` overrides it.
    package static var available: Int {
        if let text = getenv("CONTOURD_THREADS"), let wanted = Int(String(cString: text)), wanted > 0 {
            return min(wanted, 256)
        }
        return max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
    }
}

/// Runs `body` over 0..<count, cut into one contiguous range a thread.
///
/// The partition is static: it depends on `count` and `threads` alone. As long as `body` writes only what
/// belongs to its own indices, the result is the same on any number of threads. Blocks until all is done.
/// Never call it from Swift's cooperative thread pool.
package func parallelFor(
    _ count: Int,
    threads: Int = ProcessorCount.available,
    _ body: @Sendable (Range<Int>) -> Void
) {
    guard count > 0 else { return }
    let parts = max(1, min(threads, count))
    guard parts > 1 else { return body(0..<count) }
    DispatchQueue.concurrentPerform(iterations: parts) { part in
        body(count * part / parts..<count * (part + 1) / parts)
    }
}
