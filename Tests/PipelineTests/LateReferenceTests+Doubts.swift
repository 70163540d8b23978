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

    @Test("A structure that lies in another Frame of Reference is told, and is no outcome")
    func otherFrameOfStructure() throws {
        let set = try edited(["Lung_L": (20, 1), "Lung_R": (8, 1)], approval: "APPROVED")
        let report = try report(
            against: try changed(set) { $0.place(["Lung_L"], inFrame: "1.2.3.4", isListed: true) }
        )
        let told = try #require(report.findings.first { $0.code == "W_REFERENCE_UNUSABLE" })
        #expect(told.structure == "Lung_L" && told.message.contains("another Frame of Reference than the CT"))
        #expect(statuses(report)["Lung_L"] == nil && statuses(report)["Lung_R"] == .edited)
        #expect(report.evaluation?.structures.contains { $0.name == "Lung_L" } == false)
    }

    @Test("A structure that is there twice is no outcome, whichever of the two was edited")
    func ambiguous() throws {
        let set = try edited(["Lungs": (6, 1)], approval: "APPROVED")
        let report = try report(against: try changed(set, renaming(["Lungs": "Lung_L"])))
        #expect(report.verdict == .review && isTold("W_REFERENCE_DOUBTFUL", report) && !isTold("W_OWN_RESULT", report))
        #expect(report.evaluation?.doubtful == ["Lung_L"] && statuses(report)["Lung_L"] == nil)
    }

    /// Takes contours of the left lung away.
    ///
    /// - Parameter keeps: by the number of a slice and of how many, from the feet.
    private func thinning(_ keeps: @escaping (Int, Int) -> Bool) -> (inout DataSet) -> Void {
        { dataSet in
            let left = dataSet.sequence(.structureSetROISequence).first { $0.string(.roiName) == "Lung_L" }
            var rois = dataSet.sequence(.roiContourSequence)
            for index in rois.indices
            where rois[index].integer(.referencedROINumber) == left?.integer(.roiNumber) {
                let contours = rois[index].sequence(.contourSequence)
                let heights = Set(contours.compactMap { $0.doubles(.contourData).dropFirst(2).first }).sorted()
                let kept = heights.enumerated().filter { keeps($0.offset, heights.count) }.map(\.element)
                let rest = contours.filter { kept.contains($0.doubles(.contourData)[2]) }
                rois[index].set(.contourSequence, sequence: rest)
            }
            dataSet.set(.roiContourSequence, sequence: rois)
        }
    }

    enum Drawn: CaseIterable {
        case everySecond, everyFifth, firstMiddleLast, threeNeighbours, lowestThird

        func keeps(_ index: Int, of count: Int) -> Bool {
            switch self {
            case .everySecond: index % 2 == 0
            case .everyFifth: index % 5 == 0
            case .firstMiddleLast: [0, count / 2, count - 1].contains(index)
            case .threeNeighbours: abs(index - count / 2) <= 1
            case .lowestThird: index < count / 3
            }
        }
    }

    @Test("What was drawn on some slices alone is told, is no edit and no outcome", arguments: Drawn.allCases)
    func incomplete(_ drawn: Drawn) throws {
        let set = try changed(try edited([:], approval: "APPROVED"), thinning(drawn.keeps))
        let report = try report(against: set)
        let told = report.findings.filter { $0.code == "W_REFERENCE_DOUBTFUL" }
        #expect(told.map(\.structure) == ["Lung_L"] && report.verdict == .review, "\(told.map(\.message))")
        #expect(report.evaluation?.doubtful == ["Lung_L"] && statuses(report) == ["Lung_R": .unedited])
        #expect(!isTold("W_OWN_RESULT", report) && !isTold("W_REFERENCE_DISAGREES", report))
        let path = bench.folder.file("drawn-\(drawn).json")
        try JSONEncoder().encode(report).write(to: URL(fileURLWithPath: path))
        #expect(try structureOutcomes(ofReport: path).map(\.structure) == ["Lung_R"])
    }

    @Test("What was drawn on some slices alone, and under another name, was not removed", arguments: Drawn.allCases)
    func incompleteAndRenamed(_ drawn: Drawn) throws {
        let set = try changed(try edited([:], approval: "APPROVED")) { dataSet in
            thinning(drawn.keeps)(&dataSet)
            dataSet.rename(["Lung_L": "LL_draft"])
        }
        let report = try report(against: set)
        #expect(statuses(report) == ["Lung_R": .unedited] && !isTold("W_OWN_RESULT", report))
        let told = report.findings.first { $0.code == "W_REFERENCE_UNMATCHED" && $0.structure == "Lung_L" }
        #expect(told?.message.contains("on the slices that it was drawn on") == true, "\(told?.message ?? "not told")")
    }

    @Test("A union that is made of a part on some slices alone is no outcome either")
    func incompletePart() throws {
        let set = try changed(try edited(["Lung_L": (10, 1), "Lung_R": (10, 1)], approval: "APPROVED")) { dataSet in
            thinning(Drawn.everyFifth.keeps)(&dataSet)
            dataSet.set(
                .structureSetROISequence,
                sequence: dataSet.sequence(.structureSetROISequence).filter { $0.string(.roiName) != "Lungs" }
            )
        }
        let report = try report(against: set)
        #expect(report.evaluation?.derived?.map(\.name) == ["Lungs"])
        #expect(report.evaluation?.doubtful == ["Lung_L", "Lungs"] && statuses(report) == ["Lung_R": .edited])
    }

    @Test("What was drawn on some slices alone counts for nothing where it comes with the CT")
    func incompleteWithTheCT() throws {
        let set = try changed(
            try edited(["Lung_L": (10, 1), "Lung_R": (10, 1)], approval: "APPROVED"),
            thinning(Drawn.everyFifth.keeps)
        )
        let run = try bench.prepare("sparse-with-the-ct", images: base.request().dicomFiles, references: [set])
        try bench.runStages(run)
        let path = run.directory(of: .export) + "/report.json"
        let report = try JSONDecoder().decode(CaseReport.self, from: contents(path))
        #expect(report.evaluation?.doubtful == ["Lung_L"] && isTold("W_REFERENCE_DOUBTFUL", report))
        #expect(try !structureOutcomes(ofReport: path).map(\.structure).contains("Lung_L"))
    }

    @Test("A comparison warns of a reference that was drawn on some slices alone")
    func incompleteCompared() throws {
        let delivered = base.directory(of: .export) + "/rtstruct.dcm"
        let request = ComparisonRequest(
            try changed(delivered, thinning(Drawn.everyFifth.keeps)),
            delivered,
            ct: try base.request().dicomFiles
        )
        let warnings = try compareStructures(request).warnings
        #expect(warnings.count == 1 && warnings[0].hasPrefix("Lung_L of the reference lacks"), "\(warnings)")
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
