import Dicom
import Foundation
import Testing

/// Whatever the bytes: a value or a typed error, never a crash, and never a wait. Seeded, so that a failure can
/// be repeated with the seed and the iteration that it names.
@Suite("Damaged files")
struct FuzzTests {
    /// Reads everything there is to read.
    private func exercise(_ path: String) {
        do throws(DicomError) {
            let file = try DicomFile(contentsOf: path)
            _ = file.dataSet.tags.count
            _ = try InstanceHeader(contentsOf: path)
            let reader = try PixelReader(contentsOf: path)
            _ = try reader.storedValues(frame: 0)
        } catch {
            #expect(!error.message.isEmpty && !error.code.isEmpty)
        }
    }

    private func fuzz(_ original: Data, seed: UInt64, rounds: Int) throws {
        let folder = try TemporaryFolder()
        let url = URL(fileURLWithPath: folder.file("f.dcm"))
        var random = SplitMix64(state: seed)
        // Most of the structure lies at the beginning; the rest is pixels.
        let head = min(original.count, 3000)
        for _ in 0..<rounds {
            var bytes = original
            for _ in 0..<Int.random(in: 1...8, using: &random) {
                let near = Bool.random(using: &random)
                let at = Int.random(in: 132..<(near ? head : bytes.count), using: &random)
                bytes[at] = Bool.random(using: &random) ? 0xFF : UInt8.random(in: 0...255, using: &random)
            }
            if Int.random(in: 0..<4, using: &random) == 0 {
                bytes = bytes.prefix(Int.random(in: 0...bytes.count, using: &random))
            }
            try bytes.write(to: url)
            exercise(url.path)
        }
    }

    @Test("uncompressed, implicit, big endian and deflated files", arguments: [
        TransferSyntax.explicitVRLittleEndian, .implicitVRLittleEndian, .explicitVRBigEndian,
        .deflatedExplicitVRLittleEndian,
    ])
    func native(_ syntax: TransferSyntax) throws {
        let folder = try TemporaryFolder()
        let path = try SmallCT.write([try SmallCT.dataSets()[0]], to: folder, transferSyntax: syntax)[0]
        try fuzz(try Data(contentsOf: URL(fileURLWithPath: path)), seed: 1, rounds: 400)
    }

    // SKIPPED: the compressed files are in ../shared.
    @Test("compressed files", .enabled(if: SharedData.isPresent, "needs ../shared"), arguments: [
        "dicom2nifti/compressed_rle/001/IM-0001-0001-0001.dcm", "dicom2nifti/compressed_jpeg/001/IM-0001-0001-0001.dcm",
        "dicom2nifti/compressed_jpegls/001/IM-0001-0001-0001.dcm", "dicom2nifti/compressed_j2k/001/IM-0001-0001-0001.dcm",
    ])
    func compressed(_ name: String) throws {
        let url = URL(fileURLWithPath: SharedData.root + "/data/awkward/" + name)
        try fuzz(try Data(contentsOf: url), seed: 2, rounds: 150)
    }

    @Test("nested functional groups and references", arguments: ["values_explicit.dcm", "values_implicit.dcm", "charset_japanese.dcm"])
    func nested(_ name: String) throws {
        try fuzz(try Data(contentsOf: URL(fileURLWithPath: Fixtures.root + "/" + name)), seed: 3, rounds: 500)
    }

    @Test("sequences nested without end are refused, not followed")
    func deepNesting() throws {
        let folder = try TemporaryFolder()
        for depth in [10, 100_000] {
            try nestedSequences(depth).write(to: URL(fileURLWithPath: folder.file("n.dcm")))
            if depth == 10 {
                #expect(throws: Never.self) { try DicomFile(contentsOf: folder.file("n.dcm")) }
            } else {
                #expect(throws: DicomError.corrupt(reason: "sequences are nested too deeply")) {
                    try DicomFile(contentsOf: folder.file("n.dcm"))
                }
            }
        }
    }

    /// Implicit VR, undefined lengths: 16 bytes a level.
    private func nestedSequences(_ depth: Int) -> Data {
        let syntax = Array("1.2.840.10008.1.2\0".utf8)
        var bytes = [UInt8](repeating: 0, count: 128) + Array("DICM".utf8)
        bytes += [2, 0, 0, 0] + Array("UL".utf8) + [4, 0, UInt8(8 + syntax.count), 0, 0, 0]
        bytes += [2, 0, 0x10, 0] + Array("UI".utf8) + [UInt8(syntax.count), 0] + syntax
        let open: [UInt8] = [8, 0, 0x15, 0x11, 255, 255, 255, 255, 0xFE, 0xFF, 0, 0xE0, 255, 255, 255, 255]
        let close: [UInt8] = [0xFE, 0xFF, 0x0D, 0xE0, 0, 0, 0, 0, 0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0]
        for _ in 0..<depth { bytes += open }
        for _ in 0..<depth { bytes += close }
        return Data(bytes)
    }
}
