/// Distance transforms of lines of one length as lower envelopes of parabolas (Felzenszwalb and Huttenlocher, "Distance
/// transforms of sampled functions", Theory of Computing 8, 2012), with their working memory. Double precision: a tolerance is compared with
/// `<=`, and a distance of hundreds of millimetres squared has too many digits for a float.
struct ParabolaEnvelope: ~Copyable {
    private let length: Int
    private let spacing: Double
    /// The height of each parabola, and its height at the origin of the line.
    private let heights: UnsafeMutablePointer<Double>
    private let heightsAtOrigin: UnsafeMutablePointer<Double>
    /// Places of the parabolas of the envelope, and where each begins to be the lowest.
    private let places: UnsafeMutablePointer<Int>
    private let starts: UnsafeMutablePointer<Double>

    init(length: Int, spacing: Double) {
        self.length = length
        self.spacing = spacing
        heights = .allocate(capacity: length)
        heightsAtOrigin = .allocate(capacity: length)
        places = .allocate(capacity: length)
        starts = .allocate(capacity: length)
    }

    deinit {
        heights.deallocate()
        heightsAtOrigin.deallocate()
        places.deallocate()
        starts.deallocate()
    }

    /// Transforms one line of squared distances in place.
    ///
    /// A place of height 0 stays 0, and no parabola from beyond it is lower than its own: the line falls apart into the
    /// runs between such places, each with the zeros at its ends.
    func transform(_ line: UnsafeMutablePointer<Double>) {
        var begin = 0
        while begin < length {
            if line[begin] == 0 {
                begin += 1
                continue
            }
            var end = begin + 1
            while end < length, line[end] != 0 { end += 1 }
            transform(line, max(begin - 1, 0)..<min(end + 1, length))
            begin = end
        }
    }

    private func transform(_ line: UnsafeMutablePointer<Double>, _ run: Range<Int>) {
        var last = -1
        for q in run {
            let height = line[q]
            guard height.isFinite else { continue }
            let x = Double(q) * spacing
            heights[q] = height
            heightsAtOrigin[q] = height + x * x
            var start = -Double.infinity
            while last >= 0 {
                start = crossing(places[last], q)
                if start > starts[last] { break }
                last -= 1
                start = -.infinity
            }
            last += 1
            places[last] = q
            starts[last] = start
        }
        guard last >= 0 else { return }
        var parabola = 0
        for q in run {
            let x = Double(q) * spacing
            while parabola < last, starts[parabola + 1] < x { parabola += 1 }
            // Steps first: 5 steps of 0.6 are 3, the difference of two products is only nearly that.
            let d = Double(q - places[parabola]) * spacing
            line[q] = d * d + heights[places[parabola]]
        }
    }

    /// Where the parabolas of two places meet, mm.
    @inline(__always)
    private func crossing(_ p: Int, _ q: Int) -> Double {
        (heightsAtOrigin[q] - heightsAtOrigin[p]) / (2 * (Double(q) * spacing - Double(p) * spacing))
    }
}
