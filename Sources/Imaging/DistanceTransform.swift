import Platform

/// The exact Euclidean distance, mm, from every place of a grid to the nearest of the given places.
///
/// Separable lower envelopes of parabolas: Felzenszwalb and Huttenlocher, "Distance transforms of sampled functions",
/// Theory of Computing 8 (2012). Infinity everywhere when nothing is given.
///
/// - Parameter features: non-zero at the places to measure from; index order i, j, k.
package func euclideanDistance(
    to features: [UInt8],
    dimensions: Dimensions,
    spacing: Vector3,
    threads: Int = ProcessorCount.available
) -> [Double] {
    var squared = [Double](unsafeUninitializedCapacity: features.count) { buffer, count in
        for n in features.indices { buffer.initializeElement(at: n, to: features[n] != 0 ? 0 : .infinity) }
        count = features.count
    }
    let (ni, nj, nk) = (dimensions.i, dimensions.j, dimensions.k)
    squared.withUnsafeMutableBufferPointer { buffer in
        // Each line is read and written by one thread only. Slices first and columns last: squares are then added
        // in the order in which NumPy adds those of an array [k][j][i], so that a distance that is compared with
        // a tolerance is the same number as SciPy's.
        nonisolated(unsafe) let values = buffer.baseAddress!
        parallelFor(ni * nj, threads: threads) { lines in
            var envelope = ParabolaEnvelope(length: nk, spacing: spacing.z)
            for line in lines { envelope.transform(values + line, stride: ni * nj) }
        }
        parallelFor(ni * nk, threads: threads) { lines in
            var envelope = ParabolaEnvelope(length: nj, spacing: spacing.y)
            for line in lines { envelope.transform(values + line / ni * ni * nj + line % ni, stride: ni) }
        }
        parallelFor(nj * nk, threads: threads) { lines in
            var envelope = ParabolaEnvelope(length: ni, spacing: spacing.x)
            for line in lines { envelope.transform(values + line * ni, stride: 1) }
        }
        for n in buffer.indices { values[n] = values[n].squareRoot() }
    }
    return squared
}

/// One line of the transform with its working memory: the lower envelope of parabolas over places that are evenly
/// apart. Double precision: a tolerance is compared with `<=`, and a distance of hundreds of millimetres squared has
/// too many digits for a float.
package struct ParabolaEnvelope {
    private let length: Int
    private let spacing: Double
    private var source: [Double]
    /// Places of the parabolas of the envelope, and where each begins to be the lowest.
    private var places: [Int]
    private var starts: [Double]

    /// - Parameter spacing: of neighbouring places, mm.
    package init(length: Int, spacing: Double) {
        self.length = length
        self.spacing = spacing
        source = Array(repeating: 0, count: length)
        places = Array(repeating: 0, count: length)
        starts = Array(repeating: 0, count: length + 1)
    }

    /// For each place of a line the one whose parabola is the lowest there.
    ///
    /// - Parameters:
    ///   - values: heights of the parabolas, mm^2; infinite where there is none. The line begins at `from`.
    ///   - nearest: its first `length` elements from `intoFrom` on are set; by default where the line begins.
    /// - Returns: whether there is any parabola; if not, nothing is set.
    package mutating func findNearest(
        _ values: [Double],
        from: Int,
        stride: Int,
        into nearest: inout [Int32],
        intoFrom: Int? = nil
    ) -> Bool {
        let last = values.withUnsafeBufferPointer { build($0.baseAddress! + from, stride: stride) }
        guard last >= 0 else { return false }
        let start = intoFrom ?? from
        forEachPlace(last) { q, place in nearest[start + q] = Int32(place) }
        return true
    }

    mutating func transform(_ line: UnsafeMutablePointer<Double>, stride: Int) {
        let last = build(UnsafePointer(line), stride: stride)
        guard last >= 0 else { return }
        forEachPlace(last) { q, place in
            // Steps first: 5 steps of 0.6 are 3, the difference of two products is only nearly that.
            let d = Double(q - place) * spacing
            line[q * stride] = d * d + source[place]
        }
    }

    /// - Returns: the number of the last parabola of the envelope; -1 when there is none.
    private mutating func build(_ line: UnsafePointer<Double>, stride: Int) -> Int {
        var last = -1
        for q in 0..<length {
            source[q] = line[q * stride]
            guard source[q].isFinite else { continue }
            while last >= 0, crossing(places[last], q) <= starts[last] { last -= 1 }
            last += 1
            places[last] = q
            starts[last] = last == 0 ? -.infinity : crossing(places[last - 1], q)
        }
        return last
    }

    private func forEachPlace(_ last: Int, _ body: (_ q: Int, _ place: Int) -> Void) {
        var parabola = 0
        for q in 0..<length {
            let x = Double(q) * spacing
            while parabola < last, starts[parabola + 1] < x { parabola += 1 }
            body(q, places[parabola])
        }
    }

    /// Where the parabolas of two places meet, mm.
    private func crossing(_ p: Int, _ q: Int) -> Double {
        let (x, y) = (Double(p) * spacing, Double(q) * spacing)
        return ((source[q] + y * y) - (source[p] + x * x)) / (2 * (y - x))
    }
}
