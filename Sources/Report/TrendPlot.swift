import Metrics

/// A control chart as a picture. Reads without colour: values in limits are dots, flagged ones are large diamonds.
func trendPlot(_ outcome: OutcomeChart) -> String {
    let chart = outcome.chart
    guard !chart.points.isEmpty else { return "" }
    // A share: a limit beyond 0 or 1 is none, and is drawn where the scale ends.
    let limits = chart.limits.map { [max(0, $0.lower), min(1, $0.upper)] } ?? []
    let axis = PlotAxis(chart.points.map(\.value) + limits, count: 4, within: 0...1)
    let (left, top, width, height) = (48.0, 14.0, 400.0, 170.0)
    let step = width / Double(max(1, chart.points.count - 1))
    func x(_ index: Int) -> Double { chart.points.count == 1 ? left + width / 2 : left + step * Double(index) }
    func y(_ value: Double) -> Double { top + height * (1 - axis.place(value)) }
    var svg = axis.ticks.map { tick in
        line(left, y(tick), left + width, y(tick), "grid")
            + text(axis.label(tick), left - 8, y(tick) + 4, anchor: "end", "tick")
    }.joined()
    if let centre = chart.centre, let lower = limits.first {
        svg += line(left, y(centre), left + width, y(centre), "centre")
        for limit in limits { svg += line(left, y(limit), left + width, y(limit), "limit") }
        // Words need their height: limits near the mean share its line.
        let isNarrow = abs(y(lower) - y(centre)) < 13
        svg += text(isNarrow ? "limits" : "median", left + width + 6, y(centre) + 4, anchor: "start", "tick")
        if !isNarrow { svg += text("limit", left + width + 6, y(lower) + 4, anchor: "start", "tick") }
        let edge = (x(chart.baseline - 1) + x(min(chart.baseline, chart.points.count - 1))) / 2
        if chart.points.count > chart.baseline {
            svg +=
                line(edge, top, edge, top + height, "goal")
                + text("baseline", edge - 5, top + height - 6, anchor: "end", "goal-label")
        }
    }
    let path = chart.points.indices.compactMap { index in
        chart.points[index].weightedMean.map { "\(fixed(x(index), digits: 1)),\(fixed(y($0), digits: 1))" }
    }
    if path.count > 1 { svg += "<polyline class=\"weighted\" points=\"\(path.joined(separator: " "))\"/>" }
    for (index, point) in chart.points.enumerated() {
        let (cx, cy) = (x(index), y(point.value))
        let told = "\(outcome.names[index]), \(outcome.times[index].prefix(10)): \(fixed(point.value, digits: 4))"
        let words = point.flags.isEmpty ? told : told + " (" + point.flags.map(\.rawValue).joined(separator: ", ") + ")"
        let shape =
            point.flags.isEmpty
            ? "<circle class=\"dot\" cx=\"\(fixed(cx, digits: 1))\" cy=\"\(fixed(cy, digits: 1))\" r=\"3\">"
            : "<path class=\"flagged\" d=\"M\(fixed(cx, digits: 1)) \(fixed(cy - 7, digits: 1))l7 7l-7 7l-7 -7z\">"
        svg += shape + "<title>\(escaped(words))</title>" + (point.flags.isEmpty ? "</circle>" : "</path>")
    }
    for index in Set([0, chart.points.count - 1]).sorted() {
        let anchor = index == 0 ? "start" : "end"
        svg += text(String(outcome.times[index].prefix(10)), x(index), top + height + 18, anchor: anchor, "tick")
    }
    let model = outcome.model.isEmpty ? "" : ", model \(outcome.model)"
    let title = "\(outcome.structure), \(outcome.measure)\(model): \(words(for: chart))"
    return figure(svg, width: left + width + 62, height: top + height + 26, title: title)
}

private func words(for chart: ControlChart) -> String {
    switch chart.state {
    case .collecting: "\(chart.points.count) of \(chart.baseline) outcomes for the limits"
    case .stable:
        switch chart.points.count(where: { !$0.flags.isEmpty }) {
        case 0: "all outcomes lie within the limits"
        case 1: "the latest outcome lies within the limits, one before it was flagged"
        case let count: "the latest outcome lies within the limits, \(count) before it were flagged"
        }
    case .drifting:
        "LOOK: the latest outcome is flagged ("
            + (chart.points.last?.flags.map(\.rawValue).joined(separator: ", ") ?? "") + ")"
    }
}

/// Dice of each slice from the lowest to the highest. Slices that one of the masks lacks are crosses at 0.
func sliceDicePlot(_ name: String, first: Int, _ values: [Double?]) -> String {
    let (left, top, width, height) = (40.0, 10.0, 400.0, 120.0)
    func x(_ index: Int) -> Double { left + width * Double(index) / Double(max(1, values.count - 1)) }
    func y(_ value: Double) -> Double { top + height * (1 - value) }
    var svg = [0, 0.5, 0.9, 1].map { tick in
        line(left, y(tick), left + width, y(tick), "grid")
            // Letters are larger on a phone: 0.9 would lie over 1.0.
            + (tick == 0.9 ? "" : text(fixed(tick, digits: 1), left - 6, y(tick) + 4, anchor: "end", "tick"))
    }.joined()
    var parts: [[String]] = [[]]
    for (index, value) in values.enumerated() {
        guard let value else {
            parts.append([])
            continue
        }
        parts[parts.count - 1].append("\(fixed(x(index), digits: 1)),\(fixed(y(value), digits: 1))")
        if value == 0 {
            let (cx, cy) = (x(index), y(0))
            svg += line(cx - 3, cy - 3, cx + 3, cy + 3, "missed") + line(cx - 3, cy + 3, cx + 3, cy - 3, "missed")
        }
    }
    for part in parts where part.count > 1 {
        svg += "<polyline class=\"curve\" points=\"\(part.joined(separator: " "))\"/>"
    }
    svg += text("\(first + 1)", left, top + height + 16, anchor: "start", "tick")
    svg += text("slice \(first + values.count)", left + width, top + height + 16, anchor: "end", "tick")
    let worst = values.compactMap { $0 }.min().map { fixed($0, digits: 3) } ?? "undefined"
    return figure(
        svg,
        width: left + width + 12,
        height: top + height + 22,
        title: "\(name): lowest \(worst); crosses: only one of both has the slice"
    )
}
