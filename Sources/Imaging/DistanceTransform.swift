import Platform

/// The exact Euclidean distance, mm, from every place of a grid to the nearest of the given places.
///
/// One axis after the other: along k by counting steps, then lower envelopes of parabolas (Felzenszwalb and
/// Huttenlocher, "Distance transforms of sampled functions", Theory of Computing 8, 2012). Infinity everywhere when
/// nothing is given.
///
/// - Parameter features: non-zero at the places to measure from; index order i, j, k.
package func euclideanDistance(
    to features: [UInt8],
    dimensions: Dimensions,
    spacing: Vector3,
    threads: Int = ProcessorCount.available
) -> [Double] {
    let (ni, nj, nk) = (dimensions.i, dimensions.j, dimensions.k)
    return [Double](unsafeUninitializedCapacity: features.count) { buffer, count in
        count = features.count
        guard !features.isEmpty else { return }
        features.withUnsafeBufferPointer { features in
            // Each line is read and written by one thread only. Slices first and columns last: squares are then added
            // in the order in which NumPy adds those of an array [k][j][i], so that a distance that is compared with
            // a tolerance is the same number as SciPy's.
            nonisolated(unsafe) let values = buffer.baseAddress!
            nonisolated(unsafe) let features = features.baseAddress!
            parallelFor(nj, threads: threads) { rows in
                var steps = [Double](repeating: 0, count: ni)
                for row in rows {
                    squaredAlongSlices(features + row * ni, values + row * ni, dimensions, spacing.z, &steps)
                }
            }
            parallelFor(nk, threads: threads) { slices in
                let envelope = ParabolaEnvelope(length: nj, spacing: spacing.y)
                for slice in slices { envelope.transformColumns(values + slice * ni * nj, columns: ni) }
            }
            parallelFor(nj * nk, threads: threads) { lines in
                let envelope = ParabolaEnvelope(length: ni, spacing: spacing.x)
                for line in lines {
                    envelope.transform(values + line * ni)
                    for n in line * ni..<(line + 1) * ni { values[n] = values[n].squareRoot() }
                }
            }
        }
    }
}

/// The squared distance along k to the nearest feature, for one row of all slices: the smaller of the steps counted
/// upwards and downwards.
private func squaredAlongSlices(
    _ features: UnsafePointer<UInt8>,
    _ values: UnsafeMutablePointer<Double>,
    _ dimensions: Dimensions,
    _ spacing: Double,
    _ steps: inout [Double]
) {
    let (columns, plane) = (dimensions.i, dimensions.i * dimensions.j)
    steps.withUnsafeMutableBufferPointer { steps in
        for i in 0..<columns { steps[i] = .infinity }
        for k in 0..<dimensions.k {
            for i in 0..<columns {
                let count = features[k * plane + i] != 0 ? 0 : steps[i] + 1
                steps[i] = count
                (values + k * plane + i).initialize(to: count)
            }
        }
        for i in 0..<columns { steps[i] = .infinity }
        for k in (0..<dimensions.k).reversed() {
            for i in 0..<columns {
                let below = values[k * plane + i]
                let count = below == 0 ? 0 : steps[i] + 1
                steps[i] = count
                let distance = min(below, count) * spacing
                values[k * plane + i] = distance * distance
            }
        }
    }
}

/// The transform of lines of one length, with its working memory. Double precision: a tolerance is compared with
/// `<=`, and a distance of hundreds of millimetres squared has too many digits for a float.
private struct ParabolaEnvelope: ~Copyable {
    /// Columns that are copied together: a cache line of doubles.
    private static let block = 8

    private let length: Int
    private let spacing: Double
    /// The height of each parabola, and its height at the origin of the line.
    private let heights: UnsafeMutablePointer<Double>
    private let heightsAtOrigin: UnsafeMutablePointer<Double>
    /// Places of the parabolas of the envelope, and where each begins to be the lowest.
    private let places: UnsafeMutablePointer<Int>
    private let starts: UnsafeMutablePointer<Double>
    private let columns: UnsafeMutablePointer<Double>

    init(length: Int, spacing: Double) {
        self.length = length
        self.spacing = spacing
        heights = .allocate(capacity: length)
        heightsAtOrigin = .allocate(capacity: length)
        places = .allocate(capacity: length)
        starts = .allocate(capacity: length)
        columns = .allocate(capacity: length * ParabolaEnvelope.block)
    }

    deinit {
        heights.deallocate()
        heightsAtOrigin.deallocate()
        places.deallocate()
        starts.deallocate()
        columns.deallocate()
    }

    /// Transforms each column of a slice whose rows are `count` values long.
    func transformColumns(_ slice: UnsafeMutablePointer<Double>, columns count: Int) {
        for first in stride(from: 0, to: count, by: ParabolaEnvelope.block) {
            let width = min(ParabolaEnvelope.block, count - first)
            for row in 0..<length {
                for n in 0..<width { columns[n * length + row] = slice[row * count + first + n] }
            }
            for n in 0..<width { transform(columns + n * length) }
            for row in 0..<length {
                for n in 0..<width { slice[row * count + first + n] = columns[n * length + row] }
            }
        }
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
