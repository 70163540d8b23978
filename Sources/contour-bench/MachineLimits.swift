import Foundation
import Platform
import Synchronization

/// What bounds a row on this machine.
enum Bound: String, Encodable {
    /// Multiplications and additions of 32-bit floats.
    case arithmetic
    /// Bytes to and from memory.
    case memory
}

/// What this machine can do at most on some threads, measured by this process: fused multiply-adds of eight 32-bit floats
/// (AVX2) on registers alone, and copying between arrays that fit no cache, bytes read and bytes written counted.
///
/// A row can do more than all of the first: Winograd convolutions need fewer multiplications than the direct ones that are
/// counted (up to four times in a plane), and kernels of OpenBLAS use AVX-512. It can do more than all of the second where
/// a cache holds what it touches.
struct MachineLimits {
    let threads: Int
    /// 32-bit floating-point operations, 1e9/s.
    let gflopPerSecond: Double
    /// 1e9/s.
    let gbPerSecond: Double

    /// The best of some tries: other programs only ever take away.
    init(threads: Int) {
        self.threads = threads
        let rounds = 20_000_000
        let operations = Double(threads * rounds * Self.chains * 8 * 2)
        gflopPerSecond = Self.best { _ = Self.multiplyAndAdd(rounds: rounds, threads: threads) } / 1e9 * operations
        let count = 128 << 20
        let from = UnsafeMutableRawPointer.allocate(byteCount: count, alignment: 64)
        let to = UnsafeMutableRawPointer.allocate(byteCount: count, alignment: 64)
        defer {
            from.deallocate()
            to.deallocate()
        }
        from.initializeMemory(as: UInt8.self, repeating: 1, count: count)
        to.initializeMemory(as: UInt8.self, repeating: 2, count: count)
        nonisolated(unsafe) let (source, target) = (from, to)
        let copies = Self.best {
            parallelFor(count >> 20, threads: threads) { pieces in
                let place = pieces.lowerBound << 20
                (target + place).copyMemory(from: source + place, byteCount: pieces.count << 20)
            }
        }
        gbPerSecond = copies / 1e9 * Double(2 * count)
    }

    func gPerSecond(_ bound: Bound) -> Double { bound == .arithmetic ? gflopPerSecond : gbPerSecond }

    /// Runs a second, the fastest of some.
    private static func best(_ body: () -> Void) -> Double {
        body()
        let seconds = (0..<7).map { _ in
            let start = ContinuousClock.now
            body()
            return start.duration(to: .now).seconds
        }
        return 1 / (seconds.min() ?? .infinity)
    }

    /// Independent sums, so that the latency of one hides behind the others.
    private static let chains = 12

    /// - Returns: a number that depends on all, so that nothing is left out.
    @inline(never)
    private static func multiplyAndAdd(rounds: Int, threads: Int) -> Float {
        let total = Mutex<Float>(0)
        parallelFor(threads, threads: threads) { own in
            let (factor, step) = (SIMD8<Float>(repeating: 0.9999), SIMD8<Float>(repeating: 1e-4))
            var (a, b, c, d, e, f) = (step, step, step, step, step, step)
            var (g, h, i, j, k, l) = (step, step, step, step, step, step)
            for _ in 0..<rounds * own.count {
                a = step.addingProduct(a, factor)
                b = step.addingProduct(b, factor)
                c = step.addingProduct(c, factor)
                d = step.addingProduct(d, factor)
                e = step.addingProduct(e, factor)
                f = step.addingProduct(f, factor)
                g = step.addingProduct(g, factor)
                h = step.addingProduct(h, factor)
                i = step.addingProduct(i, factor)
                j = step.addingProduct(j, factor)
                k = step.addingProduct(k, factor)
                l = step.addingProduct(l, factor)
            }
            let sum = ((a + b) + (c + d)) + ((e + f) + (g + h)) + ((i + j) + (k + l))
            total.withLock { $0 += sum.sum() }
        }
        return total.withLock { $0 }
    }
}
