import Foundation
import Imaging
import Metrics
import Report
import Testing

@Suite("The page of a cohort")
struct CohortPageTests {
    private let hostile = "<script>alert('x')</script>\"><img src=http://evil.example/a.png onerror=\"b\">"

    /// A case whose structure is shifted by so many voxels of 2 mm.
    private func scored(_ name: String, structure: String = "Lung_L", shift: Int) -> CohortReport.Case {
        let geometry = axialGrid(signs: Vector3(1, 1, 1), 40, 30, 12)
        func box(from first: Int) -> Mask {
            var mask = Mask(geometry: geometry, repeating: 0)
            for k in 2..<9 { for j in 5..<25 { for i in first..<first + 15 { mask[i, j, k] = 1 } } }
            return mask
        }
        let scores = StructureScores(
            name: structure,
            reference: box(from: 5),
            prediction: box(from: 5 + shift),
            threads: 1
        )
        return CohortReport.Case(name: name, time: "2024-01-02T03:04:05.000Z", structures: [scores])
    }

    private var cohort: CohortReport {
        CohortReport(
            cases: [scored("a", shift: 1), scored("b", shift: 6), scored("c", shift: 0)]
                + [CohortReport.Case(name: "d", fault: "E_NO_GRID: no grid")],
            onlyReference: ["e"],
            onlyPrediction: ["f"]
        )
    }

    @Test("cases are summed up, the worst first, and those without scores count for nothing")
    func summary() throws {
        let summary = try #require(cohort.summary.first)
        #expect(cohort.summary.count == 1 && summary.name == "Lung_L" && summary.cases == 3)
        let dice = try #require(summary.measures["dice"])
        // Shifted by s of 15 columns: 1 - s / 15.
        let (median, lowest) = (try #require(dice.median), try #require(dice.minimum))
        #expect(dice.count == 3 && abs(median - 14.0 / 15) < 1e-12 && abs(lowest - 9.0 / 15) < 1e-12)
        #expect(cohort.worst.map(\.name) == ["b", "a", "c"])
    }

    @Test("what is missing is named, and the published lines are drawn for lungs of the published data alone")
    func contents() {
        var cohort = cohort
        #expect(!cohortHTML(cohort).contains("0.95 published"))
        cohort.isComparableWithPublished = true
        let page = cohortHTML(cohort)
        for text in [
            "3 cases scored, 1 could not be scored, 2 without a partner", "d was not scored: E_NO_GRID",
            "e: missing in the prediction", "f: missing in the reference", "0.95 published",
        ] {
            #expect(page.contains(text), "\(text)")
        }
        var hearts = CohortReport(cases: [
            scored("a", structure: "Heart", shift: 1), scored("b", structure: "Heart", shift: 2),
        ])
        hearts.isComparableWithPublished = true
        #expect(!cohortHTML(hearts).contains("0.95 published"))
    }

    @Test("names from outside are text, nothing is fetched, every element is closed")
    func safe() throws {
        var cohort = CohortReport(cases: [scored(hostile, structure: hostile, shift: 1)], onlyReference: [hostile])
        cohort.findings = [hostile]
        let picture = CasePicture(role: .worstSlice, caption: hostile, png: Data([1, 2, 3]))
        let page = cohortHTML(cohort, charts: [chart(Array(repeating: 0.9, count: 25))], pictures: [picture])
        #expect(page.components(separatedBy: "<script").count == 2)  // our own
        #expect(!page.contains("onerror=\"b\"") && !page.contains("<img src=http"))
        for link in ["https:", "url(", "<link", "@import", "<iframe", "href="] {
            #expect(!page.contains(link), "\(link)")
        }
        var open: [String] = []
        let body = page.components(separatedBy: "<script>")[0]
        for piece in body.components(separatedBy: "<").dropFirst() {
            let tag = try #require(piece.components(separatedBy: ">").first)
            let name = try #require(tag.components(separatedBy: .whitespaces).first)
            if name.hasPrefix("!") || ["meta", "img"].contains(name) || tag.hasSuffix("/") { continue }
            if name.hasPrefix("/") { #expect(open.popLast() == String(name.dropFirst())) } else { open.append(name) }
        }
        #expect(open == ["html", "body"])
    }

    @Test("what makes scores doubtful stands before them, with its case")
    func warnings() throws {
        var doubtful = cohort
        doubtful.cases[1].warnings = ["the reference and the prediction are of different patients"]
        let page = cohortHTML(doubtful)
        let place = try #require(page.range(of: "b: the reference and the prediction are of different patients"))
        #expect(place.lowerBound < (try #require(page.range(of: "<h2>"))).lowerBound)
        #expect(!cohortHTML(cohort).contains("doubtful"))
    }

    @Test("three cases have no interval, and the table says why")
    func noInterval() {
        #expect(cohortHTML(cohort).contains("<td>n&nbsp;&lt;&nbsp;5</td>"))
    }

    @Test("where limits lie near the mean their words do not lie over each other")
    func chartWords() {
        let near = cohortHTML(CohortReport(cases: []), charts: [chart(Array(repeating: 0.97, count: 21) + [0.2])])
        #expect(near.contains(">limits<") && !near.contains(">mean<") && !near.contains(">limit<"))
        let apart = cohortHTML(CohortReport(cases: []), charts: [chart((0..<22).map { $0 % 2 == 0 ? 0.95 : 0.97 })])
        #expect(apart.contains(">mean<") && apart.contains(">limit<"))
    }

    private func chart(_ values: [Double]) -> OutcomeChart {
        OutcomeChart(
            structure: "Lung_L",
            model: "lungs 12345678",
            measure: "Surface Dice 2 mm",
            times: values.map { _ in "2024-01-02T03:04:05.000Z" },
            names: values.indices.map { "case \($0)" },
            chart: ControlChart(values)
        )
    }

    @Test("a flagged outcome stands out by its shape, and the head of the page says so")
    func flagged() {
        let values = (0..<20).map { $0 % 2 == 0 ? 0.95 : 0.97 } + [0.96, 0.5]
        let page = cohortHTML(CohortReport(cases: []), charts: [chart(values)])
        #expect(page.components(separatedBy: "class=\"flagged\"").count == 2)
        #expect(page.contains("Look at the trend of Lung_L") && page.contains("case 21"))
        let quiet = cohortHTML(CohortReport(cases: []), charts: [chart(Array(values.dropLast()))])
        #expect(!quiet.contains("class=\"flagged\"") && !quiet.contains("Look at the trend"))
    }

    @Test("the latest approved reference of a result is charted, others are left out")
    func counted() {
        func outcome(_ contouring: Int64, _ run: Int64, _ approval: String?) -> RecordedOutcome {
            RecordedOutcome(
                contouringRun: contouring,
                run: run,
                structure: "Lung_L",
                model: "m",
                name: "\(run)",
                time: "",
                status: "edited",
                approval: approval,
                scores: scored("x", shift: 1).structures[0]
            )
        }
        let all = [
            outcome(1, 2, "APPROVED"), outcome(1, 3, "APPROVED"), outcome(1, 4, nil), outcome(5, 6, "UNAPPROVED"),
        ]
        #expect(all.counted(withUnapproved: false).map(\.run) == [3])
        #expect(all.counted(withUnapproved: true).map(\.run) == [4, 6])
        #expect(all.charts(baseline: 5).map(\.names) == [["2", "3", "4", "6"]])
    }
}
