import Dispatch
import Foundation
import Platform
import Synchronization
import Testing

@Suite("Loops over threads")
struct ParallelForTests {
    /// How often each index was done, and in how many ranges.
    private func visits(_ count: Int, threads: Int, rangesPerThread: Int) -> (indices: [Int], ranges: Int) {
        let seen = Mutex(([Int](repeating: 0, count: count), 0))
        parallelFor(count, threads: threads, rangesPerThread: rangesPerThread) { range in
            seen.withLock { seen in
                for n in range { seen.0[n] += 1 }
                seen.1 += 1
            }
        }
        return seen.withLock { ($0.0, $0.1) }
    }

    @Test("every index is done once, in as many ranges as were asked for", arguments: [1, 2, 3, 16], [1, 4])
    func once(threads: Int, rangesPerThread: Int) {
        for count in [0, 1, 2, 3, 7, 8, 9, 64, 1000] {
            let (indices, ranges) = visits(count, threads: threads, rangesPerThread: rangesPerThread)
            #expect(indices.allSatisfy { $0 == 1 })
            #expect(ranges == (min(count, threads) <= 1 ? min(count, 1) : min(count, threads * rangesPerThread)))
        }
    }

    @Test("thousands of short loops in a row, with and without time to fall asleep between them")
    func repeated() {
        let total = Atomic<Int>(0)
        for turn in 0..<3000 {
            parallelFor(8, threads: 3) { range in
                for n in range { total.add(n, ordering: .relaxed) }
            }
            if turn.isMultiple(of: 100) { usleep(500) }
        }
        #expect(total.load(ordering: .relaxed) == 3000 * 28)
    }

    @Test("a loop within a loop")
    func nested() {
        let total = Atomic<Int>(0)
        parallelFor(6, threads: 3) { outer in
            for n in outer {
                parallelFor(10, threads: 2) { inner in
                    for m in inner { total.add(n * m, ordering: .relaxed) }
                }
            }
        }
        #expect(total.load(ordering: .relaxed) == 15 * 45)
    }

    @Test("loops on several threads at once")
    func together() {
        let total = Atomic<Int>(0)
        DispatchQueue.concurrentPerform(iterations: 4) { _ in
            for _ in 0..<200 {
                parallelFor(50, threads: 2) { range in total.add(range.count, ordering: .relaxed) }
            }
        }
        #expect(total.load(ordering: .relaxed) == 4 * 200 * 50)
    }

    @Test("a range that takes long leaves the others to whoever is free")
    func uneven() {
        let done = Atomic<Int>(0)
        let end = ContinuousClock.now + .seconds(60)
        parallelFor(8, threads: 2, rangesPerThread: 4) { range in
            // It is the first of the caller's share: the rest of that share has to be done by others.
            while range.contains(0), done.load(ordering: .relaxed) < 7, ContinuousClock.now < end { usleep(100) }
            done.add(range.count, ordering: .relaxed)
        }
        #expect(done.load(ordering: .relaxed) == 8)
        #expect(ContinuousClock.now < end)
    }
}
