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

    @Test("a part of a concatenation is not taken for the whole, with and without a total number")
    func concatenation() throws {
        func part(_ number: Int, of total: Int?, _ frames: Range<Int>) throws -> InstanceHeader {
            var dataSet = try enhanced(order: Array(frames))
            dataSet.set(.sopInstanceUID, .UI, "1.2.3.\(number)")
            dataSet.set(.concatenationUID, .UI, "1.2.9")
            dataSet.set(.inConcatenationNumber, .US, integer: number)
            if let total { dataSet.set(.inConcatenationTotalNumber, .US, integer: total) }
            return try SmallCT.header(dataSet)
        }
        let first = examineStack([try part(1, of: 2, 0..<8)])
        #expect(first.codes == ["E_MISSING_PARTS"] && first.missingParts == 1 && !first.extentIsProvable)
        #expect(first.refusals[0].message == "A multi-frame image came without part 2 of 2.")
        let whole = examineStack([try part(1, of: 2, 0..<8), try part(2, of: 2, 8..<12)])
        #expect(whole.codes.isEmpty && whole.extentIsProvable && whole.slices.count == 12)
        // Without a total a hole in the numbers shows, a missing end does not.
        #expect(examineStack([try part(2, of: nil, 0..<12)]).codes == ["E_MISSING_PARTS"])
        let open = examineStack([try part(1, of: nil, 0..<8), try part(2, of: nil, 8..<12)])
        #expect(open.codes == ["W_EXTENT_NOT_PROVABLE"])
        #expect(examineStack([try part(1, of: nil, 0..<12)]).codes == ["W_EXTENT_NOT_PROVABLE"])
    }

    @Test("frames count as images where single-frame images lie beside them")
    func mixedFiles() throws {
        var multiFrame = try enhanced(order: Array(0..<7))
        multiFrame.set(.sopInstanceUID, .UI, "1.2.3.99")
        multiFrame.set(.acquisitionNumber, .IS, "1")
        let classic = try SmallCT.headers().map { header in
            var header = header
            header.imagesInAcquisition = 12
            return header
        }
        let all = try [SmallCT.header(multiFrame)] + classic[7...]
        #expect(examineStack(all).codes.isEmpty && examineStack(all).extentIsProvable)
        #expect(examineStack(all.dropLast()).refusalCodes == ["E_MISSING_END_SLICES"])
    }

    @Test("the Instance Number of a multi-frame image counts no slices")
    func instanceNumber() throws {
        var header = try SmallCT.header(try enhanced(order: Array(0..<12)))
        header.instanceNumber = 4
        #expect(examineStack([header]).codes.isEmpty)
    }

    @Test("frame type, calculation and acquisition are read from the functional groups")
    func frameTypes() throws {
        let dataSet = try enhanced(order: Array(0..<12)) { frame, item in
            var type = DataSet()
            type.set(.frameType, .CS, strings: ["DERIVED", "PRIMARY", "VOLUME", "NONE"])
            type.set(.volumeBasedCalculationTechnique, .CS, frame < 11 ? "NONE" : "MAX_IP")
            item.set(.ctImageFrameTypeSequence, sequence: [type])
            var content = DataSet()
            content.set(.frameAcquisitionNumber, .US, integer: 1 + frame % 2)
            content.set(.frameAcquisitionDateTime, .DT, "20240101120130.25+0100")
            item.set(.frameContentSequence, sequence: [content])
        }
        let header = try SmallCT.header(dataSet)
        #expect(header.frames[0].frameType == ["DERIVED", "PRIMARY", "VOLUME", "NONE"])
        #expect(header.frames[0].acquisitionSeconds == 43_290.25)
        // One file is not taken apart: acquisitions that alternate in it are refused.
        #expect(stacks(of: [header]).count == 1)
        #expect(examineStack([header]).refusalCodes == ["E_PROJECTION", "E_INTERLEAVED"])
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
