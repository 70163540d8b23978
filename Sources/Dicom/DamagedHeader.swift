import Foundation

/// What the beginning of a file still says that cannot be read to its end: whose image is lost. Holds no patient data.
package struct DamagedHeader: Codable, Sendable, Hashable {
    /// Empty where the file is damaged before it, as is the next.
    package var seriesInstanceUID = ""
    package var sopInstanceUID = ""
    package var instanceNumber: Int?
    /// Other objects, and localizers, are missed in no scan. A file that does not say what it is may be a slice.
    package var isSlice = true

    package init() {}

    /// The header of the file as far as it goes. No attribute beyond Instance Number is looked at, and no library follows
    /// its structure: the file is damaged.
    package init(contentsOf path: String) {
        guard let file = FileHandle(forReadingAtPath: path) else { return }
        defer { try? file.close() }  // it was only read
        guard let bytes = try? file.read(upToCount: Self.longest) else { return }  // unreadable: nothing is known
        var walk = HeaderWalk(bytes: [UInt8](bytes))
        walk.run()
        func uid(_ tag: Tag) -> String? { walk.values[tag].flatMap { UID.isUsable($0) ? $0 : nil } }
        seriesInstanceUID = uid(.seriesInstanceUID) ?? ""
        sopInstanceUID = uid(.sopInstanceUID) ?? uid(.mediaStorageSOPInstanceUID) ?? ""
        instanceNumber = walk.values[.instanceNumber].flatMap { Int($0) }
        if let sopClass = uid(.sopClassUID) ?? uid(.mediaStorageSOPClassUID) {
            isSlice = InstanceKind(sopClassUID: sopClass) == .ctImage
        }
        let imageType = walk.values[.imageType]?.split(separator: "\\") ?? []
        if imageType.contains("LOCALIZER") { isSlice = false }
    }

    /// Private sequences before Instance Number may be long; a header of more than this is none.
    private static let longest = 4 << 20

    /// In lists of what is missing.
    package var name: String { instanceNumber.map { "image \($0)" } ?? "an image without Instance Number" }
}

/// Walks over top-level elements (PS3.5 7.1) and skips what is nested. Ends at the first thing that is not right.
private struct HeaderWalk {
    let bytes: [UInt8]
    private(set) var values: [Tag: String] = [:]
    private var position = 132
    private var isImplicit = false
    private var isBigEndian = false
    /// Open sequences and items of undefined length.
    private var depth = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    mutating func run() {
        guard bytes.count > position, bytes[128..<132].elementsEqual("DICM".utf8) else { return }
        while element(isMeta: true) {}
        switch values[.transferSyntaxUID] {
        case "1.2.840.10008.1.2": isImplicit = true
        case "1.2.840.10008.1.2.2": isBigEndian = true
        case "1.2.840.10008.1.2.1.99": return  // deflated: damage spreads to all that follows
        default: break
        }
        while element(isMeta: false) {}
    }

    /// - Returns: whether another may follow.
    private mutating func element(isMeta: Bool) -> Bool {
        let start = position
        guard let group = number(2), let element = number(2) else { return false }
        let tag = Tag(UInt16(group), UInt16(element))
        if isMeta != (group == 2) || depth == 0 && tag > .instanceNumber {
            position = start
            return false
        }
        if group == 0xFFFE { return delimiter(element) }
        guard let length = length(isImplicit: isImplicit && !isMeta) else { return false }
        if length == Self.undefined {
            depth += 1
            return true
        }
        guard length <= bytes.count - position else { return false }
        if depth == 0, Self.wanted.contains(tag), length <= 1024 {
            let text = String(decoding: bytes[position..<position + length], as: UTF8.self)
            values[tag] = text.trimmingCharacters(in: CharacterSet(charactersIn: " \0"))
        }
        position += length
        return true
    }

    /// An item, or the end of one or of a sequence.
    private mutating func delimiter(_ element: Int) -> Bool {
        guard let length = number(4), depth > 0 else { return false }
        if element != 0xE000 {
            depth -= 1
        } else if length == Self.undefined {
            depth += 1
        } else {
            guard length <= bytes.count - position else { return false }
            position += length
        }
        return true
    }

    private mutating func length(isImplicit: Bool) -> Int? {
        if isImplicit { return number(4) }
        guard bytes.count - position >= 2 else { return nil }
        let vr = String(decoding: bytes[position..<position + 2], as: UTF8.self)
        position += 2
        guard Self.longForms.contains(vr) else { return number(2) }
        position += 2
        return number(4)
    }

    private mutating func number(_ size: Int) -> Int? {
        guard bytes.count - position >= size else { return nil }
        let field = bytes[position..<position + size]
        position += size
        // The meta information, which is read first, is always little endian.
        return isBigEndian
            ? field.reduce(0) { $0 << 8 | Int($1) } : field.reversed().reduce(0) { $0 << 8 | Int($1) }
    }

    private static let undefined = 0xFFFF_FFFF
    /// VRs with two reserved bytes and a length of four (PS3.5 7.1.2).
    private static let longForms: Set<String> = [
        "OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV",
    ]
    private static let wanted: Set<Tag> = [
        .mediaStorageSOPClassUID, .mediaStorageSOPInstanceUID, .transferSyntaxUID, .imageType, .sopClassUID,
        .sopInstanceUID, .seriesInstanceUID, .instanceNumber,
    ]
}
