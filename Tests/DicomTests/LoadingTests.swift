import Dicom
import Foundation
import Imaging
import Synchronization
import Testing

@Suite("Loading a CT Series")
struct LoadingTests {
    @Test("a written series is loaded voxel for voxel, whatever the order of the files")
    func roundTrip() throws {
        let folder = try TemporaryFolder()
        let volume = SmallCT.volume()
        let written = try writeCTSeries(volume: volume, to: folder.path)
        for threads in [1, 3] {
            let series = try loadCTSeries(files: written.files.shuffled(), threads: threads)
            #expect(series.volume == volume)
            #expect(series.slices == written.slices)
            #expect(series.reference == written.reference)
            #expect(series.findings.isEmpty)
            #expect(series.extentIsProvable)
        }
    }

    @Test("images without Patient ID or name are told, for nobody could tell whose the results are")
    func withoutPatient() throws {
        let folder = try TemporaryFolder()
        let written = try writeCTSeries(volume: SmallCT.volume(), to: folder.path)
        for (tags, words) in [
            ([Tag.patientID], "no Patient ID,"), ([.patientName], "no Patient's Name,"),
            ([.patientID, .patientName], "no Patient ID and no Patient's Name,"),
        ] {
            var dataSets = try written.files.map { try DicomFile(contentsOf: $0).dataSet }
            for k in dataSets.indices { for tag in tags { dataSets[k].remove(tag) } }
            let findings = try loadCTSeries(files: try SmallCT.write(dataSets, to: folder)).findings
            #expect(findings.map(\.code) == ["W_NO_PATIENT"])
            #expect(findings.first?.message.contains(words) == true)
        }
    }

    @Test("all eight sign combinations of the axial axes keep their geometry", arguments: 0..<8)
    func signs(_ number: Int) throws {
        let folder = try TemporaryFolder()
        let (x, y): (Double, Double) = (number & 1 == 0 ? 1 : -1, number & 2 == 0 ? 1 : -1)
        // The third sign exchanges rows and columns, so that the normal turns with it.
        let swapped = number & 4 != 0
        let geometry = SmallCT.geometry(
            directionI: swapped ? Vector3(0, y, 0) : Vector3(x, 0, 0),
            directionJ: swapped ? Vector3(x, 0, 0) : Vector3(0, y, 0)
        )
        let volume = SmallCT.volume(geometry)
        let series = try loadCTSeries(files: try writeCTSeries(volume: volume, to: folder.path).files)
        #expect(series.volume == volume)
        for (k, slice) in series.slices.enumerated() {
            #expect(slice.position == geometry.patientPoint(i: 0, j: 0, k: Double(k)))
        }
    }

    @Test("slices that show the same picture are told with their numbers, wherever they lie")
    func repeatedPictures() throws {
        let folder = try TemporaryFolder()
        var volume = SmallCT.volume()
        let size = volume.geometry.dimensions
        func copy(_ from: Int, to: Int) {
            for j in 0..<size.j { for i in 0..<size.i { volume[i, j, to] = volume[i, j, from] } }
        }
        for k in [3, 4, 5, 6] { copy(2, to: k) }
        copy(8, to: 9)
        for k in [0, 1] { copy(k, to: 10 + k) }
        for threads in [1, 3] {
            let findings = try loadCTSeries(
                files: try writeCTSeries(volume: volume, to: folder.path).files,
                threads: threads
            )
            .findings
            #expect(findings.map(\.code) == ["W_REPEATED_PICTURES"])
            #expect(findings.first?.message.hasPrefix("7 slices show") == true)
            #expect(
                findings.first?.sliceDetails == ["slices 1 to 2, 11 to 12", "slices 3, 4, 5, 6, 7", "slices 9, 10"]
            )
        }
    }

    @Test(
        "slices that do not fit between their neighbours are told: exchanged ones, and one with other Hounsfield units",
        arguments: ["none", "exchanged", "offset"]
    )
    func misplacedSlices(fault: String) throws {
        let folder = try TemporaryFolder()
        var volume = Volume<Int16>(geometry: SmallCT.geometry(slices: 24), repeating: -1000)
        let size = volume.geometry.dimensions
        for k in 0..<size.k {
            for j in 10..<60 { for i in 8 + k..<30 + k { volume[i, j, k] = Int16((i * 7 + j * 5 + k * 3) % 40) } }
        }
        func change(_ k: Int, to value: (Int, Int) -> Int16) {
            let values = (0..<size.j).flatMap { j in (0..<size.i).map { value($0, j) } }
            for j in 0..<size.j { for i in 0..<size.i { volume[i, j, k] = values[j * size.i + i] } }
        }
        let whole = volume
        switch fault {
        case "exchanged":
            change(5) { whole[$0, $1, 15] }
            change(15) { whole[$0, $1, 5] }
        case "offset": change(9) { whole[$0, $1, 9] + 300 }
        default: break
        }
        let findings = try loadCTSeries(files: writeCTSeries(volume: volume, to: folder.path).files).findings
        #expect(findings.map(\.code) == (fault == "none" ? [] : ["W_MISPLACED_SLICES"]))
        let slices = ["exchanged": ["slices 6, 16"], "offset": ["slices 10"]]
        #expect(findings.first?.sliceDetails == slices[fault])
    }

    @Test("Hounsfield units that are shifted as a whole are told", arguments: [-200, 0, 50, 200])
    func shiftedValues(by shift: Int) throws {
        let folder = try TemporaryFolder()
        var volume = SmallCT.volume()
        volume.voxels.withUnsafeMutableBufferPointer { voxels in
            for index in voxels.indices { voxels[index] = Int16(clamping: Int(voxels[index]) + shift) }
        }
        let findings = try loadCTSeries(files: writeCTSeries(volume: volume, to: folder.path).files).findings
        #expect(findings.map(\.code) == (abs(shift) == 200 ? ["W_SHIFTED_HU"] : []))
    }

    @Test("slices of one value among others are told as blank")
    func blankSlices() throws {
        var volume = SmallCT.volume()
        let size = volume.geometry.dimensions
        for k in [4, 5, size.k - 1] { for j in 0..<size.j { for i in 0..<size.i { volume[i, j, k] = -1000 } } }
        let folder = try TemporaryFolder()
        let findings = try loadCTSeries(files: writeCTSeries(volume: volume, to: folder.path).files).findings
        #expect(findings.map(\.code) == ["W_BLANK_SLICES"])
        #expect(findings.first?.message.hasPrefix("3 slices are blank") == true)
        #expect(findings.first?.sliceDetails == ["slices 5, 6, \(size.k)"])
    }

    @Test("padding becomes air before the rescale, declared with the wrong sign or not at all")
    func padding() throws {
        var expected = SmallCT.volume()
        expected[1, 1, 1] = -1000
        expected[2, 1, 1] = -1000
        var raw = expected
        raw[1, 1, 1] = -2000 - 24
        raw[2, 1, 1] = -3000
        let folder = try TemporaryFolder()
        let written = try writeCTSeries(volume: raw, to: folder.path)
        var dataSets = try written.files.map { try DicomFile(contentsOf: $0).dataSet }
        #expect(try loadCTSeries(files: written.files).volume == expected)
        for k in dataSets.indices { dataSets[k].set(.pixelPaddingValue, .US, integer: 65536 - 2024) }
        var limits = AdmissionLimits()
        limits.undeclaredPaddingHU = -4000
        expected[2, 1, 1] = -3000
        #expect(try loadCTSeries(files: try SmallCT.write(dataSets, to: folder), limits: limits).volume == expected)
        for k in dataSets.indices { dataSets[k].set(.pixelPaddingRangeLimit, .US, integer: 65536 - 3100) }
        expected[2, 1, 1] = -1000
        #expect(try loadCTSeries(files: try SmallCT.write(dataSets, to: folder), limits: limits).volume == expected)
    }

    @Test(
        "values of -2000 HU, with which scanners fill what lies outside of their circle, are air without a word of the header"
    )
    func undeclaredPadding() throws {
        var (raw, expected) = (SmallCT.volume(), SmallCT.volume())
        for (i, value) in [-2001, -2000, -1999].enumerated() {
            raw[1 + i, 1, 1] = Int16(value)
            expected[1 + i, 1, 1] = value == -1999 ? -1999 : -1000
        }
        let folder = try TemporaryFolder()
        let series = try loadCTSeries(files: try writeCTSeries(volume: raw, to: folder.path).files)
        #expect(series.volume == expected)
        #expect(series.counts.padded == 2)
    }

    @Test("padding that would cut holes into tissue is refused")
    func paddingInTissue() throws {
        let folder = try TemporaryFolder()
        var dataSets = try SmallCT.dataSets()
        for k in dataSets.indices { dataSets[k].set(.pixelPaddingValue, .SS, integer: 0) }
        let files = try SmallCT.write(dataSets, to: folder)
        #expect(refusal { try loadCTSeries(files: files) }.map(\.code) == ["E_PADDING_IN_TISSUE"])
    }

    @Test("slope and intercept of each slice are applied, and HU are clamped to 16 bits")
    func rescale() throws {
        let folder = try TemporaryFolder()
        var dataSets = try SmallCT.dataSets()
        dataSets[4].set(.rescaleSlope, .DS, "2")
        dataSets[4].set(.rescaleIntercept, .DS, "1000")
        var bytes = try #require(dataSets[4].bytes(.pixelData))
        (bytes[0], bytes[1]) = (0xFF, 0x7F)
        dataSets[4].set(.pixelData, .OW, bytes: bytes)
        let volume = try loadCTSeries(files: try SmallCT.write(dataSets, to: folder)).volume
        let expected = SmallCT.volume()
        #expect(volume[0, 0, 4] == 32767)
        #expect(volume[1, 0, 4] == -1000)
        #expect(volume[30, 30, 4] == expected[30, 30, 4] * 2 + 1000)
        #expect(volume[30, 30, 5] == expected[30, 30, 5])
    }

    @Test("bits above Bits Stored are no part of the value")
    func overlayBits() throws {
        let folder = try TemporaryFolder()
        var dataSets = try SmallCT.dataSets()
        for k in dataSets.indices {
            dataSets[k].set(.bitsStored, .US, integer: 12)
            dataSets[k].set(.highBit, .US, integer: 11)
            let bytes = try #require(dataSets[k].bytes(.pixelData))
            dataSets[k].set(.pixelData, .OW, bytes: bytes.enumerated().map { $0 % 2 == 1 ? $1 & 0x0F | 0xA0 : $1 })
        }
        #expect(try loadCTSeries(files: try SmallCT.write(dataSets, to: folder)).volume == SmallCT.volume())
    }

    @Test("the same image twice is used once, also in another transfer syntax; another image with its UID is refused")
    func repeats() throws {
        let folder = try TemporaryFolder()
        let other = try TemporaryFolder()
        var dataSets = try SmallCT.dataSets()
        let files = try SmallCT.write(dataSets, to: folder)
        let recoded = try SmallCT.write([dataSets[3]], to: other, transferSyntax: .explicitVRBigEndian)
        let series = try loadCTSeries(files: files + recoded)
        #expect(series.findings.map(\.code) == ["W_REPEATED_INSTANCES"])
        #expect(series.volume == SmallCT.volume())
        var bytes = try #require(dataSets[3].bytes(.pixelData))
        bytes[100] ^= 1
        dataSets[3].set(.pixelData, .OW, bytes: bytes)
        let changed = try SmallCT.write([dataSets[3]], to: other)
        #expect(refusal { try loadCTSeries(files: files + changed) }.map(\.code) == ["E_CONFLICTING_INSTANCES"])
    }

    @Test("images of two patients in one Series are refused, without naming either")
    func twoPatients() throws {
        let folder = try TemporaryFolder()
        var dataSets = try SmallCT.dataSets()
        dataSets[7].set(.patientName, .PN, "Other^Patient")
        let findings = refusal { try loadCTSeries(files: try SmallCT.write(dataSets, to: folder)) }
        #expect(findings.map(\.code) == ["E_SEVERAL_PATIENTS"])
        #expect(!"\(findings)".contains("Other"))
    }

    @Test("a slice that cannot be decoded is named")
    func damagedSlice() throws {
        let folder = try TemporaryFolder()
        let files = try SmallCT.write(try SmallCT.dataSets(), to: folder)
        let data = try Data(contentsOf: URL(fileURLWithPath: files[5]))
        try data.dropLast(10).write(to: URL(fileURLWithPath: files[5]))
        let findings = refusal { try loadCTSeries(files: files) }
        #expect(findings.map(\.code) == ["E_TRUNCATED"])
        #expect(findings.first?.sliceDetails == ["file 6 of 12"])
    }

    @Test("loading can be cancelled, and tells its progress")
    func cancelAndProgress() throws {
        let folder = try TemporaryFolder()
        let files = try SmallCT.write(try SmallCT.dataSets(), to: folder)
        #expect(throws: DicomError.cancelled) { try loadCTSeries(files: files, isCancelled: { true }) }
        let last = Mutex(0.0)
        _ = try loadCTSeries(files: files, threads: 1, progress: { value in last.withLock { $0 = value } })
        #expect(last.withLock { $0 } == 1)
    }

    @Test("reference attributes survive their file")
    func referenceAttributes() throws {
        let folder = try TemporaryFolder()
        var image = try SmallCT.dataSets()[0]
        image.set(.patientName, .PN, "Żółć^Łukasz")
        let reference = ReferenceAttributes(copying: image)
        try reference.write(to: folder.file("reference.dcm"))
        #expect(try ReferenceAttributes(contentsOf: folder.file("reference.dcm")) == reference)
        #expect(reference.dataSet[.pixelData] == nil && reference.dataSet[.rows] == nil)
    }

    @Test("a reference of the CT without class or instance is not repeated, a whole one is")
    func incompleteReferences() throws {
        var image = try SmallCT.dataSets()[0]
        var whole = DataSet(), part = DataSet()
        whole.set(.referencedSOPClassUID, .UI, "1.2.840.10008.3.1.2.3.1")
        whole.set(.referencedSOPInstanceUID, .UI, "1.2.3")
        part.set(.referencedSOPInstanceUID, .UI, "1.2.3")
        image.set(.referencedStudySequence, sequence: [part, whole])
        image.set(.referencedPatientSequence, sequence: [part])
        let reference = ReferenceAttributes(copying: image).dataSet
        #expect(reference.sequence(.referencedStudySequence) == [whole])
        #expect(reference[.referencedPatientSequence] == nil)
    }
}

@Suite("Values that are no CT of a patient, just inside and just outside")
struct ValueLimitTests {
    /// A volume with the given number of voxels of each kind in every slice of 6400; the rest is -450 HU, which
    /// is neither air nor tissue.
    private func codes(air: Int, tissue: Int, impossible: Int) throws -> [String] {
        let folder = try TemporaryFolder()
        let geometry = SmallCT.geometry(columns: 80, rows: 80, slices: 8)
        var slice = [Int16](repeating: -450, count: 6400)
        for index in 0..<air { slice[index] = -1000 }
        for index in air..<air + tissue { slice[index] = 40 }
        for index in air + tissue..<air + tissue + impossible { slice[index] = -1500 }
        let voxels = (0..<8).flatMap { _ in slice }
        let files = try writeCTSeries(volume: Volume(geometry: geometry, voxels: voxels), to: folder.path).files
        return refusal { try loadCTSeries(files: files) }.map(\.code)
    }

    @Test("air")
    func air() throws {
        #expect(try codes(air: 7, tissue: 3000, impossible: 0).isEmpty)
        #expect(try codes(air: 6, tissue: 3000, impossible: 0) == ["E_NOT_HU"])
    }

    @Test("soft tissue")
    func softTissue() throws {
        #expect(try codes(air: 1000, tissue: 64, impossible: 0).isEmpty)
        #expect(try codes(air: 1000, tissue: 63, impossible: 0) == ["E_NOT_HU"])
    }

    @Test("impossible values")
    func impossible() throws {
        #expect(try codes(air: 1000, tissue: 3000, impossible: 64).isEmpty)
        #expect(try codes(air: 1000, tissue: 3000, impossible: 65) == ["E_NOT_HU"])
    }

    @Test("the borders of the ranges")
    func borders() throws {
        let limits = AdmissionLimits()
        #expect(limits.airHU.contains(-600) && !limits.airHU.contains(-599))
        #expect(limits.softTissueHU.contains(200) && !limits.softTissueHU.contains(201))
        #expect(limits.possibleHU.contains(-1200) && !limits.possibleHU.contains(-1201))
        let conversion = HounsfieldConversion(
            slope: 1,
            intercept: 0,
            padding: nil,
            undeclaredPaddingHU: limits.undeclaredPaddingHU
        )
        #expect(conversion.hounsfield(-1999) == -1999)
        #expect(conversion.hounsfield(-2000) == nil)
    }

    @Test("declared padding at the border of tissue")
    func paddingBorder() throws {
        func codes(_ padding: Int) throws -> [String] {
            let folder = try TemporaryFolder()
            var dataSets = try SmallCT.dataSets()
            for k in dataSets.indices {
                dataSets[k].set(.pixelPaddingValue, .SS, integer: padding)
                var bytes = try #require(dataSets[k].bytes(.pixelData))
                let word = UInt16(bitPattern: Int16(padding))
                (bytes[0], bytes[1]) = (UInt8(word & 0xFF), UInt8(word >> 8))
                dataSets[k].set(.pixelData, .OW, bytes: bytes)
            }
            let files = try SmallCT.write(dataSets, to: folder)
            return refusal { try loadCTSeries(files: files) }.map(\.code)
        }
        #expect(try codes(-501).isEmpty)
        #expect(try codes(-500) == ["E_PADDING_IN_TISSUE"])
        #expect(try codes(3000) == ["E_PADDING_IN_TISSUE"])
        #expect(try codes(3001).isEmpty)
    }
}
