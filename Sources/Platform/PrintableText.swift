import Foundation

extension String {
    /// Without what a terminal would obey: names of files and structures are whatever somebody made them.
    package var printable: String {
        guard unicodeScalars.contains(where: Self.isControl) else { return self }
        return unicodeScalars.reduce(into: "") { text, scalar in
            text += Self.isControl(scalar) ? String(format: "\\x%02x", scalar.value) : String(scalar)
        }
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool { scalar.properties.generalCategory == .control }
}
