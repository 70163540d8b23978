import Dicom
import Foundation
import Pipeline
import Report
import Testing

@Suite("Which cases of two folders are compared, and under what names")
struct CohortPairingTests {
    private let folder: Folder
    private let truth: String

    init() throws {
        folder = try Folder()
        try SmallPhantom.write(1, to: folder.file("made"))
        truth = folder.file("made/truth")
    }

    private func put(_ file: String, _ path: String, renaming names: [String: String] = [:]) throws {
        let target = folder.file(path)
        let parent = (target as NSString).deletingLastPathComponent
        try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
        var object = try DicomFile(contentsOf: "\(truth)/\(file)")
        let rois = object.dataSet.sequence(.structureSetROISequence).map { item in
            var item = item
            if let name = item.string(.roiName).flatMap({ names[$0] }) { item.set(.roiName, .LO, name) }
            return item
        }
        if !rois.isEmpty { object.dataSet.set(.structureSetROISequence, sequence: rois) }
        try object.write(to: target, transferSyntax: .explicitVRLittleEndian)
    }

    private var request: ComparisonRequest {
        ComparisonRequest(
            reference: folder.file("reference"),
            prediction: folder.file("prediction"),
            ct: [],
            labels: [:],
            tolerancesMM: [2],
            toleranceByStructure: [:],
            threads: 1
        )
    }

    @Test("two references of one prediction are scored each, under both names, and that is told")
    func twoReferences() throws {
        try put("rtstruct.dcm", "reference/A/set.dcm")
        try put("rtstruct.dcm", "reference/B/set.dcm")
        try put("seg.dcm", "prediction/P/seg.dcm")
        let cohort = try compareCohorts(request)
        #expect(cohort.cases.map(\.name) == ["A with P", "B with P"])
        #expect(cohort.cases.allSatisfy { $0.structures.first?.dice == 1 } && cohort.onlyReference.isEmpty)
        let told = "2 references fit P of the prediction: A, B; each is scored, as a case of its own"
        #expect(cohort.findings == [told])
    }

    @Test("two predictions of one reference are named, and none is scored")
    func twoPredictions() throws {
        try put("rtstruct.dcm", "reference/A/set.dcm")
        try put("seg.dcm", "prediction/P/seg.dcm")
        try put("seg.dcm", "prediction/P-r2/seg.dcm")
        #expect {
            try compareCohorts(request)
        } throws: { error in
            let fault = error as? Fault
            return fault?.code == "E_NO_CASES"
                && fault?.details.contains { $0.hasPrefix("2 predictions fit A of the reference: P, P-r2;") } == true
        }
        try put("rtstruct.dcm", "reference/P/set.dcm")
        try FileManager.default.removeItem(atPath: folder.file("reference/A"))
        let cohort = try compareCohorts(request)
        #expect(cohort.cases.map(\.name) == ["P"] && cohort.onlyPrediction == ["P-r2"])
    }

    @Test("folders of an outbox that never have contours are no finding; an empty case is one")
    func outbox() throws {
        try put("rtstruct.dcm", "reference/P/set.dcm")
        try put("seg.dcm", "prediction/P/seg.dcm")
        for name in ["P.evaluation-1", "P.evaluation-12", "Q.refused", "Q.refused-r2", "R"] {
            let path = folder.file("prediction/\(name)")
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        }
        #expect(try compareCohorts(request).findings == ["prediction: R: there are no contours in it"])
    }

    @Test("two series in one folder are two cases with names of their own")
    func twoSeries() throws {
        try put("rtstruct.dcm", "reference/A/one.dcm")
        try put("seg.dcm", "prediction/P/seg.dcm")
        let other = folder.file("other")
        try SmallPhantom.write(2, to: other)
        try FileManager.default.moveItem(
            atPath: other + "/truth/rtstruct.dcm",
            toPath: folder.file("reference/A/two.dcm")
        )
        let cohort = try compareCohorts(request)
        #expect(cohort.cases.map(\.name) == ["A/one"] && cohort.onlyReference == ["A/two"])
    }

    @Test("structures are summed up by the name of the prediction, however the references spell them")
    func spelling() throws {
        for (name, spelling) in [("A", "LUNG LEFT"), ("B", "linke Lunge"), ("C", "Lung_L")] {
            try put("rtstruct.dcm", "reference/\(name)/set.dcm", renaming: ["Lung_L": spelling])
        }
        try put("seg.dcm", "prediction/P/seg.dcm")
        let cohort = try compareCohorts(request)
        let names = Set(cohort.summary.map(\.name))
        #expect(names.contains("Lung_L") && names.isDisjoint(with: ["LUNG LEFT", "linke Lunge"]))
        #expect(cohort.summary.first { $0.name == "Lung_L" }?.cases == 3)
        #expect(cohort.worst.count { $0.structure == "Lung_L" } == 3)
    }
}
