#if canImport(Glibc)
import Glibc
#endif

/// A counter-based random source: a number depends on the seed, the stream and its index alone, never on the
/// order of evaluation, so that dropout and initial weights are the same on any number of threads.
///
/// SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
package struct RandomSource: Sendable {
    private let key: UInt64

    package init(seed: UInt64, stream: UInt64) {
        key = RandomSource.mix(seed &+ RandomSource.mix(stream &+ 0x632B_E59B_D9B4_E019))
    }

    @inline(__always)
    private static func mix(_ counter: UInt64) -> UInt64 {
        var z = counter &+ 0x9E37_79B9_7F4A_7C15
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    @inline(__always)
    package func bits(_ index: Int) -> UInt64 {
        RandomSource.mix(key &+ UInt64(truncatingIfNeeded: index) &* 0x9E37_79B9_7F4A_7C15)
    }

    /// Uniform in [0, 1).
    @inline(__always)
    package func uniform(_ index: Int) -> Double { Double(bits(index) >> 11) * 0x1p-53 }

    /// Standard normal by Box and Muller; two words an index.
    package func normal(_ index: Int) -> Double {
        let radius = (-2 * log(max(uniform(2 * index), 0x1p-60))).squareRoot()
        return radius * cos(2 * .pi * uniform(2 * index + 1))
    }
}
