import Foundation
import Testing

@Suite("contourctl evaluate", .enabled(if: Program.areBuilt, "the programs are not built"))
struct EvaluateCommandTests {
    struct Scores: Decodable {
        struct Structure: Decodable {
            var name: String
            var dice: Double?
            var surface_dice: [String: Double?]
            var hausdorff_95_mm: Double?
            var volume_reference_ml: Double
        }
        var structures: [Structure]
        var unmatched_reference: [String]
        var unmatched_prediction: [String]
    }

    private func scores(_ arguments: String...) throws -> Scores {
        let outcome = try Program.contourctl(["evaluate", "--json"] + arguments)
        try #require(outcome.status == 0, "\(outcome.errors)")
        return try JSONDecoder().decode(Scores.self, from: Data(outcome.output.utf8))
    }

    @Test("the three kinds of the same contours agree fully with each other")
    func kindsAgree() throws {
        let place = try TemporaryFolder()
        let folder = try place.phantom()
        let (rtstruct, seg) = (folder + "/truth/rtstruct.dcm", folder + "/truth/seg.dcm")
        // NIfTI masks lie beside the DICOM objects: a folder with one file a structure.
        for (reference, prediction) in [(rtstruct, seg), (folder + "/truth", rtstruct), (seg, folder + "/truth")] {
            let result = try scores("--reference", reference, "--prediction", prediction, "--ct", folder + "/ct")
            #expect(result.structures.count == 7)
            for structure in result.structures {
                #expect(structure.dice == 1, "\(structure.name): \(reference) \(prediction)")
                #expect(structure.hausdorff_95_mm == 0, "\(structure.name)")
                #expect(structure.surface_dice["2"] == 1, "\(structure.name)")
            }
        }
    }

    @Test("two RT Structure Sets without a CT are asked for one")
    func needsCT() throws {
        let place = try TemporaryFolder()
        let rtstruct = try place.phantom() + "/truth/rtstruct.dcm"
        let outcome = try Program.contourctl("evaluate", "--reference", rtstruct, "--prediction", rtstruct)
        #expect(outcome.status == 65)
        #expect(outcome.errors.contains("--ct"))
    }

    @Test("sides without a common name end with status 65 and list both")
    func noCommonName() throws {
        let place = try TemporaryFolder()
        let truth = try place.phantom() + "/truth"
        let outcome = try Program.contourctl(
            "evaluate",
            "--reference",
            truth + "/Heart.nii.gz",
            "--prediction",
            truth + "/Lung_L.nii.gz"
        )
        #expect(outcome.status == 65)
        #expect(outcome.errors.contains("Heart") && outcome.errors.contains("Lung_L"))
    }

    @Test("comma-separated values have one line for each structure")
    func csv() throws {
        let place = try TemporaryFolder()
        let truth = try place.phantom() + "/truth"
        let outcome = try Program.contourctl(
            "evaluate",
            "--reference",
            truth,
            "--prediction",
            truth + "/seg.dcm",
            "--csv",
            "--tolerance",
            "2"
        )
        let lines = outcome.output.split(separator: "\n")
        #expect(lines[0].hasPrefix("structure,dice,surface_dice_2_mm,hausdorff_95_mm"))
        #expect(lines.count == 8)
        #expect(lines.dropFirst().allSatisfy { $0.split(separator: ",")[1] == "1.0" })
    }

    @Test("left and right mixed up is told beside the scores; what only scores badly is not")
    func swappedSides() throws {
        let place = try TemporaryFolder()
        let truth = try place.phantom() + "/truth"
        let swapped = place.path + "/swapped"
        try FileManager.default.createDirectory(atPath: swapped, withIntermediateDirectories: true)
        for (from, to) in [("Lung_L", "Lung_R"), ("Lung_R", "Lung_L"), ("Heart", "Esophagus")] {
            try FileManager.default.copyItem(atPath: "\(truth)/\(from).nii.gz", toPath: "\(swapped)/\(to).nii.gz")
        }
        let outcome = try Program.contourctl(
            "evaluate",
            "--json",
            "--reference",
            swapped,
            "--prediction",
            truth + "/seg.dcm"
        )
        let answer = try #require(try outcome.json() as? [String: Any])
        let told = (answer["findings"] as? [String] ?? []).filter { $0.contains("left and right are mixed up") }
        #expect(told.count == 2)
        #expect(
            told.contains {
                $0.hasPrefix("Lung_L of the reference lies where Lung_R of the prediction lies: Dice 1.00")
            }
        )
    }

    @Test("contours of another scan are scored with a word about it")
    func otherScan() throws {
        let place = try TemporaryFolder()
        let own = try place.phantom("own", "--seed", "1")
        let other = try place.phantom("other", "--seed", "2")
        let outcome = try Program.contourctl(
            "evaluate",
            "--reference",
            other + "/truth/rtstruct.dcm",
            "--prediction",
            own + "/truth/rtstruct.dcm",
            "--ct",
            own + "/ct"
        )
        #expect(outcome.status == 0)
        #expect(outcome.output.contains("the reference lies in another Frame of Reference"))
        #expect(!outcome.output.contains("the prediction lies in another"))
    }
}
