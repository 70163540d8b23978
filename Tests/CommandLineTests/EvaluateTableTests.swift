import Foundation
import Testing

@Suite("What contourctl evaluate writes and refuses", .enabled(if: Program.areBuilt, "the programs are not built"))
struct EvaluateTableTests {
    @Test(
        "a tolerance that no contour has is refused before anything is read",
        arguments: [
            ["--per-organ-tolerance", "Lung_L=1e19"], ["--per-organ-tolerance", "Lung_L=101"], ["--tolerance", "1e-7"],
            ["--tolerance", "101"], ["--per-organ-tolerance", "Lung_L=1e-7"],
        ]
    )
    func tolerances(_ arguments: [String]) throws {
        let outcome = try Program.contourctl(["evaluate", "--reference", "a", "--prediction", "b"] + arguments)
        #expect(outcome.status == 64 && outcome.errors.contains("takes 0, or 0.001 to 100 mm"))
    }

    @Test("a name that a spreadsheet would take for a formula is text in comma-separated values")
    func formulas() throws {
        let place = try TemporaryFolder()
        let truth = try place.phantom() + "/truth"
        let names = ["=1+1", "+1", "-2+3", "@SUM(A1)"]
        for name in names {
            try FileManager.default.createDirectory(atPath: "\(place.path)/masks", withIntermediateDirectories: true)
            try FileManager.default.copyItem(
                atPath: "\(truth)/Heart.nii.gz",
                toPath: "\(place.path)/masks/\(name).nii.gz"
            )
        }
        let masks = "\(place.path)/masks"
        let outcome = try Program.contourctl(["evaluate", "--csv", "--reference", masks, "--prediction", masks])
        let lines = outcome.output.split(separator: "\n").dropFirst().filter { !$0.hasPrefix(",") }
        #expect(
            Set(lines.compactMap { $0.split(separator: ",").first }.map(String.init)) == Set(names.map { "'" + $0 })
        )
    }

    @Test("names with line ends, commas and combining marks stay in one field of comma-separated values")
    func fields() throws {
        let place = try TemporaryFolder()
        let truth = try place.phantom() + "/truth"
        let names = ["a\nb", "a\rb", "a\r\nb", "a,\u{0301}b", "a\"\u{0301}b"]
        for side in ["reference", "prediction"] {
            try FileManager.default.createDirectory(atPath: "\(place.path)/\(side)", withIntermediateDirectories: true)
            for name in names {
                try FileManager.default.copyItem(
                    atPath: "\(truth)/Heart.nii.gz",
                    toPath: "\(place.path)/\(side)/\(name).nii.gz"
                )
            }
        }
        let outcome = try Program.contourctl([
            "evaluate", "--csv", "--reference", "\(place.path)/reference", "--prediction", "\(place.path)/prediction",
        ])
        #expect(outcome.status == 0)
        for name in names {
            let field = "\"" + name.unicodeScalars.map { $0 == "\"" ? "\"\"" : String($0) }.joined() + "\","
            #expect(Data(outcome.output.utf8).range(of: Data(field.utf8)) != nil, "\(field)")
        }
    }
}
