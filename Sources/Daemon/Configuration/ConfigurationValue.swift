import Platform
internal import TOMLKit

/// What a key of the configuration takes, as the type of its default says.
enum ConfigurationValue {
    case wholeNumber, number, flag, text, texts, numbers, range

    /// nil for a section.
    init?(_ standard: Any) {
        switch standard {
        case is Int: self = .wholeNumber
        case is Double: self = .number
        case is Bool: self = .flag
        case is String, is any NamedChoice: self = .text
        case is [String]: self = .texts
        case is [Double]: self = .numbers
        case is ClosedRange<Double>: self = .range
        default: return nil
        }
    }

    var words: String {
        switch self {
        case .wholeNumber: "a whole number"
        case .number: "a number"
        case .flag: "true or false"
        case .text: "text in quotes"
        case .texts: "a list of texts, [\"a\", \"b\"]"
        case .numbers: "a list of numbers, [1.0, 2.0]"
        case .range: "two numbers, the lower one first: [0.0, 1.0]"
        }
    }

    /// The value as JSON knows it; nil when it is something else.
    func json(_ value: any TOMLValueConvertible) -> Any? {
        switch self {
        case .wholeNumber: return value.int
        case .number: return Self.number(value)
        case .flag: return value.bool
        case .text: return value.string
        case .texts: return Self.list(value) { $0.string }
        case .numbers: return Self.list(value, Self.number)
        case .range:
            guard let ends = Self.list(value, Self.number), ends.count == 2, ends[0] <= ends[1] else { return nil }
            return ends
        }
    }

    /// nan and inf are TOML, but no numbers.
    private static func number(_ value: any TOMLValueConvertible) -> Double? {
        let number = value.int.map(Double.init) ?? value.double
        return number.flatMap { $0.isFinite ? $0 : nil }
    }

    private static func list<Element>(
        _ value: any TOMLValueConvertible,
        _ element: (any TOMLValueConvertible) -> Element?
    ) -> [Element]? {
        guard let array = value.array else { return nil }
        let elements = array.compactMap(element)
        return elements.count == array.count ? elements : nil
    }
}
