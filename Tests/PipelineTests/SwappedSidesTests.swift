import Dicom
import Foundation
import Imaging
import Metrics
import Pipeline
import Platform
import Segmentation
import Testing

@Suite("A reference with left and right mixed up", .serialized)
struct SwappedSidesTests {
    private func swapped(_ path: String, to target: String, onlyLeft: Bool = false) throws -> String {
        var file = try DicomFile(contentsOf: path)
        var rois = file.dataSet.sequence(.structureSetROISequence)
        for index in rois.indices {
            switch rois[index].string(.roiName) {
            case "Lung_L": rois[index].set(.roiName, .LO, onlyLeft ? "Other" : "Lung_R")
            case "Lung_R": rois[index].set(.roiName, .LO, "Lung_L")
            default: continue
            }
        }
        file.dataSet.set(.structureSetROISequence, sequence: rois)
        try file.write(to: target, transferSyntax: .implicitVRLittleEndian)
        return target
    }

    @Test(
        "It is a finding to look at, in a run and in a later evaluation, also with one side alone; a true one is none"
    )
    func findings() throws {
        let bench = try Workbench()
        bench.export.writesPictures = false
        let images = try SmallPhantom.write(5, to: bench.folder.file("in"))
        let truth = bench.folder.file("in/truth/rtstruct.dcm")
        let wrong = try swapped(truth, to: bench.folder.file("wrong.dcm"))
        let half = try swapped(truth, to: bench.folder.file("half.dcm"), onlyLeft: true)
        let base = try bench.prepare("with", images: images, references: [wrong])
        try bench.runStages(base)
        let report = try json(base.directory(of: .export) + "/report.json")
        #expect(report["verdict"] as? String == "review")
        let findings = try #require(report["findings"] as? [[String: Any]])
        let own = findings.filter { $0["code"] as? String == "W_SIDES_SWAPPED" }
        #expect(own.map { $0["severity"] as? String } == ["review", "review"])
        #expect(Set(own.compactMap { $0["structure"] as? String }) == ["Lung_L", "Lung_R"])
        #expect(findings.first?["code"] as? String == "W_SIDES_SWAPPED", "what is wrong comes first")
        let page = String(decoding: try contents(base.directory(of: .export) + "/report.html"), as: UTF8.self)
        #expect(page.contains("Lung_L of the reference lies where Lung_R lies"))
        for (name, reference, structures) in [
            ("late", wrong, ["Lung_L", "Lung_R"]), ("half", half, ["Lung_L"]), ("true", truth, []),
        ] {
            var request = try base.request()
            request.kind = .evaluation
            request.referenceFiles = [reference]
            request.baseRunDirectory = base.path
            let run = RunFolder(path: bench.folder.file(name))
            try run.write(request)
            try bench.runStages(run, [.evaluate])
            let facts = try json(run.directory(of: .evaluate) + "/evaluation.json")
            let found = (facts["findings"] as? [[String: Any]] ?? []).filter {
                $0["code"] as? String == "W_SIDES_SWAPPED"
            }
            #expect(found.compactMap { $0["structure"] as? String }.sorted() == structures, "\(name)")
        }
    }

    @Test("Names tell the side in many spellings, and the structure of the other one")
    func names() {
        for (name, other) in [
            ("Lung_L", "Lung_R"), ("linke Lunge", "rechte Lunge"), ("RTLung", "Lung L"), ("Kidney-Left", "Kidney_R"),
        ] {
            #expect(StructureName(name).ofOtherSide == StructureName(other), "\(name)")
        }
        for name in ["Lungs", "Heart", "Left to right"] { #expect(StructureName(name).ofOtherSide == nil, "\(name)") }
    }
}
