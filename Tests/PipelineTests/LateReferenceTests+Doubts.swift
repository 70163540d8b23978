import Dicom
import Foundation
import Pipeline
import Report
import Testing

/// References of which nobody can tell whether, or what, somebody edited.
extension LateReferenceTests {
    private func statuses(_ report: CaseReport) -> [String: StructureChange.Status] {
        Dictionary(uniqueKeysWithValues: (report.evaluation?.changes ?? []).map { ($0.name, $0.status) })
    }

    private func isTold(_ code: String, _ report: CaseReport) -> Bool { report.findings.contains { $0.code == code } }

    @Test(
        "A union that was kept hides no parts that were renamed and edited",
        arguments: [["Lung_L": 8.0], ["Lung_L": 8, "Lung_R": 8], ["Lung_L": 30, "Lung_R": 30]]
    )
    func hiddenEdits(moved: [String: Double]) throws {
        let set = try edited(moved.mapValues { ($0, 1) }, approval: "APPROVED")
        let names = Dictionary(uniqueKeysWithValues: moved.keys.map { ($0, $0 + "_final") })
        let report = try report(against: try changed(set, renaming(names)))
        #expect(!isTold("W_OWN_RESULT", report))
        for name in moved.keys {
            #expect(report.findings.contains { $0.code == "W_REFERENCE_UNMATCHED" && $0.structure == name })
        }
        let untouched = Set(["Lung_L", "Lung_R"]).subtracting(moved.keys)
        #expect(statuses(report) == Dictionary(uniqueKeysWithValues: untouched.map { ($0, .unedited) }))
        #expect(report.evaluation?.findings.contains { $0.hasPrefix("Lungs came back as it was delivered") } == true)
    }

    @Test("A structure that is there twice is no outcome, whichever of the two was edited")
    func ambiguous() throws {
        let set = try edited(["Lungs": (6, 1)], approval: "APPROVED")
        let report = try report(against: try changed(set, renaming(["Lungs": "Lung_L"])))
        #expect(report.verdict == .review && isTold("W_REFERENCE_DOUBTFUL", report) && !isTold("W_OWN_RESULT", report))
        #expect(report.evaluation?.doubtful == ["Lung_L"] && statuses(report)["Lung_L"] == nil)
    }

    @Test(
        "What lacks slices between others, or most of them, is no edit",
        arguments: ["lacks", "ends"]
    )
    func incomplete(_ sentence: String) throws {
        func isKept(_ index: Int, of count: Int) -> Bool { sentence == "lacks" ? index % 2 == 0 : index < count / 3 }
        let set = try changed(try edited([:], approval: "APPROVED")) { dataSet in
            var rois = dataSet.sequence(.roiContourSequence)
            for index in rois.indices where rois[index].integer(.referencedROINumber) == 2 {
                let contours = rois[index].sequence(.contourSequence)
                let heights = Set(contours.compactMap { $0.doubles(.contourData).dropFirst(2).first }).sorted()
                let kept = heights.enumerated().filter { isKept($0.offset, of: heights.count) }.map(\.element)
                let rest = contours.filter { kept.contains($0.doubles(.contourData)[2]) }
                rois[index].set(.contourSequence, sequence: rest)
            }
            dataSet.set(.roiContourSequence, sequence: rois)
        }
        let report = try report(against: set)
        let told = report.findings.first { $0.code == "W_REFERENCE_DOUBTFUL" }
        #expect(told?.message.contains(sentence) == true && report.verdict == .review)
        #expect(report.evaluation?.doubtful == [told?.structure ?? ""] && statuses(report).count == 1)
    }

    @Test("Names that were exchanged are no edits of their structures")
    func exchangedNames() throws {
        let set = try edited([:], approval: "APPROVED")
        let report = try report(against: try changed(set, renaming(["Lung_L": "Lung_R", "Lung_R": "Lung_L"])))
        #expect(report.findings.filter { $0.code == "W_SIDES_SWAPPED" }.count == 2)
        #expect(statuses(report) == ["Lungs": .unedited])
    }

    @Test("Our own contours that come with the CT are not scored, whatever their UID")
    func ownWithTheCT() throws {
        let set = try edited(["Lung_R": (10, 1)], approval: "APPROVED")
        let run = try bench.prepare("with-the-ct", images: base.request().dicomFiles, references: [set])
        try bench.runStages(run)
        let report = try JSONDecoder().decode(
            CaseReport.self,
            from: contents(run.directory(of: .export) + "/report.json")
        )
        #expect(isTold("W_OWN_RESULT", report))
        #expect(report.evaluation?.structures.map(\.name) == ["Lung_R"])
    }
}
