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
            var volume_reference_ml: Double?
        }
        var structures: [Structure]
        var unmatched_reference: [String]
        var unmatched_prediction: [String]
        struct Derived: Decodable, Equatable {
            var name: String
            var side: String
            var members: [String]
        }
        var derived: [Derived]?
        var warnings: [String]
        var findings: [String]
        var grid_source: String
        var grid_spacing_mm: [Double]
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

    @Test("a union is scored against the union of the parts that the other side has, and the answer says so")
    func unions() throws {
        let place = try TemporaryFolder()
        let truth = try place.phantom() + "/truth"
        let (parts, whole) = ("\(place.path)/parts", "\(place.path)/union")
        for folder in [parts, whole] {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        }
        for name in ["Lung_L", "Lung_R"] {
            try FileManager.default.copyItem(atPath: "\(truth)/\(name).nii.gz", toPath: "\(parts)/\(name).nii.gz")
        }
        // Of the left lung alone: as if it were both.
        let union = whole + "/Lungs.nii.gz"
        try FileManager.default.copyItem(atPath: "\(truth)/Lung_L.nii.gz", toPath: union)
        let volume = { (name: String) in
            try scores("--reference", "\(truth)/\(name).nii.gz", "--prediction", "\(truth)/\(name).nii.gz").structures[
                0
            ]
            .volume_reference_ml
        }
        let (left, right) = (try #require(try volume("Lung_L")), try #require(try volume("Lung_R")))
        let missing = 2 * left / (2 * left + right)
        let toUnion = try scores("--reference", parts, "--prediction", union)
        #expect(toUnion.structures.map(\.name) == ["Lungs"])
        #expect(abs((toUnion.structures[0].dice ?? 0) - missing) < 1e-9)
        #expect(abs((toUnion.structures[0].volume_reference_ml ?? 0) - left - right) < 1e-6)
        #expect(toUnion.derived == [.init(name: "Lungs", side: "reference", members: ["Lung_L", "Lung_R"])])
        #expect(toUnion.findings.contains { $0.contains("compared with the union of its Lung_L and Lung_R") })
        #expect(toUnion.unmatched_reference == ["Lung_L", "Lung_R"] && toUnion.unmatched_prediction.isEmpty)
        let toParts = try scores("--reference", union, "--prediction", parts)
        #expect(toParts.structures.map(\.name) == ["Lungs"] && abs((toParts.structures[0].dice ?? 0) - missing) < 1e-9)
        #expect(toParts.derived == [.init(name: "Lungs", side: "prediction", members: ["Lung_L", "Lung_R"])])
        // No part can be told from a union.
        #expect(toParts.unmatched_prediction == ["Lung_L", "Lung_R"])
    }

    @Test("a reference that was drawn on a part of the scan is told, one that ends a slice earlier is not")
    func partialReference() throws {
        let place = try TemporaryFolder()
        let truth = try place.phantom() + "/truth"
        // The heart lies within the slices of the lungs.
        let lung = try scores("--reference", "\(truth)/Lung_L.nii.gz", "--prediction", "\(truth)/Lung_L.nii.gz")
        #expect(!lung.findings.contains { $0.contains("part of the scan") })
        let heart = "\(place.path)/Lung_L.nii.gz"
        try FileManager.default.copyItem(atPath: "\(truth)/Heart.nii.gz", toPath: heart)
        let part = try scores("--reference", heart, "--prediction", "\(truth)/Lung_L.nii.gz")
        #expect(part.findings.contains { $0.hasPrefix("Lung_L: the reference has slices") }, "\(part.findings)")
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
        let scored = lines.dropFirst().filter { !$0.hasPrefix(",") }
        #expect(scored.count == 7 && scored.allSatisfy { $0.contains(",1.0,") })
        // The map of all organs says again what the masks say.
        #expect(lines.count == 10 && lines[8].contains("organs.nii.gz: a label map beside masks"))
        #expect(lines[9].contains("both sides have the same contours"))
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

    @Test("NIfTI names no series: of several CTs the one with its grid is meant")
    func gridAmongSeveral() throws {
        let place = try TemporaryFolder()
        let own = try place.phantom("own", "--seed", "1")
        let other = try place.phantom(
            "other",
            "--seed",
            "2",
            "--columns",
            "60",
            "--rows",
            "60",
            "--spacing",
            "6",
            "6",
            "9"
        )
        for (folder, spacing) in [(own, [5.0, 5, 8]), (other, [6.0, 6, 9])] {
            let mask = folder + "/truth/Lung_L.nii.gz"
            let result = try scores(
                "--reference",
                mask,
                "--prediction",
                mask,
                "--ct",
                own + "/ct",
                "--ct",
                other + "/ct"
            )
            #expect(result.structures.map(\.dice) == [1])
            #expect(zip(result.grid_spacing_mm, spacing).allSatisfy { abs($0 - $1) < 1e-6 })
        }
        // An RT Structure Set names its own.
        let set = try scores(
            "--reference",
            other + "/truth/rtstruct.dcm",
            "--prediction",
            other + "/truth/seg.dcm",
            "--ct",
            own + "/ct",
            "--ct",
            other + "/ct"
        )
        #expect(zip(set.grid_spacing_mm, [6, 6, 9]).allSatisfy { abs($0 - $1) < 1e-6 })
    }

    @Test("comma-separated values name what only one side has and what was found, and standard error does so, too")
    func csvRemarks() throws {
        let place = try TemporaryFolder()
        let truth = try place.phantom() + "/truth"
        // The heart in the place of a lung: drawn on a part of the lung's slices.
        let folder = "\(place.path)/side"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for (from, to) in [("Heart", "Lung_L"), ("Esophagus", "Other, named")] {
            try FileManager.default.copyItem(atPath: "\(truth)/\(from).nii.gz", toPath: "\(folder)/\(to).nii.gz")
        }
        let prediction = "\(truth)/Lung_L.nii.gz"
        let outcome = try Program.contourctl(
            ["evaluate", "--reference", folder, "--prediction", prediction, "--csv"]
        )
        let lines = outcome.output.split(separator: "\n").map(String.init)
        #expect(lines[0].hasSuffix(",remark"))
        #expect(lines.contains { $0.hasPrefix("\"Other, named\",,") && $0.hasSuffix(",only in the reference") })
        #expect(lines.contains { $0.hasPrefix(",") && $0.contains("Lung_L: the reference has slices") })
        #expect(outcome.errors.contains("Lung_L: the reference has slices"))
    }

    @Test("a label map in a folder takes its names from --label, alone and beside masks")
    func labelsInFolders() throws {
        let place = try TemporaryFolder()
        let truth = try place.phantom() + "/truth"
        let (alone, beside) = ("\(place.path)/alone", "\(place.path)/beside")
        for folder in [alone, beside] {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            // Every organ of the phantom by a value of its own.
            try FileManager.default.copyItem(atPath: "\(truth)/organs.nii.gz", toPath: "\(folder)/organs.nii.gz")
        }
        try FileManager.default.copyItem(atPath: "\(truth)/Lung_L.nii.gz", toPath: "\(beside)/Lung_L.nii.gz")
        let file = "\(truth)/organs.nii.gz"
        let named = ["--label", "First=1", "--label", "Second=2"]
        for folder in [alone, beside] {
            let outcome = try Program.contourctl(
                ["evaluate", "--json", "--reference", folder, "--prediction", file] + named
            )
            try #require(outcome.status == 0, "\(outcome.errors)")
            let result = try JSONDecoder().decode(Scores.self, from: Data(outcome.output.utf8))
            let dice = Dictionary(uniqueKeysWithValues: result.structures.map { ($0.name, $0.dice) })
            #expect(dice["First"] == 1 && dice["Second"] == 1, "\(folder): \(dice)")
        }
    }

    @Test(
        "a name that nothing has is an error with status 64 that names it",
        arguments: [
            ("--per-organ-tolerance", "nothing is called Hart"), ("--label", "no label map was read with Hart"),
        ]
    )
    func unknownNames(_ option: String, _ words: String) throws {
        let place = try TemporaryFolder()
        let truth = try place.phantom() + "/truth"
        let arguments = ["evaluate", "--reference", truth + "/rtstruct.dcm", "--prediction", truth + "/seg.dcm"]
        let wrong = try Program.contourctl(arguments + [option, "Hart=1"])
        #expect(wrong.status == 64 && wrong.output.isEmpty)
        #expect(wrong.errors.contains("\(option): \(words)") && wrong.errors.contains("Heart"), "\(wrong.errors)")
        // Any spelling of a name will do.
        let outcome = try Program.contourctl(arguments + ["--per-organ-tolerance", "HEART=1"])
        #expect(outcome.status == 0, "\(outcome.errors)")
    }

    @Test(
        "a name or a value that is there twice, and a tolerance that is none, are errors with status 64 that say so",
        arguments: [
            (["--label", "Lung_L=1", "--label", "LUNG LEFT=2"], "--label names a structure twice"),
            (["--label", "Lung_L=1", "--label", "Lung_R=1"], "--label gives one value, 1, to Lung_L and Lung_R"),
            (["--per-organ-tolerance", "Heart=1", "--per-organ-tolerance", "HEART=2"], "names a structure twice"),
            (["--reference-label", "Heart=65536"], "--reference-label takes whole numbers from 1 to 65535"),
            (["--tolerance", "-1"], "--tolerance takes 0, or 0.001 to 100 mm"),
        ]
    )
    func wrongOptions(_ options: [String], _ words: String) throws {
        let outcome = try Program.contourctl(["evaluate", "--reference", "a", "--prediction", "b"] + options)
        #expect(outcome.status == 64 && outcome.errors.contains(words), "\(outcome.errors)")
    }
}
