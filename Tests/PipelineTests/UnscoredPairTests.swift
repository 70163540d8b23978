import Dicom
import Foundation
import Pipeline
import Testing

@Suite("Why nothing could be scored, of each pair of structures")
struct UnscoredPairTests {
    private let phantom: ComparedPhantom

    init() throws { phantom = try ComparedPhantom(1) }

    /// Takes away the contours of structures, by their ROI Name.
    private func emptied(_ names: Set<String>) -> (inout DataSet) -> Void {
        { dataSet in
            let numbers = dataSet.sequence(.structureSetROISequence).filter {
                names.contains($0.string(.roiName) ?? "")
            }
            .compactMap { $0.integer(.roiNumber) }
            dataSet.changeItems(of: .roiContourSequence) { structure in
                guard let number = structure.integer(.referencedROINumber), numbers.contains(number) else { return }
                structure.remove(.contourSequence)
            }
        }
    }

    private func compared(_ reference: String, with prediction: String) throws -> StructureComparison {
        try compareStructures(ComparisonRequest(reference, prediction, ct: [phantom.ct]))
    }

    @Test("structures that both sides have and that cannot be used are told each, not as names that do not match")
    func unusable() throws {
        let reference = try phantom.copy(
            "rtstruct.dcm",
            as: "reference/A/set.dcm",
            change: emptied(["Lung_L", "Lung_R"])
        )
        let prediction = try phantom.copy("rtstruct.dcm", as: "prediction/A/set.dcm") { dataSet in
            dataSet.rename([
                "Body-Lungs": "Lungs", "Body": "b", "Heart": "h", "Esophagus": "e", "SpinalCord": "s",
            ])
        }
        let result = try compared(reference, with: prediction)
        let told = """
            no structure that both sides have can be compared: Lung_L: the reference cannot be used: it has no contours; \
            Lung_R: the reference cannot be used: it has no contours; \
            Lungs: not compared, as a part of it cannot be used
            """
        #expect(result.structures.isEmpty && result.fault == told, "\(result.fault ?? "")")
        var request = phantom.cohort
        request.ct = [phantom.ct]
        #expect(try compareCohorts(request).cases.map(\.fault) == [told])
    }

    @Test("names that do not match are told of both sides, also of one that has none")
    func names() throws {
        let reference = phantom.truth + "/Heart.nii.gz"
        let result = try compared(reference, with: phantom.truth + "/Lung_L.nii.gz")
        #expect(
            result.fault
                == "no structure has one name on both sides; the reference has Heart; the prediction has Lung_L"
        )
    }

    @Test("what was scored beside a pair that cannot be used is no fault, and the pair is told")
    func oneOfSeveral() throws {
        let reference = try phantom.copy("rtstruct.dcm", as: "one.dcm", change: emptied(["Lung_L"]))
        let result = try compared(reference, with: phantom.truth + "/rtstruct.dcm")
        #expect(result.fault == nil && !result.structures.map(\.name).contains("Lung_L"))
        #expect(result.findings.contains("Lung_L: the reference cannot be used: it has no contours"))
    }

    @Test("a name that the reference has several times is a warning: which one is meant nobody can tell")
    func repeatedName() throws {
        let reference = try phantom.copy("rtstruct.dcm", as: "twice.dcm") { $0.rename(["Heart": "Lung_L"]) }
        let result = try compared(reference, with: phantom.truth + "/seg.dcm")
        let told =
            "Lung_L: this name, or one that means the same, is there 2 times in the reference; one of them is compared"
        #expect(result.warnings.contains { $0.hasPrefix(told) }, "\(result.warnings)")
    }
}
