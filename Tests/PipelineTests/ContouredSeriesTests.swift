import Dicom
import Foundation
import Pipeline
import Testing

@Suite("Structure sets that name no series")
struct ContouredSeriesTests {
    private let folder: Folder
    private let structureSet: String

    /// Two scans side by side, and the contours of the first, which name images alone.
    init() throws {
        folder = try Folder()
        for seed in [1, 2] as [UInt64] { try SmallPhantom.write(seed, to: folder.file("p\(seed)")) }
        structureSet = folder.file("p1/set.dcm")
        var file = try DicomFile(contentsOf: folder.file("p1/truth/rtstruct.dcm"))
        let frames = file.dataSet.sequence(.referencedFrameOfReferenceSequence).map { item in
            var item = item
            item.remove(.rtReferencedStudySequence)
            return item
        }
        file.dataSet.set(.referencedFrameOfReferenceSequence, sequence: frames)
        try file.write(to: structureSet, transferSyntax: .implicitVRLittleEndian)
    }

    @Test("a scan of folders finds their series by the images that their contours name")
    func scanned() throws {
        let cts = [folder.file("p1/ct"), folder.file("p2/ct")]
        let scan = try SeriesScan(paths: cts + [structureSet], limits: AdmissionLimits())
        let series = try #require(scan.stacks.first { $0.files[0].contains("/p1/") }).key.seriesInstanceUID
        let reference = try #require(scan.references.first)
        #expect(scan.series(of: reference) == .byImages(series))
        // Given apart from the scan.
        let apart = try #require(try SeriesScan(paths: [structureSet], limits: AdmissionLimits()).references.first)
        #expect(scan.series(of: apart) == .byImages(series))
        let other = try SeriesScan(paths: [cts[1]], limits: AdmissionLimits())
        #expect(other.series(of: apart) == .unknownImages)
    }

    @Test("of several CTs they are compared on the one whose images their contours name")
    func compared() throws {
        let result = try compareStructures(
            ComparisonRequest(
                reference: structureSet,
                prediction: structureSet,
                ct: [folder.file("p1/ct"), folder.file("p2/ct")],
                labels: [:],
                tolerancesMM: [2],
                toleranceByStructure: [:],
                threads: 2
            )
        )
        #expect(result.warnings.isEmpty && result.gridSource == .ct)
        #expect(!result.structures.isEmpty && result.structures.allSatisfy { $0.dice == 1 })
    }
}
