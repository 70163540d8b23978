import Metrics

func shareSection(_ shares: [OutcomeShares]) -> String {
    """
    <section><h2>Edited, unedited, removed</h2><p class="small">What became of each structure, in the order in which outcomes \
    came: contours that are suddenly never changed, or thrown away, are news. Rule: \
    \(escaped(ShareChart.rule(baseline: shares[0].chart.baseline))).</p>
    \(shares.map(sharePlot).joined())</section>
    """
}

/// Each outcome as a dot in the row of its kind. Reads without colour: rows that are flagged have diamonds and words.
private func sharePlot(_ outcome: OutcomeShares) -> String {
    let chart = outcome.chart
    let (left, top, width, row) = (86.0, 10.0, 400.0, 30.0)
    let height = row * Double(chart.shares.count)
    let step = width / Double(max(1, chart.kinds.count - 1))
    func x(_ index: Int) -> Double { chart.kinds.count == 1 ? left + width / 2 : left + step * Double(index) }
    var svg = ""
    for (index, share) in chart.shares.enumerated() {
        let y = top + row * (Double(index) + 0.5)
        svg += line(left, y, left + width, y, "grid") + text(share.kind, left - 10, y + 4, anchor: "end", "name")
        for (n, kind) in chart.kinds.enumerated() where kind == share.kind {
            let told = "\(outcome.names[n]), \(outcome.times[n].prefix(10)): \(kind)"
            let isLatest = share.isFlagged && n >= chart.kinds.count - chart.latestCount
            svg +=
                isLatest
                ? "<path class=\"flagged\" d=\"M\(fixed(x(n), digits: 1)) \(fixed(y - 6, digits: 1))l6 6l-6 6l-6 -6z\">"
                : "<circle class=\"dot\" cx=\"\(fixed(x(n), digits: 1))\" cy=\"\(fixed(y, digits: 1))\" r=\"3\">"
            svg += "<title>\(escaped(told))</title>" + (isLatest ? "</path>" : "</circle>")
        }
    }
    if chart.kinds.count > chart.baseline {
        let edge = (x(chart.baseline - 1) + x(chart.baseline)) / 2
        svg +=
            line(edge, top, edge, top + height, "goal")
            + text("baseline", edge - 5, top + height + 16, anchor: "end", "goal-label")
    }
    let title = "\(outcome.structure), model \(outcome.model): \(outcome.chart.words)"
    return figure(svg, width: left + width + 20, height: top + height + 24, title: title)
}

extension ShareChart {
    /// What it says, for people.
    package var words: String {
        guard state != .collecting else { return "\(firstCount) of \(baseline) outcomes to compare with" }
        let counts = shares.filter { $0.first + $0.latest > 0 }.map { share in
            "\(share.kind) \(share.first) of the first \(firstCount)"
                + (latestCount > 0 ? " and \(share.latest) of the latest \(latestCount)" : "")
                + (share.isFlagged ? " (flagged)" : "")
        }
        return (state == .drifting ? "LOOK: " : "stable: ") + counts.joined(separator: ", ")
    }
}
