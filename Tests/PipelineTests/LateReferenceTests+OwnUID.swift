import Dicom
import Foundation
import Pipeline
import Report
import Testing

/// Sets that kept the SOP Instance UID of our result.
extension LateReferenceTests {
    private func inPlace(_ path: String) throws -> String {
        let own = try DicomFile(contentsOf: base.directory(of: .export) + "/rtstruct.dcm")
        return try changed(path) { $0.set(.sopInstanceUID, .UI, own.dataSet.string(.sopInstanceUID) ?? "") }
    }

    private func outcomes(_ report: CaseReport) throws -> [String: String] {
        let path = bench.folder.file("outcomes-\(UUID().uuidString).json")
        try JSONEncoder().encode(report).write(to: URL(fileURLWithPath: path))
        return try Dictionary(
            uniqueKeysWithValues: structureOutcomes(ofReport: path).map { ($0.structure, $0.status) }
        )
    }

    @Test("A set that was edited in place is scored, and its kept UID is told")
    func editedInPlace() throws {
        let report = try report(against: try inPlace(try edited(["Lung_L": (15, 1)], approval: "APPROVED")))
        #expect(try outcomes(report) == ["Lung_L": "edited", "Lung_R": "unedited"])
        #expect(report.findings.contains { $0.code == "W_OWN_UID_KEPT" && $0.severity == .note })
        #expect(!report.findings.contains { $0.code == "W_OWN_RESULT" })
    }

    @Test("A set that was approved in place is unedited; our file as it was delivered is no outcome")
    func approvedInPlace() throws {
        let approved = try report(against: try inPlace(try edited([:], approval: "APPROVED")))
        #expect(try outcomes(approved) == ["Lung_L": "unedited", "Lung_R": "unedited", "Lungs": "unedited"])
        #expect(approved.findings.contains { $0.message == "The reference is our own unedited result, approved." })
        let delivered = try report(against: base.directory(of: .export) + "/rtstruct.dcm")
        #expect(try delivered.evaluation == nil && outcomes(delivered).isEmpty)
        #expect(delivered.findings.contains { $0.message == "The reference is our own unedited result." })
    }
}
