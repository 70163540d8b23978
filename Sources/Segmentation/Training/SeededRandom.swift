import Foundation

/// A small random number generator whose every stream follows from numbers that are written down, so that a
/// resumed training draws what the undisturbed one would have drawn. SplitMix64 (Steele, Lea and Flood, 2014).
package struct SeededRandom: RandomNumberGenerator, Sendable {
    private var state: UInt64

    /// One stream for each combination of numbers.
    package init(_ parts: UInt64...) {
        state = 0x9E37_79B9_7F4A_7C15
        for part in parts {
            state ^= part
            state = next()
        }
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// Uniform in 0..<1, 24 bits.
    package mutating func unit() -> Float { Float(next() >> 40) * 0x1p-24 }

    package mutating func uniform(_ lower: Double, _ upper: Double) -> Double {
        lower + (upper - lower) * Double(next() >> 11) * 0x1p-53
    }

    package mutating func happens(_ probability: Double) -> Bool { uniform(0, 1) < probability }

    /// Uniform in 0..<count; `count` is far below 2^32, so the bias is too small to matter.
    package mutating func index(_ count: Int) -> Int { Int(uniform(0, Double(count))) }

    /// Standard normal (Box and Muller; one of the pair).
    package mutating func normal() -> Double {
        let radius = (-2 * log(1 - uniform(0, 1))).squareRoot()
        return radius * cos(2 * .pi * uniform(0, 1))
    }

    /// A factor between 1/limit and limit, even in the logarithm.
    package mutating func factor(_ limit: Double) -> Double {
        exp(uniform(-1, 1) * log(limit))
    }
}
