/// A number and the limits it is judged by as texts: with few digits, but so many that the number never reads as a limit
/// that it is not.
package struct DistinctText: Equatable {
    package private(set) var value: String
    package private(set) var limits: [String]

    /// Beyond them numbers are the same for every reader.
    private static let mostDigits = 9

    /// - Parameter digits: behind the point, where that tells them apart; nil: one, and none for numbers from 10 on.
    package init(_ value: Double, beside limits: [Double], digits: Int? = nil) {
        func text(_ number: Double, _ more: Int) -> String {
            let places = (digits ?? (abs(number) >= 10 ? 0 : 1)) + more
            var scale = 1.0
            for _ in 0..<places { scale *= 10 }
            let rounded = (number * scale).rounded() / scale
            return places == 0 && abs(rounded) < 1e15 ? "\(Int(rounded))" : "\(rounded)"
        }
        var more = 0
        while more < Self.mostDigits,
            limits.contains(where: { $0 != value && text($0, more) == text(value, more) })
        { more += 1 }
        self.value = text(value, more)
        self.limits = limits.map { text($0, more) }
    }
}
