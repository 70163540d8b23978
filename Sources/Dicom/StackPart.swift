import Foundation

/// Which of several stacks of one Series a stack is, and what tells them apart.
package struct StackPart: Codable, Sendable, Hashable {
    /// An attribute with the value that this stack has.
    package struct Attribute: Codable, Sendable, Hashable {
        /// As PS3.6 calls it.
        package var name: String
        package var value: String
        /// The Series was divided by it: it differs between the stacks.
        package var divides: Bool
    }

    /// From 1, and how many there are. Localizers beside a scan do not count.
    package var number: Int
    package var count: Int
    /// Place in the acquisition first; an attribute that no image of the Series has is left out.
    package var attributes: [Attribute]
}

/// The part that each stack is of its Series; nil where a Series has only one stack.
///
/// - Parameters:
///   - stacks: what `stacks(of:)` gave.
///   - headers: the same as there.
package func stackParts(
    of stacks: [(key: StackKey, indices: [Int])],
    headers: [InstanceHeader]
) -> [StackPart?] {
    stacks.map { stack in
        let siblings = stacks.filter {
            $0.key.seriesInstanceUID == stack.key.seriesInstanceUID && $0.key.isLocalizer == stack.key.isLocalizer
        }
        guard siblings.count > 1, let index = siblings.firstIndex(where: { $0.key == stack.key }) else { return nil }
        return StackPart(
            number: index + 1,
            count: siblings.count,
            attributes: PartAttribute.all.compactMap { attribute in
                guard let value = value(attribute, of: stack, headers) else { return nil }
                let divides = attribute.divides(siblings.map(\.key))
                guard divides || attribute.isAlwaysTold else { return nil }
                return StackPart.Attribute(name: attribute.name, value: value, divides: divides)
            }
        )
    }
}

/// All values that occur in a stack; nil when no image of it has the attribute.
private func value(
    _ attribute: PartAttribute,
    of stack: (key: StackKey, indices: [Int]),
    _ headers: [InstanceHeader]
) -> String? {
    var seen: Set<String> = []
    let values = stack.indices.compactMap { attribute.value(headers[$0]) }.filter { seen.insert($0).inserted }
    if values.isEmpty { return attribute.isAlwaysTold ? nil : "none" }
    // A slice's own digits may differ from those of the next; the first stand for all.
    return attribute.isOneForAll ? values[0] : values.joined(separator: ", ")
}

/// What may tell stacks apart, and how a key shows that it did.
private struct PartAttribute: Sendable {
    var name: String
    var isAlwaysTold = true
    var isOneForAll = false
    var value: @Sendable (InstanceHeader) -> String?
    var keyed: @Sendable (StackKey) -> String

    /// Whether the keys differ in this attribute.
    func divides(_ keys: [StackKey]) -> Bool { Set(keys.map(keyed)).count > 1 }

    static let all: [PartAttribute] = [
        PartAttribute(name: "Acquisition Number", value: { $0.acquisitionNumber.map(String.init) }) {
            discriminator("acquisition", $0)
        },
        PartAttribute(name: "Temporal Position Identifier", value: { $0.temporalPositionIdentifier.map(String.init) }) {
            $0.temporalPosition.map(String.init) ?? ""
        },
        PartAttribute(name: "Image Orientation (Patient)", isOneForAll: true, value: orientation) {
            $0.orientation.map(String.init).joined(separator: "\\")
        },
        PartAttribute(name: "Image Type", value: { $0.imageType.joined(separator: "\\") }) {
            discriminator("type", $0) + discriminator("kind", $0)
        },
        PartAttribute(name: "Frame of Reference UID", value: \.frameOfReferenceUID) { $0.frameOfReferenceUID ?? "" },
        PartAttribute(name: "Convolution Kernel", isAlwaysTold: false, value: \.convolutionKernel) {
            discriminator("kernel", $0)
        },
        PartAttribute(name: "KVP", isAlwaysTold: false, value: { $0.kvp.map(shortest) }) {
            discriminator("voltage", $0)
        },
        PartAttribute(
            name: "Nominal Percentage of Cardiac Phase",
            isAlwaysTold: false,
            value: { $0.frames.first?.cardiacPhase.map(shortest) }
        ) {
            discriminator("phase", $0)
        },
        PartAttribute(name: "Slice Thickness", isAlwaysTold: false, value: { $0.sliceThickness.map(shortest) }) {
            discriminator("thickness", $0)
        },
        PartAttribute(name: "Acquisition Time", isAlwaysTold: false, isOneForAll: true, value: time) {
            discriminator("time", $0)
        },
        PartAttribute(name: "Rows", isAlwaysTold: false, value: { String($0.rows) }) { String($0.rows) },
        PartAttribute(name: "Columns", isAlwaysTold: false, value: { String($0.columns) }) { String($0.columns) },
        PartAttribute(name: "Pixel Spacing", isAlwaysTold: false, isOneForAll: true, value: spacing) {
            $0.pixelSpacing.map(String.init).joined(separator: "\\")
        },
    ]

    /// `stacks(of:)` names the attributes by which it divided files with one key.
    private static func discriminator(_ name: String, _ key: StackKey) -> String {
        (key.part ?? "").components(separatedBy: "; ").first { $0.hasPrefix(name + " ") } ?? ""
    }

    private static let orientation: @Sendable (InstanceHeader) -> String? = { header in
        guard let row = header.rowDirection, let column = header.columnDirection else { return nil }
        return [row.x, row.y, row.z, column.x, column.y, column.z].map(shortest).joined(separator: "\\")
    }

    private static let spacing: @Sendable (InstanceHeader) -> String? = { header in
        header.pixelSpacing.map { "\(shortest($0.betweenRows))\\\(shortest($0.betweenColumns))" }
    }

    private static let time: @Sendable (InstanceHeader) -> String? = { header in
        header.frames.first?.acquisitionSeconds.map { seconds in
            let whole = Int(seconds)
            return [whole / 3600, whole / 60 % 60, whole % 60].map { $0 < 10 ? "0\($0)" : "\($0)" }
                .joined(separator: ":")
        }
    }

    /// Three decimals at most, none that say nothing.
    private static func shortest(_ value: Double) -> String {
        let rounded = (value * 1000).rounded() / 1000
        return rounded == rounded.rounded() && abs(rounded) < 1e9 ? String(Int(rounded)) : "\(rounded)"
    }
}
