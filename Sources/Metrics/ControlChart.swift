import Glibc

/// A control chart of scores that come one after the other: does the agreement still vary as it did at first?
///
/// A value is flagged
/// - `beyond limits` when it lies outside of what the first `baseline` values permit, in the baseline, too. Scores crowd below
///   1 and have a long tail, so the limits are taken of the cube root of what is missing to 1, which makes exponential and
///   gamma distributions nearly normal (Wilson and Hilferty, PNAS 17 (1931)): the median, and 5 spreads on either side. The
///   spread is the median difference of any two / 0.954, which no gross value widens. They are never closer to the median
///   than `leastDifference`;
/// - as `drift`, after the baseline, when the exponentially weighted rank of the values among all before them (weight 0.1) lies
///   beyond 3.2 of its standard errors (Hackl and Ledolter, Communications in Statistics B 21 (1992)): many small steps that
///   no single value shows. Ranks know of no distribution. Values that differ by less than `leastShift` are equal.
///
/// Both directions count: contours that are suddenly never changed are news, too. Of simulated series of 100 values that never
/// changed after the 20 of the baseline, normal, exponential, gamma, beta and lognormal ones, 1 to 6 % were ever flagged beyond
/// limits, and 3 to 5 % for drift.
package struct ControlChart: Codable, Sendable, Equatable {
    package enum Flag: String, Codable, Sendable {
        case beyondLimits = "beyond limits"
        case drift
    }

    package enum State: String, Codable, Sendable {
        case collecting = "collecting a baseline"
        case stable
        case drifting
    }

    package struct Point: Codable, Sendable, Equatable {
        package var value: Double
        /// Exponentially weighted mean of the values, from the centre on; nil in the baseline.
        package var weightedMean: Double?
        /// Exponentially weighted rank in units of its limit: drift beyond -1 and 1; nil in the baseline.
        package var drift: Double?
        package var flags: [Flag]
    }

    package static let defaultBaseline = 20
    private static let weight = 0.1
    private static let limitSpreads = 5.0
    private static let driftErrors = 3.2

    /// In units of the score. A baseline of values that are all alike, as contours that nobody had a reason to edit much give,
    /// has no spread of its own: the smallest difference, or the rounding of a sum, would be flagged.
    package static let leastDifference = 0.02
    package static let leastShift = 0.0045

    /// Median of the difference of two values of the normal distribution, in standard deviations.
    private static let medianDifference = 0.954

    package static func rule(baseline: Int = defaultBaseline) -> String {
        "limits from the first \(baseline) outcomes: the median of the cube root of what is missing to 1, and 5 times the median "
            + "difference of any two / \(medianDifference) (at least \(leastDifference) of the score); drift: exponentially "
            + "weighted rank among all before (0.1) beyond 3.2 times its standard error; both directions"
    }

    /// Number of values that the limits come from.
    package let baseline: Int
    /// Median of the baseline; nil before it is there, as the limits of single values.
    package let centre: Double?
    package let lowerLimit: Double?
    package let upperLimit: Double?
    package let points: [Point]

    /// - Parameter values: shares of 1 in the order of time.
    package init(_ values: [Double], baseline: Int = defaultBaseline) {
        precondition(baseline >= 2, "a spread needs two values")
        self.baseline = baseline
        guard values.count >= baseline else {
            (centre, lowerLimit, upperLimit) = (nil, nil, nil)
            points = values.map { Point(value: $0, weightedMean: nil, drift: nil, flags: []) }
            return
        }
        let first = Array(values.prefix(baseline))
        let centre = quantile(0.5, ofSorted: first.sorted())
        let limits = Self.limits(of: first, centre: centre)
        (self.centre, lowerLimit, upperLimit) = (centre, limits.lower, limits.upper)
        var (mean, rank) = (centre, 0.0)
        points = values.enumerated().map { index, value in
            var flags: [Flag] = []
            if value < limits.lower || value > limits.upper { flags.append(.beyondLimits) }
            guard index >= baseline else { return Point(value: value, weightedMean: nil, drift: nil, flags: flags) }
            mean = Self.weight * value + (1 - Self.weight) * mean
            rank = Self.weight * Self.rank(of: value, among: values.prefix(index)) + (1 - Self.weight) * rank
            let drift = rank / Self.driftLimit(after: index - baseline + 1)
            if abs(drift) > 1 { flags.append(.drift) }
            return Point(value: value, weightedMean: mean, drift: drift, flags: flags)
        }
    }

    private static func limits(of values: [Double], centre: Double) -> (lower: Double, upper: Double) {
        let roots = values.map { cbrt(max(0, 1 - $0)) }
        let middle = quantile(0.5, ofSorted: roots.sorted())
        let differences = roots.indices.flatMap { a in roots[..<a].map { abs($0 - roots[a]) } }
        let spread = quantile(0.5, ofSorted: differences.sorted()) / medianDifference
        func score(_ root: Double) -> Double { 1 - root * root * root }
        return (
            min(score(middle + limitSpreads * spread), centre - leastDifference),
            max(score(max(0, middle - limitSpreads * spread)), centre + leastDifference)
        )
    }

    /// From -√3 for the lowest to √3 for the highest, with variance 1 in series that do not change.
    private static func rank(of value: Double, among others: ArraySlice<Double>) -> Double {
        let excess = others.reduce(0.0) { sum, other in
            abs(value - other) <= leastShift ? sum : sum + (value > other ? 1 : -1)
        }
        return 3.0.squareRoot() * excess / Double(others.count + 1)
    }

    private static func driftLimit(after count: Int) -> Double {
        driftErrors * (weight / (2 - weight) * (1 - pow(1 - weight, Double(2 * count)))).squareRoot()
    }

    /// Lower and upper limit of single values; nil before the baseline is there.
    package var limits: (lower: Double, upper: Double)? {
        guard let lowerLimit, let upperLimit else { return nil }
        return (lowerLimit, upperLimit)
    }

    /// By the latest value.
    package var state: State {
        guard centre != nil else { return .collecting }
        return points.last?.flags.isEmpty == false ? .drifting : .stable
    }
}
