/// What a sample of scores looks like.
///
/// Undefined values are counted and take no part in anything else. Quartiles are interpolated linearly between the
/// sorted values (Hyndman and Fan's type 7, as NumPy and R do by default). Confidence intervals are 95 % percentile
/// intervals of a bootstrap over the patients (Efron, "Bootstrap methods", Ann Statist 7 (1979)), with a fixed seed: the
/// same values, in whatever order, always give the same interval. Values of one patient are drawn together, as they are no
/// independent observations (Davison and Hinkley, "Bootstrap methods and their application", 1997, section 3.8). Values of
/// few patients have no interval (`fewestForInterval`).
package struct SampleSummary: Codable, Sendable, Equatable {
    /// Number of defined values.
    package var count: Int
    package var undefined: Int
    /// Number of patients with a defined value; nil where each value is of a patient of its own.
    package var patients: Int?
    package var mean: Double?
    package var median: Double?
    package var lowerQuartile: Double?
    package var upperQuartile: Double?
    package var minimum: Double?
    package var maximum: Double?
    /// Lower and upper limit; nil with fewer than `fewestForInterval` patients.
    package var meanConfidence95: [Double]?
    package var medianConfidence95: [Double]?

    /// Said in the place of an interval that there is none.
    package var fewPatients: String { "\(patients == nil ? "n" : "patients") < \(Self.fewestForInterval)" }

    package static let bootstrapSeed: UInt64 = 20_240_101
    package static let bootstrapResamples = 2000
    /// Of fewer the interval is little more than the range of the sample, and holds the truth far less often than it says.
    package static let fewestForInterval = 5

    private enum CodingKeys: String, CodingKey {
        case count = "n"
        case undefined, patients, mean, median, minimum, maximum
        case lowerQuartile = "quartile_1"
        case upperQuartile = "quartile_3"
        case meanConfidence95 = "mean_ci_95"
        case medianConfidence95 = "median_ci_95"
    }

    /// - Parameter patients: of each value, by any number; nil for one of whom nothing is known, and who counts as a patient of
    ///   his own, as everybody does without this list.
    package init(_ values: [Double?], of patients: [Int?]? = nil) {
        let groups = Self.groups(values, of: patients)
        let sorted = groups.flatMap(\.self).sorted()
        count = sorted.count
        undefined = values.count - count
        if groups.count < count { self.patients = groups.count }
        guard let first = sorted.first, let last = sorted.last else { return }
        mean = sorted.reduce(0, +) / Double(count)
        median = quantile(0.5, ofSorted: sorted)
        lowerQuartile = quantile(0.25, ofSorted: sorted)
        upperQuartile = quantile(0.75, ofSorted: sorted)
        (minimum, maximum) = (first, last)
        guard groups.count >= Self.fewestForInterval else { return }
        var (means, medians) = ([Double](), [Double]())
        var state = Self.bootstrapSeed
        for _ in 0..<Self.bootstrapResamples {
            // In order, so that sums do not depend on that of the cases.
            let resample = groups.indices.flatMap { _ in groups[Self.next(&state, below: groups.count)] }.sorted()
            means.append(resample.reduce(0, +) / Double(resample.count))
            medians.append(quantile(0.5, ofSorted: resample))
        }
        (meanConfidence95, medianConfidence95) = (Self.middle95(means), Self.middle95(medians))
    }

    /// Defined values of each patient, ascending; the patients in an order that is that of their values alone.
    private static func groups(_ values: [Double?], of patients: [Int?]?) -> [[Double]] {
        var (known, alone): ([Int: [Double]], [[Double]]) = ([:], [])
        for (index, value) in values.enumerated() {
            guard let value, value.isFinite else { continue }
            if let patient = patients?[index] {
                known[patient, default: []].append(value)
            } else {
                alone.append([value])
            }
        }
        return (known.values.map { $0.sorted() } + alone).sorted { $0.lexicographicallyPrecedes($1) }
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
        try container.encodeIfPresent(patients, forKey: .patients)
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
