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

/// One line of the transform with its working memory. Double precision: a tolerance is compared with `<=`, and
/// a distance of hundreds of millimetres squared has too many digits for a float.
private struct ParabolaEnvelope {
    private let length: Int
    private let spacing: Double
    private var source: [Double]
    /// Places of the parabolas of the envelope, and where each begins to be the lowest.
    private var places: [Int]
    private var starts: [Double]

    init(length: Int, spacing: Double) {
        self.length = length
        self.spacing = spacing
        source = Array(repeating: 0, count: length)
        places = Array(repeating: 0, count: length)
        starts = Array(repeating: 0, count: length + 1)
    }

    mutating func transform(_ line: UnsafeMutablePointer<Double>, stride: Int) {
        var last = -1
        for q in 0..<length {
            source[q] = line[q * stride]
            guard source[q].isFinite else { continue }
            while last >= 0, crossing(places[last], q) <= starts[last] { last -= 1 }
            last += 1
            places[last] = q
            starts[last] = last == 0 ? -.infinity : crossing(places[last - 1], q)
        }
        guard last >= 0 else { return }
        var parabola = 0
        for q in 0..<length {
            let x = Double(q) * spacing
            while parabola < last, starts[parabola + 1] < x { parabola += 1 }
            // Steps first: 5 steps of 0.6 are 3, the difference of two products is only nearly that.
            let d = Double(q - places[parabola]) * spacing
            line[q * stride] = d * d + source[places[parabola]]
        }
    }

    /// Where the parabolas of two places meet, mm.
    private func crossing(_ p: Int, _ q: Int) -> Double {
        let (x, y) = (Double(p) * spacing, Double(q) * spacing)
        return ((source[q] + y * y) - (source[p] + x * x)) / (2 * (y - x))
    }
}
