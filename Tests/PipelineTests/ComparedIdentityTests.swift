import Dicom
import Foundation
import Imaging
import Metrics
import Nifti
import Pipeline
import Platform
import Testing

@Suite("Whether what is compared belongs together", .serialized)
struct ComparedIdentityTests {
    private let phantom: ComparedPhantom
    private var truth: String { phantom.truth }

    init() throws { phantom = try ComparedPhantom(5) }

    /// A copy of an object with other UIDs or another patient.
    private func copy(
        _ name: String,
        as target: String,
        frame: String? = nil,
        series: String? = nil,
        patient: String? = nil
    ) throws -> String {
        try phantom.copy(name, as: target) { dataSet in
            if let patient { dataSet.set(.patientID, .LO, patient) }
            if let frame { dataSet.refer(toFrame: frame) }
            if let series { dataSet.refer(toSeries: series) }
        }
    }

    private func compare(_ reference: String, _ prediction: String, ct: [String] = []) throws -> StructureComparison {
        try compareStructures(ComparisonRequest(reference, prediction, ct: ct))
    }

    private func isRefused(_ body: () throws -> StructureComparison) throws -> Bool {
        do {
            _ = try body()
            return false
        } catch let fault as Fault {
            return fault.code == "E_OTHER_FRAME" && fault.kind == .permanent
        }
    }

    @Test("The truth of one scan has nothing to warn of, with and without its CT, and names its grid")
    func same() throws {
        for (ct, source) in [([phantom.ct], ComparisonGridSource.ct), ([], .reference)] {
            let result = try compare(truth + "/seg.dcm", truth + "/rtstruct.dcm", ct: ct)
            #expect(result.warnings.isEmpty && result.gridSource == source)
            #expect(result.definition.contains(source.words))
            #expect(result.structures.allSatisfy { $0.dice == 1 })
        }
    }

    @Test("Different Frames of Reference and series are refused, whatever kinds the objects are")
    func otherFrame() throws {
        let seg = try copy("seg.dcm", as: "other-seg.dcm", frame: "1.2.3.4", series: "1.2.3.5")
        let set = try copy("rtstruct.dcm", as: "other-set.dcm", frame: "1.2.3.4", series: "1.2.3.5")
        for (reference, prediction) in [
            (seg, truth + "/seg.dcm"), (truth + "/seg.dcm", seg), (seg, truth + "/rtstruct.dcm"),
            (set, truth + "/seg.dcm"), (set, truth + "/rtstruct.dcm"),
        ] {
            #expect(try isRefused { try compare(reference, prediction) }, "\(reference) \(prediction)")
            #expect(try isRefused { try compare(reference, prediction, ct: [phantom.ct]) })
        }
        // NIfTI says nothing of the kind.
        #expect(try compare(seg, truth).warnings.isEmpty)
    }

    @Test("One series under two Frames of Reference is believed, with a word about it")
    func believed() throws {
        let seg = try copy("seg.dcm", as: "frame.dcm", frame: "1.2.3.4")
        let result = try compare(seg, truth + "/rtstruct.dcm")
        #expect(result.warnings.isEmpty && result.findings.contains { $0.contains("different Frames of Reference") })
        #expect(result.structures.allSatisfy { $0.dice == 1 })
    }

    @Test("Another series of the same Frame of Reference is a warning, also against the CT")
    func otherSeries() throws {
        let seg = try copy("seg.dcm", as: "series.dcm", series: "1.2.3.5")
        let alone = try compare(seg, truth + "/rtstruct.dcm")
        #expect(alone.warnings == ["the reference and the prediction were drawn on different series"])
        let withCT = try compare(seg, truth + "/rtstruct.dcm", ct: [phantom.ct])
        #expect(withCT.warnings == ["the reference was drawn on another series than the CT"])
    }

    @Test("Another patient is a warning, and no ID is in the answer")
    func otherPatient() throws {
        let seg = try copy("seg.dcm", as: "patient.dcm", patient: "SECRET-4711")
        let result = try compare(seg, truth + "/rtstruct.dcm")
        #expect(
            result.warnings == ["the reference and the prediction are of different patients: their Patient IDs differ"]
        )
        let withCT = try compare(seg, truth + "/rtstruct.dcm", ct: [phantom.ct])
        #expect(withCT.warnings.count == 2 && withCT.warnings[0].contains("the reference and the CT"))
        let text = String(decoding: try JSONEncoder().encode(withCT), as: UTF8.self)
        // Its digits alone may stand in a score.
        #expect(!text.contains("SECRET"))
    }

    @Test("In folders of cases a warning stands with its case, and cases of different series are named")
    func cohort() throws {
        _ = try copy("seg.dcm", as: "reference/a/seg.dcm", patient: "SECRET-4711")
        _ = try copy("rtstruct.dcm", as: "prediction/a/set.dcm")
        _ = try copy("seg.dcm", as: "reference/b/seg.dcm", series: "1.2.3.5")
        _ = try copy("rtstruct.dcm", as: "prediction/b/set.dcm", series: "1.2.3.6")
        let result = try compareCohorts(phantom.cohort)
        #expect(result.cases.map(\.name) == ["a"] && result.cases[0].warnings.count == 1)
        #expect(result.onlyReference == ["b"])
        #expect(
            result.findings.contains { $0.hasPrefix("b of the reference and b of the prediction contour different") }
        )
    }

    @Test("Where no case has a partner, the refusal says that the series differ")
    func noCases() throws {
        _ = try copy("seg.dcm", as: "reference/a/seg.dcm", series: "1.2.3.5")
        _ = try copy("rtstruct.dcm", as: "prediction/a/set.dcm", series: "1.2.3.6")
        let fault = try #require(throws: Fault.self) { _ = try compareCohorts(phantom.cohort) }
        #expect(fault.code == "E_NO_CASES" && fault.details.first?.contains("different series") == true)
    }

    @Test("In folders of cases a name that no case has is told before anything is scored; one that some have is not")
    func namesInCohorts() throws {
        _ = try copy("seg.dcm", as: "reference/a/seg.dcm")
        _ = try copy("rtstruct.dcm", as: "prediction/a/set.dcm")
        var request = phantom.cohort
        request.toleranceByStructure = ["Hart": 1, "Heart": 1]
        let error = try #require(throws: UnknownNames.self) { _ = try compareCohorts(request) }
        #expect(error.tolerances == ["Hart"] && error.known.contains("Heart") == true)
        request.toleranceByStructure = ["Heart": 1]
        let scores = try compareCohorts(request).cases[0].structures
        #expect(scores.first { $0.name == "Heart" }?.surfaceDice.keys.sorted() == ["1"])
    }

    @Test("What lies wholly outside of the grid has no volume there, and the answer warns of it")
    func offGrid() throws {
        // The same mask a metre to the left.
        let mask = try NiftiFile.readLabels("\(truth)/Heart.nii.gz")
        var geometry = mask.geometry
        geometry.origin = PatientPoint(geometry.origin.vector + Vector3(1000, 0, 0))
        let moved = phantom.file("moved/Heart.nii.gz")
        try FileManager.default.createDirectory(atPath: phantom.file("moved"), withIntermediateDirectories: true)
        try NiftiFile.write(Volume(geometry: geometry, voxels: mask.voxels), to: moved)
        let reference = truth + "/Heart.nii.gz"
        let missed = try compare(reference, moved)
        let scores = try #require(missed.structures.first)
        #expect(scores.dice == 0 && scores.volumePredictionML == nil && scores.volumeDifferenceML == nil)
        #expect(scores.volumeReferenceML ?? 0 > 100 && scores.falsePositiveML == nil)
        #expect(missed.warnings.contains { $0.hasPrefix("Heart: the prediction lies wholly outside of") })
        let reversed = try #require(try compare(moved, reference, ct: [phantom.ct]).structures.first)
        #expect(reversed.volumeReferenceML == nil && reversed.falseNegativeML == nil)
        #expect(reversed.addedPathLengthMM["2"] == .some(nil) && reversed.volumePredictionML ?? 0 > 100)
    }

    @Test("A Segmentation beside the grid is told as well; one above a Segmentation makes its grid longer")
    func segmentationOffGrid() throws {
        func moved(_ shift: Vector3, _ name: String) throws -> String {
            try phantom.copy("seg.dcm", as: name) { dataSet in
                dataSet.changeItems(of: .perFrameFunctionalGroupsSequence) { frame in
                    frame.changeItems(of: .planePositionSequence) { plane in
                        let p = plane.doubles(.imagePositionPatient)
                        plane.set(
                            .imagePositionPatient,
                            .DS,
                            doubles: [p[0] + shift.x, p[1] + shift.y, p[2] + shift.z]
                        )
                    }
                }
            }
        }
        let beside = try compare(truth + "/seg.dcm", try moved(Vector3(2000, 0, 0), "beside.dcm"))
        #expect(beside.structures.allSatisfy { $0.dice == 0 && $0.volumePredictionML == nil })
        #expect(beside.warnings.count { $0.contains("lies wholly outside of") } == beside.structures.count)
        #expect(beside.warnings.contains { $0.hasPrefix("the prediction has ") })
        #expect(beside.findings.contains { $0.contains("frames of the prediction lie in part or wholly beside") })
        let above = try compare(truth + "/seg.dcm", try moved(Vector3(0, 0, 30 * 9.6), "above.dcm"))
        #expect(above.warnings.isEmpty)
        #expect(above.structures.allSatisfy { ($0.volumePredictionML ?? 0) == ($0.volumeReferenceML ?? 1) })
    }
}
