import Dicom
import Imaging
import Pipeline
import Testing

@Suite("Phantoms on disk")
struct PhantomSeriesTests {
    @Test("a picture that lies beside the patient has masks of nothing and no RT Structure Set or Segmentation")
    func nothing() throws {
        let folder = try Folder()
        var request = try SmallPhantom.request(3)
        // The four pixels of a slice are a metre from the middle.
        (request.columns, request.rows, request.slices) = (2, 2, 2)
        request.spacing = Vector3(2000, 2000, 9.6)
        let written = try writePhantom(request, to: folder.file("phantom"), threads: 2)
        #expect(written.truthPath == nil)
        #expect(try names(in: folder.file("phantom/ct")).count == 2)
        let truth = try names(in: folder.file("phantom/truth"))
        #expect(truth.contains("Lung_L.nii.gz") && truth.contains("organs.nii.gz"))
        #expect(!truth.contains { $0.hasSuffix(".dcm") })
    }

    @Test("contours with a margin have UIDs of their own, the CT has not")
    func lungMargin() throws {
        let folder = try Folder()
        func identities(_ marginMM: Double) throws -> [String: String] {
            var request = try SmallPhantom.request(3)
            request.lungMarginMM = marginMM
            let written = try writePhantom(request, to: folder.file("phantom-\(marginMM)"), threads: 2)
            let truth = try #require(written.truthPath)
            let segmentation = folder.file("phantom-\(marginMM)/truth/seg.dcm")
            return try [
                "ct": written.seriesInstanceUID,
                "rtstruct": #require(DicomFile(contentsOf: truth).dataSet.string(.sopInstanceUID)),
                "seg": #require(DicomFile(contentsOf: segmentation).dataSet.string(.sopInstanceUID)),
            ]
        }
        let (plain, wide) = try (identities(0), identities(0.3))
        #expect(plain["ct"] == wide["ct"])
        #expect(plain["rtstruct"] != wide["rtstruct"] && plain["seg"] != wide["seg"])
    }
}
