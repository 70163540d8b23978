import Foundation
import Segmentation

/// The course of a training as a picture (SVG) that needs no program to draw: loss and learning rate above; Dice, surface
/// Dice, precision and recall of the validation below, as means over the structures. The best epoch is marked.
func learningCurve(_ history: TrainingHistory) -> String {
    let epochs = history.epochs
    let last = max(epochs.count, 2)
    let losses = epochs.filter { $0.meanLoss.isFinite }.map { ($0.number, $0.meanLoss) }
    let topLoss = roundedUp(losses.map(\.1).max() ?? 1)
    let rates = epochs.map { ($0.number, $0.learningRate) }
    let topRate = max(rates.map(\.1).max() ?? 1, .leastNormalMagnitude)
    func means(_ value: (ValidationMeasures) -> Double?) -> [(Int, Double)] {
        epochs.compactMap { epoch in
            let values = epoch.validationMeasures.values.compactMap(value)
            return values.isEmpty ? nil : (epoch.number, values.reduce(0, +) / Double(values.count))
        }
    }
    let dice = epochs.compactMap { epoch in epoch.meanDice.map { (epoch.number, $0) } }
    var upper = CurvePanel(top: 40, last: last, limits: 0...topLoss)
    upper.add(losses, "loss", color: "#0072b2", dashes: "")
    upper.add(
        rates.map { ($0.0, $0.1 / topRate * topLoss) },
        String(format: "learning rate (largest %.2g)", topRate),
        color: "#888888",
        dashes: "2 3"
    )
    let shown = [dice, means(\.surfaceDice2MM), means(\.precision), means(\.recall)]
    let lowest = shown.flatMap { $0.map(\.1) }.min() ?? 0
    // The end of a training is what is looked at: an axis from 0 would hide it.
    var lower = CurvePanel(top: 290, last: last, limits: (lowest >= 0.5 ? 0.5 : 0)...1)
    let styles = [
        ("Dice", "#0072b2", ""), ("surface Dice 2 mm", "#d55e00", "6 3"), ("precision", "#009e73", "2 3"),
        ("recall", "#cc79a7", "8 3 2 3"),
    ]
    for (points, style) in zip(shown, styles) { lower.add(points, style.0, color: style.1, dashes: style.2) }
    if let best = history.bestEpoch {
        upper.mark(best)
        lower.mark(best)
    }
    return """
        <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 540" font-family="sans-serif" font-size="11">
        <title>Learning curve</title>
        <rect width="100%" height="100%" fill="white"/>
        <text x="50" y="20" font-size="13">Training: mean of each epoch</text>
        \(upper.svg)
        <text x="50" y="270" font-size="13">Validation: means over the structures, on the model's grid</text>
        \(lower.svg)
        <text x="560" y="535" text-anchor="end">epoch</text>
        </svg>

        """
}

/// 1, 2 or 5 times a power of ten, not below the value.
private func roundedUp(_ value: Double) -> Double {
    guard value > 0 else { return 1 }
    let power = pow(10, floor(log10(value)))
    return [1.0, 2, 5, 10].map { $0 * power }.first { $0 >= value } ?? value
}

/// One set of axes with its lines and their legend.
private struct CurvePanel {
    private let left = 50.0
    private let width = 510.0
    private let height = 190.0
    private let top: Double
    private let last: Int
    private let limits: ClosedRange<Double>
    private var parts: [String] = []
    private var legendCount = 0

    /// - Parameter last: the last epoch of the axis.
    init(top: Double, last: Int, limits: ClosedRange<Double>) {
        (self.top, self.last, self.limits) = (top, last, limits)
        for n in 0...5 {
            let value = limits.lowerBound + (limits.upperBound - limits.lowerBound) * Double(n) / 5
            parts.append(
                "<path d=\"M\(left) \(y(value))h\(width)\" stroke=\"#dddddd\"/>"
                    + "<text x=\"\(left - 6)\" y=\"\(y(value) + 4)\" text-anchor=\"end\">\(String(format: "%.3g", value))</text>"
            )
        }
        let step = max(1, Int(roundedUp(Double(last) / 10)))
        for epoch in stride(from: step, through: last, by: step) {
            parts.append("<text x=\"\(x(epoch))\" y=\"\(top + height + 14)\" text-anchor=\"middle\">\(epoch)</text>")
        }
        parts.append("<path d=\"M\(left) \(top)v\(height)h\(width)\" fill=\"none\" stroke=\"black\"/>")
    }

    private func x(_ epoch: Int) -> Double { rounded(left + Double(epoch - 1) / Double(last - 1) * width) }

    private func y(_ value: Double) -> Double {
        let part = (value - limits.lowerBound) / (limits.upperBound - limits.lowerBound)
        return rounded(top + height * (1 - min(max(part, 0), 1)))
    }

    private func rounded(_ value: Double) -> Double { (value * 10).rounded() / 10 }

    /// A line with a dot at every value: a single validation is seen, too.
    mutating func add(_ points: [(Int, Double)], _ name: String, color: String, dashes: String) {
        guard !points.isEmpty else { return }
        let path = points.map { "\(x($0.0)),\(y($0.1))" }.joined(separator: " ")
        let style = "fill=\"none\" stroke=\"\(color)\" stroke-width=\"1.5\" stroke-dasharray=\"\(dashes)\""
        parts.append("<polyline \(style) points=\"\(path)\"/>")
        parts += points.map { "<circle cx=\"\(x($0.0))\" cy=\"\(y($0.1))\" r=\"1.8\" fill=\"\(color)\"/>" }
        let at = top + 10 + 16 * Double(legendCount)
        parts.append(
            "<path d=\"M570 \(at)h22\" \(style)/><text x=\"598\" y=\"\(at + 4)\">\(name)</text>"
        )
        legendCount += 1
    }

    mutating func mark(_ epoch: Int) {
        parts.append("<path d=\"M\(x(epoch)) \(top)v\(height)\" stroke=\"black\" stroke-dasharray=\"1 3\"/>")
        parts.append("<text x=\"\(x(epoch))\" y=\"\(top - 3)\" text-anchor=\"middle\">best</text>")
    }

    var svg: String { parts.joined(separator: "\n") }
}
