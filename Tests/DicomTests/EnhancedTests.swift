import Dicom
import Foundation
import Imaging
import Testing

@Suite("Enhanced multi-frame CT")
struct EnhancedTests {
    /// One Enhanced CT Image with the frames of `SmallCT`, in the given order.
    private func enhanced(order: [Int], change: (Int, inout DataSet) -> Void = { _, _ in }) throws -> DataSet {
        let classic = try SmallCT.dataSets()
        var dataSet = classic[0]
        for tag in [
            Dicom.Tag.imagePositionPatient, .imageOrientationPatient, .pixelSpacing, .sliceThickness, .rescaleSlope,
            .rescaleIntercept, .rescaleType, .acquisitionNumber, .imagesInAcquisition,
        ] { dataSet.remove(tag) }
        dataSet.set(.sopClassUID, .UI, SOPClass.enhancedCTImage)
        dataSet.set(.numberOfFrames, .IS, integer: order.count)
        dataSet.set(
            .sharedFunctionalGroupsSequence,
            sequence: [
                group([.imageOrientationPatient], .planeOrientationSequence, classic[0])
                    .merging(group([.pixelSpacing, .sliceThickness], .pixelMeasuresSequence, classic[0]))
                    .merging(
                        group(
                            [.rescaleSlope, .rescaleIntercept, .rescaleType],
                            .pixelValueTransformationSequence,
                            classic[0]
                        )
                    )
            ]
        )
        dataSet.set(
            .perFrameFunctionalGroupsSequence,
            sequence: order.enumerated().map { frame, k in
                var item = group([.imagePositionPatient], .planePositionSequence, classic[k])
                change(frame, &item)
                return item
            }
        )
        dataSet.set(.pixelData, .OW, bytes: order.flatMap { classic[$0].bytes(.pixelData) ?? [] })
        return dataSet
    }

    private func group(_ tags: [Dicom.Tag], _ sequence: Dicom.Tag, _ source: DataSet) -> DataSet {
        var item = DataSet()
        item.copy(tags, from: source)
        var outer = DataSet()
        outer.set(sequence, sequence: [item])
        return outer
    }

    @Test("frames are put in place by their own positions, whatever their order")
    func loads() throws {
        let folder = try TemporaryFolder()
        let order = [5, 0, 11, 3, 4, 1, 2, 10, 9, 8, 6, 7]
        let files = try SmallCT.write([try enhanced(order: order)], to: folder)
        let series = try loadCTSeries(files: files, threads: 2)
        #expect(series.volume == SmallCT.volume())
        #expect(series.slices.map(\.frameNumber) == (0..<12).map { k in order.firstIndex(of: k)! + 1 })
        #expect(Set(series.slices.map(\.sopInstanceUID)).count == 1)
        #expect(series.extentIsProvable)
    }

    @Test("two temporal positions in one file are refused")
    func temporal() throws {
        let dataSet = try enhanced(order: Array(0..<12)) { frame, item in
            var content = DataSet()
            content.set(.temporalPositionIndex, .UL, integer: frame < 6 ? 1 : 2)
            item.set(.frameContentSequence, sequence: [content])
        }
        #expect(examineStack([try SmallCT.header(dataSet)]).refusalCodes == ["E_SEVERAL_TIMES"])
    }

    @Test("functional groups that do not match the number of frames are damage")
    func mismatch() throws {
        var dataSet = try enhanced(order: Array(0..<12))
        dataSet.set(.numberOfFrames, .IS, integer: 11)
        #expect(throws: DicomError.self) { try SmallCT.header(dataSet) }
        dataSet.set(.numberOfFrames, .IS, integer: 2_000_000_000)
        #expect(throws: DicomError.self) { try SmallCT.header(dataSet) }
    }
}

extension DataSet {
    fileprivate func merging(_ other: DataSet) -> DataSet {
        var merged = self
        merged.copy(other.tags, from: other)
        return merged
    }
}
