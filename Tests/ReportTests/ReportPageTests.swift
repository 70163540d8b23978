import Foundation
import Report
import Testing

@Suite("The report page")
struct ReportPageTests {
    private let hostile = "<script>alert('x')</script>\"><img src=http://evil.example/a.png onerror=\"b\">&amp;"

    @Test(
        "names and texts from outside are text, never HTML",
        arguments: [CaseReport.Verdict.delivered, .review, .refused]
    )
    func escaping(_ verdict: CaseReport.Verdict) throws {
        let picture = CasePicture(role: .axial, caption: hostile, png: Data([1, 2, 3]))
        let page = reportHTML(report(everyText: hostile, verdict: verdict), pictures: [picture], modelCard: hostile)
        #expect(!page.contains("<script") && !page.contains("<img src=http") && !page.contains("onerror=\"b\""))
        #expect(page.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot;&gt;"))
        #expect(page.contains("&amp;amp;"))
    }

    @Test("the page opens offline: it refers to nothing outside of itself")
    func offline() {
        let picture = CasePicture(role: .strip, caption: "Axial slices", png: Data([1, 2, 3]))
        let page = reportHTML(report(everyText: "plain"), pictures: [picture], modelCard: "# Card")
        for link in ["http:", "https:", "//", "url(", "<link", "<script", "@import", "<iframe", "<base"] {
            #expect(!page.contains(link), "\(link)")
        }
        let sources = page.components(separatedBy: "src=").dropFirst()
        #expect(sources.count == 1 && sources.allSatisfy { $0.hasPrefix("\"data:image/png;base64,AQID\"") })
        #expect(!page.contains("href="))
    }

    @Test("the page says where the network was run, counted from 1, and why everywhere")
    func crop() {
        var report = report(everyText: "plain")
        #expect(!reportHTML(report, pictures: [], modelCard: nil).contains("Network run on"))
        report.crop = CaseReport.CropSummary(
            grid: [192, 160, 100],
            columns: [16, 175],
            rows: [32, 143],
            slices: [9, 59],
            computedVoxels: 1_024_000,
            wholeGridVoxels: 3_072_000,
            widenedSlices: 0,
            wholeGrid: nil
        )
        let page = reportHTML(report, pictures: [], modelCard: nil)
        let place = "columns 17 to 176 of 192, rows 33 to 144 of 160, slices 10 to 60 of 100: 33 % of the voxels"
        #expect(page.contains(place) && !page.contains("again on the whole picture"))
        report.crop?.widenedSlices = 3
        #expect(reportHTML(report, pictures: [], modelCard: nil).contains("; 3 slices again on the whole picture"))
        report.crop?.wholeGrid = "nothingSuspected"
        let all = reportHTML(report, pictures: [], modelCard: nil)
        #expect(all.contains("the whole grid (a coarse look saw no structure): 33 % of the voxels"))
    }

    @Test("every element that is opened is closed")
    func wellFormed() throws {
        let page = reportHTML(report(everyText: "a<b&c"), pictures: [], modelCard: "x")
        var open: [String] = []
        for piece in page.components(separatedBy: "<").dropFirst() {
            let tag = try #require(piece.components(separatedBy: ">").first)
            let name = try #require(tag.components(separatedBy: .whitespaces).first)
            if name.hasPrefix("!") || ["meta", "img", "br"].contains(name) || tag.hasSuffix("/") { continue }
            if name.hasPrefix("/") { #expect(open.popLast() == String(name.dropFirst())) } else { open.append(name) }
        }
        #expect(open.isEmpty)
    }

    @Test("the verdict and the warnings come first, and that nobody has reviewed the contours")
    func order() throws {
        let page = reportHTML(report(everyText: "TEXT"), pictures: [], modelCard: nil)
        let places = try [
            "Look here first", "Automatic, not reviewed", "DEMONSTRATION MODEL", "<h2>Findings", "<h2>Structures",
            "<h2>Agreement", "<h2>CT", "<h2>Model", "<h2>How it was made",
        ]
        .map { try #require(page.range(of: $0), "\($0)").lowerBound }
        #expect(places == places.sorted())
        let delivered = reportHTML(report(everyText: "TEXT", verdict: .delivered), pictures: [], modelCard: nil)
        #expect(delivered.contains("Automatic, not reviewed") && delivered.contains("Contours delivered"))
    }

    @Test(
        "the page of an evaluation has verdict and findings, then its scores, then what was said of the contours before"
    )
    func orderOfEvaluation() throws {
        let page = reportHTML(
            report(everyText: "TEXT", verdict: .review),
            pictures: [],
            modelCard: nil,
            isEvaluation: true
        )
        let places = try ["Automatic, not reviewed", "<h2>Findings", "<h2>Agreement", "<h2>Structures", "<h2>CT"]
            .map { try #require(page.range(of: $0), "\($0)").lowerBound }
        #expect(places == places.sorted())
    }

    @Test("numbers are rounded for people, undefined ones are a dash, slices count from 1")
    func numbers() {
        var report = report(everyText: "TEXT")
        report.structures[0].confidence = nil
        let page = reportHTML(report, pictures: [], modelCard: nil)
        for text in [
            "<td>1235</td>", "<td>&ndash;</td>", "<td>-812</td>", "<td>4&ndash;18</td>", "0.977 x 0.977 x 2.5 mm",
        ] {
            #expect(page.contains(text), "\(text)")
        }
    }

    @Test("what the model is for, what it learned from and what it cannot do is told in brief, the card beside it")
    func modelBrief() {
        let card = """
            # lungs 1.0

            ## Intended use

            A first contour
            of both lungs.

            Structures: Lung_L.

            ## Training data

            | cases | source | licence | citation |
            |---|---|---|---|
            | *a-* | First <collection> | CC BY 4.0 | Somebody |
            | *b-* | Second | CC0 | Nobody |

            Drawn by one person in README.md words. Every week.

            | case | role | slices | remark |
            |---|---|---|---|
            | a-1 | training | 10 |  |

            ## Limits

            - Not for children.
            - Not a medical device.
            """
        let page = reportHTML(report(everyText: "TEXT"), pictures: [], modelCard: card)
        for text in [
            "<dt>Intended use</dt><dd>A first contour of both lungs.</dd>",
            "<dd>First &lt;collection&gt;, Second. Drawn by one person in README.md words.</dd>",
            "<h3>Limits</h3><ul><li>Not for children.</li><li>Not a medical device.</li></ul>",
        ] { #expect(page.contains(text), "\(text)") }
        let plain = reportHTML(report(everyText: "TEXT"), pictures: [], modelCard: "# Of another kind")
        #expect(!plain.contains("<dt>Intended use") && !plain.contains("<h3>Limits"))
    }

    @Test("a page without the CT's pixels says so, and what it leaves out")
    func withoutPixels() {
        let picture = CasePicture(role: .coronal, caption: "Coronal", png: Data([1, 2, 3]))
        let report = report(everyText: "TEXT")
        for pictures in [[picture], []] {
            let page = reportHTML(report, pictures: pictures, modelCard: nil, isEvaluation: true, lacksPixels: true)
            #expect(page.contains("The CT cannot be shown") && page.contains("first and last slices"))
        }
        #expect(!reportHTML(report, pictures: [picture], modelCard: nil).contains("The CT cannot be shown"))
    }

    @Test("report.json keeps everything and can be read back")
    func json() throws {
        let report = report(everyText: "Üml\"aut\n")
        let data = try JSONEncoder().encode(report)
        let again = try JSONEncoder().encode(JSONDecoder().decode(CaseReport.self, from: data))
        let (a, b) = (try JSONSerialization.jsonObject(with: data), try JSONSerialization.jsonObject(with: again))
        #expect((a as? NSDictionary)?.isEqual(b) == true)
    }
}

@Suite("REFUSED.txt")
struct RefusalTextTests {
    private func refused(message: String, details: [String] = []) -> CaseReport {
        var report = report(everyText: "x", verdict: .refused)
        report.fault = .init(
            code: "E_MISSING_SLICE",
            kind: "permanent",
            message: message,
            hint: "Send the missing slices.",
            details: details
        )
        report.softwareVersion = "9.8.7"
        return report
    }

    @Test("it names the reason, the code, the slices and what to do")
    func contents() {
        let text = refusalText(
            refused(
                message: "2 slices are missing.",
                details: ["E_MISSING_SLICE: 2 slices are missing.", "  2 missing between slice 3 and slice 6"]
            ),
            name: "1.2.3-r2",
            of: .series(number: 7)
        )
        for part in [
            "This CT was not contoured.", "Result: 1.2.3-r2", "Why: 2 slices are missing.", "Code: E_MISSING_SLICE",
            "What to do: Send the missing slices.", "    2 missing between slice 3 and slice 6", "contourctl retry 7",
            "9.8.7",
        ] { #expect(text.contains(part), "\(part)") }
        #expect(text.hasSuffix("\n"))
    }

    @Test("it names the series and the part of it, so that the CT is found again")
    func identity() {
        var report = refused(message: "It is short.")
        report.series = series("1.2.840.99")
        let text = refusalText(report, name: "1.2.840.99-s2", of: .input)
        for part in [
            "Series Instance UID: 1.2.840.99", "Study Instance UID: 1.2.840.99", "Number of images: 99",
            "Frame of Reference UID: 1.2.840.99", "Part: 2 of 3", "Acquisition Number: 1.2.840.99",
        ] { #expect(text.contains("  \(part)\n"), "\(part)") }
        #expect(
            report.series?.part?.text
                == "part 2 of 3 of its series, which differ in Acquisition Number (here 1.2.840.99)"
        )
    }

    @Test("advice fits who made the attempt: nobody without the service is sent to it")
    func callers() {
        let report = refused(message: "It is short.")
        #expect(refusalText(report, name: "a", of: .series(number: 12)).contains("contourctl retry 12"))
        let alone = refusalText(report, name: "a", of: .input)
        #expect(alone.contains("contourctl run") && !alone.contains("retry") && !alone.contains("service"))
        #expect(refusalText(report, name: "files-3", of: .files).contains("contourctl show files"))
    }

    @Test("long reasons are wrapped and lose no word")
    func wrapping() {
        let message = (1...60).map { "word\($0)" }.joined(separator: " ")
        let text = refusalText(refused(message: message), name: "1.2.3", of: .input)
        #expect(text.split(separator: "\n").allSatisfy { $0.count <= 100 })
        let words = text.split(whereSeparator: \.isWhitespace).filter { $0.hasPrefix("word") }
        #expect(words.map(String.init) == (1...60).map { "word\($0)" })
    }
}
