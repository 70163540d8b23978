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

/// Runs `body` over 0..<count, cut into contiguous ranges.
///
/// Which ranges depends on `count`, `threads` and `rangesPerThread` alone; which thread does a range, on who is free. As
/// long as `body` writes only what belongs to its own indices, the result is the same on any number of threads. Blocks
/// until all is done. Never call it from Swift's cooperative thread pool.
///
/// - Parameter rangesPerThread: with more than one, a thread whose processor has other work leaves some to the rest.
package func parallelFor(
    _ count: Int,
    threads: Int = ProcessorCount.available,
    rangesPerThread: Int = 1,
    _ body: @Sendable (Range<Int>) -> Void
) {
    guard count > 0 else { return }
    let threads = min(threads, count)
    guard threads > 1 else { return body(0..<count) }
    let ranges = min(count, threads * rangesPerThread)
    let one: @Sendable (Int) -> Void = { n in body(count * n / ranges..<count * (n + 1) / ranges) }
    if !ThreadTeam.shared.run(ranges, threads: threads, one) {
        DispatchQueue.concurrentPerform(iterations: ranges, execute: one)
    }
}

/// What `body` makes of each of 0..<count, in that order; see `parallelFor`.
package func parallelMap<Value: Sendable>(
    _ count: Int,
    threads: Int,
    _ body: @Sendable (Int) -> Value
) -> [Value] {
    [Value](unsafeUninitializedCapacity: count) { buffer, initialized in
        // Each place is written by one thread only.
        nonisolated(unsafe) let values = buffer
        parallelFor(count, threads: threads) { range in
            for n in range { values.initializeElement(at: n, to: body(n)) }
        }
        initialized = count
    }
}
