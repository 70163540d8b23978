import Dicom
import Foundation
import Imaging
import Testing

@Suite("Instance headers")
struct InstanceHeaderTests {
    @Test("the header of a CT image gives geometry, pixels and place in the series, and no patient")
    func classicCT() throws {
        let folder = try TemporaryFolder()
        let written = try writeCTSeries(volume: SmallCT.volume(), to: folder.path)
        let header = try InstanceHeader(contentsOf: written.files[3])
        #expect(header.kind == .ctImage)
        #expect(header.sopInstanceUID == written.slices[3].sopInstanceUID)
        #expect(header.imagePositionPatient == PatientPoint(x: -40, y: -50, z: 109))
        #expect(header.pixelSpacing == PixelSpacing(betweenRows: 1.25, betweenColumns: 1.26))
        #expect((header.columns, header.rows, header.numberOfFrames) == (64, 72, 1))
        #expect((header.instanceNumber, header.imagesInAcquisition) == (4, 12))
        #expect(header.fileSize > 64 * 72 * 2)
        let text = String(decoding: try JSONEncoder().encode(header), as: UTF8.self)
        #expect(!text.contains("Phantom^Thorax") && !text.contains("PHANTOM"))
        #expect(try JSONDecoder().decode(InstanceHeader.self, from: Data(text.utf8)) == header)
    }

    @Test(
        "Pixel Padding Value is read with the sign of the pixels, whatever VR the file used",
        arguments: [
            (VR.US, 63536, 1, -2000), (.SS, -2000, 1, -2000), (.US, 63536, 0, 63536), (.SS, -2000, 0, 63536),
            (.US, 0, 1, 0),
        ]
    )
    func padding(_ vr: VR, _ value: Int, _ representation: Int, _ expected: Int) throws {
        var dataSet = try SmallCT.dataSets()[0]
        dataSet.set(.pixelPaddingValue, vr, integer: value)
        dataSet.set(.pixelRepresentation, .US, integer: representation)
        #expect(try SmallCT.header(dataSet).pixelPaddingValue == expected)
    }

    @Test("a file that ends early is noticed, wherever it ends")
    func truncation() throws {
        let folder = try TemporaryFolder()
        let written = try writeCTSeries(volume: SmallCT.volume(), to: folder.path)
        let whole = try Data(contentsOf: URL(fileURLWithPath: written.files[0]))
        var lengths = Array(stride(from: 0, to: whole.count, by: 97))
        lengths += [whole.count - 1, whole.count - 2, whole.count - 64 * 72 * 2, whole.count - 64 * 72 * 2 - 12]
        for length in lengths {
            try whole.prefix(length).write(to: URL(fileURLWithPath: folder.file("t.dcm")))
            #expect(throws: DicomError.self, "\(length) of \(whole.count)") {
                try InstanceHeader(contentsOf: folder.file("t.dcm"))
            }
        }
    }

    @Test("pixel data shorter than the header says is truncated")
    func shortPixelData() throws {
        let folder = try TemporaryFolder()
        var dataSet = try SmallCT.dataSets()[0]
        let pixels = try #require(dataSet.bytes(.pixelData))
        dataSet.set(.pixelData, .OW, bytes: Array(pixels.dropLast(2)))
        let path = try SmallCT.write([dataSet], to: folder)[0]
        #expect(throws: DicomError.truncated) { try InstanceHeader(contentsOf: path) }
        dataSet.remove(.pixelData)
        let without = try SmallCT.write([dataSet], to: folder)[0]
        #expect(throws: DicomError.truncated) { try InstanceHeader(contentsOf: without) }
    }

    @Test("pixel data with a frame more than the header says, or a pixel, are damaged")
    func longPixelData() throws {
        let folder = try TemporaryFolder()
        var dataSet = try SmallCT.dataSets()[0]
        let pixels = try #require(dataSet.bytes(.pixelData))
        dataSet.set(.pixelData, .OW, bytes: pixels + [0, 0])
        let pixelMore = try SmallCT.write([dataSet], to: folder)[0]
        #expect(
            throws: DicomError.corrupt(
                reason: "the pixel data have 9218 bytes, and 72 rows of 64 pixels of 16 bits take 9216"
            )
        ) { try InstanceHeader(contentsOf: pixelMore) }
        dataSet.set(.pixelData, .OW, bytes: pixels + pixels)
        let path = try SmallCT.write([dataSet], to: folder)[0]
        #expect(throws: DicomError.corrupt(reason: "the pixel data hold more frames than the header says")) {
            try InstanceHeader(contentsOf: path)
        }
    }

    @Test("a file that ends in its meta information is incomplete, not another kind", arguments: [132, 140, 200, 300])
    func cutMetaInformation(_ size: Int) throws {
        let folder = try TemporaryFolder()
        let whole = try Data(contentsOf: URL(fileURLWithPath: SmallCT.write(SmallCT.dataSets(), to: folder)[0]))
        try whole.prefix(size).write(to: URL(fileURLWithPath: folder.file("cut")))
        #expect(throws: DicomError.truncated) { try InstanceHeader(contentsOf: folder.file("cut")) }
    }

    @Test("a data set without preamble is told as that")
    func noPreamble() throws {
        let folder = try TemporaryFolder()
        let whole = try Data(contentsOf: URL(fileURLWithPath: SmallCT.write(SmallCT.dataSets(), to: folder)[0]))
        let meta = 144 + Int(whole[140]) + Int(whole[141]) << 8
        // With its meta information, and as it came over the network.
        for (name, start) in [("meta", 132), ("bare", meta)] {
            try whole.dropFirst(start).write(to: URL(fileURLWithPath: folder.file(name)))
            #expect(throws: DicomError.noPreamble) { try InstanceHeader(contentsOf: folder.file(name)) }
        }
    }

    @Test("what is not DICOM says so, and nothing that is no regular file is opened")
    func notDicom() throws {
        let folder = try TemporaryFolder()
        try Data("hello".utf8).write(to: URL(fileURLWithPath: folder.file("a")))
        try Data(count: 4096).write(to: URL(fileURLWithPath: folder.file("b")))
        #expect(throws: DicomError.tooShort) { try InstanceHeader(contentsOf: folder.file("a")) }
        #expect(throws: DicomError.notDicom) { try InstanceHeader(contentsOf: folder.file("b")) }
        #expect(throws: DicomError.cannotOpen(reason: "not a regular file")) {
            try InstanceHeader(contentsOf: folder.path)
        }
        #expect(mkfifo(folder.file("fifo"), 0o600) == 0)
        #expect(throws: DicomError.cannotOpen(reason: "not a regular file")) {
            try InstanceHeader(contentsOf: folder.file("fifo"))
        }
        #expect(throws: DicomError.cannotOpen(reason: "No such file or directory")) {
            try InstanceHeader(contentsOf: folder.file("none"))
        }
    }

    @Test(
        "JPEG 2000 that may be lossy is what its stream says: the irreversible wavelet lost something, of the other nobody knows"
    )
    func lossyJPEG2000() throws {
        let folder = try TemporaryFolder()
        func isLossy(wavelet: UInt8, flag: String?, syntax: String = "1.2.840.10008.1.2.4.91") throws -> Bool? {
            var file = RawFile()
            file.transferSyntax = syntax
            file.addIdentity()
            file.addSeries()
            file.add(0x0028, 0x0002, "US", Data([1, 0]))
            file.add(0x0028, 0x0004, "CS", "MONOCHROME2")
            for (element, value) in [(0x10, 8), (0x11, 8), (0x100, 16), (0x101, 16), (0x102, 15), (0x103, 0)] {
                file.add(0x0028, UInt16(element), "US", Data([UInt8(value), 0]))
            }
            if let flag { file.add(0x0028, 0x2110, "CS", flag) }
            // SOC, SIZ of one component, COD, SOT (ISO/IEC 15444-1 A.4 to A.6).
            let size: [UInt8] = [0xFF, 0x51, 0, 41] + [UInt8](repeating: 0, count: 39)
            let style: [UInt8] = [0xFF, 0x52, 0, 12, 0, 0, 0, 1, 0, 5, 4, 4, 0, wavelet]
            file.addCompressedPixels(
                Data([0xFF, 0x4F] + size + style + [0xFF, 0x90] + [UInt8](repeating: 0, count: 30))
            )
            let path = folder.file("\(UUID().uuidString).dcm")
            try file.bytes.write(to: URL(fileURLWithPath: path))
            return try InstanceHeader(contentsOf: path).isLossy
        }
        #expect(try isLossy(wavelet: 0, flag: nil) == true)
        #expect(try isLossy(wavelet: 1, flag: nil) == nil)
        #expect(try isLossy(wavelet: 0, flag: "00") == false, "the header decides")
        #expect(try isLossy(wavelet: 1, flag: "01") == true)
        #expect(try isLossy(wavelet: 1, flag: nil, syntax: "1.2.840.10008.1.2.4.90") == false)
    }

    @Test("an unknown transfer syntax is named")
    func unknownTransferSyntax() throws {
        let folder = try TemporaryFolder()
        let path = try SmallCT.write([try SmallCT.dataSets()[0]], to: folder)[0]
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        // HTJ2K lossless: as long as the padded UID it replaces would need; the group length is patched too.
        let old = Data("1.2.840.10008.1.2.1\0".utf8)
        let new = Data("1.2.840.10008.1.2.4.201\0".utf8)
        let range = try #require(bytes.range(of: old))
        bytes.replaceSubrange(range, with: new)
        bytes[range.lowerBound - 2] = UInt8(new.count)
        bytes[140] += UInt8(new.count - old.count)
        try bytes.write(to: URL(fileURLWithPath: path))
        #expect(throws: DicomError.unsupportedTransferSyntax(uid: "1.2.840.10008.1.2.4.201")) {
            try InstanceHeader(contentsOf: path)
        }
    }

    @Test("a UID with anything but digits and dots is refused, a missing one is named")
    func hostileIdentity() throws {
        var dataSet = try SmallCT.dataSets()[0]
        dataSet.set(.seriesInstanceUID, .UI, "../../../etc")
        #expect(throws: DicomError.invalidUID(.seriesInstanceUID)) { try SmallCT.header(dataSet) }
        dataSet.remove(.seriesInstanceUID)
        #expect(throws: DicomError.missingAttribute(.seriesInstanceUID)) { try SmallCT.header(dataSet) }
    }

    @Test("an RT Structure Set that refers to no Series tells the images of its contours, if all of them have one")
    func contouredImages() throws {
        func contour(_ type: String, _ images: String...) -> DataSet {
            var contour = DataSet()
            contour.set(.contourGeometricType, .CS, type)
            let items = images.map { uid in
                var item = DataSet()
                item.set(.referencedSOPInstanceUID, .UI, uid)
                return item
            }
            if !items.isEmpty { contour.set(.contourImageSequence, sequence: items) }
            return contour
        }
        func images(_ contours: DataSet...) throws -> [String]? {
            var roi = DataSet()
            roi.set(.contourSequence, sequence: contours)
            var dataSet = DataSet()
            for tag in [Tag.sopInstanceUID, .studyInstanceUID, .seriesInstanceUID] { dataSet.set(tag, .UI, "1.2") }
            dataSet.set(.sopClassUID, .UI, SOPClass.rtStructureSet)
            dataSet.set(.roiContourSequence, sequence: [roi])
            return try SmallCT.header(dataSet).contouredInstanceUIDs
        }
        let (first, second) = (contour("CLOSED_PLANAR", "1.2.4"), contour("CLOSEDPLANAR_XOR", "1.2.3", "1.2.4"))
        #expect(try images(first, second, first) == ["1.2.3", "1.2.4"])
        // An isocentre lies on no image.
        #expect(try images(first, contour("POINT")) == ["1.2.4"])
        #expect(try images(first, contour("CLOSED_PLANAR")) == nil)
        #expect(try images(first, contour("CLOSED_PLANAR", "../etc")) == nil)
        #expect(try images() == nil)
    }

    @Test("an RT Structure Set and a Segmentation tell the Series they refer to")
    func references() throws {
        var series = DataSet()
        series.set(.seriesInstanceUID, .UI, "1.2.99")
        var study = DataSet()
        study.set(.rtReferencedSeriesSequence, sequence: [series, series])
        var frame = DataSet()
        frame.set(.rtReferencedStudySequence, sequence: [study])
        var dataSet = DataSet()
        for tag in [Tag.sopInstanceUID, .studyInstanceUID, .seriesInstanceUID] { dataSet.set(tag, .UI, "1.2") }
        dataSet.set(.sopClassUID, .UI, SOPClass.rtStructureSet)
        dataSet.set(.referencedFrameOfReferenceSequence, sequence: [frame])
        let structureSet = try SmallCT.header(dataSet)
        #expect(structureSet.kind == .rtStructureSet)
        #expect(structureSet.referencedSeriesInstanceUIDs == ["1.2.99"] && structureSet.contouredInstanceUIDs == nil)
        dataSet.remove(.referencedFrameOfReferenceSequence)
        dataSet.set(.sopClassUID, .UI, SOPClass.segmentation)
        dataSet.set(.referencedSeriesSequence, sequence: [series])
        let segmentation = try SmallCT.header(dataSet)
        #expect(segmentation.kind == .segmentation)
        #expect(segmentation.referencedSeriesInstanceUIDs == ["1.2.99"])
    }
}
