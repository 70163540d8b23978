import Dicom
import Foundation
import Pipeline
import Segmentation
import Testing

@Suite("Training on contours that lie between slices")
struct TrainingOffSliceTests {
    private let phantom: ComparedPhantom

    init() throws {
        phantom = try ComparedPhantom(1)
        try FileManager.default.createDirectory(atPath: phantom.file("data/p1"), withIntermediateDirectories: true)
        try FileManager.default.moveItem(atPath: phantom.ct, toPath: phantom.file("data/p1/ct"))
    }

    /// The case with a structure set, or a Segmentation, that was moved along z; slices are 9.6 mm apart.
    private func cases(movedMM distance: Double, _ object: String = "rtstruct.dcm") throws -> TrainingCases {
        try phantom.copy(object, as: "data/p1/object.dcm") { dataSet in
            dataSet.changeItems(of: .roiContourSequence) { roi in
                roi.changeItems(of: .contourSequence) { contour in
                    let moved = contour.doubles(.contourData).enumerated().map { $0 % 3 == 2 ? $1 + distance : $1 }
                    contour.set(.contourData, .DS, doubles: moved)
                }
            }
            dataSet.changeItems(of: .perFrameFunctionalGroupsSequence) { frame in
                frame.changeItems(of: .planePositionSequence) { plane in
                    let place = plane.doubles(.imagePositionPatient)
                    plane.set(.imagePositionPatient, .DS, doubles: [place[0], place[1], place[2] + distance])
                }
            }
        }
        let rois = TrainingConfiguration.lungs.rois
        return try findTrainingCases(in: [phantom.file("data")], labels: nil, rois: rois)
    }

    @Test("near a slice they are learned there, and the row says how many and how far", arguments: [0.3, -0.9])
    func near(_ distance: Double) throws {
        for (object, piece) in [("rtstruct.dcm", "contours"), ("seg.dcm", "frames")] {
            let onSlices = try #require(cases(movedMM: 0, object).sources.first).load()
            let moved = try #require(cases(movedMM: distance, object).sources.first).load()
            #expect(onSlices.remark.isEmpty)
            for name in ["Lung_L", "Lung_R"] {
                let words = "\(piece) of \(name) taken to the nearest slice of the CT, up to \(abs(distance)) mm away"
                #expect(moved.remark.contains(words), "\(moved.remark)")
            }
            #expect(moved.labels.voxels == onSlices.labels.voxels)
        }
    }

    @Test(
        "farther than a tenth of a slice they are not learned from: the case is skipped, and says how far",
        arguments: [4, -4.7]
    )
    func far(_ distance: Double) throws {
        for (object, piece) in [("rtstruct.dcm", "contours"), ("seg.dcm", "frames")] {
            let found = try cases(movedMM: distance, object)
            #expect(found.sources.isEmpty)
            let remark = found.skipped.map(\.remark).joined()
            let words = """
                \(piece) of Lung_L up to \(abs(distance)) mm from the nearest slice of the CT, \
                more than a tenth of the 9.6 mm between slices: export them on the slices of this CT
                """
            #expect(remark.contains(words), "\(remark)")
        }
    }
}
