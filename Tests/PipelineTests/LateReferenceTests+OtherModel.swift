import Dicom
import Foundation
import Imaging
import Pipeline
import Report
import Testing

/// Sets that were made from the result of another model of the same CT.
extension LateReferenceTests {
    /// A result of another model, whose left lung lacks a slice, and its left lung alone as an approved set.
    private func otherModel() throws -> (run: RunFolder, set: String) {
        let other = try bench.prepare("other-model", images: try base.request().dicomFiles)
        try bench.runStages(other, [.resample, .segment])
        let labels = other.directory(of: .segment) + "/labels"
        var volume = try Volume<UInt8>(contentsOfBase: labels)
        let plane = volume.geometry.dimensions.i * volume.geometry.dimensions.j
        for n in volume.voxels.indices where n / plane == 15 { volume.voxels[n] = 0 }
        try volume.write(toBase: labels)
        try bench.runStages(other, [.evaluate, .export])
        let path = other.directory(of: .segment) + "/model.json"
        var model = try json(path)
        model["name"] = "other"
        try JSONSerialization.data(withJSONObject: model).write(to: URL(fileURLWithPath: path))
        let set = try changed(other.directory(of: .export) + "/rtstruct.dcm") { dataSet in
            dataSet.set(.sopInstanceUID, .UI, "2.25.4713")
            dataSet.set(.approvalStatus, .CS, "APPROVED")
            let rois = dataSet.sequence(.structureSetROISequence).filter { $0.string(.roiName) == "Lung_L" }
            let contours = dataSet.sequence(.roiContourSequence)
                .filter { $0.integer(.referencedROINumber) == rois[0].integer(.roiNumber) }
            dataSet.set(.structureSetROISequence, sequence: rois)
            dataSet.set(.roiContourSequence, sequence: contours)
        }
        return (other, set)
    }

    private func removed(_ report: CaseReport) -> [String] {
        (report.evaluation?.changes ?? []).filter { $0.status == .removed }.map(\.name)
    }

    @Test("A set made from another model's result, edited or not, removed nothing of ours")
    func madeFromAnotherModel() throws {
        let (other, set) = try otherModel()
        #expect(try removed(report(against: set)).contains("Lung_R"), "without the other result it looks like ours")
        let unedited = try report(against: set, others: [other])
        #expect(removed(unedited).isEmpty && unedited.evaluation == nil)
        #expect(unedited.findings.map(\.code).contains("W_OWN_RESULT"))
        #expect(!unedited.findings.map(\.code).contains("W_REFERENCE_UNMATCHED"))
        let edited = try report(against: try changed(set, moving(by: 12, along: 0)), others: [other])
        #expect(removed(edited).isEmpty && edited.evaluation?.structures.map(\.name) == ["Lung_L"])
    }

    @Test("A set with another model's unedited contours and one that was drawn anew removed nothing of ours")
    func drawnBesideAnotherModel() throws {
        let (other, left) = try otherModel()
        var right = try DicomFile(contentsOf: edited([:], approval: "APPROVED")).dataSet
        moving(by: 60, along: 1)(&right)
        let set = try changed(left) { dataSet in
            let rois = right.sequence(.structureSetROISequence).filter { $0.string(.roiName) == "Lung_R" }
            let contours = right.sequence(.roiContourSequence)
                .filter { $0.integer(.referencedROINumber) == rois[0].integer(.roiNumber) }
            let own = dataSet.sequence(.structureSetROISequence)
            dataSet.set(.structureSetROISequence, sequence: own + rois)
            dataSet.set(.roiContourSequence, sequence: dataSet.sequence(.roiContourSequence) + contours)
        }
        let report = try report(against: set, others: [other])
        #expect(report.findings.contains { $0.code == "W_OWN_RESULT" } && removed(report).isEmpty)
    }

    @Test("A set made from our result beside another model's removed what it lacks")
    func madeFromOurs() throws {
        let (other, _) = try otherModel()
        let set = try changed(try edited([:], approval: "APPROVED")) { dataSet in
            let rois = dataSet.sequence(.structureSetROISequence).filter { $0.string(.roiName) == "Lung_L" }
            dataSet.set(.structureSetROISequence, sequence: rois)
        }
        #expect(try removed(report(against: set, others: [other])).contains("Lung_R"))
    }
}
