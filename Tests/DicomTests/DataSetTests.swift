import Dicom
import Foundation
import Testing

@Suite("Data sets")
struct DataSetTests {
    /// Every kind of value that this project writes.
    private func sample() -> DataSet {
        var dataSet = DataSet()
        dataSet.set(.sopClassUID, .UI, SOPClass.rawData)
        dataSet.set(.sopInstanceUID, .UI, "1.2.3")
        dataSet.set(.imageType, .CS, strings: ["ORIGINAL", "PRIMARY"])
        dataSet.set(.patientName, .PN, "Łukasz^Żółć")
        dataSet.set(.patientComments, .LT, "one \\ backslash")
        dataSet.set(.accessionNumber, .SH, nil)
        dataSet.set(.rows, .US, integer: 65535)
        dataSet.set(.pixelPaddingValue, .SS, integer: -2000)
        dataSet.set(Tag(0x0018, 0x6020), .SL, integer: -70000)
        dataSet.set(Tag(0x0018, 0x9073), .FD, double: 0.1)
        dataSet.set(.dimensionIndexValues, .UL, integers: [1, 4_000_000_000])
        dataSet.set(.dimensionIndexPointer, tags: [.imagePositionPatient, Tag(0x0020, 0x9056)])
        dataSet.set(.imagePositionPatient, .DS, doubles: [-1.5, 1.0 / 3, 1e-9])
        dataSet.set(Tag(0x0029, 0x0010), .LO, "CONTOURD TEST")
        dataSet.set(Tag(0x0029, 0x1010), .OB, bytes: [1, 2, 3, 4])
        var code = DataSet()
        code.set(.codeMeaning, .LO, "Łung")
        var outer = DataSet()
        outer.set(.derivationCodeSequence, sequence: [code, DataSet()])
        dataSet.set(.anatomicRegionSequence, sequence: [outer])
        dataSet.set(.referencedSeriesSequence, sequence: [])
        dataSet.set(.pixelData, .OW, bytes: [1, 0, 2, 0, 255, 255])
        dataSet.declareCharacterSet()
        return dataSet
    }

    @Test(
        "what is written is read back, in every transfer syntax that can be written",
        arguments: [
            TransferSyntax.implicitVRLittleEndian, .explicitVRLittleEndian, .explicitVRBigEndian,
            .deflatedExplicitVRLittleEndian,
        ]
    )
    func roundTrip(_ syntax: TransferSyntax) throws {
        let folder = try TemporaryFolder()
        var expected = sample()
        try DicomFile(dataSet: expected).write(to: folder.file("a.dcm"), transferSyntax: syntax)
        let file = try DicomFile(contentsOf: folder.file("a.dcm"))
        #expect(file.metaInformation.transferSyntaxUID == syntax.uid)
        #expect(file.metaInformation.mediaStorageSOPInstanceUID == "1.2.3")
        // Implicit VR keeps no VR: private attributes are unknown, and padding is US until the sign is known.
        if syntax == .implicitVRLittleEndian {
            expected.set(Tag(0x0029, 0x1010), .UN, bytes: [1, 2, 3, 4])
            expected.set(.pixelPaddingValue, .US, integer: 63536)
        }
        for tag in expected.tags { #expect(file.dataSet[tag] == expected[tag], "\(tag)") }
        #expect(file.dataSet.tags == expected.tags)
        #expect(file.dataSet.string(.specificCharacterSet) == "ISO_IR 192")
    }

    @Test("elements from the given tag on are left out")
    func until() throws {
        let folder = try TemporaryFolder()
        try DicomFile(dataSet: sample()).write(to: folder.file("a.dcm"), transferSyntax: .explicitVRLittleEndian)
        let file = try DicomFile(contentsOf: folder.file("a.dcm"), until: .pixelData)
        #expect(file.dataSet[.pixelData] == nil)
        #expect(file.dataSet[.imagePositionPatient] != nil)
    }

    @Test(
        "text of any character set becomes Unicode, in items too",
        arguments: [
            ("latin1", "Müller^Jürgen"), ("utf8", "Łukasz^Żółć"), ("chinese", "Wang^XiaoDong=王^小东"),
            ("japanese", "Yamada^Tarou=山田^太郎=やまだ^たろう"), ("cyrillic", "Люкceмбypг"),
            ("korean", "Hong^Gildong=洪^吉洞=홍^길동"), ("katakana", "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう"),
        ]
    )
    func characterSets(_ name: String, _ text: String) throws {
        let file = try DicomFile(contentsOf: Fixtures.root + "/charset_\(name).dcm")
        #expect(file.dataSet.string(.patientName) == text)
        #expect(file.dataSet.sequence(.referencedPatientSequence).first?.string(.patientName) == text)
    }

    @Test("values of a file written by pydicom are read", arguments: ["explicit", "implicit"])
    func pydicomValues(_ name: String) throws {
        let dataSet = try DicomFile(contentsOf: Fixtures.root + "/values_\(name).dcm").dataSet
        #expect(dataSet.strings(.imageType) == ["ORIGINAL", "PRIMARY", "AXIAL"])
        #expect(dataSet.string(.patientID) == "leading and trailing")
        #expect(dataSet.integer(.rows) == 65535)
        #expect(dataSet.doubles(.imagePositionPatient) == [-1.5, 0.002, 3])
        #expect(dataSet.integers(Tag(0x0018, 0x9219)) == [-5, 7])
        #expect(dataSet.integer(Tag(0x0018, 0x6020)) == -70000)
        #expect(dataSet.doubles(Tag(0x0018, 0x9306)) == [1.5, -2.5])
        #expect(dataSet.tagValues(.dimensionIndexPointer) == [.imagePositionPatient])
        #expect(dataSet.string(.patientComments) == "one \\ backslash")
        #expect(dataSet.bytes(Tag(0x0029, 0x1010)) == [1, 2, 3, 4])
        let concept = dataSet.sequence(.anatomicRegionSequence).first?.sequence(Tag(0x0040, 0xA168))
        #expect(concept?.count == 2)
        #expect(concept?.first?.string(.codeValue) == "39607008")
    }

    @Test("half of a position is no position")
    func unreadableNumbers() {
        var dataSet = DataSet()
        dataSet.set(.imagePositionPatient, .DS, strings: ["1", "two", "3"])
        #expect(dataSet.doubles(.imagePositionPatient).isEmpty)
        dataSet.set(.imagePositionPatient, .DS, strings: ["1", "nan", "3"])
        #expect(dataSet.doubles(.imagePositionPatient).isEmpty)
        dataSet.set(.instanceNumber, .IS, "3.0")
        #expect(dataSet.integer(.instanceNumber) == 3)
        dataSet.set(.instanceNumber, .IS, "3.5")
        #expect(dataSet.integer(.instanceNumber) == nil)
    }

    @Test("a number that does not fit its VR is not written")
    func numberTooLarge() throws {
        let folder = try TemporaryFolder()
        var dataSet = sample()
        dataSet.set(.rows, .US, integer: 65536)
        #expect(throws: DicomError.self) {
            try DicomFile(dataSet: dataSet).write(to: folder.file("a.dcm"), transferSyntax: .explicitVRLittleEndian)
        }
    }

    @Test("a file that cannot be written is an error")
    func cannotWrite() {
        #expect(throws: DicomError.self) {
            try DicomFile(dataSet: sample()).write(to: "/nonexistent/a.dcm", transferSyntax: .explicitVRLittleEndian)
        }
    }

    @Test("decimal strings have at most 16 characters and lose no more than they must")
    func decimalStrings() throws {
        #expect(DecimalString.text(0) == "0")
        #expect(DecimalString.text(-0.0) == "0")
        #expect(DecimalString.text(-1.5) == "-1.5")
        #expect(DecimalString.text(512) == "512")
        #expect(DecimalString.text(1.0 / 3) == "0.33333333333333")
        var random = SplitMix64(state: 7)
        for _ in 0..<20_000 {
            let value = Double.random(in: -1...1, using: &random) * pow(10, Double.random(in: -12...12, using: &random))
            let text = DecimalString.text(value)
            let back = try #require(Double(text))
            #expect(text.utf8.count <= 16)
            #expect(abs(back - value) <= abs(value) * 1e-8)
        }
    }

    @Test("derived UIDs are name-based UUIDs as Python makes them")
    func derivedUIDs() throws {
        for named in try Golden.load().uids {
            #expect(UID.derived(namespace: named.parts) == named.uid)
            #expect(UID.isValid(named.uid))
        }
    }

    @Test("a UID that could name another folder is not usable")
    func hostileUIDs() {
        for uid in ["", "..", "1..2", ".1", "1.", "../../etc", "1.2/3", "1.2.3\n", String(repeating: "1", count: 65)] {
            #expect(!UID.isUsable(uid))
        }
        #expect(UID.isUsable("1.2.840.0123"))
        #expect(!UID.isValid("1.2.840.0123"))
    }
}
