/// A control chart of scores that come one after the other: does the agreement still vary as it did at first?
///
/// The first `baseline` values give the centre (their median) and the spread (median moving range / 0.954, which neither a
/// slow drift nor a gross value inside the baseline widens; at least `leastSpread`): Shewhart's individuals chart with the
/// limits of Wheeler and Chambers, Understanding Statistical Process Control, 2nd edition (1992): 3.145 times the median
/// moving range. A value is flagged
/// - `beyond limits` when it lies more than 3 spreads from the centre, in the baseline, too,
/// and after the baseline
/// - as `drift` when the exponentially weighted mean (weight 0.2) lies beyond its own limits (2.7 spreads times the
///   standard error of that mean; Lucas and Saccucci, Technometrics 32 (1990)), which many small steps reach that no
///   single value shows.
/// Both directions count: contours that are suddenly never changed are news, too.
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
        /// Exponentially weighted mean, from the centre on; nil in the baseline.
        package var weightedMean: Double?
        package var flags: [Flag]
    }

    package static let defaultBaseline = 20
    package static let weight = 0.2
    package static let limitSpreads = 3.0
    package static let driftSpreads = 2.7

    /// In units of the score. A baseline of values that are all alike, as contours that nobody had a reason to edit much give,
    /// has no spread of its own: the smallest difference, or the rounding of a sum, would be flagged. With this spread a
    /// single value is flagged from 0.015 on (the first after the baseline from 0.0135, by its weighted mean), a lasting shift
    /// from 0.0045 on.
    package static let leastSpread = 0.005

    /// Median of the range of two values of the normal distribution, in standard deviations.
    private static let medianRange = 0.954

    package static func rule(baseline: Int = defaultBaseline) -> String {
        "limits from the first \(baseline) outcomes: their median, and 3 times their median moving range / \(medianRange) (at "
            + "least \(leastSpread)); drift: "
            + "exponentially weighted mean (0.2) beyond 2.7 times its standard error; both directions"
    }

    /// Number of values that the limits come from.
    package let baseline: Int
    package let centre: Double?
    package let spread: Double?
    package let points: [Point]

    private enum CodingKeys: String, CodingKey {
        case baseline, centre, spread, points
    }

    /// - Parameter values: in the order of time.
    package init(_ values: [Double], baseline: Int = defaultBaseline) {
        precondition(baseline >= 2, "a spread needs two values")
        self.baseline = baseline
        guard values.count >= baseline else {
            (centre, spread) = (nil, nil)
            points = values.map { Point(value: $0, weightedMean: nil, flags: []) }
            return
        }
        let first = values.prefix(baseline)
        let centre = quantile(0.5, ofSorted: first.sorted())
        let ranges = zip(first, first.dropFirst()).map { abs($1 - $0) }
        let sigma = max(Self.leastSpread, quantile(0.5, ofSorted: ranges.sorted()) / Self.medianRange)
        (self.centre, spread) = (centre, sigma)
        var weighted = centre
        points = values.enumerated().map { index, value in
            var flags: [Flag] = []
            if abs(value - centre) > Self.limitSpreads * sigma { flags.append(.beyondLimits) }
            guard index >= baseline else { return Point(value: value, weightedMean: nil, flags: flags) }
            weighted = Self.weight * value + (1 - Self.weight) * weighted
            let limit = Self.driftLimit(after: index - baseline + 1, spread: sigma)
            if abs(weighted - centre) > limit { flags.append(.drift) }
            return Point(value: value, weightedMean: weighted, flags: flags)
        }
    }

    private static func driftLimit(after count: Int, spread: Double) -> Double {
        var remaining = 1.0
        for _ in 0..<min(2 * count, 2000) { remaining *= 1 - weight }
        return driftSpreads * spread * (weight / (2 - weight) * (1 - remaining)).squareRoot()
    }

    /// Lower and upper limit of single values; nil before the baseline is there.
    package var limits: (lower: Double, upper: Double)? {
        guard let centre, let spread else { return nil }
        return (centre - Self.limitSpreads * spread, centre + Self.limitSpreads * spread)
    }

    /// By the latest value.
    package var state: State {
        guard centre != nil else { return .collecting }
        return points.last?.flags.isEmpty == false ? .drifting : .stable
    }
}
