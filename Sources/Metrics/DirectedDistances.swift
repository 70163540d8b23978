/// Distances from every element of one surface to the other surface.
package struct DirectedDistances: Sendable {
    package struct Surfel: Sendable, Equatable, Comparable {
        /// To the nearest corner of the other surface, mm; infinite when there is none.
        package var distance: Double
        /// Of this element, mm^2; mm where contours of a slice are measured.
        package var area: Double

        package static func < (a: Surfel, b: Surfel) -> Bool {
            a.distance != b.distance ? a.distance < b.distance : a.area < b.area
        }
    }

    /// By distance, then by area.
    package let surfels: [Surfel]
    /// Of the whole surface.
    package let area: Double
    /// See `VolumeGeometry.toleranceSlack`.
    private let toleranceSlack: Double

    init(_ surfels: [Surfel], toleranceSlack: Double = 0) {
        self.toleranceSlack = toleranceSlack
        self.surfels = surfels.sorted()
        area = pairwiseSum(self.surfels.count) { [sorted = self.surfels] in sorted[$0].area }
    }

    /// Area that lies within a tolerance (`<=`) of the other surface.
    func areaWithin(_ toleranceMM: Double) -> Double {
        let farthest = toleranceMM * (1 + toleranceSlack)
        let count = surfels.firstIndex { $0.distance > farthest } ?? surfels.count
        // Added as the whole area is, so that all of it is exactly all of it.
        return pairwiseSum(count) { surfels[$0].area }
    }

    /// Share of the area within the tolerance; nil for an empty surface.
    func overlap(toleranceMM: Double) -> Double? { area > 0 ? min(1, areaWithin(toleranceMM) / area) : nil }

    /// Area-weighted mean, mm; nil when one of the surfaces is empty.
    var average: Double? {
        guard area > 0, let farthest = surfels.last, farthest.distance.isFinite else { return nil }
        return pairwiseSum(surfels.count) { surfels[$0].distance * surfels[$0].area } / area
    }

    /// The smallest distance that so many percent of the area stay within, mm; nil when a surface is empty.
    ///
    /// Shares of the area are compared as NumPy's `cumsum(areas) / sum(areas)` gives them: a few large elements that
    /// reach exactly the percentile must fall on the same side as in the published code.
    func percentile(_ percent: Double) -> Double? {
        guard area > 0, let farthest = surfels.last, farthest.distance.isFinite else { return nil }
        var sum = 0.0
        for surfel in surfels {
            sum += surfel.area
            if sum / area >= percent / 100 { return surfel.distance }
        }
        return farthest.distance
    }
}

/// The sum of numbers as NumPy adds them: eight at a time in blocks of up to 128, blocks in halves (Higham, "The
/// accuracy of floating point summation", SIAM J. Sci. Comput. 14 (1993), section 4).
func pairwiseSum(_ count: Int, from start: Int = 0, _ value: (Int) -> Double) -> Double {
    if count < 8 { return (0..<count).reduce(0) { $0 + value(start + $1) } }
    if count > 128 {
        let half = count / 2 - count / 2 % 8
        return pairwiseSum(half, from: start, value) + pairwiseSum(count - half, from: start + half, value)
    }
    var parts = (0..<8).map { value(start + $0) }
    for n in 8..<count - count % 8 { parts[n % 8] += value(start + n) }
    var sum = ((parts[0] + parts[1]) + (parts[2] + parts[3])) + ((parts[4] + parts[5]) + (parts[6] + parts[7]))
    for n in count - count % 8..<count { sum += value(start + n) }
    return sum
}
