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

    @Test("undefined scores come last among the worst and are null, a missed organ comes first")
    func worstOrder() throws {
        var (missed, empty) = (scored("missed", shift: 0), scored("a-empty", shift: 0))
        missed.structures[0].surfaceDice = ["2": 0]
        missed.structures[0].dice = 0
        empty.structures[0].surfaceDice = ["2": nil]
        (empty.structures[0].dice, empty.structures[0].hausdorff95MM) = (nil, nil)
        let cohort = CohortReport(cases: [empty, scored("b", shift: 1), missed])
        #expect(cohort.worst.map(\.name) == ["missed", "b", "a-empty"])
        let json = try JSONSerialization.jsonObject(with: JSONEncoder().encode(cohort.worst)) as? [[String: Any]]
        let last = try #require(json?.last)
        #expect(["surface_dice", "dice", "hausdorff_95_mm"].allSatisfy { last[$0] is NSNull }, "\(last)")
    }

    @Test("cases whose references say when they were made have a trend in that order, two of them none")
    func trendOfCases() {
        func timed(_ name: String, _ day: Int?) -> CohortReport.Case {
            var one = scored(name, shift: 1)
            one.time = day.map { "2024-01-0\($0)T00:00:00" }
            return one
        }
        let cohort = CohortReport(cases: [timed("a", 3), timed("b", 1), timed("none", nil), timed("c", 2)])
        let charts = cohort.charts()
        #expect(charts.map(\.names) == [["b", "c", "a"]])
        let page = cohortHTML(cohort, charts: charts)
        #expect(page.contains("<h2>Trend</h2>") && page.contains("says when it was made") && !page.contains("model "))
        #expect(CohortReport(cases: [timed("a", 1), timed("b", 2), timed("c", nil)]).charts().isEmpty)
    }

    @Test("a case of a rejected reference is scored and told, and is in no mean, plot, trend or list of the worst")
    func rejectedReference() throws {
        var rejected = scored("wrong", shift: 9)
        rejected.referenceWasRejected = true
        let cohort = CohortReport(cases: [
            scored("a", shift: 1), scored("b", shift: 2), scored("c", shift: 3), rejected,
        ])
        let dice = try #require(cohort.summary.first?.measures["dice"])
        #expect(dice.count == 3 && dice.minimum.map { abs($0 - 12.0 / 15) < 1e-12 } == true)
        #expect(cohort.worst.map(\.name) == ["c", "b", "a"] && cohort.rejected.map(\.name) == ["wrong"])
        #expect(cohort.charts().map(\.names) == [["a", "b", "c"]])
        let page = cohortHTML(cohort, charts: cohort.charts())
        #expect(page.components(separatedBy: "wrong").count == 2 && page.contains("wrong (rejected)"))
        let all = CohortReport(cases: [rejected])
        #expect(all.summary.isEmpty && all.worst.isEmpty && !cohortHTML(all).contains("<h2>Distributions</h2>"))
    }

    @Test("what is missing is named, and the published lines are drawn for lungs of the published data alone")
    func contents() {
        var cohort = cohort
        #expect(!cohortHTML(cohort).contains("0.95 published"))
        cohort.publishedStructures = ["Lung_L"]
        let page = cohortHTML(cohort)
        for text in [
            "3 cases scored, 1 could not be scored, 2 without a partner", "d was not scored: E_NO_GRID",
            "e: no partner in the prediction", "f: no partner in the reference", "0.95 published",
        ] {
            #expect(page.contains(text), "\(text)")
        }
        var hearts = CohortReport(cases: [
            scored("a", structure: "Heart", shift: 1), scored("b", structure: "Heart", shift: 2),
        ])
        hearts.publishedStructures = ["Lung_L"]
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

    @Test("scores of a demonstration say so before all of them, and no others do")
    func demonstration() throws {
        var shown = cohort
        shown.demonstration = true
        let page = cohortHTML(shown)
        let place = try #require(page.range(of: "DEMONSTRATION: never for patients"))
        #expect(place.lowerBound < (try #require(page.range(of: "3 cases scored"))).lowerBound)
        func json(_ cohort: CohortReport) throws -> String {
            String(decoding: try JSONEncoder().encode(cohort), as: UTF8.self)
        }
        #expect(try json(shown).contains(#""demonstration":true"#))
        #expect(try !json(cohort).contains("demonstration") && !cohortHTML(cohort).contains("DEMONSTRATION"))
    }

    @Test("three cases have no interval, and the table says why")
    func noInterval() {
        #expect(cohortHTML(cohort).contains("<td>n&nbsp;&lt;&nbsp;5</td>"))
    }

    @Test("where limits lie near the mean their words do not lie over each other")
    func chartWords() {
        let near = cohortHTML(CohortReport(cases: []), charts: [chart(Array(repeating: 0.97, count: 21) + [0.2])])
        #expect(near.contains(">limits<") && !near.contains(">median<") && !near.contains(">limit<"))
        let apart = cohortHTML(CohortReport(cases: []), charts: [chart((0..<22).map { $0 % 2 == 0 ? 0.95 : 0.97 })])
        #expect(apart.contains(">median<") && apart.contains(">limit<"))
    }

    @Test("values that hardly differ stand on an axis whose numbers have room and differ")
    func fineAxis() throws {
        let page = cohortHTML(CohortReport(cases: []), charts: [chart([0.991157, 0.991160])])
        let labels = page.matches(of: /class="tick"[^>]*text-anchor="end">([0-9.]+)</).map { String($0.output.1) }
        #expect(
            labels.count >= 3 && Set(labels).count == labels.count && labels.allSatisfy { $0.count <= 6 },
            "\(labels)"
        )
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

    private func outcome(_ scan: String, _ run: Int64, status: String = "edited") -> RecordedOutcome {
        RecordedOutcome(
            scan: scan,
            run: run,
            structure: "Lung_L",
            model: "m",
            name: "\(run)",
            time: "2024-01-02T03:04:05.000Z",
            status: status,
            approval: "APPROVED",
            scores: ["edited", "scored"].contains(status) ? scored("x", shift: 1).structures[0] : nil
        )
    }

    @Test("outcomes that are never scored are charted, too, and the page tells when they take over")
    func shares() throws {
        let edited = (0..<20).map { outcome("\($0)", Int64($0)) }
        let then = (20..<60).map { outcome("\($0)", Int64($0), status: "removed") }
        let all = edited + then
        let shares = try #require(all.shares(baseline: 20).first)
        #expect(shares.chart.state == .drifting && shares.chart.words.hasPrefix("LOOK"))
        let page = cohortHTML(CohortReport(cases: []), charts: all.charts(baseline: 20), shares: [shares])
        #expect(page.contains("Look at the trend of Lung_L") && page.contains("removed 0 of the first 20"))
        let quiet = cohortHTML(CohortReport(cases: []), shares: edited.shares(baseline: 20))
        #expect(!quiet.contains("Look at the trend") && quiet.contains("Edited, unedited, removed"))
        #expect([outcome("1", 1, status: "scored")].shares(baseline: 20).isEmpty)
    }

    @Test("cases without anything to score are none that could not be scored")
    func unedited() {
        let page = cohortHTML(CohortReport(cases: [CohortReport.Case(name: "a")]))
        #expect(!page.contains("could not be scored") && page.contains("1 with nothing to score"))
    }

    @Test("missing cases are never folded away among remarks")
    func missingIsOpen() throws {
        var cohort = cohort
        cohort.cases[0].unmatchedReference = (0..<20).map { "Organ\($0)" }
        cohort.findings = ["of other patients"]
        let page = cohortHTML(cohort)
        let (missing, folded) = (
            try #require(page.range(of: "e: no partner in the prediction")), try #require(page.range(of: "<details>"))
        )
        #expect(missing.lowerBound < folded.lowerBound && page.contains("What is missing (3)"))
        #expect(page.contains("Show all 20"))
        let whole = try #require(page.range(of: "To be known of the whole</h2><ul><li>of other patients"))
        #expect(whole.lowerBound < folded.lowerBound)
    }

    @Test("no limit and no axis of a share reaches beyond 1, and the caption tells what was flagged before")
    func chartEnds() {
        var values = (0..<21).map { $0 % 2 == 0 ? 0.97 : 0.99 }
        values[7] = 0.2
        let page = cohortHTML(CohortReport(cases: []), charts: [chart(values)])
        #expect(!page.contains(">1.2<") && !page.contains(">1.05<") && !page.contains(">1.1<"))
        #expect(page.contains("within the limits, one before it was flagged"))
        let one = cohortHTML(CohortReport(cases: [scored("a", shift: 0)]))
        // A single Dice of 1 and a difference of 0 % have a scale around them.
        #expect(!one.contains(">1.02<") && one.contains(">-0.10<"))
    }
}
