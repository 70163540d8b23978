import Foundation

/// Decimal String, DS (PS3.5 section 6.2): a number as text of at most 16 characters.
package enum DecimalString {
    /// The text nearest to `value` in 16 characters; the shortest exact text where that fits.
    ///
    /// Precondition: `value` is finite; NaN has no text in DICOM.
    package static func text(_ value: Double) -> String {
        precondition(value.isFinite, "DICOM has no text for a number that is not finite")
        if value == value.rounded(), abs(value) < 1e15 { return String(Int64(value)) }
        let shortest = "\(value)"
        if shortest.utf8.count <= 16 { return shortest }
        // Swift's shortest text is too long: give up digits, not more than needed.
        for digits in stride(from: 16, through: 1, by: -1) {
            let text = String(format: "%.\(digits)g", locale: Locale(identifier: "en_US_POSIX"), value)
            if text.utf8.count <= 16 { return text }
        }
        return String(format: "%.9e", locale: Locale(identifier: "en_US_POSIX"), value)
    }
}
