import Foundation
import Imaging
import Nifti
import Pipeline
import Platform
import Report
import Testing

@Suite("Folders of label maps")
struct LabelMapFolderTests {
    private let folder: Folder

    init() throws { folder = try Folder() }

    /// A label map with a box of each value, one beside the other.
    private func write(_ name: String, values: [UInt8]) throws {
        var map = Volume<UInt8>(
            geometry: VolumeGeometry(
                dimensions: Dimensions(i: 20, j: 20, k: 12),
                origin: PatientPoint(x: 0, y: 0, z: 0),
                spacing: Vector3(4, 4, 8),
                directionI: Vector3(1, 0, 0),
                directionJ: Vector3(0, 1, 0),
                directionK: Vector3(0, 0, 1),
                frameOfReferenceUID: ""
            ),
            repeating: 0
        )
        for (index, value) in values.enumerated() {
            for k in 3..<9 { for j in 5..<15 { for i in 2 + 8 * index..<8 + 8 * index { map[i, j, k] = value } } }
        }
        try Directory.create(Directory.parent(of: folder.file(name)))
        try NiftiFile.write(map, to: folder.file(name))
    }

    private var request: ComparisonRequest {
        ComparisonRequest(folder.file("reference"), folder.file("prediction"), labels: ["Lung_L": 1, "Lung_R": 2])
    }

    @Test(
        "several of one code are several cases: refused as one, with what to do, and matched by file name with --cases"
    )
    func severalCases() throws {
        for (side, cases) in [("reference", [0, 1, 3]), ("prediction", [0, 2, 3])] {
            for number in cases { try write("\(side)/case_\(number).nii.gz", values: [1, 2]) }
        }
        let fault = try #require(throws: Fault.self) { _ = try compareStructures(request) }
        #expect(fault.code == "E_SEVERAL_CASES" && fault.hint.contains("--cases"))
        #expect(fault.message.contains("3 label maps") && fault.message.contains("case_1.nii.gz"))
        var cases = request
        cases.everyFileIsACase = true
        let cohort = try compareCohorts(cases)
        #expect(cohort.cases.map(\.name) == ["case_0", "case_3"])
        #expect(cohort.onlyReference == ["case_1"] && cohort.onlyPrediction == ["case_2"])
    }

    @Test("a file that holds 1 alone, as a mask does, lets no label maps beside it be dropped")
    func besideMask() throws {
        for side in ["reference", "prediction"] {
            for number in 0..<3 { try write("\(side)/case_\(number).nii.gz", values: number == 1 ? [1] : [1, 2]) }
        }
        var request = request
        request.labels = [:]
        let fault = try #require(throws: Fault.self) { _ = try compareStructures(request) }
        #expect(fault.code == "E_SEVERAL_CASES" && fault.message.contains("2 label maps"))
    }

    @Test("one label map beside masks is left out, and told")
    func leftOut() throws {
        for side in ["reference", "prediction"] { try write("\(side)/Lung_L.nii.gz", values: [1]) }
        try write("reference/organs.nii.gz", values: [1, 2])
        var request = request
        request.labels = [:]
        let result = try compareStructures(request)
        #expect(result.structures.map(\.name) == ["Lung_L"])
        #expect(result.findings.contains { $0.hasPrefix("reference: organs.nii.gz: a label map beside masks") })
    }

    @Test("label maps of different structures are one case")
    func oneCase() throws {
        for side in ["reference", "prediction"] {
            try write("\(side)/a.nii.gz", values: [1, 2])
            try write("\(side)/b.nii.gz", values: [3, 4])
        }
        var request = request
        request.labels = [:]
        #expect(try compareStructures(request).structures.map(\.name).sorted() == (1...4).map { "label \($0)" })
        request.labels = ["A": 1, "B": 2, "C": 3, "D": 4]
        let named = try compareStructures(request)
        #expect(named.structures.map(\.name).sorted() == ["A", "B", "C", "D"] && named.warnings.isEmpty)
        #expect(named.structures.allSatisfy { $0.dice == 1 })
    }
}
