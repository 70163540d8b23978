/// What a sample of scores looks like.
///
/// Undefined values are counted and take no part in anything else. Quartiles are interpolated linearly between the
/// sorted values (Hyndman and Fan's type 7, as NumPy and R do by default). Confidence intervals are 95 % percentile
/// intervals of a bootstrap over the values (Efron, "Bootstrap methods", Ann Statist 7 (1979)), with a fixed seed: the
/// same values, in whatever order, always give the same interval. Few values have none (`fewestForInterval`).
package struct SampleSummary: Codable, Sendable, Equatable {
    /// Number of defined values.
    package var count: Int
    package var undefined: Int
    package var mean: Double?
    package var median: Double?
    package var lowerQuartile: Double?
    package var upperQuartile: Double?
    package var minimum: Double?
    package var maximum: Double?
    /// Lower and upper limit; nil with fewer than `fewestForInterval` values.
    package var meanConfidence95: [Double]?
    package var medianConfidence95: [Double]?

    package static let bootstrapSeed: UInt64 = 20_240_101
    package static let bootstrapResamples = 2000
    /// Of fewer the interval is little more than the range of the sample, and holds the truth far less often than it says.
    package static let fewestForInterval = 5

    private enum CodingKeys: String, CodingKey {
        case count = "n"
        case undefined, mean, median, minimum, maximum
        case lowerQuartile = "quartile_1"
        case upperQuartile = "quartile_3"
        case meanConfidence95 = "mean_ci_95"
        case medianConfidence95 = "median_ci_95"
    }

    package init(_ values: [Double?]) {
        let sorted = values.compactMap { $0 }.filter(\.isFinite).sorted()
        count = sorted.count
        undefined = values.count - count
        guard let first = sorted.first, let last = sorted.last else { return }
        mean = sorted.reduce(0, +) / Double(count)
        median = quantile(0.5, ofSorted: sorted)
        lowerQuartile = quantile(0.25, ofSorted: sorted)
        upperQuartile = quantile(0.75, ofSorted: sorted)
        (minimum, maximum) = (first, last)
        guard count >= Self.fewestForInterval else { return }
        var (means, medians) = ([Double](), [Double]())
        var state = Self.bootstrapSeed
        for _ in 0..<Self.bootstrapResamples {
            // Places of a sorted sample, sorted: the resample is in order as well.
            let places = sorted.indices.map { _ in Self.next(&state, below: sorted.count) }.sorted()
            let resample = places.map { sorted[$0] }
            means.append(resample.reduce(0, +) / Double(count))
            medians.append(quantile(0.5, ofSorted: resample))
        }
        (meanConfidence95, medianConfidence95) = (Self.middle95(means), Self.middle95(medians))
    }

    private static func middle95(_ values: [Double]) -> [Double] {
        let sorted = values.sorted()
        return [quantile(0.025, ofSorted: sorted), quantile(0.975, ofSorted: sorted)]
    }

    /// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
    private static func next(_ state: inout UInt64, below bound: Int) -> Int {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return Int((z ^ (z >> 31)).multipliedFullWidth(by: UInt64(bound)).high)
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(count, forKey: .count)
        try container.encode(undefined, forKey: .undefined)
        let numbers: [(Double?, CodingKeys)] = [
            (mean, .mean), (median, .median), (lowerQuartile, .lowerQuartile), (upperQuartile, .upperQuartile),
            (minimum, .minimum), (maximum, .maximum),
        ]
        for (value, key) in numbers { try container.encode(value, forKey: key) }
        try container.encode(meanConfidence95, forKey: .meanConfidence95)
        try container.encode(medianConfidence95, forKey: .medianConfidence95)
    }
}

/// The value below which a fraction of a sample lies, interpolated linearly.
///
/// - Precondition: at least one value, ascending.
package func quantile(_ fraction: Double, ofSorted values: [Double]) -> Double {
    let place = fraction * Double(values.count - 1)
    let low = Int(place)
    guard low + 1 < values.count else { return values[values.count - 1] }
    return values[low] + (values[low + 1] - values[low]) * (place - Double(low))
}
