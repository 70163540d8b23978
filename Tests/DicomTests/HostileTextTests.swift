import Dicom
import Foundation
import Testing

/// Text with escape sequences, as nobody sends it who means well.
@Suite("Hostile text")
struct HostileTextTests {
    /// A Patient Comments (LT) of the given bytes, read as text.
    private func read(_ value: [UInt8], charset: String = "\\ISO 2022 IR 87") throws -> String {
        let folder = try TemporaryFolder()
        var file = RawFile()
        file.add(0x0008, 0x0005, "CS", charset)
        file.add(0x0010, 0x4000, "UT", Data(value))
        try file.bytes.write(to: URL(fileURLWithPath: folder.file("t.dcm")))
        return try DicomFile(contentsOf: folder.file("t.dcm")).dataSet.strings(.patientComments).joined()
    }

    private let esc: UInt8 = 0x1B

    @Test("an escape sequence that nobody knows is read over, not waited for")
    func unknownEscape() throws {
        #expect(try read([esc] + Array("Zab".utf8)) == "\u{FFFD}Zab")
        #expect(try read(Array("ab".utf8) + [esc]) == "ab\u{FFFD}")
        #expect(try read([esc, esc, esc, 0x41]) == "\u{FFFD}\u{FFFD}\u{FFFD}A")
        // A known one after it still counts: "yama" in JIS X 0208.
        #expect(try read([esc, 0x21, esc] + Array("$B;3".utf8) + [esc] + Array("(B!".utf8)) == "\u{FFFD}!山!")
    }

    @Test("a delimiter after characters of two bytes switches back to ASCII, as pydicom relies on")
    func delimiters() throws {
        let name = [esc] + Array("$B;3ED^".utf8) + [esc] + Array("$BB@O:=".utf8)
        #expect(try read(name) == "山田^太郎=")
    }

    @Test("bytes above 0x7F in no declared character set keep their letters as Latin-1, and a name of them is marked")
    func undeclared() throws {
        let latin1 = Array("M".utf8) + [0xFC] + Array("ller".utf8)
        #expect(try read(latin1, charset: "") == "Müller")
        #expect(try read(latin1, charset: "ISO_IR 999") == "Müller")
        let folder = try TemporaryFolder()
        for (charset, isMarked) in [("", true), ("ISO_IR 100", false), ("NONE", true)] {
            var file = RawFile()
            file.add(0x0008, 0x0005, "CS", charset)
            file.add(0x0010, 0x0010, "PN", Data(latin1))
            try file.bytes.write(to: URL(fileURLWithPath: folder.file("n.dcm")))
            let dataSet = try DicomFile(contentsOf: folder.file("n.dcm")).dataSet
            #expect(dataSet.strings(.patientName) == ["Müller"], "\(charset)")
            #expect(dataSet.hasUnknownText == isMarked, "\(charset)")
        }
    }

    @Test(
        "a megabyte of escape sequences is read in the time of a megabyte",
        arguments: [
            [0x1B], [0x1B, 0x24], [0x1B, 0x24, 0x42], [0x1B, 0x24, 0x42, 0x3B, 0x33, 0x1B, 0x28, 0x42],
            [0x1B, 0x24, 0x29, 0x43, 0xB0, 0x41], [0x80, 0x41],
            [0x1B, 0x29, 0x49, 0xB1, 0x5C, 0x1B, 0x24, 0x29, 0x41, 0xB0],
        ] as [[UInt8]]
    )
    func longText(_ pattern: [UInt8]) throws {
        let value = (0..<(1 << 20) / pattern.count).flatMap { _ in pattern }
        let start = ContinuousClock.now
        #expect(try read(value).isEmpty == (pattern == [0x1B, 0x24, 0x42]))
        #expect(start.duration(to: .now) < .seconds(20))
    }
}
