/// The lower envelope of parabolas over places of a line that are evenly apart (Felzenszwalb and Huttenlocher, Theory of
/// Computing 8, 2012), with its working memory. It says which parabola is the lowest, so that the caller can add the
/// squares in the order that it needs.
struct LowerEnvelope {
    private let length: Int
    private let spacing: Double
    private var heights: [Double]
    /// Places of the parabolas of the envelope, and where each begins to be the lowest.
    private var places: [Int]
    private var starts: [Double]

    /// - Parameter spacing: of neighbouring places, mm.
    init(length: Int, spacing: Double) {
        self.length = length
        self.spacing = spacing
        heights = Array(repeating: 0, count: length)
        places = Array(repeating: 0, count: length)
        starts = Array(repeating: 0, count: length)
    }

    /// For each place of a line the one whose parabola is the lowest there.
    ///
    /// - Parameters:
    ///   - values: heights of the parabolas, mm^2; infinite where there is none. The line begins at `from`.
    ///   - nearest: its first `length` elements from `intoFrom` on are set; by default where the line begins.
    /// - Returns: whether there is any parabola; if not, nothing is set.
    mutating func findNearest(
        _ values: [Double],
        from: Int,
        stride: Int,
        into nearest: inout [Int32],
        intoFrom: Int? = nil
    ) -> Bool {
        var last = -1
        for q in 0..<length {
            heights[q] = values[from + q * stride]
            guard heights[q].isFinite else { continue }
            while last >= 0, crossing(places[last], q) <= starts[last] { last -= 1 }
            last += 1
            places[last] = q
            starts[last] = last == 0 ? -.infinity : crossing(places[last - 1], q)
        }
        guard last >= 0 else { return false }
        let first = intoFrom ?? from
        var parabola = 0
        for q in 0..<length {
            let x = Double(q) * spacing
            while parabola < last, starts[parabola + 1] < x { parabola += 1 }
            nearest[first + q] = Int32(places[parabola])
        }
        return true
    }

    /// Where the parabolas of two places meet, mm.
    private func crossing(_ p: Int, _ q: Int) -> Double {
        let (x, y) = (Double(p) * spacing, Double(q) * spacing)
        return ((heights[q] + y * y) - (heights[p] + x * x)) / (2 * (y - x))
    }
}
