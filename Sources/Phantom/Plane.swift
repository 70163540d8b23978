#if canImport(Glibc)
import Glibc
#endif

/// One slice of numbers and the filters that a scanner's reconstruction applies to it.
struct Plane {
    let columns: Int
    let rows: Int
    /// i fastest.
    var values: [Float]

    init(columns: Int, rows: Int, repeating value: Float = 0) {
        (self.columns, self.rows) = (columns, rows)
        values = [Float](repeating: value, count: columns * rows)
    }

    /// Independent numbers of mean 0 and standard deviation 1, by seed.
    init(columns: Int, rows: Int, whiteNoise seed: UInt64) {
        self.init(columns: columns, rows: rows)
        for n in values.indices { values[n] = SeededRandom.normal(seed &+ UInt64(n)) }
    }

    /// Gaussian blur, standard deviations in pixels; edges are repeated.
    mutating func blur(_ sigmaI: Float, _ sigmaJ: Float) {
        if sigmaI > 0.12 { blurRows(Plane.taps(sigmaI)) }
        if sigmaJ > 0.12 { blurColumns(Plane.taps(sigmaJ)) }
    }

    func blurred(_ sigmaI: Float, _ sigmaJ: Float) -> Plane {
        var copy = self
        copy.blur(sigmaI, sigmaJ)
        return copy
    }

    private static func taps(_ sigma: Float) -> [Float] {
        let radius = max(1, Int((2.8 * sigma).rounded(.up)))
        let raw = (-radius...radius).map { expf(-0.5 * Float($0 * $0) / (sigma * sigma)) }
        let sum = raw.reduce(0, +)
        return raw.map { $0 / sum }
    }

    private mutating func blurRows(_ taps: [Float]) {
        let radius = taps.count / 2
        let columns = columns
        var line = [Float](repeating: 0, count: columns + 2 * radius)
        for j in 0..<rows {
            let base = j * columns
            for n in line.indices { line[n] = values[base + min(columns - 1, max(0, n - radius))] }
            values.withUnsafeMutableBufferPointer { out in
                line.withUnsafeBufferPointer { source in
                    taps.withUnsafeBufferPointer { taps in
                        for i in 0..<columns { out[base + i] = taps[0] * source[i] }
                        for t in 1..<taps.count {
                            let weight = taps[t]
                            for i in 0..<columns { out[base + i] += weight * source[i + t] }
                        }
                    }
                }
            }
        }
    }

    private mutating func blurColumns(_ taps: [Float]) {
        let radius = taps.count / 2
        let (columns, rows) = (columns, rows)
        let source = values
        values.withUnsafeMutableBufferPointer { out in
            source.withUnsafeBufferPointer { source in
                taps.withUnsafeBufferPointer { taps in
                    for j in 0..<rows {
                        let base = j * columns
                        for i in 0..<columns { out[base + i] = 0 }
                        for t in 0..<taps.count {
                            let weight = taps[t]
                            let from = min(rows - 1, max(0, j + t - radius)) * columns
                            for i in 0..<columns { out[base + i] += weight * source[from + i] }
                        }
                    }
                }
            }
        }
    }

    /// Scales to a standard deviation.
    mutating func scale(toDeviation deviation: Float) {
        var square: Float = 0
        for value in values { square += value * value }
        let gain = deviation / max(1e-6, (square / Float(values.count)).squareRoot())
        for n in values.indices { values[n] *= gain }
    }
}
