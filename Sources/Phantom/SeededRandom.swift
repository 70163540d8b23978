/// A counter-based random source: the same seed gives the same numbers on every machine and in
/// any order of evaluation, so slices can be made on several threads.
///
/// SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
package struct SeededRandom: Sendable {
    private var state: UInt64

    package init(seed: UInt64, stream: UInt64 = 0) {
        state = SeededRandom.hash(seed ^ SeededRandom.hash(stream &+ 0x9E37_79B9_7F4A_7C15))
    }

    /// The finalizer of SplitMix64: one well-mixed word per counter.
    static func hash(_ counter: UInt64) -> UInt64 {
        var z = counter &+ 0x9E37_79B9_7F4A_7C15
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// A number in [0, 1).
    static func unit(_ word: UInt64) -> Double { Double(word >> 11) * 0x1p-53 }

    package mutating func uniform(_ range: ClosedRange<Double>) -> Double {
        state = state &+ 0x9E37_79B9_7F4A_7C15
        let unit = SeededRandom.unit(SeededRandom.hash(state))
        return range.lowerBound + unit * (range.upperBound - range.lowerBound)
    }

    /// A sum of four uniform words: close to a unit normal, bounded at +-3.46.
    static func normal(_ counter: UInt64) -> Double {
        let word = hash(counter)
        var sum = 0.0
        for shift in stride(from: 0, to: 64, by: 16) { sum += Double((word >> UInt64(shift)) & 0xFFFF) }
        return (sum / 65535 - 2) * 1.7320508
    }
}
