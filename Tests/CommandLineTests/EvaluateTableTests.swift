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

    @Test("comma-separated values of a rejected reference say beside the scores that they are in no mean")
    func rejectedReference() throws {
        let place = try TemporaryFolder()
        let truth = try place.phantom() + "/truth"
        for side in ["reference", "prediction/P"] {
            try FileManager.default.createDirectory(atPath: "\(place.path)/\(side)", withIntermediateDirectories: true)
        }
        try FileManager.default.copyItem(atPath: truth + "/seg.dcm", toPath: "\(place.path)/prediction/P/seg.dcm")
        // Approval Status stands in the set as text of its own length: UNAPPROVED, and a blank.
        var bytes = try Data(contentsOf: URL(fileURLWithPath: truth + "/rtstruct.dcm"))
        let status = try #require(bytes.range(of: Data("UNAPPROVED".utf8)))
        bytes.replaceSubrange(status, with: Data("REJECTED  ".utf8))
        try bytes.write(to: URL(fileURLWithPath: "\(place.path)/reference/P.dcm"))
        let outcome = try Program.contourctl([
            "evaluate", "--csv", "--reference", "\(place.path)/reference", "--prediction", "\(place.path)/prediction",
        ])
        let scored = outcome.output.split(separator: "\n").filter { $0.hasPrefix("P,Lung_L,") }
        #expect(outcome.status == 0 && scored.count == 1)
        #expect(scored.allSatisfy { $0.hasSuffix(",the reference was rejected: in no mean") }, "\(scored)")
    }
}
