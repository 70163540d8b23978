import Foundation
import Pipeline
import Platform
import Testing

@Suite("Contours whose files are links, as data sets in a store have them")
struct LinkedCaseTests {
    private let phantom: ComparedPhantom

    init() throws { phantom = try ComparedPhantom(1) }

    /// Links to files of the truth.
    private func link(_ names: [String], in folder: String) throws {
        try Directory.create(phantom.file(folder))
        for name in names { try link("\(phantom.truth)/\(name)", as: "\(folder)/\(name)") }
    }

    private func link(_ target: String, as name: String) throws {
        try FileManager.default.createSymbolicLink(atPath: phantom.file(name), withDestinationPath: target)
    }

    @Test("a folder of links to masks is one of masks")
    func masks() throws {
        try link(["Lung_L.nii.gz", "Lung_R.nii.gz"], in: "masks")
        let result = try compareStructures(ComparisonRequest(phantom.file("masks"), phantom.truth + "/seg.dcm"))
        #expect(result.structures.map(\.name) == ["Lung_L", "Lung_R"] && result.structures.map(\.dice) == [1, 1])
    }

    @Test(
        "folders of cases may be links, and hold links; one that leads to a folder again counts once; a dead one is told"
    )
    func cohort() throws {
        try link(["Lung_L.nii.gz"], in: "store/A")
        try Directory.create(phantom.file("reference"))
        try link(phantom.file("store/A"), as: "reference/A")
        try link(phantom.file("reference"), as: "reference/again")
        try link(phantom.file("nothing.nii.gz"), as: "reference/dead.nii.gz")
        try link(["Lung_L.nii.gz"], in: "prediction/A")
        let cohort = try compareCohorts(phantom.cohort)
        #expect(cohort.cases.map(\.name) == ["A"] && cohort.cases[0].structures.map(\.dice) == [1])
        #expect(
            cohort.findings == [
                "reference: again: left out, a link leads to the same folder under another name",
                "reference: dead.nii.gz: no plain file, or a link to what is not there; it is left out",
            ]
        )
    }

    @Test("links in the folder of a CT are followed; where all of them are dead that is said")
    func images() throws {
        let images = try Directory.list(phantom.ct).map(\.name)
        for folder in ["linked", "dead"] { try Directory.create(phantom.file(folder)) }
        for name in images {
            try link("\(phantom.ct)/\(name)", as: "linked/\(name)")
            try link(phantom.file("gone/\(name)"), as: "dead/\(name)")
        }
        let set = phantom.truth + "/rtstruct.dcm"
        let result = try compareStructures(ComparisonRequest(set, set, ct: [phantom.file("linked")]))
        #expect(result.gridSource == .ct && result.structures.allSatisfy { $0.dice == 1 })
        let fault = try #require(throws: Fault.self) {
            _ = try compareStructures(ComparisonRequest(set, set, ct: [phantom.file("dead")]))
        }
        #expect(fault.message.contains("It holds \(images.count) pipes, devices or dead links."))
    }
}
