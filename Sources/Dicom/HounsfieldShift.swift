/// The conversion of nearly every CT, where Rescale Slope is 1 and Rescale Intercept a whole number: an addition and a few
/// comparisons of whole numbers for eight pixels at once. A look into a table is one pixel at a time.
///
/// The same as its `HounsfieldConversion` for every value of a word of 16 bits.
struct HounsfieldShift: Sendable {
    private typealias Lanes = SIMD8<Int32>
    private typealias Bounds = ClosedRange<Int32>

    private let conversion: HounsfieldConversion
    private let format: HounsfieldTable.Format
    private let limits: AdmissionLimits
    private let intercept: Int32
    /// Stored values that are padding; beyond all values where none is declared.
    private let padding: Bounds
    /// The first whole number above undeclared padding.
    private let leastHU: Int32
    private let air: Bounds
    private let softTissue: Bounds
    private let possible: Bounds

    /// No value of a pixel comes near, and differences of such numbers fit in 32 bits.
    private static let far: Int32 = 1 << 29

    /// Nil where it takes more than an addition of whole numbers, and of words of 8 bits.
    init?(_ conversion: HounsfieldConversion, _ format: HounsfieldTable.Format, limits: AdmissionLimits) {
        guard conversion.slope == 1, format.bitsStored > 8,
            let intercept = Int32(exactly: conversion.intercept), abs(Int(intercept)) < Int(Self.far),
            let air = Self.whole(limits.airHU), let softTissue = Self.whole(limits.softTissueHU),
            let possible = Self.whole(limits.possibleHU)
        else { return nil }
        (self.conversion, self.format, self.limits, self.intercept) = (conversion, format, limits, intercept)
        padding =
            conversion.padding.map { Self.bounded(Double($0.lowerBound))...Self.bounded(Double($0.upperBound)) }
            ?? Self.far...Self.far
        leastHU = Self.bounded(conversion.undeclaredPaddingHU.rounded(.down)) + 1
        (self.air, self.softTissue, self.possible) = (air, softTissue, possible)
    }

    private static func bounded(_ value: Double) -> Int32 { Int32(max(-Double(far), min(Double(far), value))) }

    /// The whole numbers of a range; nil where it holds none.
    private static func whole(_ range: ClosedRange<Double>) -> Bounds? {
        let (first, last) = (bounded(range.lowerBound.rounded(.up)), bounded(range.upperBound.rounded(.down)))
        return first <= last ? first...last : nil
    }

    /// Converts the words of a frame into `output` and counts what the values look like.
    func convert(_ frame: UnsafeRawBufferPointer, into output: UnsafeMutableBufferPointer<Int16>) -> HUCounts {
        precondition(frame.count >= 2 * output.count, "a frame is shorter than its slice")
        guard let source = frame.baseAddress, let start = output.baseAddress else { return HUCounts() }
        let (target, whole) = (UnsafeMutableRawPointer(start), output.count & ~7)
        let (lowestBit, mask, sign) = valueField()
        let airHU = Lanes(repeating: Int32(HounsfieldConversion.airHU))
        // Sums of -1 for every pixel that is of the kind: a frame has at most 2^26 pixels.
        var (padded, inAir, inSoftTissue, impossible) = (Lanes.zero, Lanes.zero, Lanes.zero, Lanes.zero)
        for index in stride(from: 0, to: whole, by: 8) {
            let words = source.loadUnaligned(fromByteOffset: 2 &* index, as: SIMD8<UInt16>.self)
            let field = Lanes(truncatingIfNeeded: (SIMD8<UInt32>(truncatingIfNeeded: words) &>> lowestBit) & mask)
            let stored = (field ^ sign) &- sign
            let shifted = stored &+ intercept
            let value = shifted.clamped(lowerBound: Lanes(repeating: -32768), upperBound: Lanes(repeating: 32767))
            let isPadded = ~isOutside(stored, padding) | isBelow(shifted, leastHU)
            let isNoAir = isOutside(value, air)
            let isNeither = isNoAir & isOutside(value, softTissue)
            padded &+= isPadded
            inAir &+= ~(isNoAir | isPadded)
            inSoftTissue &+= isNoAir & ~(isNeither | isPadded)
            impossible &+= isNeither & isOutside(value, possible) & ~isPadded
            let unit = value & ~isPadded | airHU & isPadded
            target.storeBytes(of: SIMD8(truncatingIfNeeded: unit), toByteOffset: 2 &* index, as: SIMD8<Int16>.self)
        }
        var counts = HUCounts()
        (counts.padded, counts.air) = (count(padded), count(inAir))
        (counts.softTissue, counts.impossible) = (count(inSoftTissue), count(impossible))
        counts.other = whole - counts.padded - counts.valid
        for index in whole..<output.count {
            let word = source.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self)
            output[index] = conversion.hounsfield(format.storedValue(UInt32(word)), counting: &counts, limits)
        }
        return counts
    }

    /// How a value is taken from a word: moved down, masked, and its sign bit, where it has one, given its weight.
    private func valueField() -> (lowestBit: SIMD8<UInt32>, mask: SIMD8<UInt32>, sign: Lanes) {
        (
            SIMD8(repeating: UInt32(format.highBit + 1 - format.bitsStored)),
            SIMD8(repeating: UInt32(1) << UInt32(format.bitsStored) - 1),
            Lanes(repeating: format.isSigned ? Int32(1) << Int32(format.bitsStored - 1) : 0)
        )
    }

    // Comparisons of vectors are loops over their lanes (Swift 6.3); the sign of a difference is one instruction.

    /// -1 where it is so, else 0.
    @inline(__always)
    private func isBelow(_ value: Lanes, _ bound: Int32) -> Lanes { (value &- bound) &>> 31 }

    /// -1 where it is so, else 0.
    @inline(__always)
    private func isOutside(_ value: Lanes, _ bounds: Bounds) -> Lanes {
        (value &- bounds.lowerBound) &>> 31 | (bounds.upperBound &- value) &>> 31
    }

    private func count(_ sums: Lanes) -> Int { -Int(sums.wrappedSum()) }
}
