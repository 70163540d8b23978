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
}
