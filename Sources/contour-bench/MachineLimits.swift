import Foundation
import NeuralNet
import Platform

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
        let operations = Double(threads * rounds * operationsOfARound)
        gflopPerSecond = Self.best { _ = multiplyAndAdd(rounds: rounds, threads: threads) } / 1e9 * operations
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
}
