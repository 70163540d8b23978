import Foundation
import Imaging
import Metrics
import Platform
import Report
import Testing

@Suite("What a page of a cohort makes of names, tolerances and order")
struct CohortPageSafetyTests {
    private func scored(
        _ name: String,
        structure: String = "Lung_L",
        shift: Int? = 1,
        tolerancesMM: [Double] = [1, 2, 3]
    ) -> CohortReport.Case {
        let geometry = axialGrid(signs: Vector3(1, 1, 1), 40, 30, 12)
        func box(from first: Int?) -> Mask {
            var mask = Mask(geometry: geometry, repeating: 0)
            guard let first else { return mask }
            for k in 2..<9 { for j in 5..<25 { for i in first..<first + 15 { mask[i, j, k] = 1 } } }
            return mask
        }
        let scores = StructureScores(
            name: structure,
            reference: box(from: shift == nil ? nil : 5),
            prediction: box(from: shift.map { 5 + $0 }),
            tolerancesMM: tolerancesMM,
            threads: 1
        )
        return CohortReport.Case(name: name, structures: [scores])
    }

    @Test("a sign of HTML with a combining mark after it ends no attribute and begins no element")
    func combiningMarks() throws {
        let mark = "\u{0301}"
        let hostile = "a\"\(mark) onmouseover=alert(1) <\(mark)b>\(mark) '\(mark) &\(mark)"
        let picture = CasePicture(role: .worstSlice, caption: hostile, png: Data([1, 2, 3]))
        let cohort = CohortReport(cases: [scored(hostile, structure: hostile)])
        let report = report(everyText: hostile)
        for page in [
            cohortHTML(cohort, pictures: [picture]), reportHTML(report, pictures: [picture], modelCard: hostile),
        ] {
            let text = page.unicodeScalars.map(String.init)
            let unsafe = text.indices.dropFirst().filter {
                text[$0] == mark && ["\"", "<", ">", "'", "&"].contains(text[$0 - 1])
            }
            #expect(unsafe.isEmpty)
            #expect(page.contains("&quot;\(mark) onmouseover"))
        }
    }

    @Test("what would reverse the text around it is shown by its number")
    func bidirectional() {
        let page = cohortHTML(CohortReport(cases: [scored("a\u{202E}b")]))
        #expect(!page.unicodeScalars.contains("\u{202E}") && page.contains("aU+202Eb"))
    }

    @Test("both pages forbid all that they do not need, and the script that they run is named by its digest")
    func policy() throws {
        let page = cohortHTML(CohortReport(cases: [scored("a")]))
        let script = try #require(
            page.components(separatedBy: "<script>").last?.components(separatedBy: "</script>").first
        )
        let policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:;"
        #expect(
            page.contains(
                "\(policy) script-src 'sha256-\(SHA256Digest.base64(of: Data(script.utf8)))'; base-uri 'none'"
            )
        )
        let report = reportHTML(report(everyText: "plain"), pictures: [], modelCard: nil)
        #expect(report.contains("\(policy) base-uri 'none'") && !report.contains("script-src"))
    }

    @Test("the lowest surface Dice comes first, and undefined ones last")
    func worstFirst() {
        let cohort = CohortReport(cases: [scored("a", shift: nil), scored("b", shift: 6), scored("c", shift: 0)])
        #expect(cohort.worst.map(\.name) == ["b", "c", "a"])
    }

    @Test("a surface Dice says at what tolerance it is, where a structure has one of its own")
    func ownTolerance() throws {
        let heart = scored("a", structure: "Heart", shift: 2, tolerancesMM: [5])
        let cohort = CohortReport(cases: [scored("a"), heart])
        let worst = try #require(cohort.worst.first { $0.structure == "Heart" })
        #expect(worst.tolerance == "5" && cohort.worst.last?.tolerance == "2")
        let page = cohortHTML(cohort)
        #expect(
            page.contains("<td>Heart</td><td>a</td><td>5 mm</td>")
                && !page.contains("Surface Dice 2 mm</th><th scope=\"col\">Dice")
        )
        #expect(page.contains("Heart, 5 mm"))
    }

    @Test("published lines cross the rows of published structures alone")
    func publishedRows() {
        func lines(_ structures: [String], tolerancesMM: [Double] = [2]) -> Int {
            var cohort = CohortReport(
                cases: structures.map { scored("a", structure: $0, tolerancesMM: tolerancesMM) }
            )
            cohort.publishedStructures = ["Lung_L", "Lung_R"]
            return cohortHTML(cohort).components(separatedBy: "class=\"goal\"").count - 1
        }
        #expect(lines(["Heart", "Lung_L", "Lung_R"]) == 4)
        #expect(lines(["Heart"]) == 0 && lines(["Lung_L"], tolerancesMM: [5]) == 0)
    }

    @Test("the table sorts dates and names that begin with a digit as text")
    func sorting() {
        let page = cohortHTML(CohortReport(cases: [scored("1.2.3")]))
        #expect(page.contains("p=Number(x)") && !page.contains("parseFloat"))
    }

    private func outcome(_ run: Int64, tolerancesMM: [Double] = [1, 2, 3]) -> RecordedOutcome {
        RecordedOutcome(
            scan: "\(run)",
            run: run,
            structure: "Lung_L",
            model: "m",
            name: "\(run)",
            time: "2024-01-02T03:04:05.000Z",
            status: "edited",
            approval: "APPROVED",
            scores: scored("x", tolerancesMM: tolerancesMM).structures[0]
        )
    }

    @Test("outcomes that were not scored at the tolerance of a chart are counted beside it")
    func changedTolerance() throws {
        let charts = [outcome(1), outcome(2, tolerancesMM: [1, 3]), outcome(3, tolerancesMM: [1, 3])].charts(
            baseline: 20
        )
        let chart = try #require(charts.first)
        #expect(chart.names == ["1"] && chart.withoutMeasure == 2)
        let page = cohortHTML(CohortReport(cases: []), charts: charts)
        #expect(page.contains("2 outcomes have no surface Dice 2 mm and are in no chart"))
        #expect([outcome(1)].charts(baseline: 20).first?.gap == nil)
    }
}
