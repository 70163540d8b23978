/// A DICOM attribute's tag (PS3.5 section 7.1).
package struct Tag: Hashable, Sendable, Comparable {
    package let group: UInt16
    package let element: UInt16

    package init(_ group: UInt16, _ element: UInt16) {
        self.group = group
        self.element = element
    }

    package static func < (left: Tag, right: Tag) -> Bool {
        (left.group, left.element) < (right.group, right.element)
    }
}

extension Tag: CustomStringConvertible {
    /// `(0010,0010)`, as the standard writes it.
    package var description: String { "(\(Tag.hex(group)),\(Tag.hex(element)))" }

    private static func hex(_ number: UInt16) -> String {
        let digits = String(number, radix: 16, uppercase: true)
        return String(repeating: "0", count: 4 - digits.count) + digits
    }
}
