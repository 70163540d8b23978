import Dicom
import Foundation
import Pipeline
import Platform
import Testing

@Suite("Stacks of one series that lie apart, and sets that name no images")
struct StacksApartTests {
    private let phantom: ComparedPhantom
    /// Heights of the last slice of the lower stack and of the first of the upper one, mm.
    private let below: Double
    private let above: Double
    private let slices: (lower: Int, upper: Int)

    /// The slices of a CT without some in its middle, as two temporal positions.
    init() throws {
        phantom = try ComparedPhantom(5)
        let folder = phantom.ct
        var images = try Directory.list(folder).map { "\(folder)/\($0.name)" }
            .map { (path: $0, file: try DicomFile(contentsOf: $0)) }
        func height(_ file: DicomFile) -> Double { file.dataSet.doubles(.imagePositionPatient)[2] }
        images.sort { height($0.file) < height($1.file) }
        let middle = images.count / 2
        (below, above) = (height(images[middle - 3].file), height(images[middle + 2].file))
        slices = (middle - 2, images.count - middle - 2)
        for index in images.indices {
            try Directory.remove(images[index].path)
            guard !(middle - 2..<middle + 2).contains(index) else { continue }
            images[index].file.dataSet.set(.temporalPositionIdentifier, .IS, index < middle ? "1" : "2")
            try images[index].file.write(to: images[index].path, transferSyntax: .explicitVRLittleEndian)
        }
    }

    /// The truth at some heights, with the Series named and no image.
    private func set(_ name: String, _ isKept: @escaping (Double) -> Bool) throws -> String {
        try phantom.copy("rtstruct.dcm", as: name) { dataSet in
            dataSet.changeItems(of: .referencedFrameOfReferenceSequence) { frame in
                frame.changeItems(of: .rtReferencedStudySequence) { study in
                    study.changeItems(of: .rtReferencedSeriesSequence) { $0.remove(.contourImageSequence) }
                }
            }
            dataSet.changeItems(of: .roiContourSequence) { structure in
                var contours = structure.sequence(.contourSequence).filter { isKept($0.doubles(.contourData)[2]) }
                for index in contours.indices { contours[index].remove(.contourImageSequence) }
                structure.set(.contourSequence, sequence: contours)
            }
        }
    }

    private func compared(_ path: String) throws -> StructureComparison {
        try compareStructures(ComparisonRequest(path, path, ct: [phantom.ct]))
    }

    @Test("are compared on the stack that their contours lie in")
    func oneStack() throws {
        let (below, above) = (below, above)
        let lower = try compared(try set("lower.dcm") { $0 <= below + 0.1 })
        #expect(lower.gridDimensions[2] == slices.lower && lower.warnings.isEmpty)
        let upper = try compared(try set("upper.dcm") { $0 >= above - 0.1 })
        #expect(upper.gridDimensions[2] == slices.upper && upper.warnings.isEmpty)
        for result in [lower, upper] {
            #expect(!result.structures.isEmpty && result.structures.allSatisfy { $0.dice == 1 || $0.dice == nil })
            #expect(!result.findings.contains { $0.contains("on no slice") }, "\(result.findings)")
        }
    }

    @Test("and that lie in both are asked for the one that is meant")
    func bothStacks() throws {
        let all = try set("both.dcm") { _ in true }
        let fault = try #require(throws: Fault.self) { _ = try compared(all) }
        #expect(fault.code == "E_NO_GRID" && fault.message.hasPrefix("There are 2 CT scans in --ct"))
    }
}
