import Dicom
import Foundation
import Imaging
import Testing

// SKIPPED: without ../shared (or CONTOURD_SHARED) there is no real CT and no awkward file to read.
@Suite("Real data", .enabled(if: SharedData.isPresent, "needs ../shared"))
struct SharedDataTests {
    @Test("every CT equals what SimpleITK and pydicom read, voxel for voxel")
    func realCT() throws {
        for golden in try Golden.load().series {
            let files = try SharedData.files(golden.folder).filter { path in
                try InstanceHeader(contentsOf: path).seriesInstanceUID == golden.series
            }
            let series = try loadCTSeries(files: files)
            let geometry = series.volume.geometry
            #expect([geometry.dimensions.i, geometry.dimensions.j, geometry.dimensions.k] == golden.dimensions)
            for (ours, theirs) in zip([geometry.spacing.x, geometry.spacing.y, geometry.spacing.z], golden.spacing) {
                #expect(abs(ours - theirs) < 1e-9)
            }
            #expect([geometry.origin.x, geometry.origin.y, geometry.origin.z] == golden.origin)
            #expect(series.volume.voxels.withUnsafeBytes { crc32($0) } == golden.crc32, "\(golden.folder)")
            #expect(
                [series.slices[0], series.slices[series.slices.count - 1]].map(\.sopInstanceUID) == golden.instances
            )
            // Two of them were anonymised by leaving out the name, or the ID, too.
            #expect(Set(series.findings.map(\.code)).subtracting(["W_NO_PATIENT"]) == ["W_EXTENT_NOT_PROVABLE"])
        }
    }

    @Test("stored values of every awkward image that SimpleITK decodes are the same")
    func pixels() throws {
        for (path, expected) in try Golden.load().pixels {
            if let error = Self.refused[path] {
                #expect(throws: error) { _ = try PixelReader(contentsOf: SharedData.root + "/data/" + path) }
                continue
            }
            let reader = try PixelReader(contentsOf: SharedData.root + "/data/" + path)
            let values = try reader.storedValues(frame: 0)
            #expect(values.withUnsafeBytes { crc32($0) } == expected, "\(path)")
        }
    }

    @Test("two series mixed in one folder are told apart")
    func mixedSeries() throws {
        let headers = try SharedData.files("ct/acrin_flt_001").map { try InstanceHeader(contentsOf: $0) }
        #expect(stacks(of: headers).map(\.indices.count).sorted() == [31, 99])
    }

    /// Images that others decode and we refuse: an anonymiser put a hexadecimal digest in the place of the SOP
    /// Instance UID, and an RT Structure Set that refers to it would be invalid.
    static let refused = ["awkward/pydicom/bad_sequence.dcm": DicomError.invalidUID(.sopInstanceUID)]
}
