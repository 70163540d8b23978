/// How far the result of a row is from a reference that is computed in the plainest way.
struct ResultCheck {
    /// The reference and what the error is, in words.
    let reference: String
    let error: Double
    let allowed: Double

    /// No number is no match.
    var passes: Bool { error <= allowed }
}

/// The result of a row is not what the reference says: the time of a wrong result is of no use.
struct WrongResult: Error, CustomStringConvertible {
    let names: [String]

    var description: String {
        "the result of \(names.joined(separator: ", ")) is wrong: see `error` in its line. Please report it with "
            + "contour-bench --version and the model of the processor"
    }
}

/// The largest difference as part of the largest value of the reference; infinite for different counts.
func relativeError(_ values: [Float], _ reference: [Double]) -> Double {
    guard values.count == reference.count, !values.isEmpty else { return .infinity }
    let largest = reference.reduce(0) { max($0, abs($1)) }
    return zip(values, reference).reduce(0) { worst($0, abs(Double($1.0) - $1.1)) } / largest
}

/// The larger of two errors; NaN stays.
func worst(_ a: Double, _ b: Double) -> Double { a.isNaN || b.isNaN ? .nan : max(a, b) }
