import Dicom
import Foundation
import Pipeline
import Report
import Testing

/// Sets that contour several stacks.
extension LateReferenceTests {
    /// Contours of the left lung name images that this CT does not have.
    ///
    /// - Parameter isElsewhere: by the number of the contour.
    private func movingElsewhere(_ isElsewhere: @escaping (Int) -> Bool) -> (inout DataSet) -> Void {
        { dataSet in
            let left = dataSet.sequence(.structureSetROISequence).first { $0.string(.roiName) == "Lung_L" }
            var rois = dataSet.sequence(.roiContourSequence)
            for index in rois.indices where rois[index].integer(.referencedROINumber) == left?.integer(.roiNumber) {
                var contours = rois[index].sequence(.contourSequence)
                for n in contours.indices where isElsewhere(n) {
                    var images = contours[n].sequence(.contourImageSequence)
                    images[0].set(.referencedSOPInstanceUID, .UI, "2.25.99")
                    contours[n].set(.contourImageSequence, sequence: images)
                }
                rois[index].set(.contourSequence, sequence: contours)
            }
            dataSet.set(.roiContourSequence, sequence: rois)
        }
    }

    @Test("A structure whose contours name images of another stack is neither scored nor counted as removed")
    func drawnElsewhere() throws {
        let set = try edited(["Lung_L": (20, 1), "Lung_R": (12, 1)], approval: "APPROVED")
        let report = try report(against: try changed(set, movingElsewhere { _ in true }))
        let changes = Dictionary(
            uniqueKeysWithValues: (report.evaluation?.changes ?? []).map { ($0.name, $0.status) }
        )
        #expect(changes == ["Lung_R": .edited])
        let told = report.findings.first { $0.code == "W_REFERENCE_UNUSABLE" }
        #expect(told?.structure == "Lung_L" && told?.message.contains("another part of the series") == true)
    }

    @Test("A set that lies wholly on another stack is one remark, and nothing is scored")
    func whollyElsewhere() throws {
        try makePart()
        let set = try changed(try edited(["Lung_L": (12, 1)], approval: "APPROVED")) { dataSet in
            dataSet.changeItems(of: .roiContourSequence) { structure in
                structure.changeItems(of: .contourSequence) { contour in
                    contour.remove(.contourImageSequence)
                    let numbers = contour.doubles(.contourData).enumerated()
                    contour.set(.contourData, .DS, doubles: numbers.map { $0 % 3 == 2 ? $1 + 2000 : $1 })
                }
            }
        }
        let report = try report(against: set)
        let told = report.findings.filter { $0.code.hasPrefix("W_REFERENCE") }
        #expect(told.map(\.message) == ["The reference lies on another part of the series, or on another series."])
        #expect(told.first?.details.contains("Lung_L") == true && report.evaluation == nil)
    }

    @Test("Of a set that contours two stacks each gets the contours that are its own")
    func contoursOfTwo() throws {
        // The same lung once more, moved, as a second phase has it.
        let own = try edited([:], approval: "APPROVED")
        let moved = try DicomFile(contentsOf: try edited(["Lung_L": (20, 1)], approval: "APPROVED"))
        var count = 0
        let both = try changed(own) { dataSet in
            var rois = dataSet.sequence(.roiContourSequence)
            let others = moved.dataSet.sequence(.roiContourSequence)
            let left = dataSet.sequence(.structureSetROISequence).first { $0.string(.roiName) == "Lung_L" }
            for index in rois.indices where rois[index].integer(.referencedROINumber) == left?.integer(.roiNumber) {
                count = rois[index].sequence(.contourSequence).count
                let contours = rois[index].sequence(.contourSequence) + others[index].sequence(.contourSequence)
                rois[index].set(.contourSequence, sequence: contours)
            }
            dataSet.set(.roiContourSequence, sequence: rois)
        }
        let report = try report(against: try changed(both, movingElsewhere { $0 >= count }))
        #expect(report.evaluation?.changes?.allSatisfy { $0.status == .unedited } == true)
        #expect(
            report.evaluation?.findings.contains { $0.hasPrefix("\(count) of its contours name images of another") }
                == true
        )
    }

    /// Lets the CT be one of two stacks of its Series.
    private func makePart() throws {
        let path = base.directory(of: .resample) + "/series.json"
        var facts = try #require(JSONSerialization.jsonObject(with: contents(path)) as? [String: Any])
        var summary = try #require(facts["summary"] as? [String: Any])
        summary["part"] = ["number": 1, "count": 2, "attributes": [Any]()]
        facts["summary"] = summary
        try JSONSerialization.data(withJSONObject: facts).write(to: URL(fileURLWithPath: path))
    }

    @Test("Of stacks that lie apart a set that names no images counts for what it lies in, structure by structure")
    func withoutImages() throws {
        try makePart()
        let set = try changed(try edited(["Lung_L": (12, 1)], approval: "APPROVED")) { dataSet in
            let left = dataSet.sequence(.structureSetROISequence).first { $0.string(.roiName) == "Lung_L" }
            dataSet.changeItems(of: .roiContourSequence) { structure in
                let isLeft = structure.integer(.referencedROINumber) == left?.integer(.roiNumber)
                structure.changeItems(of: .contourSequence) { contour in
                    contour.remove(.contourImageSequence)
                    guard !isLeft else { return }
                    // On the other stack, far above this one.
                    let numbers = contour.doubles(.contourData).enumerated()
                    contour.set(.contourData, .DS, doubles: numbers.map { $0 % 3 == 2 ? $1 + 2000 : $1 })
                }
            }
        }
        let report = try report(against: set)
        let changes = (report.evaluation?.changes ?? []).map { "\($0.name) \($0.status)" }
        #expect(changes == ["Lung_L edited"], "\(changes)")
        let told = report.findings.filter { $0.code == "W_REFERENCE_UNUSABLE" }
        #expect(told.contains { $0.structure == "Lung_R" && $0.message.contains("another part of the series") })
        #expect(!told.contains { $0.structure == "Lung_L" })
    }
}
