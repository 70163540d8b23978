import Foundation

/// The even grid that distances of neighbouring slices fit, some of them being gaps.
struct SliceSpacing {
    /// Distance of two slices without a gap between them, mm.
    var step: Double
    /// For each distance how many steps it is.
    var steps: [Int]

    /// The largest step of which every distance is a whole multiple.
    ///
    /// A distance may differ from its multiple by the tolerance, however many steps it is: slices that a scanner put
    /// on an even grid do not drift. The step is fitted by least squares.
    ///
    /// - Parameters:
    ///   - distances: of neighbouring slices, mm, above zero.
    ///   - hints: steps to try first and last: what Instance Numbers say goes before the distances, what the headers
    ///     say after them.
    /// - Returns: nil where no step within the limits fits, or only one so small that anything would.
    init?(_ distances: [Double], hints: (first: [Double], last: [Double]) = ([], []), limits: AdmissionLimits) {
        guard let smallest = distances.min() else { return nil }
        let fractions = (1...3).map { (step: smallest / Double($0), isHint: false) }
        func hint(_ steps: [Double]) -> [(step: Double, isHint: Bool)] { steps.map { ($0, true) } }
        for candidate in hint(hints.first) + fractions + hint(hints.last) {
            guard let fitted = Self.fit(distances, from: candidate.step, limits),
                (limits.minimumSliceSpacingMM...limits.maximumSliceSpacingMM).contains(fitted.step),
                // Distances alone do not say that slices are missing everywhere.
                candidate.isHint || fitted.steps.reduce(0, Self.commonDivisor) == 1
            else { continue }
            self = fitted
            return
        }
        return nil
    }

    private static func commonDivisor(_ a: Int, _ b: Int) -> Int { b == 0 ? a : commonDivisor(b, a % b) }

    init(step: Double, steps: [Int]) {
        self.step = step
        self.steps = steps
    }

    private static func fit(_ distances: [Double], from candidate: Double, _ limits: AdmissionLimits) -> Self? {
        guard candidate > 0, candidate.isFinite else { return nil }
        var step = candidate
        var (products, squares) = (0.0, 0.0)
        // Short distances first: they are told apart from their neighbours' multiples by a rough step already.
        for distance in distances.sorted() {
            let count = max(1, (distance / step).rounded())
            guard abs(distance - count * step) <= 2 * limits.spacingTolerance(medianMM: step) else { return nil }
            products += count * distance
            squares += count * count
            step = products / squares
        }
        let tolerance = limits.spacingTolerance(medianMM: step)
        // Within a quarter of a step nearly half of all numbers are near a multiple.
        guard tolerance <= step / 4 else { return nil }
        let counts = distances.map { max(1, ($0 / step).rounded()) }
        guard zip(distances, counts).allSatisfy({ abs($0 - $1 * step) <= tolerance }), counts.allSatisfy({ $0 < 1e6 })
        else { return nil }
        return Self(step: step, steps: counts.map { Int($0) })
    }
}
