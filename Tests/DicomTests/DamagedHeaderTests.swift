import Dicom
import Foundation
import Testing

@Suite("What a damaged file still says")
struct DamagedHeaderTests {
    private let folder = FileManager.default.temporaryDirectory.path + "/damaged-\(UUID().uuidString)"

    private func header(of bytes: Data) throws -> DamagedHeader {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = folder + "/file"
        try bytes.write(to: URL(fileURLWithPath: path))
        return DamagedHeader(contentsOf: path)
    }

    /// A file as PS3.10 and PS3.5 7.1 say, element by element.
    private func file(_ syntax: String, _ elements: [Data]) -> Data {
        Data(count: 128) + Data("DICM".utf8) + explicit(2, 0x10, "UI", syntax) + elements.reduce(Data(), +)
    }

    private func word(_ number: Int) -> Data { Data([UInt8(number & 0xFF), UInt8(number >> 8 & 0xFF)]) }

    private func explicit(_ group: Int, _ element: Int, _ vr: String, _ value: String) -> Data {
        let padded = value.utf8.count % 2 == 0 ? value : value + (vr == "UI" ? "\0" : " ")
        return word(group) + word(element) + Data(vr.utf8) + word(padded.utf8.count) + Data(padded.utf8)
    }

    private func implicit(_ group: Int, _ element: Int, _ value: String) -> Data {
        let padded = value.utf8.count % 2 == 0 ? value : value + " "
        return word(group) + word(element) + word(padded.utf8.count) + word(0) + Data(padded.utf8)
    }

    private let ct = "1.2.840.10008.5.1.4.1.1.2"

    @Test("Series, instance and number are read up to the damage, over nested sequences of undefined length")
    func explicitVR() throws {
        let undefined = Data([0xFF, 0xFF, 0xFF, 0xFF])
        let inner = explicit(0x20, 0xE, "UI", "9.9.9")
        let sequence =
            word(8) + word(0x1140) + Data("SQ".utf8) + word(0) + undefined + word(0xFFFE) + word(0xE000) + undefined
            + inner + word(0xFFFE) + word(0xE00D) + Data(count: 4) + word(0xFFFE) + word(0xE0DD) + Data(count: 4)
        let whole = file(
            "1.2.840.10008.1.2.1",
            [
                explicit(8, 8, "CS", "ORIGINAL\\PRIMARY\\AXIAL"), explicit(8, 0x16, "UI", ct),
                explicit(8, 0x18, "UI", "1.2.3"), sequence, explicit(0x20, 0xE, "UI", "1.2.4"),
                explicit(0x20, 0x13, "IS", "63"), explicit(0x28, 0x10, "US", "ab"),
            ]
        )
        let header = try header(of: whole)
        #expect(header.seriesInstanceUID == "1.2.4" && header.sopInstanceUID == "1.2.3")
        #expect(header.instanceNumber == 63 && header.isSlice)
        for length in 0..<whole.count {
            let cut = try self.header(of: whole.prefix(length))
            #expect(["", "1.2.4"].contains(cut.seriesInstanceUID), "cut at \(length)")
        }
    }

    @Test("Implicit VR, another kind of object, a localizer, and what is no DICOM file")
    func kinds() throws {
        let implicitFile = file(
            "1.2.840.10008.1.2",
            [implicit(8, 0x16, ct), implicit(8, 0x18, "1.2.3"), implicit(0x20, 0xE, "1.2.4")]
        )
        #expect(try header(of: implicitFile).seriesInstanceUID == "1.2.4")
        let dose = file("1.2.840.10008.1.2.1", [explicit(8, 0x16, "UI", "1.2.840.10008.5.1.4.1.1.481.2")])
        #expect(try !header(of: dose).isSlice)
        let localizer = file(
            "1.2.840.10008.1.2.1",
            [explicit(8, 8, "CS", "ORIGINAL\\PRIMARY\\LOCALIZER"), explicit(8, 0x16, "UI", ct)]
        )
        #expect(try !header(of: localizer).isSlice)
        #expect(try header(of: Data("text".utf8)) == DamagedHeader())
    }
}
