import Metrics

/// An axis with ticks at round numbers.
struct PlotAxis {
    let lower: Double
    let upper: Double
    let ticks: [Double]
    private let digits: Int
    /// In every measure that is drawn (a share, mm, %) less is no difference, and numbers at its ticks would have more digits than
    /// there is room for.
    private static let leastRange = 0.005

    /// - Parameters:
    ///   - values: what it must show.
    ///   - bounds: that values of the measure never lie beyond; the axis ends there.
    init(_ values: [Double], count: Int = 5, within bounds: ClosedRange<Double> = -Double.infinity...Double.infinity) {
        var low = values.min() ?? 0
        var high = max(values.max() ?? 1, low)
        if high == low {
            // One value alone stands between two others, not at the end of a scale that nothing gave.
            let room = max(abs(high), 1) * 0.1
            (low, high) = (max(low - room, bounds.lowerBound), min(high + room, bounds.upperBound))
        }
        if high - low < Self.leastRange {
            let room = (Self.leastRange - (high - low)) / 2
            (low, high) = (max(low - room, bounds.lowerBound), min(high + room, bounds.upperBound))
        }
        let range = high > low ? high - low : 1
        var step = 1.0
        while step > range / Double(count) { step /= 10 }
        while step * 10 <= range / Double(count) { step *= 10 }
        // 1, 2 or 5 times a power of ten.
        if let factor = [2.0, 5, 10].last(where: { step * $0 <= range / Double(count) * 1.5 }) { step *= factor }
        lower = (low / step).rounded(.down) * step
        upper = max((high / step).rounded(.up) * step, lower + step)
        let first = Int((lower / step).rounded())
        ticks = (0...Int(((upper - lower) / step).rounded())).map { Double(first + $0) * step }
        var digits = 0
        while digits < 6, abs((step * Self.power(digits)).rounded() - step * Self.power(digits)) > 1e-9 { digits += 1 }
        self.digits = digits
    }

    /// 0 at the lower end, 1 at the upper.
    func place(_ value: Double) -> Double { (min(max(value, lower), upper) - lower) / (upper - lower) }

    func label(_ tick: Double) -> String { fixed(tick, digits: digits) }

    private static func power(_ digits: Int) -> Double { (0..<digits).reduce(1) { value, _ in value * 10 } }
}

/// A number with exactly so many digits behind the point.
func fixed(_ value: Double, digits: Int) -> String {
    var scale = 1
    for _ in 0..<digits { scale *= 10 }
    let scaled = (abs(value) * Double(scale)).rounded()
    guard scaled < 1e15 else { return "\(value)" }
    let whole = Int(scaled)
    let sign = value < 0 && whole > 0 ? "-" : ""
    guard digits > 0 else { return "\(sign)\(whole)" }
    let behind = String(whole % scale)
    return "\(sign)\(whole / scale)." + String(repeating: "0", count: digits - behind.count) + behind
}

/// One distribution of a box plot.
struct PlotSample {
    var label: String
    var values: [Double]
    /// Whether published values are of what it shows.
    var isPublished = false
}

/// A line across the rows of a plot that it is about, with a word about it.
struct PlotReference {
    var value: Double
    var label: String
}

/// Distributions as boxes with every value as a dot, one row each under its name, which may be long: quartiles, median,
/// whiskers to the last value within 1.5 interquartile ranges (Tukey). Reads without colour: values beyond the whiskers are
/// hollow.
func boxPlot(
    _ samples: [PlotSample],
    title: String,
    references: [PlotReference] = [],
    within bounds: ClosedRange<Double>
) -> String {
    let shown = samples.filter { !$0.values.isEmpty }
    guard !shown.isEmpty else { return "" }
    let axis = PlotAxis(shown.flatMap(\.values) + references.map(\.value), within: bounds)
    let (left, width, row, name) = (24.0, 400.0, 58.0, 20.0)
    let height = row * Double(shown.count)
    let top = references.isEmpty ? 8.0 : 12 + 18 * Double(references.count)
    func x(_ value: Double) -> Double { left + width * axis.place(value) }
    var svg = axis.ticks.map { tick in
        line(x(tick), top, x(tick), top + height, "grid")
            + text(axis.label(tick), x(tick), top + height + 16, anchor: "middle", "tick")
    }.joined()
    for (index, reference) in references.enumerated() {
        let at = x(reference.value)
        for (n, sample) in shown.enumerated() where sample.isPublished {
            svg += line(at, top + row * Double(n), at, top + row * Double(n + 1), "goal")
        }
        let isRight = at > left + width / 2
        svg += text(
            reference.label,
            at + (isRight ? -5 : 5),
            14 + 18 * Double(index),
            anchor: isRight ? "end" : "start",
            "goal-label"
        )
    }
    for (index, sample) in shown.enumerated() {
        let rowTop = top + row * Double(index)
        let y = rowTop + name + (row - name) / 2
        svg += text(sample.label, left, rowTop + 14, anchor: "start", "name") + box(of: sample.values, at: y, x)
    }
    return figure(svg, width: left + width + 24, height: top + height + 26, title: title)
}

private func box(of values: [Double], at y: Double, _ x: (Double) -> Double) -> String {
    let sorted = values.sorted()
    let (q1, median, q3) = (
        quantile(0.25, ofSorted: sorted), quantile(0.5, ofSorted: sorted), quantile(0.75, ofSorted: sorted)
    )
    let reach = 1.5 * (q3 - q1)
    let inner = sorted.filter { $0 >= q1 - reach && $0 <= q3 + reach }
    var svg = ""
    if sorted.count >= 4, let low = inner.first, let high = inner.last {
        svg += line(x(low), y, x(q1), y, "whisker") + line(x(q3), y, x(high), y, "whisker")
        svg += line(x(low), y - 6, x(low), y + 6, "whisker") + line(x(high), y - 6, x(high), y + 6, "whisker")
        svg += """
            <rect class="box" x="\(fixed(x(q1), digits: 1))" y="\(fixed(y - 12, digits: 1))" \
            width="\(fixed(max(1, x(q3) - x(q1)), digits: 1))" height="24"/>
            """
        svg += line(x(median), y - 12, x(median), y + 12, "median")
    }
    for (index, value) in sorted.enumerated() {
        // Dots beside each other stay apart; where they are is no chance.
        let offset = Double([0, 5, -5, 2.5, -2.5, 7.5, -7.5][index % 7])
        let isOuter = value < q1 - reach || value > q3 + reach
        svg += """
            <circle class="\(isOuter ? "dot outer" : "dot")" cx="\(fixed(x(value), digits: 1))" \
            cy="\(fixed(y + offset, digits: 1))" r="2.6"/>
            """
    }
    return svg
}

func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ kind: String) -> String {
    """
    <line class="\(kind)" x1="\(fixed(x1, digits: 1))" y1="\(fixed(y1, digits: 1))" x2="\(fixed(x2, digits: 1))" \
    y2="\(fixed(y2, digits: 1))"/>
    """
}

func text(_ words: String, _ x: Double, _ y: Double, anchor: String, _ kind: String) -> String {
    """
    <text class="\(kind)" x="\(fixed(x, digits: 1))" y="\(fixed(y, digits: 1))" \
    text-anchor="\(anchor)">\(escaped(words))</text>
    """
}

func figure(_ svg: String, width: Double, height: Double, title: String) -> String {
    """
    <figure class="plot"><svg viewBox="0 0 \(Int(width)) \(Int(height))" role="img" \
    aria-label="\(escaped(title))"><title>\(escaped(title))</title>\(svg)</svg>\
    <figcaption>\(escaped(title))</figcaption></figure>
    """
}
