import Dicom
import Foundation
import Testing

@Suite("RLE Lossless, whole and damaged")
struct RunLengthTests {
    /// A CT image of 4 x 2 pixels of 16 bits with this code as its only frame.
    private func values(_ code: [UInt8]) throws -> [Int32] {
        let folder = try TemporaryFolder()
        var file = RawFile()
        file.transferSyntax = "1.2.840.10008.1.2.5"
        file.addIdentity()
        file.addSeries()
        for (element, value) in [
            (0x0002, 1), (0x0010, 2), (0x0011, 4), (0x0100, 16), (0x0101, 16), (0x0102, 15), (0x0103, 0),
        ] as [(UInt16, UInt8)] {
            if element == 0x0010 { file.add(0x0028, 0x0004, "CS", "MONOCHROME2") }
            file.add(0x0028, element, "US", Data([value, 0]))
        }
        file.addCompressedPixels(Data(code + (code.count % 2 == 1 ? [0] : [])))
        try file.bytes.write(to: URL(fileURLWithPath: folder.file("f.dcm")))
        return try PixelReader(contentsOf: folder.file("f.dcm")).storedValues(frame: 0)
    }

    /// PS3.5 G.5: number of segments, their offsets, and the segments.
    private func code(_ high: [UInt8], _ low: [UInt8]) -> [UInt8] {
        var header = [UInt8](repeating: 0, count: 64)
        (header[0], header[4], header[8]) = (2, 64, UInt8(64 + high.count))
        return header + high + low
    }

    @Test("Runs and literals give the pixels that were coded")
    func whole() throws {
        // High bytes: eight times 1. Low bytes: 2, 3, 4, 5 and four times 6. By hand after PS3.5 G.3.1.
        let pixels = try values(code([0xF9, 1], [3, 2, 3, 4, 5, 0xFD, 6]))
        #expect(pixels == [258, 259, 260, 261, 262, 262, 262, 262])
    }

    @Test("A code that is cut, zeroed, or gives too few pixels is damaged, not filled up")
    func damaged() throws {
        for broken in [
            code([0xF9, 1], [3, 2, 3, 4, 5]), code([0xF9, 1], [3, 2, 0, 0, 0, 0, 0]),
            code([0xFA, 1], [3, 2, 3, 4, 5, 0xFD, 6]),
            code([0xF9, 1], [7, 2, 3]), Array(code([0xF9, 1], [3, 2, 3, 4, 5, 0xFD, 6]).prefix(60)),
        ] {
            let error = #expect(throws: DicomError.self) { try values(broken) }
            #expect(error?.code == "E_CORRUPT")
        }
    }
}
