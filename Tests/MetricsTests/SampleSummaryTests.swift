import Foundation
import Metrics
import Testing

@Suite("Summaries of samples")
struct SampleSummaryTests {
    @Test("Mean, median and quartiles are NumPy's, and undefined values are counted and left out")
    func quartiles() throws {
        let summary = SampleSummary([0.9, nil, 0.7, 0.95, 0.8, nil, 0.99])
        #expect(summary.count == 5 && summary.undefined == 2)
        #expect(abs(try #require(summary.mean) - 0.868) < 1e-12)
        // numpy.percentile([0.7, 0.8, 0.9, 0.95, 0.99], [25, 50, 75])
        #expect(summary.lowerQuartile == 0.8 && summary.median == 0.9 && summary.upperQuartile == 0.95)
        #expect(summary.minimum == 0.7 && summary.maximum == 0.99)
        let four = SampleSummary([1, 2, 3, 10])
        #expect(four.lowerQuartile == 1.75 && four.median == 2.5 && four.upperQuartile == 4.75)
    }

    @Test("Intervals hold their statistic, narrow as the sample grows, and do not depend on order or chance")
    func bootstrap() throws {
        let few = (0..<10).map { 0.9 + 0.01 * Double($0 % 5) }
        let many = (0..<160).map { 0.9 + 0.01 * Double($0 % 5) }
        func width(_ values: [Double]) throws -> Double {
            let summary = SampleSummary(values)
            let interval = try #require(summary.meanConfidence95)
            let mean = try #require(summary.mean)
            #expect(interval[0] < mean && mean < interval[1])
            return interval[1] - interval[0]
        }
        #expect(try width(many) < 0.5 * width(few))
        // The interval of a mean of n values is about 2 * 1.96 standard errors wide: 0.01414 / sqrt(160).
        #expect(abs(try width(many) / (2 * 1.96 * 0.014142 / 160.0.squareRoot()) - 1) < 0.1)
        #expect(SampleSummary(few) == SampleSummary(few.reversed()))
    }

    @Test("Fewer than five values have no interval, five have one")
    func few() {
        let values = [0.9, 0.91, 0.93, 0.95, 0.99]
        for count in 1...4 {
            let summary = SampleSummary(Array(values.prefix(count)))
            #expect(summary.meanConfidence95 == nil && summary.medianConfidence95 == nil && summary.mean != nil)
        }
        #expect(SampleSummary(values).meanConfidence95 != nil)
        // Undefined values do not count.
        #expect(SampleSummary([0.9, 0.91, nil, 0.93, 0.95, nil]).medianConfidence95 == nil)
    }

    @Test("Without values everything is undefined; one value has no interval")
    func small() throws {
        let none = SampleSummary([nil, nil, .infinity, .nan])
        #expect(none.count == 0 && none.undefined == 4 && none.mean == nil && none.medianConfidence95 == nil)
        let one = SampleSummary([0.5])
        #expect(one.median == 0.5 && one.lowerQuartile == 0.5 && one.meanConfidence95 == nil)
        let data = try JSONEncoder().encode(none)
        let object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        #expect(object["mean"] is NSNull && object["mean_ci_95"] is NSNull && object["n"] as? Int == 0)
    }
}

@Suite("Control chart")
struct ControlChartTests {
    /// Twenty values that go up and down by 0.02: mean 0.96, mean moving range 0.02, spread 0.01773.
    private let baseline = (0..<20).map { $0 % 2 == 0 ? 0.95 : 0.97 }

    @Test("Before the baseline is there nothing is judged")
    func collecting() {
        let chart = ControlChart(Array(baseline.prefix(19)) + [])
        #expect(chart.state == .collecting && chart.limits == nil && chart.points.allSatisfy { $0.flags.isEmpty })
    }

    @Test("The limits are the mean and three times the mean moving range over 1.128")
    func limits() throws {
        let chart = ControlChart(baseline)
        let limits = try #require(chart.limits)
        #expect(abs(try #require(chart.centre) - 0.96) < 1e-12)
        #expect(
            abs(limits.lower - (0.96 - 3 * 0.02 / 1.128)) < 1e-12
                && abs(limits.upper - (0.96 + 3 * 0.02 / 1.128)) < 1e-12
        )
        #expect(chart.state == .stable)
    }

    @Test("One value beyond the limits is flagged, and the next ordinary one is not")
    func beyondLimits() {
        let chart = ControlChart(baseline + [0.90, 0.96])
        #expect(chart.points[20].flags.contains(.beyondLimits))
        #expect(chart.points[21].flags.isEmpty && chart.state == .stable)
    }

    @Test(
        "A small step that no single value shows is flagged as drift within a few outcomes, downwards and upwards",
        arguments: [-1.0, 1]
    )
    func drift(sign: Double) throws {
        // One spread away: well inside of the limits.
        let shifted = (0..<15).map { 0.96 + sign * 0.0177 + ($0 % 2 == 0 ? 0.002 : -0.002) }
        let chart = ControlChart(baseline + shifted)
        #expect(chart.points.allSatisfy { !$0.flags.contains(.beyondLimits) })
        let first = try #require(chart.points.firstIndex { $0.flags.contains(.drift) })
        #expect((22...30).contains(first), "flagged at \(first)")
        #expect(chart.state == .drifting)
    }

    @Test(
        "After a baseline without any spread equal values and small differences are not flagged, larger ones are",
        arguments: [1.0, 0.9731, 0.1 + 0.2]
    )
    func zeroSpread(value: Double) throws {
        let same = [Double](repeating: value, count: 20)
        let quiet = ControlChart(same + [Double](repeating: value, count: 100))
        #expect(quiet.state == .stable && quiet.points.allSatisfy { $0.flags.isEmpty })
        let limits = try #require(quiet.limits)
        #expect(abs(limits.upper - limits.lower - 0.03) < 1e-12)
        #expect(ControlChart(same + [value - 0.013]).state == .stable)
        #expect(ControlChart(same + [value - 0.016]).points[20].flags.contains(.beyondLimits))
        // A lasting shift of one point that no single value shows.
        #expect(ControlChart(same + [Double](repeating: value - 0.01, count: 10)).points[29].flags == [.drift])
    }

    @Test("What varies as it did at first is not flagged")
    func stable() {
        let chart = ControlChart(baseline + (0..<200).map { $0 % 2 == 0 ? 0.95 : 0.97 })
        #expect(chart.points.allSatisfy { $0.flags.isEmpty })
    }
}
