import Foundation
import Pipeline
import Platform

/// Prints a value as JSON: sorted keys, one object, for scripts.
func printJSON(_ value: some Encodable) throws {
    print(String(decoding: try RunJSON.encode(value), as: UTF8.self))
}

/// The same on one line, for output that does not end.
func jsonLine(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self)
}

/// A table for people: columns as wide as their widest cell, the last one free.
struct TextTable {
    private var rows: [[String]]

    init(_ heading: [String]) { rows = [heading] }

    /// Cells may hold names of structures, and these are whatever somebody made them.
    mutating func add(_ row: [String]) { rows.append(row.map(\.printable)) }

    var text: String {
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            let cells = row.enumerated().map { column, cell in
                column == row.count - 1 ? cell : cell.padding(toLength: widths[column], withPad: " ", startingAt: 0)
            }
            return cells.joined(separator: "  ").trimmingCharacters(in: .whitespaces.subtracting(.newlines))
        }.joined(separator: "\n")
    }
}

/// A time of the queue (UTC milliseconds) in local time.
func localTime(_ milliseconds: Int64) -> String {
    let date = Date(timeIntervalSince1970: Double(milliseconds) / 1000)
    return date.formatted(
        Date.VerbatimFormatStyle(
            format:
                "\(year: .defaultDigits)-\(month: .twoDigits)-\(day: .twoDigits) \(hour: .twoDigits(clock: .twentyFourHour, hourCycle: .zeroBased)):\(minute: .twoDigits):\(second: .twoDigits)",
            locale: Locale(identifier: "en_US_POSIX"),
            timeZone: .current,
            calendar: Calendar(identifier: .gregorian)
        )
    )
}

/// A number with a fixed count of decimals; a dash where it is undefined.
func decimal(_ value: Double?, _ digits: Int) -> String {
    value.map { String(format: "%.\(digits)f", $0) } ?? "-"
}
