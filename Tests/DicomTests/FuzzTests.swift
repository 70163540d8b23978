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

    /// Contours and segments, laid on a grid.
    private func exerciseStructures(_ path: String) throws {
        let grid = SmallCT.geometry(columns: 13, rows: 11, slices: 4)
        do {
            for structure in try RTStructureSet(contentsOf: path).structures { _ = structure.mask(on: grid) }
        } catch is DicomError {} catch is StructureError {}
        do {
            let object = try SegmentationObject(contentsOf: path)
            _ = object.grid
            for segment in object.segments { _ = try object.mask(ofSegment: segment.number, on: grid) }
        } catch is DicomError {} catch is StructureError {}
    }

    private func fuzz(
        _ original: Data,
        seed: UInt64,
        rounds: Int,
        _ exercise: ((String) throws -> Void)? = nil
    ) throws {
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
            if let exercise { try exercise(url.path) } else { self.exercise(url.path) }
        }
    }

    @Test(
        "uncompressed, implicit, big endian and deflated files",
        arguments: [
            TransferSyntax.explicitVRLittleEndian, .implicitVRLittleEndian, .explicitVRBigEndian,
            .deflatedExplicitVRLittleEndian,
        ]
    )
    func native(_ syntax: TransferSyntax) throws {
        let folder = try TemporaryFolder()
        let path = try SmallCT.write([try SmallCT.dataSets()[0]], to: folder, transferSyntax: syntax)[0]
        try fuzz(try Data(contentsOf: URL(fileURLWithPath: path)), seed: 1, rounds: 400)
    }

    // SKIPPED: the compressed files are in ../shared.
    @Test(
        "compressed files",
        .enabled(if: SharedData.isPresent, "needs ../shared"),
        arguments: [
            "dicom2nifti/compressed_rle/001/IM-0001-0001-0001.dcm",
            "dicom2nifti/compressed_jpeg/001/IM-0001-0001-0001.dcm",
            "dicom2nifti/compressed_jpegls/001/IM-0001-0001-0001.dcm",
            "dicom2nifti/compressed_j2k/001/IM-0001-0001-0001.dcm",
        ]
    )
    func compressed(_ name: String) throws {
        let url = URL(fileURLWithPath: SharedData.root + "/data/awkward/" + name)
        try fuzz(try Data(contentsOf: url), seed: 2, rounds: 150)
    }

    @Test(
        "nested functional groups and references",
        arguments: ["values_explicit.dcm", "values_implicit.dcm", "charset_japanese.dcm"]
    )
    func nested(_ name: String) throws {
        try fuzz(try Data(contentsOf: URL(fileURLWithPath: Fixtures.root + "/" + name)), seed: 3, rounds: 500)
    }

    @Test("structure sets and segmentations")
    func structures() throws {
        let folder = try TemporaryFolder()
        let geometry = SmallCT.geometry(columns: 13, rows: 11, slices: 4)
        let masks = [(StructureTests.description("S"), StructureTests.speckle(geometry, seed: 5))]
        try RTStructureSetWriter(product: StructureTests.product(geometry), geometry: geometry)
            .write(masks, to: folder.file("rs.dcm"))
        try SegmentationWriter(product: StructureTests.product(geometry), geometry: geometry)
            .write(masks, to: folder.file("seg.dcm"))
        for name in ["rs.dcm", "seg.dcm"] {
            try fuzz(
                Data(contentsOf: URL(fileURLWithPath: folder.file(name))),
                seed: 4,
                rounds: 400,
                exerciseStructures
            )
        }
    }

    /// Not bytes but meanings are spoilt here: every attribute in turn gets values that lie, in some slices.
    @Test("headers of a series with values that lie are judged, never a crash")
    func meanings() throws {
        let original = try SmallCT.dataSets()
        let texts = [
            "", " ", "0", "-1", "1", "1e308", "-1e308", "1e-308", "nan", "inf", "2147483647", "-2147483648",
            "4294967295",
            "9223372036854775807", "-9223372036854775808", "999999999999999999999", "0x10", "1.2.3", "..", "x\\y",
            "LOCALIZER", "\u{0}",
        ]
        var random = SplitMix64(state: 6)
        let extra: [Dicom.Tag] = [
            .numberOfFrames, .temporalPositionIdentifier, .imagesInAcquisition, .pixelPaddingValue, .gantryDetectorTilt,
        ]
        let tags = (Set(original[0].tags).subtracting([.pixelData]).union(extra)).sorted()
        for _ in 0..<1500 {
            var dataSets = original
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let tag = tags[Int.random(in: tags.indices, using: &random)]
                let all = Bool.random(using: &random)
                let count = Int.random(in: 1...6, using: &random)
                let values = (0..<count).map { _ in texts[Int.random(in: texts.indices, using: &random)] }
                let numbers = values.map { Int($0) ?? 65535 }
                let slice = Int.random(in: dataSets.indices, using: &random)
                let asText = Bool.random(using: &random)
                for n in dataSets.indices where all || n == slice {
                    if asText {
                        dataSets[n].set(tag, .LO, strings: values)
                    } else {
                        dataSets[n].set(tag, .SV, integers: numbers)
                    }
                }
            }
            var headers: [InstanceHeader] = []
            for dataSet in dataSets {
                // An image that is refused by itself is not examined with the others.
                if case .success(let header) = Result(catching: { () throws(DicomError) in
                    try InstanceHeader(dataSet: dataSet, metaInformation: DicomFile(dataSet: dataSet).metaInformation)
                }) {
                    headers.append(header)
                }
            }
            for stack in stacks(of: headers) {
                let examination = examineStack(stack.indices.map { headers[$0] })
                #expect(examination.isAcceptable || examination.refusals.allSatisfy { !$0.message.isEmpty })
                if let geometry = examination.geometry, examination.isAcceptable {
                    #expect(geometry.spacing.z.isFinite && geometry.spacing.z > 0)
                }
            }
        }
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
