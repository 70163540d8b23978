import Dicom
import Foundation
import Pipeline
import Report
import Testing

@Suite("Which cases of two folders are compared, and under what names")
struct CohortPairingTests {
    private let phantom: ComparedPhantom

    init() throws { phantom = try ComparedPhantom(1) }

    @Test("two references of one prediction are scored each, under both names, and that is told")
    func twoReferences() throws {
        try phantom.copy("rtstruct.dcm", as: "reference/A/set.dcm")
        try phantom.copy("rtstruct.dcm", as: "reference/B/set.dcm")
        try phantom.copy("seg.dcm", as: "prediction/P/seg.dcm")
        let cohort = try compareCohorts(phantom.cohort)
        #expect(cohort.cases.map(\.name) == ["A with P", "B with P"])
        #expect(cohort.cases.allSatisfy { $0.structures.first?.dice == 1 } && cohort.onlyReference.isEmpty)
        let told = "2 references fit P of the prediction: A, B; each is scored, as a case of its own"
        let ofOne = """
            2 cases are of 1 patient, by Patient ID, series or prediction: intervals are those of patients, all else is of cases
            """
        #expect(cohort.findings == [told, ofOne] && cohort.cases.map(\.patient) == [1, 1])
        #expect(cohort.summary.allSatisfy { $0.measures["dice"]?.patients == 1 && $0.measures["dice"]?.count == 2 })
    }

    @Test("two references of one series in one folder are two opinions, whatever their names")
    func twoReferencesOfOneFolder() throws {
        try phantom.copy("rtstruct.dcm", as: "reference/P_a.dcm") { $0.set(.approvalStatus, .CS, "REJECTED") }
        try phantom.copy("rtstruct.dcm", as: "reference/P_b.dcm") { $0.set(.approvalStatus, .CS, "APPROVED") }
        try phantom.copy("seg.dcm", as: "prediction/P/seg.dcm")
        let cohort = try compareCohorts(phantom.cohort)
        #expect(cohort.cases.map(\.name) == ["P_a with P", "P_b with P"])
        #expect(cohort.cases.map { $0.warnings.count { $0.contains("REJECTED") } } == [1, 0])
        #expect(cohort.cases.map(\.referenceWasRejected) == [true, nil])
        #expect(cohort.summary.allSatisfy { $0.cases == 1 } && cohort.worst.allSatisfy { $0.name == "P_b with P" })
        let told = "1 case has a rejected reference, scored but in no mean, plot or list of the worst: P_a with P"
        #expect(cohort.findings.contains(told), "\(cohort.findings)")
    }

    @Test("a set beside a Segmentation of its series is left out where it has the same contours, else scored, too")
    func besideASegmentation() throws {
        try phantom.copy("seg.dcm", as: "prediction/P/seg.dcm")
        try phantom.copy("seg.dcm", as: "reference/A/seg.dcm")
        try phantom.copy("rtstruct.dcm", as: "reference/A/set.dcm") { $0.set(.approvalStatus, .CS, "APPROVED") }
        let same = try compareCohorts(phantom.cohort)
        #expect(same.cases.map(\.name) == ["A"] && same.findings.isEmpty)
        let others: [(inout DataSet) -> Void] = [
            { $0.set(.approvalStatus, .CS, "REJECTED") }, { $0.rename(["Lung_L": "GTV"]) },
            { set in
                set.changeItems(of: .roiContourSequence) { structure in
                    structure.changeItems(of: .contourSequence) { contour in
                        let numbers = contour.doubles(.contourData).enumerated()
                        contour.set(.contourData, .DS, doubles: numbers.map { $0 % 3 == 0 ? $1 + 12 : $1 })
                    }
                }
            },
        ]
        for change in others {
            try phantom.copy("rtstruct.dcm", as: "reference/A/set.dcm", change: change)
            let cohort = try compareCohorts(phantom.cohort)
            #expect(cohort.cases.map(\.name) == ["A/seg with P", "A/set with P"])
            let told = "2 references fit P of the prediction: A/seg, A/set; each is scored, as a case of its own"
            #expect(cohort.findings.contains(told))
        }
    }

    @Test("the same file under another name is no second opinion, and is told")
    func copies() throws {
        for name in ["P_1", "P_2"] { try phantom.copy("rtstruct.dcm", as: "reference/\(name).dcm") }
        try phantom.copy("seg.dcm", as: "prediction/P/seg.dcm")
        let cohort = try compareCohorts(phantom.cohort)
        #expect(cohort.cases.map(\.name) == ["P_1"])
        #expect(cohort.findings == ["reference: P_2.dcm: left out, it is the same file as P_1.dcm"])
    }

    @Test("a Label Map Segmentation is told as what it is, with a way out")
    func labelMapSegmentation() throws {
        for side in ["reference", "prediction"] { try phantom.copy("seg.dcm", as: "\(side)/P/seg.dcm") }
        var object = try DicomFile(contentsOf: "\(phantom.truth)/seg.dcm")
        object.dataSet.set(.sopClassUID, .UI, SOPClass.labelMapSegmentation)
        object.metaInformation.mediaStorageSOPClassUID = SOPClass.labelMapSegmentation
        let path = phantom.file("reference/Q.dcm")
        try object.write(to: path, transferSyntax: .implicitVRLittleEndian)
        let told = "The contours cannot be used: it is a Label Map Segmentation, which is not read."
        #expect(try compareCohorts(phantom.cohort).findings == ["reference: Q.dcm: \(told)"])
        let fault = try #require(throws: Fault.self) {
            _ = try compareStructures(ComparisonRequest(path, phantom.truth + "/rtstruct.dcm"))
        }
        #expect(fault.message == "\(path): \(told)" && fault.hint.contains("type BINARY"))
    }

    @Test("files of a flat folder that are no case are named: a set beside a Segmentation of its series, NIfTI")
    func leftOut() throws {
        try phantom.copy("seg.dcm", as: "reference/P.dcm")
        try phantom.copy("rtstruct.dcm", as: "reference/P_set.dcm")
        try FileManager.default.copyItem(
            atPath: "\(phantom.truth)/Heart.nii.gz",
            toPath: phantom.file("reference/Q.nii.gz")
        )
        try phantom.copy("seg.dcm", as: "prediction/P/seg.dcm")
        let findings = try compareCohorts(phantom.cohort).findings
        #expect(findings.contains("reference: P_set.dcm: left out, P.dcm has the same contours"))
        #expect(findings.contains("reference: Q.nii.gz: NIfTI beside DICOM objects is left out"))
    }

    @Test("two predictions of one reference are named, and none is scored")
    func twoPredictions() throws {
        try phantom.copy("rtstruct.dcm", as: "reference/A/set.dcm")
        try phantom.copy("seg.dcm", as: "prediction/P/seg.dcm")
        try phantom.copy("seg.dcm", as: "prediction/P-r2/seg.dcm")
        #expect {
            try compareCohorts(phantom.cohort)
        } throws: { error in
            let fault = error as? Fault
            return fault?.code == "E_NO_CASES"
                && fault?.details.contains { $0.hasPrefix("2 predictions fit A of the reference: P, P-r2;") } == true
        }
        try phantom.copy("rtstruct.dcm", as: "reference/P/set.dcm")
        try FileManager.default.removeItem(atPath: phantom.file("reference/A"))
        let cohort = try compareCohorts(phantom.cohort)
        #expect(cohort.cases.map(\.name) == ["P"] && cohort.onlyPrediction == ["P-r2"])
    }

    @Test("folders of an outbox that never have contours are no finding; an empty case is one")
    func outbox() throws {
        try phantom.copy("rtstruct.dcm", as: "reference/P/set.dcm")
        try phantom.copy("seg.dcm", as: "prediction/P/seg.dcm")
        for name in ["P.evaluation-1", "P.evaluation-12", "Q.refused", "Q.refused-r2", "R"] {
            let path = phantom.file("prediction/\(name)")
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        }
        #expect(try compareCohorts(phantom.cohort).findings == ["prediction: R: there are no contours in it"])
    }

    @Test("two series in one folder are two cases with names of their own")
    func twoSeries() throws {
        try phantom.copy("rtstruct.dcm", as: "reference/A/one.dcm")
        try phantom.copy("seg.dcm", as: "prediction/P/seg.dcm")
        let other = phantom.file("other")
        try SmallPhantom.write(2, to: other)
        try FileManager.default.moveItem(
            atPath: other + "/truth/rtstruct.dcm",
            toPath: phantom.file("reference/A/two.dcm")
        )
        let cohort = try compareCohorts(phantom.cohort)
        #expect(cohort.cases.map(\.name) == ["A/one"] && cohort.onlyReference == ["A/two"])
    }

    @Test("cases are of one patient by the Patient ID, the series or the prediction, and no ID is in the answer")
    func patients() throws {
        // Two scans of one patient, two opinions on a scan of another, and one of a third.
        let scans = [
            ("A", "SECRET-1", "1.2.1"), ("B", "SECRET-1", "1.2.2"), ("C", "SECRET-2", "1.2.3"), ("D", "", "1.2.4"),
        ]
        for (name, patient, series) in scans {
            let change = { (dataSet: inout DataSet) in
                dataSet.set(.patientID, .LO, patient)
                dataSet.refer(toSeries: series)
            }
            try phantom.copy("rtstruct.dcm", as: "reference/\(name)/set.dcm", change: change)
            try phantom.copy("seg.dcm", as: "prediction/\(name)/seg.dcm", change: change)
            if name == "C" { try phantom.copy("rtstruct.dcm", as: "reference/C2/set.dcm", change: change) }
        }
        let cohort = try compareCohorts(phantom.cohort)
        #expect(
            cohort.cases.map { "\($0.name) \($0.patient ?? 0)" } == ["A 1", "B 1", "C with C 2", "C2 with C 2", "D 3"]
        )
        #expect(cohort.findings.contains { $0.hasPrefix("5 cases are of 3 patients") })
        let text = String(decoding: try JSONEncoder().encode(cohort), as: UTF8.self)
        #expect(!text.contains("SECRET") && text.contains("\"patients\":3"))
    }

    @Test("published lines are for lungs, and not for what has more than a lung in its name")
    func publishedLungs() throws {
        let names = ["Lung_R": "Body-Lungs", "Heart": "GTV_Lung", "Esophagus": "Lung_L_PTV", "Lung_L": "linke Lunge"]
        for (side, object) in [("reference", "rtstruct.dcm"), ("prediction/P", "rtstruct.dcm")] {
            try phantom.copy(object, as: "\(side)/set.dcm") { dataSet in
                dataSet.set(.patientID, .LO, "LCTSC-Test-S1-101")
                dataSet.rename(names)
            }
        }
        var request = phantom.cohort
        request.ct = [phantom.ct]
        let lungs = try compareCohorts(request).publishedStructures
        #expect(lungs.contains("linke Lunge") && lungs.isDisjoint(with: ["Body-Lungs", "GTV_Lung", "Lung_L_PTV"]))
    }

    @Test("structures are summed up by the name of the prediction, however the references spell them")
    func spelling() throws {
        for (name, spelling) in [("A", "LUNG LEFT"), ("B", "linke Lunge"), ("C", "Lung_L")] {
            try phantom.copy("rtstruct.dcm", as: "reference/\(name)/set.dcm") { $0.rename(["Lung_L": spelling]) }
        }
        try phantom.copy("seg.dcm", as: "prediction/P/seg.dcm")
        let cohort = try compareCohorts(phantom.cohort)
        let names = Set(cohort.summary.map(\.name))
        #expect(names.contains("Lung_L") && names.isDisjoint(with: ["LUNG LEFT", "linke Lunge"]))
        #expect(cohort.summary.first { $0.name == "Lung_L" }?.cases == 3)
        #expect(cohort.worst.count { $0.structure == "Lung_L" } == 3)
    }
}
