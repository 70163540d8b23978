import Dicom
import Foundation
import Imaging
import Testing

/// Files that are well formed and mean harm: numbers that overflow, lengths that lie, streams that explode.
@Suite("Hostile files")
struct HostileFileTests {
    private func read(_ file: RawFile) -> Result<InstanceHeader, DicomError> {
        Result { () throws(DicomError) in
            do {
                let folder = try TemporaryFolder()
                try file.bytes.write(to: URL(fileURLWithPath: folder.file("h.dcm")))
                return try InstanceHeader(contentsOf: folder.file("h.dcm"))
            } catch let error as DicomError { throw error } catch { throw .cannotOpen(reason: "\(error)") }
        }
    }

    private func number<Number: FixedWidthInteger>(_ value: Number) -> Data {
        withUnsafeBytes(of: value.littleEndian) { Data($0) }
    }

    /// A CT of 2 x 2 pixels with some pixel attributes replaced.
    private func image(_ changes: [UInt16: (String, Data)], frames: String? = nil) -> RawFile {
        var elements: [UInt16: (String, Data)] = [
            0x0002: ("US", number(UInt16(1))), 0x0010: ("US", number(UInt16(2))), 0x0011: ("US", number(UInt16(2))),
            0x0100: ("US", number(UInt16(16))), 0x0101: ("US", number(UInt16(16))), 0x0102: ("US", number(UInt16(15))),
            0x0103: ("US", number(UInt16(0))),
        ]
        if let frames { elements[0x0008] = ("IS", Data(frames.utf8)) }
        elements.merge(changes) { $1 }
        var file = RawFile()
        file.addIdentity()
        file.addSeries()
        for (element, (vr, value)) in elements.sorted(by: { $0.key < $1.key }) { file.add(0x0028, element, vr, value) }
        file.add(0x7FE0, 0x0010, "OW", Data(count: 8))
        return file
    }

    @Test("the image that the following tests spoil is fine")
    func fine() throws {
        let header = try read(image([:])).get()
        #expect(header.rows == 2 && header.columns == 2 && header.numberOfFrames == 1)
    }

    @Test(
        "pixel data longer than the matrix are refused with the numbers; a byte that makes the length even is none of them"
    )
    func longPixelData() throws {
        // 8 bytes in the file: 1 x 3 pixels leave 2 too many, 1 x 2 pixels in 2 frames none.
        guard
            case .failure(let cut) = read(
                image([0x0010: ("US", number(UInt16(1))), 0x0011: ("US", number(UInt16(3)))])
            )
        else {
            Issue.record("a cut picture was accepted")
            return
        }
        #expect(cut.code == "E_CORRUPT")
        #expect(cut.message.contains("8 bytes") && cut.message.contains("1 rows of 3 pixels of 16 bits take 6"))
        #expect(try read(image([0x0010: ("US", number(UInt16(1)))], frames: "2")).get().numberOfFrames == 2)
        // 7 pixels of 8 bits and one byte of padding.
        let odd = [0x0010: 1, 0x0011: 7, 0x0100: 8, 0x0101: 8, 0x0102: 7] as [UInt16: UInt16]
        #expect(try read(image(odd.mapValues { ("US", number($0)) })).get().columns == 7)
        // 2 frames of 1 x 3 pixels of 8 bits take 6 of the 8 bytes: less than a frame more, and yet another picture.
        let frames = odd.merging([0x0011: 3]) { $1 }.mapValues { ("US", number($0)) }
        guard case .failure(let shifted) = read(image(frames, frames: "2")) else {
            Issue.record("frames that begin in the wrong place were accepted")
            return
        }
        #expect(shifted.message.contains("in 2 frames take 6"))
    }

    @Test("pixel counts whose product no number can hold are refused")
    func overflowingCounts() {
        let most = number(UInt16.max)
        for changes in [
            [0x0002: ("US", most), 0x0010: ("US", most), 0x0011: ("US", most), 0x0100: ("US", most)],
            [0x0010: ("SV", number(Int64.max)), 0x0011: ("SV", number(Int64.max))],
            [0x0010: ("UV", number(UInt64.max))], [0x0010: ("SV", number(Int64.min))],
            [0x0010: ("SL", number(Int32(-2)))],
            [0x0010: ("IS", Data("99999999999999999999".utf8))],
            [0x0010: ("UL", number(UInt32.max)), 0x0011: ("UL", number(UInt32.max))],
        ] as [[UInt16: (String, Data)]] {
            guard case .failure(let error) = read(image(changes)) else {
                Issue.record("\(changes) was accepted")
                continue
            }
            #expect(["E_TRUNCATED", "E_MISSING_ATTRIBUTE", "E_CORRUPT"].contains(error.code), "\(changes): \(error)")
        }
        // Bits that cannot be are judged when pixels are read.
        for changes in [
            [0x0101: ("SV", number(Int64.min))], [0x0102: ("SV", number(Int64.max))],
            [0x0101: ("US", number(UInt16(0)))],
        ] as [[UInt16: (String, Data)]] {
            #expect(throws: DicomError.self) {
                let folder = try TemporaryFolder()
                try image(changes).bytes.write(to: URL(fileURLWithPath: folder.file("h.dcm")))
                _ = try PixelReader(contentsOf: folder.file("h.dcm")).storedValues(frame: 0)
            }
        }
    }

    @Test(
        "numbers of frames that the pixels do not have",
        arguments: [
            "0", "-1", "2", "65535", "65536", "2147483647", "9223372036854775807", "-9223372036854775808", "1e9",
        ]
    )
    func frames(_ text: String) {
        guard case .failure(let error) = read(image([:], frames: text)) else {
            // What is no IS is read as absent: one frame.
            #expect(["9223372036854775807", "-9223372036854775808"].contains(text))
            return
        }
        #expect(["E_TRUNCATED", "E_CORRUPT"].contains(error.code), "\(error)")
    }

    @Test("Instance Numbers and counts at the ends of what a number holds do not stop the examination")
    func instanceNumbers() throws {
        for (first, last) in [
            ("-9223372036854775808", "9223372036854775807"), ("-2147483648", "2147483647"),
            ("-2147483648", "4294967295"),
        ] {
            var dataSets = try SmallCT.dataSets()
            dataSets[0].set(.instanceNumber, .IS, first)
            dataSets[1].set(.instanceNumber, .IS, last)
            for n in dataSets.indices {
                dataSets[n].set(.imagesInAcquisition, .IS, last)
                dataSets[n].set(.numberOfSeriesRelatedInstances, .IS, first)
            }
            let examination = examineStack(try dataSets.map { try SmallCT.header($0) })
            #expect(!examination.extentIsProvable)
        }
    }

    @Test(
        "numbers that are none, and places beyond the scanner's room, are no geometry",
        arguments: [
            ["NAN", "0", "0"], ["INF", "0", "0"], ["0", "-inf", "0"], ["1e999", "0", "0"], ["0", "0", "1e30"],
            ["0", "0", "-1e300"],
            ["0", "0", "1000001"], ["0", "0"], ["0", "0", "x"], [],
        ]
    )
    func positions(_ position: [String]) throws {
        var dataSets = try SmallCT.dataSets()
        for n in [0, 5] { dataSets[n].set(.imagePositionPatient, .DS, strings: position) }
        let examination = examineStack(try dataSets.map { try SmallCT.header($0) })
        #expect(examination.refusalCodes == ["E_NO_GEOMETRY"])
        #expect(examination.geometry == nil)
    }

    @Test(
        "pixel spacings that are none, negative or absurd are refused",
        arguments: [
            (["-1.25", "-1.25"], "E_NO_GEOMETRY"), (["0", "1"], "E_NO_GEOMETRY"), (["nan", "nan"], "E_NO_GEOMETRY"),
            (["1"], "E_NO_GEOMETRY"), (["1e-300", "1e-300"], "E_PIXEL_SPACING"),
            (["1e300", "1e300"], "E_PIXEL_SPACING"),
        ]
    )
    func spacings(_ spacing: [String], _ code: String) throws {
        var dataSets = try SmallCT.dataSets()
        for n in dataSets.indices { dataSets[n].set(.pixelSpacing, .DS, strings: spacing) }
        #expect(examineStack(try dataSets.map { try SmallCT.header($0) }).refusalCodes.contains(code))
    }

    @Test("orientations that are no right angles, and slopes that are no numbers, are refused")
    func orientationAndSlope() throws {
        for orientation in [
            ["1", "0", "0", "1", "0", "0"], ["0", "0", "0", "0", "0", "0"], ["1", "0", "0", "0", "nan", "0"],
            ["1e200", "0", "0", "0", "1e200", "0"], ["2", "0", "0", "0", "2", "0"],
        ] {
            var dataSets = try SmallCT.dataSets()
            for n in dataSets.indices { dataSets[n].set(.imageOrientationPatient, .DS, strings: orientation) }
            #expect(examineStack(try dataSets.map { try SmallCT.header($0) }).refusalCodes.contains("E_NO_GEOMETRY"))
        }
        for slope in ["nan", "0", "-1", "inf", ""] {
            var dataSets = try SmallCT.dataSets()
            for n in dataSets.indices { dataSets[n].set(.rescaleSlope, .DS, slope) }
            #expect(
                examineStack(try dataSets.map { try SmallCT.header($0) }).refusalCodes.contains("E_NOT_HU"),
                "\(slope)"
            )
        }
    }

    @Test("huge slopes and intercepts end as values that are no CT, not as a crash")
    func hugeRescale() throws {
        for (slope, intercept) in [("1e308", "-1e308"), ("1e-308", "1e308"), ("1", "-1e300"), ("65536", "0")] {
            let folder = try TemporaryFolder()
            var dataSets = try SmallCT.dataSets()
            for n in dataSets.indices {
                dataSets[n].set(.rescaleSlope, .DS, slope)
                dataSets[n].set(.rescaleIntercept, .DS, intercept)
            }
            let files = try SmallCT.write(dataSets, to: folder)
            #expect(
                refusal { try loadCTSeries(files: files) }.contains { $0.code == "E_NOT_HU" },
                "\(slope), \(intercept)"
            )
        }
    }

    @Test("a Frame of Reference UID that is none counts as missing: no product could repeat it")
    func frameOfReference() throws {
        var dataSets = try SmallCT.dataSets()
        for n in dataSets.indices { dataSets[n].set(.frameOfReferenceUID, .UI, "../../etc") }
        #expect(examineStack(try dataSets.map { try SmallCT.header($0) }).refusalCodes == ["E_NO_FRAME_OF_REFERENCE"])
    }

    @Test("texts of headers are kept short, whatever the file holds")
    func longTexts() throws {
        let long = String(repeating: "x", count: 100_000)
        var dataSet = try SmallCT.dataSets()[0]
        for tag in [Tag.manufacturer, .manufacturerModelName, .convolutionKernel] { dataSet.set(tag, .LO, long) }
        dataSet.set(.imageType, .CS, strings: Array(repeating: long, count: 100))
        dataSet.set(.patientPosition, .CS, long)
        let header = try SmallCT.header(dataSet)
        #expect(try JSONEncoder().encode(header).count < 5000)
    }

    // MARK: Deflated data sets

    /// A file in Deflated Explicit VR Little Endian with the given deflate stream.
    private func deflated(_ stream: Data) -> Data {
        let syntax = Data("1.2.840.10008.1.2.1.99".utf8)
        let meta = Data([2, 0, 0x10, 0]) + Data("UI".utf8) + number(UInt16(syntax.count)) + syntax
        return Data(count: 128) + Data("DICM".utf8) + Data([2, 0, 0, 0]) + Data("UL".utf8) + number(UInt16(4))
            + number(UInt32(meta.count)) + meta + stream
    }

    /// Deflate without compression (RFC 1951, 3.2.4).
    private func stored(_ data: Data) -> Data {
        var stream = Data()
        for start in stride(from: 0, to: data.count, by: 65_535) {
            let block = data[start..<min(start + 65_535, data.count)]
            stream +=
                Data([start + 65_535 >= data.count ? 1 : 0]) + number(UInt16(block.count))
                + number(~UInt16(block.count)) + block
        }
        return stream
    }

    private func error(_ bytes: Data) throws -> DicomError? {
        let folder = try TemporaryFolder()
        try bytes.write(to: URL(fileURLWithPath: folder.file("d.dcm")))
        do {
            _ = try DicomFile(contentsOf: folder.file("d.dcm"))
            return nil
        } catch { return error }
    }

    @Test("a deflated file is read, and sequences nested in it without end are refused like any")
    func deflatedNesting() throws {
        var file = RawFile()
        file.addIdentity()
        file.addSeries()
        let plain = file.bytes
        let dataSet = plain[(128 + 4 + 12 + 8 + 20)...]
        #expect(dataSet.prefix(4) == Data([8, 0, 0x16, 0]))
        #expect(try error(deflated(stored(Data(dataSet)))) == nil)
        let open =
            Data([8, 0, 0x15, 0x11]) + Data("SQ".utf8)
            + Data([0, 0, 255, 255, 255, 255, 0xFE, 0xFF, 0, 0xE0, 255, 255, 255, 255])
        let nested = Data((0..<100_000).flatMap { _ in open })
        #expect(
            try error(deflated(stored(Data(dataSet) + nested))) == .corrupt(reason: "sequences are nested too deeply")
        )
    }

    @Test("a deflated file that declares gigabytes, or grows to them, is refused before they are there")
    func bomb() throws {
        let tooLarge = DicomError.corrupt(reason: "the deflated data set is too large")
        let element = Data([0xE0, 0x7F, 0x10, 0]) + Data("OW".utf8) + Data([0, 0]) + number(UInt32(3) << 30)
        #expect(try error(deflated(stored(element))) == tooLarge)
        // Zeros by the gigabyte: a zero, then copies of 258 bytes in 13 bits each (fixed Huffman codes).
        var stream = [UInt8](repeating: 0, count: 8 << 20)
        var bit = 0
        func put(_ bits: [UInt8]) {
            for one in bits {
                stream[bit >> 3] |= one << UInt8(bit & 7)
                bit += 1
            }
        }
        put([1, 1, 0])  // last block, fixed codes
        put([0, 0, 1, 1, 0, 0, 0, 0])  // the literal 0
        for _ in 0..<4_300_000 { put([1, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0]) }
        put([0, 0, 0, 0, 0, 0, 0])
        let tooMany = DicomError.corrupt(reason: "it has more elements than any object")
        #expect(try error(deflated(Data(stream[...(bit >> 3)]))) == tooMany)
        // The same without compression: 20 MB of elements without a value.
        var file = RawFile()
        file.addIdentity()
        let empty = Data([0x09, 0, 0x10, 0]) + Data("LO".utf8) + Data([0, 0])
        #expect(try error(file.bytes + Data((0..<2_500_000).flatMap { _ in empty })) == tooMany)
    }
}
