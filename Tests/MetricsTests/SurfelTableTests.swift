import Imaging
import Metrics
import Testing

@Suite("Surfel areas")
struct SurfelTableTests {
    struct Golden: Decodable {
        /// Along the cell's axes 0, 1 and 2.
        var spacing: [Double]
        var areas: [Double]
        /// Of contours in the plane of axes 1 and 2.
        var lengths: [Double]
    }

    @Test("All 256 areas equal the published table for isotropic and anisotropic spacings")
    func areasEqualThePublishedTable() throws {
        for golden in try Fixtures.decode([Golden].self, "surfels.json") {
            let table = SurfelTable(spacing: Vector3(golden.spacing[0], golden.spacing[1], golden.spacing[2]))
            #expect(table.areas.count == 256)
            for code in 0..<256 {
                #expect(
                    agree(table.areas[code], golden.areas[code], within: 1e-12),
                    "code \(code), \(golden.spacing)"
                )
            }
        }
    }

    @Test("All 16 lengths of contours in a plane equal the published table")
    func lengthsEqualThePublishedTable() throws {
        for golden in try Fixtures.decode([Golden].self, "surfels.json") {
            let lengths = contourLengths(alongRows: golden.spacing[1], alongColumns: golden.spacing[2])
            #expect(lengths.count == 16)
            for code in 0..<16 {
                #expect(agree(lengths[code], golden.lengths[code], within: 1e-12), "code \(code), \(golden.spacing)")
            }
        }
    }

    @Test("The areas of a large plane add up to its two sides")
    func areasOfAPlane() {
        // A sheet one voxel thick: both sides, seen from its inner corners.
        let table = SurfelTable(spacing: Vector3(3, 2, 1))
        var lower: UInt8 = 0
        for b in 0...1 { for c in 0...1 { lower |= SurfelTable.bit(0, b, c) } }
        #expect(abs(table.areas[Int(lower)] - 2) < 1e-12)
        #expect(abs(table.areas[Int(~lower)] - 2) < 1e-12)
    }
}
