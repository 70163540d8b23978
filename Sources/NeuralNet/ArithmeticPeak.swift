import Platform
import Synchronization

/// Floating-point operations of a round of `multiplyAndAdd`: twelve sums of eight values, so that the latency of one hides
/// behind the others.
package let operationsOfARound = 12 * 8 * 2

/// Multiplies and adds on registers alone: what the machine's arithmetic can do at most with the instructions of these kernels.
///
/// - Returns: a number that depends on all, so that nothing is left out.
@inline(never)
package func multiplyAndAdd(rounds: Int, threads: Int) -> Float {
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
