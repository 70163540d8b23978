import Foundation

/// A DICOM file byte by byte, in Explicit VR Little Endian: for what our own writer refuses to write.
struct RawFile {
    private var dataSet = Data()
    var transferSyntax = "1.2.840.10008.1.2.1"

    /// Elements must come in ascending order of their tags.
    mutating func add(_ group: UInt16, _ element: UInt16, _ vr: String, _ value: Data) {
        var padded = value
        if padded.count % 2 == 1 { padded.append(vr == "UI" || vr == "OB" ? 0 : 0x20) }
        dataSet += number(group) + number(element) + Data(vr.utf8)
        if ["OB", "OW", "SQ", "UN", "UT", "SV", "UV", "OV"].contains(vr) {
            dataSet += Data([0, 0]) + number(UInt32(padded.count))
        } else {
            dataSet += number(UInt16(padded.count))
        }
        dataSet += padded
    }

    mutating func add(_ group: UInt16, _ element: UInt16, _ vr: String, _ text: String) {
        add(group, element, vr, Data(text.utf8))
    }

    /// Identity and modality of a CT image; what sorts before and after them may be added around the call.
    mutating func addIdentity() {
        add(0x0008, 0x0016, "UI", "1.2.840.10008.5.1.4.1.1.2")
        add(0x0008, 0x0018, "UI", "1.2.3.4.5")
        add(0x0008, 0x0060, "CS", "CT")
    }

    mutating func addSeries() {
        add(0x0020, 0x000D, "UI", "1.2.3.4")
        add(0x0020, 0x000E, "UI", "1.2.3.4.1")
    }

    var bytes: Data {
        var syntax = Data(transferSyntax.utf8)
        if syntax.count % 2 == 1 { syntax.append(0) }
        var meta = Data([2, 0, 0x10, 0]) + Data("UI".utf8) + number(UInt16(syntax.count)) + syntax
        meta = Data([2, 0, 0, 0]) + Data("UL".utf8) + number(UInt16(4)) + number(UInt32(meta.count)) + meta
        return Data(count: 128) + Data("DICM".utf8) + meta + dataSet
    }

    /// Pixel Data of one frame in one fragment, with an empty offset table (PS3.5 A.4); nothing may follow.
    mutating func addCompressedPixels(_ fragment: Data) {
        dataSet += number(UInt16(0x7FE0)) + number(UInt16(0x0010)) + Data("OB".utf8) + Data([0, 0, 255, 255, 255, 255])
        dataSet += Data([0xFE, 0xFF, 0, 0xE0, 0, 0, 0, 0, 0xFE, 0xFF, 0, 0xE0]) + number(UInt32(fragment.count))
        dataSet += fragment
        dataSet += Data([0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0])
    }

    private func number<Number: FixedWidthInteger>(_ value: Number) -> Data {
        withUnsafeBytes(of: value.littleEndian) { Data($0) }
    }
}
