import Report
import Testing

@Suite("The model card on the report page")
struct ModelCardPageTests {
    private func page(_ card: String) -> String { reportHTML(report(everyText: "x"), pictures: [], modelCard: card) }

    @Test("headings, paragraphs, lists, tables and code are shown as such")
    func rendered() {
        let page = page(
            """
            # lungs 1.0

            One paragraph
            of two lines with `code*` and **strong** words.

            ## Limits
            - first
              goes on
            - second

            | case | role |
            |---|---|
            | *a* | generated-* |
            """
        )
        for piece in [
            "<h3>lungs 1.0</h3>",
            "<p>One paragraph of two lines with <code>code*</code> and <strong>strong</strong> words.</p>",
            "<li>first goes on</li><li>second</li>", "<th scope=\"col\">case</th>",
            "<td><em>a</em></td><td>generated-*</td>",
        ] {
            #expect(page.contains(piece), "\(piece)")
        }
        #expect(!page.contains("|---|"))
    }

    @Test("its tables cost no paper, and markup in it stays text")
    func printed() {
        let page = page("| <b>a | ` |\n- `<i>`")
        #expect(page.contains(".card .scroll{display:none}") && !page.contains("<b>a") && !page.contains("<i>"))
        #expect(page.contains("&lt;b&gt;a") && page.contains("<code>&lt;i&gt;</code>"))
    }
}
