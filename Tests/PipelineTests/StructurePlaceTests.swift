import Dicom
import Foundation
import Pipeline
import Report
import Testing

@Suite("Structures of a set that lie in another Frame of Reference than the CT", .serialized)
struct StructurePlaceTests {
    private let phantom: ComparedPhantom
    private var truth: String { phantom.truth }

    init() throws { phantom = try ComparedPhantom(5) }

    private func compare(
        _ change: (inout DataSet) -> Void,
        with other: String = "rtstruct.dcm",
        withCT: Bool = true
    ) throws -> (whenReference: StructureComparison, whenPrediction: StructureComparison) {
        let changed = try phantom.copy("rtstruct.dcm", as: "changed.dcm", change: change)
        let ct = withCT ? [phantom.ct] : []
        return (
            try compareStructures(ComparisonRequest(changed, "\(truth)/\(other)", ct: ct)),
            try compareStructures(ComparisonRequest("\(truth)/\(other)", changed, ct: ct))
        )
    }

    private func names(_ comparison: StructureComparison) -> Set<String> { Set(comparison.structures.map(\.name)) }

    @Test("One that says that it is that of a registered scan is not scored, on either side, and told with its name")
    func elsewhere() throws {
        for (other, withCT) in [("rtstruct.dcm", true), ("seg.dcm", true), ("seg.dcm", false)] {
            let both = try compare(
                { $0.place(["Heart"], inFrame: "1.2.3.4", isListed: true) },
                with: other,
                withCT: withCT
            )
            for result in [both.whenReference, both.whenPrediction] {
                #expect(!names(result).contains("Heart") && names(result).contains("Lung_L"), "\(other) \(withCT)")
                #expect(result.structures.allSatisfy { $0.dice ?? 0 > 0.99 })
                let told = result.findings.filter { $0.contains("another Frame of Reference than the CT") }
                #expect(told.count == 1 && told[0].hasPrefix("Heart: ") && told[0].contains("transfer it to the CT"))
            }
        }
    }

    @Test("Where the set has the structure on the CT, too, that one is scored")
    func both() throws {
        let result = try compare { dataSet in
            dataSet.place(["Esophagus"], inFrame: "1.2.3.4", isListed: true)
            dataSet.rename(["Esophagus": "Heart"])
        }.whenReference
        #expect(result.structures.first { $0.name == "Heart" }?.dice == 1)
        #expect(result.unmatchedReference == ["Heart (in another Frame of Reference)"])
    }

    @Test("A UID that the set does not have is a mistake: the images that the contours name are believed")
    func unlisted() throws {
        let result = try compare { $0.place(["Heart"], inFrame: "1.2.3.4", isListed: false) }.whenReference
        #expect(result.structures.first { $0.name == "Heart" }?.dice == 1)
        #expect(
            result.findings.contains {
                $0.hasPrefix("reference: Heart names a Frame of Reference that its structure set")
            }
        )
        let withoutImages = try compare { dataSet in
            dataSet.place(["Heart"], inFrame: "1.2.3.4", isListed: false)
            dataSet.changeItems(of: .roiContourSequence) { roi in
                roi.changeItems(of: .contourSequence) { $0.remove(.contourImageSequence) }
            }
        }.whenReference
        #expect(!names(withoutImages).contains("Heart") && names(withoutImages).contains("Lung_L"))
    }

    @Test("A set that an anonymiser gave another Frame of Reference lies on the CT whose series it names")
    func anonymised() throws {
        let all: Set<String> = ["Lung_L", "Lung_R", "Heart", "Esophagus", "SpinalCord", "Lungs", "Body"]
        let result = try compare { dataSet in
            dataSet.refer(toFrame: "1.2.3.4")
            dataSet.place(all, inFrame: "1.2.3.4", isListed: false)
        }.whenReference
        #expect(result.structures.count >= 5 && result.structures.allSatisfy { $0.dice == 1 })
    }

    @Test("Names that both sides have several times are not scored: which belongs to which nobody can tell")
    func repeated() throws {
        let set = try phantom.copy("rtstruct.dcm", as: "repeated.dcm") { $0.rename(["Heart": "Lung_L"]) }
        let result = try compareStructures(ComparisonRequest(set, set, ct: [phantom.ct]))
        #expect(!names(result).contains("Lung_L") && names(result).contains("Lung_R"))
        #expect(result.findings.contains { $0.hasPrefix("Lung_L: is there 2 times on both sides") })
    }

    @Test("Beside NIfTI nobody can tell which of several Frames of Reference is meant, without the CT")
    func unknown() throws {
        let change: (inout DataSet) -> Void = { $0.place(["Heart"], inFrame: "1.2.3.4", isListed: true) }
        let mask = "Lung_L.nii.gz"
        let result = try compare(change, with: mask, withCT: false).whenReference
        #expect(result.structures.isEmpty && result.findings.contains { $0.contains("name the CT") })
        #expect(try compare(change, with: mask).whenReference.structures.map(\.dice) == [1])
    }
}
