import Dicom
import Foundation
import Imaging
import Pipeline
import Report
import Testing

@Suite("A reference that comes after the delivery", .serialized)
struct LateReferenceTests {
    private let bench: Workbench
    private let base: RunFolder

    init() throws {
        bench = try Workbench()
        bench.export.writesPictures = false
        let images = try SmallPhantom.write(5, to: bench.folder.file("in"), withTruth: false)
        base = try bench.prepare("base", images: images, references: [])
        try bench.runStages(base)
    }

    /// The delivered RT Structure Set under another UID, with contours of some structures moved.
    ///
    /// - Parameter moved: by the name of the structure: to the patient's left, mm, and in how many of its contours.
    private func edited(_ moved: [String: (millimetres: Double, every: Int)], approval: String) throws -> String {
        var file = try DicomFile(contentsOf: base.directory(of: .export) + "/rtstruct.dcm")
        file.dataSet.set(.sopInstanceUID, .UI, "2.25.4711")
        file.dataSet.set(.approvalStatus, .CS, approval)
        let names = Dictionary(
            uniqueKeysWithValues: file.dataSet.sequence(.structureSetROISequence).map {
                ($0.integer(.roiNumber) ?? 0, $0.string(.roiName) ?? "")
            }
        )
        var rois = file.dataSet.sequence(.roiContourSequence)
        for index in rois.indices {
            let name = names[rois[index].integer(.referencedROINumber) ?? 0] ?? ""
            guard let (millimetres, every) = moved[name] else { continue }
            var contours = rois[index].sequence(.contourSequence)
            for n in stride(from: 0, to: contours.count, by: every) {
                let numbers = contours[n].doubles(.contourData)
                contours[n].set(
                    .contourData,
                    .DS,
                    doubles: numbers.enumerated().map { $0 % 3 == 0 ? $1 + millimetres : $1 }
                )
            }
            rois[index].set(.contourSequence, sequence: contours)
        }
        file.dataSet.set(.roiContourSequence, sequence: rois)
        let path = bench.folder.file("edited-\(UUID().uuidString).dcm")
        try file.write(to: path, transferSyntax: .implicitVRLittleEndian)
        return path
    }

    @Test("One of another patient is a finding to look at, and is not scored; another Frame of Reference is told")
    func otherPatient() throws {
        func changed(_ change: (inout DataSet) -> Void) throws -> String {
            let path = try edited(["Lung_L": (10.0, 1)], approval: "APPROVED")
            var file = try DicomFile(contentsOf: path)
            change(&file.dataSet)
            try file.write(to: path, transferSyntax: .implicitVRLittleEndian)
            return path
        }
        let stranger = try report(against: try changed { $0.set(.patientID, .LO, "SOMEBODY ELSE") })
        #expect(stranger.evaluation == nil && stranger.verdict == .review)
        let finding = try #require(stranger.findings.first { $0.code == "W_REFERENCE_UNUSABLE" })
        #expect(finding.severity == .review && finding.message.contains("Patient ID is not that of the CT"))
        let moved = try report(
            against: try changed { dataSet in
                var frames = dataSet.sequence(.referencedFrameOfReferenceSequence)
                for index in frames.indices { frames[index].set(.frameOfReferenceUID, .UI, "2.25.1") }
                dataSet.set(.referencedFrameOfReferenceSequence, sequence: frames)
                var rois = dataSet.sequence(.structureSetROISequence)
                for index in rois.indices { rois[index].set(.referencedFrameOfReferenceUID, .UI, "2.25.1") }
                dataSet.set(.structureSetROISequence, sequence: rois)
                dataSet.set(.frameOfReferenceUID, .UI, "2.25.1")
            }
        )
        #expect(moved.evaluation?.findings.contains { $0.contains("different Frames of Reference") } == true)
    }

    private func report(against reference: String) throws -> CaseReport {
        var request = try base.request()
        request.kind = .evaluation
        request.referenceFiles = [reference]
        request.baseRunDirectory = base.path
        let run = RunFolder(path: bench.folder.file("late-\(UUID().uuidString)"))
        try run.write(request)
        try bench.runStages(run, [.evaluate, .export])
        return try JSONDecoder().decode(CaseReport.self, from: contents(run.directory(of: .export) + "/report.json"))
    }

    @Test("One that is approved and differs much is a finding to look at; one that nobody approved is none")
    func disagrees() throws {
        let own = try report(against: try edited([:], approval: "APPROVED"))
        #expect(!own.findings.contains { $0.code == "W_REFERENCE_DISAGREES" })
        let much = ["Lung_L": (millimetres: 35.0, every: 1)]
        let approved = try report(against: try edited(much, approval: "APPROVED"))
        let found = approved.findings.filter { $0.code == "W_REFERENCE_DISAGREES" }
        #expect(found.map(\.structure) == ["Lung_L"] && found[0].severity == .review)
        #expect(found[0].message.hasPrefix("Lung_L agrees with the approved reference by a Dice of 0."))
        #expect(approved.verdict == .review && approved.findings[0].code == "W_REFERENCE_DISAGREES")
        let unapproved = try report(against: try edited(much, approval: "UNAPPROVED"))
        #expect(!unapproved.findings.contains { $0.code == "W_REFERENCE_DISAGREES" })
        let little = try report(against: try edited(["Lung_L": (5.0, 3)], approval: "APPROVED"))
        #expect(!little.findings.contains { $0.code == "W_REFERENCE_DISAGREES" })
    }

    @Test("A union as it was delivered beside an edited part is out of date, and not counted")
    func staleUnion() throws {
        let report = try report(against: try edited(["Lung_L": (10.0, 1)], approval: "APPROVED"))
        let evaluation = try #require(report.evaluation)
        let changes = Dictionary(uniqueKeysWithValues: (evaluation.changes ?? []).map { ($0.name, $0.status) })
        #expect(changes == ["Lung_L": .edited, "Lung_R": .unedited])
        #expect(
            evaluation.findings.contains { $0.hasPrefix("Lungs came back as it was delivered, although Lung_L was") }
        )
    }

    @Test("A union that was edited with its part is edited, and scored")
    func editedUnion() throws {
        let report = try report(
            against: try edited(["Lung_L": (10.0, 1), "Lungs": (10.0, 1)], approval: "APPROVED")
        )
        let evaluation = try #require(report.evaluation)
        let changes = Dictionary(uniqueKeysWithValues: (evaluation.changes ?? []).map { ($0.name, $0.status) })
        #expect(changes["Lungs"] == .edited && evaluation.structures.contains { $0.name == "Lungs" })
    }
}
