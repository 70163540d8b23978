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

    mutating func word() -> UInt64 {
        state = state &+ 0x9E37_79B9_7F4A_7C15
        return SeededRandom.hash(state)
    }

    package mutating func uniform(_ range: ClosedRange<Double>) -> Double {
        let unit = SeededRandom.unit(word())
        return range.lowerBound + unit * (range.upperBound - range.lowerBound)
    }

    mutating func float(_ range: ClosedRange<Float>) -> Float {
        Float(uniform(Double(range.lowerBound)...Double(range.upperBound)))
    }

    mutating func happens(_ probability: Double) -> Bool { uniform(0...1) < probability }

    /// A whole number from 0 to count - 1.
    mutating func index(_ count: Int) -> Int { min(count - 1, Int(uniform(0...1) * Double(count))) }

    /// A point in the ball of radius 1.
    mutating func inBall() -> Point {
        while true {
            let p = Point(float(-1...1), float(-1...1), float(-1...1))
            if (p * p).sum() <= 1 { return p }
        }
    }

    /// A sum of four uniform words: close to a unit normal, bounded at +-3.46.
    static func normal(_ counter: UInt64) -> Float {
        let word = hash(counter)
        let sum = (word & 0xFFFF) &+ ((word >> 16) & 0xFFFF) &+ ((word >> 32) & 0xFFFF) &+ (word >> 48)
        return (Float(sum) / 65535 - 2) * 1.7320508
    }
}
