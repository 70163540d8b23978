import Dicom
import Foundation
import Pipeline
import Report
import Segmentation
import Testing

@Suite("A reference whose contours are drawn twice")
struct OverdrawnReferenceTests {
    /// Draws every contour of the first ROI once more, from its other end.
    private func doubled(_ dataSet: inout DataSet) {
        var rois = dataSet.sequence(.roiContourSequence)
        let contours = rois[0].sequence(.contourSequence)
        let again = contours.map { contour in
            var contour = contour
            let numbers = contour.doubles(.contourData)
            let points = stride(from: 0, to: numbers.count, by: 3).map { Array(numbers[$0..<$0 + 3]) }
            contour.set(.contourData, .DS, doubles: points.reversed().flatMap(\.self))
            return contour
        }
        rois[0].set(.contourSequence, sequence: contours + again)
        dataSet.set(.roiContourSequence, sequence: rois)
    }

    private func write(_ change: (inout DataSet) -> Void, from source: String, to path: String) throws {
        var file = try DicomFile(contentsOf: source)
        change(&file.dataSet)
        try file.write(to: path, transferSyntax: .implicitVRLittleEndian)
    }

    @Test(
        "in a late reference it is a finding to look at, no outcome, and no edit beside structures that are as delivered"
    )
    func late() throws {
        let bench = try Workbench()
        bench.export.writesPictures = false
        let images = try SmallPhantom.write(5, to: bench.folder.file("in"), withTruth: false)
        let base = try bench.prepare("base", images: images, references: [])
        try bench.runStages(base)
        let set = bench.folder.file("doubled.dcm")
        try write(
            { dataSet in
                dataSet.set(.sopInstanceUID, .UI, "2.25.4711")
                dataSet.set(.approvalStatus, .CS, "APPROVED")
                doubled(&dataSet)
            },
            from: base.directory(of: .export) + "/rtstruct.dcm",
            to: set
        )
        var request = try base.request()
        request.kind = .evaluation
        request.referenceFiles = [set]
        request.baseRunDirectory = base.path
        let run = RunFolder(path: bench.folder.file("late"))
        try run.write(request)
        try bench.runStages(run, [.evaluate, .export])
        let written = try contents(run.directory(of: .export) + "/report.json")
        let report = try JSONDecoder().decode(CaseReport.self, from: written)
        let told = report.findings.first { $0.code == "W_REFERENCE_OVERDRAWN" }
        #expect(told?.structure == "Lung_L" && report.verdict == .review)
        #expect(report.evaluation?.doubtful == ["Lung_L"])
        // The rest is as it was delivered; that does not make the set our own result, nor the drawn over structure an edit.
        #expect(!report.findings.contains { $0.code == "W_OWN_RESULT" })
        let changes = (report.evaluation?.changes ?? []).map { "\($0.name) \($0.status)" }
        #expect(changes == ["Lung_R unedited"])
        // The union that was kept does not say what the set does.
        #expect(report.evaluation?.findings.contains { $0.hasPrefix("Lungs came back as it was delivered") } == true)
        let outcomes = try structureOutcomes(ofReport: run.directory(of: .export) + "/report.json")
        #expect(outcomes.map(\.structure) == ["Lung_R"] && outcomes.allSatisfy { $0.scores == nil })
    }

    @Test("a comparison warns, and names the structure")
    func comparison() throws {
        let folder = try Folder()
        try SmallPhantom.write(1, to: folder.file("made"))
        let truth = folder.file("made/truth/rtstruct.dcm")
        let set = folder.file("doubled.dcm")
        try write(doubled, from: truth, to: set)
        let request = ComparisonRequest(truth, set, ct: [folder.file("made/ct")])
        let result = try compareStructures(request)
        let told = result.warnings.filter { $0.contains("drawn over another one of the same slice") }
        #expect(told.count == 1 && told.allSatisfy { $0.hasPrefix(result.structures[0].name) })
    }

    @Test("nothing is learned from it, and the case says why")
    func training() throws {
        let folder = try Folder()
        try SmallPhantom.write(1, to: folder.file("made"))
        try FileManager.default.createDirectory(atPath: folder.file("data/p1"), withIntermediateDirectories: true)
        try FileManager.default.moveItem(atPath: folder.file("made/ct"), toPath: folder.file("data/p1/ct"))
        try write(doubled, from: folder.file("made/truth/rtstruct.dcm"), to: folder.file("data/p1/set.dcm"))
        let rois = TrainingConfiguration.lungs.rois
        let cases = try findTrainingCases(in: [folder.file("data")], labels: nil, rois: rois)
        #expect(cases.skipped.contains { $0.remark.contains("drawn over another one of the same slice") })
    }
}
