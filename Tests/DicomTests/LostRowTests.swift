import Dicom
import Foundation
import Imaging
import Testing

@Suite("Slices of which a part was lost")
struct LostRowTests {
    /// Fills slices with the air of stored zeros, from a row above the last one of the patient to the end of the picture.
    private func findings(rows: Int, of slices: some Sequence<Int>, fill: Int16 = -1024) throws -> [AdmissionFinding] {
        var volume = SmallCT.volume()
        let size = volume.geometry.dimensions
        for k in slices {
            for j in size.j - 8 - rows..<size.j { for i in 0..<size.i { volume[i, j, k] = fill } }
        }
        let folder = try TemporaryFolder()
        return try loadCTSeries(files: writeCTSeries(volume: volume, to: folder.path).files).findings
    }

    @Test(
        "a slice that was filled up with zeros is told with its number and how much of it is gone, whatever zero means in HU"
    )
    func halfASlice() throws {
        let rows = SmallCT.geometry().dimensions.j
        for fill: Int16 in [-1024, 0] {
            let findings = try findings(rows: rows / 2 - 8, of: [5], fill: fill)
            #expect(findings.first?.code == "W_LOST_ROWS")
            #expect(findings.first?.message.hasPrefix("1 slice has one value in rows") == true)
            #expect(findings.first?.sliceDetails == ["slice 6: \(rows / 2 - 8) of \(rows) rows"])
        }
    }

    @Test("as many rows as the limit allows are not told, one more is; so for the first and the last slice")
    func limit() throws {
        let size = SmallCT.geometry().dimensions
        let allowed = Int(AdmissionLimits().maximumLostRowsFraction * Double(size.j))
        for slice in [0, 5, size.k - 1] {
            #expect(try findings(rows: allowed, of: [slice]).isEmpty)
            #expect(try findings(rows: allowed + 1, of: [slice]).first?.code == "W_LOST_ROWS")
        }
    }

    @Test("up to three slices in a row are told; in more of them the patient may be narrower")
    func neighbours() throws {
        #expect(try findings(rows: 20, of: 3...5).first?.sliceDetails.count == 3)
        #expect(try findings(rows: 20, of: 3...6).isEmpty)
        #expect(try findings(rows: 20, of: 0...1).isEmpty)
    }

    @Test("rows of air without noise, above and below the patient, are no loss")
    func air() throws { #expect(try findings(rows: 0, of: []).isEmpty) }
}
