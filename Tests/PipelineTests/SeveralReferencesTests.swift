import Dicom
import Foundation
import Pipeline
import Report
import Testing

@Suite("Several references at hand", .serialized)
struct SeveralReferencesTests {
    private let bench: Workbench

    init() throws {
        bench = try Workbench()
        bench.export.writesPictures = false
        try SmallPhantom.write(6, to: bench.folder.file("in"))
    }

    /// The truth as another set.
    ///
    /// - Parameters:
    ///   - moved: the left lung, to the patient's left, mm.
    ///   - only: the one structure that it has; nil for all.
    private func set(
        _ uid: String,
        _ approval: String?,
        date: String = "20260101",
        moved: Double = 0,
        only: String? = nil
    ) throws -> String {
        var file = try DicomFile(contentsOf: bench.folder.file("in/truth/rtstruct.dcm"))
        file.dataSet.set(.sopInstanceUID, .UI, uid)
        file.dataSet.set(.structureSetDate, .DA, date)
        if let approval { file.dataSet.set(.approvalStatus, .CS, approval) }
        var rois = file.dataSet.sequence(.structureSetROISequence)
        let left = rois.first { $0.string(.roiName) == "Lung_L" }?.integer(.roiNumber)
        if let only { rois.removeAll { $0.string(.roiName) != only } }
        file.dataSet.set(.structureSetROISequence, sequence: rois)
        var drawn = file.dataSet.sequence(.roiContourSequence)
        for index in drawn.indices where drawn[index].integer(.referencedROINumber) == left {
            var contours = drawn[index].sequence(.contourSequence)
            for n in contours.indices {
                let numbers = contours[n].doubles(.contourData).enumerated()
                contours[n].set(.contourData, .DS, doubles: numbers.map { $0 % 3 == 0 ? $1 + moved : $1 })
            }
            drawn[index].set(.contourSequence, sequence: contours)
        }
        file.dataSet.set(.roiContourSequence, sequence: drawn)
        let path = bench.folder.file("\(uid).dcm")
        try file.write(to: path, transferSyntax: .explicitVRLittleEndian)
        return path
    }

    private func run(_ references: [String]) throws -> (report: CaseReport, path: String) {
        let outcome = try #require(try bench.run([bench.folder.file("in/ct")], references: references).first)
        let path = try #require(outcome.output) + "/report.json"
        return (try JSONDecoder().decode(CaseReport.self, from: contents(path)), path)
    }

    @Test("The approved one is reported and counted, whatever came before it, and findings say which one they mean")
    func approvedFirst() throws {
        let (report, path) = try run([
            try set("2.25.1", "REJECTED", moved: 40), try set("2.25.2", "UNAPPROVED", moved: 20),
            try set("2.25.3", "APPROVED", moved: 30),
        ])
        #expect(report.evaluation?.referenceSOPInstanceUID == "2.25.3")
        #expect(report.otherEvaluations?.map(\.referenceSOPInstanceUID) == ["2.25.2", "2.25.1"])
        let outcomes = try structureOutcomes(ofReport: path)
        #expect(!outcomes.isEmpty && outcomes.allSatisfy { $0.approval == "APPROVED" && $0.status == "scored" })
        let disagrees = try #require(report.findings.first { $0.code == "W_REFERENCE_DISAGREES" })
        #expect(disagrees.message.hasPrefix("Reference 1 of 3 (approved): Lung_L agrees with the approved"))
        #expect(disagrees.details == ["SOP Instance UID of the reference: 2.25.3"])
        let rejected = report.findings.filter { $0.code == "W_REFERENCE_REJECTED" }
        #expect(rejected.count == 1 && rejected[0].message.hasPrefix("Reference 3 of 3 (rejected): "))
        let page = try String(
            decoding: contents(path.replacingOccurrences(of: ".json", with: ".html")),
            as: UTF8.self
        )
        #expect(page.contains("Other references: 2"))
        #expect(page.contains("RT Structure Set, unapproved, 2.25.2, made at 2026-01-01 "))
    }

    @Test("Of approved ones the newest counts, and each for the structures that newer ones lack")
    func newestFirst() throws {
        let (report, path) = try run([
            try set("2.25.1", "APPROVED", date: "20260301", only: "Lung_L"),
            try set("2.25.2", "APPROVED", date: "20260201", moved: 30), try set("2.25.3", nil, date: "20260401"),
        ])
        #expect(report.evaluation?.referenceSOPInstanceUID == "2.25.1")
        #expect(report.otherEvaluations?.map(\.referenceSOPInstanceUID) == ["2.25.2", "2.25.3"])
        let outcomes = try structureOutcomes(ofReport: path)
        func dice(_ structure: String) throws -> Double? {
            let scores = try #require(outcomes.first { $0.structure == structure }?.scores)
            return (try JSONSerialization.jsonObject(with: Data(scores.utf8)) as? [String: Any])?["dice"] as? Double
        }
        #expect(outcomes.count { $0.structure == "Lung_L" } == 1 && outcomes.contains { $0.structure == "Lung_R" })
        let reported = try #require(report.evaluation?.structures.first { $0.name == "Lung_L" }?.dice)
        #expect(abs(try #require(try dice("Lung_L")) - reported) < 1e-9)
        #expect(outcomes.allSatisfy { $0.approval == "APPROVED" })
    }

    @Test("A single reference is called by no number, and the page says which one it is")
    func single() throws {
        let (report, path) = try run([try set("2.25.1", "REJECTED", moved: 40)])
        #expect(report.otherEvaluations == nil)
        #expect(report.findings.contains { $0.message == "The reference was rejected (Approval Status REJECTED)." })
        let page = try String(decoding: contents(path.replacingOccurrences(of: ".json", with: ".html")), as: UTF8.self)
        #expect(page.contains("Reference: RT Structure Set, rejected, 2.25.1, made at 2026-01-01 "))
    }
}
