import Dicom
import Foundation
import Imaging
import Pipeline
import Report
import Testing

@Suite("A reference that comes after the delivery", .serialized)
struct LateReferenceTests {
    let bench: Workbench
    let base: RunFolder

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
    func edited(_ moved: [String: (millimetres: Double, every: Int)], approval: String) throws -> String {
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

    func report(
        against reference: String,
        others: [RunFolder] = [],
        cameFirst: Bool? = nil
    ) throws -> CaseReport {
        var request = try base.request()
        request.kind = .evaluation
        request.referenceFiles = [reference]
        request.baseRunDirectory = base.path
        request.otherRunDirectories = others.map(\.path)
        request.referenceCameFirst = cameFirst
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

    /// A copy of a set with some of its names, places or statuses changed.
    func changed(_ path: String, _ change: (inout DataSet) -> Void) throws -> String {
        var file = try DicomFile(contentsOf: path)
        change(&file.dataSet)
        let copy = bench.folder.file("changed-\(UUID().uuidString).dcm")
        try file.write(to: copy, transferSyntax: .implicitVRLittleEndian)
        return copy
    }

    func renaming(_ names: [String: String]) -> (inout DataSet) -> Void {
        { $0.rename(names) }
    }

    /// - Parameter axis: 0 to the patient's left, 1 to the back, 2 to the head.
    func moving(by millimetres: Double, along axis: Int = 2) -> (inout DataSet) -> Void {
        { dataSet in
            var rois = dataSet.sequence(.roiContourSequence)
            for index in rois.indices {
                var contours = rois[index].sequence(.contourSequence)
                for n in contours.indices {
                    let numbers = contours[n].doubles(.contourData).enumerated()
                    contours[n].set(.contourData, .DS, doubles: numbers.map { $0 % 3 == axis ? $1 + millimetres : $1 })
                }
                rois[index].set(.contourSequence, sequence: contours)
            }
            dataSet.set(.roiContourSequence, sequence: rois)
        }
    }

    /// Result of the same CT made again, with a reference that was there before it.
    private func secondRevision(_ reference: String) throws -> CaseReport {
        let run = try bench.prepare("again-\(UUID().uuidString)", images: try base.request().dicomFiles)
        var request = try run.request()
        (request.revision, request.referenceFiles, request.otherRunDirectories) = (2, [reference], [base.path])
        try run.write(request)
        try bench.runStages(run)
        return try JSONDecoder().decode(CaseReport.self, from: contents(run.directory(of: .export) + "/report.json"))
    }

    @Test("Contours of an earlier revision are no reference for the next one, whoever wrote them again")
    func earlierRevision() throws {
        let unedited = try secondRevision(try edited([:], approval: "APPROVED"))
        #expect(unedited.evaluation == nil && unedited.findings.contains { $0.code == "W_OWN_RESULT" })
        let part = try secondRevision(try edited(["Lung_L": (10.0, 1)], approval: "APPROVED"))
        #expect(part.evaluation?.structures.map(\.name) == ["Lung_L"])
        let own = part.findings.first { $0.code == "W_OWN_RESULT" }
        #expect(own?.details.first?.hasPrefix("Lung_R: Lung_R of revision 1") == true)
    }

    @Test("A late set with contours of another result of ours is no outcome of this one")
    func otherResult() throws {
        // Another result: the lungs of the base, one of them larger by what an edit made of it.
        let other = try bench.prepare("other", images: try base.request().dicomFiles)
        try bench.runStages(other, [.resample, .segment])
        let labels = other.directory(of: .segment) + "/labels"
        var volume = try Volume<UInt8>(contentsOfBase: labels)
        let plane = volume.geometry.dimensions.i * volume.geometry.dimensions.j
        for n in volume.voxels.indices where n / plane == 15 { volume.voxels[n] = 0 }
        try volume.write(toBase: labels)
        try bench.runStages(other, [.evaluate, .export])
        let set = try changed(other.directory(of: .export) + "/rtstruct.dcm") {
            $0.set(.sopInstanceUID, .UI, "2.25.4712")
            $0.set(.approvalStatus, .CS, "APPROVED")
        }
        let alone = try report(against: set)
        #expect(alone.evaluation?.changes?.contains { $0.status == .edited } == true)
        let known = try report(against: set, others: [other])
        #expect(known.evaluation == nil && known.findings.contains { $0.code == "W_OWN_RESULT" })
    }

    @Test(
        "Contours that were moved between slices are not unedited, and their scores are no outcome",
        arguments: [2.0, -4.4]
    )
    func movedAlongSlices(millimetres: Double) throws {
        let moved = try changed(try edited([:], approval: "APPROVED"), moving(by: millimetres))
        let report = try report(against: moved)
        #expect(report.verdict == .review && !report.findings.contains { $0.code == "W_OWN_RESULT" })
        #expect(report.findings.contains { $0.code == "W_REFERENCE_GRID" && $0.structure == "Lung_L" })
        #expect(report.evaluation?.changes?.contains { $0.status == .unedited } == false)
        #expect(Set(report.evaluation?.doubtful ?? []) == ["Lung_L", "Lung_R", "Lungs"])
        let path = bench.folder.file("doubtful.json")
        try JSONEncoder().encode(report).write(to: URL(fileURLWithPath: path))
        #expect(try structureOutcomes(ofReport: path).isEmpty)
    }

    @Test("Ours under other names are known by where they lie, and nobody removed them")
    func renamed() throws {
        let names = ["Lung_L": "ROI 1", "Lung_R": "CTV_Lung", "Lungs": "all"]
        let same = try report(against: try changed(try edited([:], approval: "APPROVED"), renaming(names)))
        let changes = Dictionary(uniqueKeysWithValues: (same.evaluation?.changes ?? []).map { ($0.name, $0.status) })
        #expect(changes == ["Lung_L": .unedited, "Lung_R": .unedited, "Lungs": .unedited])
        let set = try edited(["Lung_L": (10.0, 1)], approval: "APPROVED")
        let part = try report(against: try changed(set, renaming(names)))
        #expect(part.evaluation?.changes?.contains { $0.status == .removed } == false)
        let told = part.findings.first { $0.code == "W_REFERENCE_UNMATCHED" }
        #expect(told?.message.hasPrefix("Lung_L: ROI 1 of the reference lies there") == true)
        #expect(!part.findings.contains { $0.code == "W_OWN_RESULT" })
    }

    @Test("A set about something else is no outcome")
    func somethingElse() throws {
        let set = try changed(try edited([:], approval: "APPROVED")) { dataSet in
            var rois = dataSet.sequence(.structureSetROISequence)
            rois = [rois[0]]
            rois[0].set(.roiName, .LO, "GTV")
            var contours = dataSet.sequence(.roiContourSequence)
            let drawn = contours[0].sequence(.contourSequence)
            contours[0].set(.contourSequence, sequence: Array(drawn.prefix(2)))
            dataSet.set(.structureSetROISequence, sequence: rois)
            dataSet.set(.roiContourSequence, sequence: [contours[0]])
        }
        let report = try report(against: set)
        let alone = try contents(base.directory(of: .export) + "/report.json")
        #expect(try report.verdict == JSONDecoder().decode(CaseReport.self, from: alone).verdict)
        #expect(report.evaluation?.changes?.isEmpty == true)
        #expect(report.findings.contains { $0.code == "W_REFERENCE_UNMATCHED" })
    }

    @Test("An Approval Status in small letters counts, a foreign one does not, and a rejected set is told")
    func approvalStatus() throws {
        func status(_ text: String) throws -> CaseReport {
            try report(against: try edited(["Lung_L": (10.0, 1)], approval: text))
        }
        #expect(try status("approved ").evaluation?.approvalStatus == "APPROVED")
        let foreign = try status("VORLAEUFIG")
        #expect(foreign.evaluation?.approvalStatus == nil)
        #expect(foreign.evaluation?.findings.contains { $0.hasPrefix("its Approval Status is none of") } == true)
        #expect(try status("REJECTED").findings.contains { $0.code == "W_REFERENCE_REJECTED" })
    }

    @Test("A set that came before the delivery was not made from what was delivered: it is scored, not edited")
    func cameFirst() throws {
        let set = try edited(["Lung_L": (10.0, 1)], approval: "APPROVED")
        #expect(try report(against: set, cameFirst: false).evaluation?.changes?.isEmpty == false)
        let first = try report(against: set, cameFirst: true)
        #expect(first.evaluation?.changes == nil && first.evaluation?.structures.map(\.name) == ["Lung_L"])
    }

    @Test("A reference that names no patient is scored, and that is told")
    func nobodys() throws {
        let set = try edited(["Lung_L": (10.0, 1)], approval: "APPROVED")
        func isTold(_ report: CaseReport) -> Bool { report.findings.contains { $0.code == "W_REFERENCE_NO_PATIENT" } }
        #expect(!isTold(try report(against: set)))
        let nobodys = try report(against: try changed(set) { $0.set(.patientID, .LO, "") })
        #expect(isTold(nobodys) && nobodys.evaluation?.structures.isEmpty == false)
    }

    @Test("One that names no series, and was found by the images of its contours, is scored as any other")
    func withoutSeries() throws {
        let set = try edited(["Lung_L": (10.0, 1)], approval: "APPROVED")
        let named = try report(against: set).evaluation?.structures
        let nameless = try report(against: try changed(set) { $0.remove(.referencedFrameOfReferenceSequence) })
        #expect(nameless.evaluation?.structures.map(\.dice) == named?.map(\.dice) && named?.isEmpty == false)
    }

    @Test("Contours that are there twice, and names that are there twice, are told")
    func twice() throws {
        let doubled = try changed(try edited([:], approval: "APPROVED")) { dataSet in
            var rois = dataSet.sequence(.roiContourSequence)
            let contours = rois[0].sequence(.contourSequence)
            rois[0].set(.contourSequence, sequence: contours + contours)
            dataSet.set(.roiContourSequence, sequence: rois)
        }
        let findings = try report(against: doubled).evaluation?.findings ?? []
        #expect(findings.contains { $0.contains("there again with the same points") })
        let named = try changed(try edited(["Lung_R": (10.0, 1)], approval: "APPROVED"), renaming(["Lungs": "Lung_L"]))
        let told = try report(against: named).evaluation?.findings ?? []
        #expect(told.contains { $0.contains("is there 2 times in the reference") })
    }
}
