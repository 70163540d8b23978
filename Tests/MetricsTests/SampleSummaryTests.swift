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

    @Test("Values of one patient are drawn together: the interval is that of patients, and nothing else changes")
    func clusters() throws {
        // Each of ten patients four times: as much is known of them as of ten values.
        let ten: [Double] = [0.9, 0.911, 0.922, 0.933, 0.944, 0.905, 0.916, 0.927, 0.938, 0.949]
        let repeated = ten + ten + ten + ten
        let patients: [Int?] = (0..<40).map { $0 % 10 }
        let alone = SampleSummary(ten)
        let together = SampleSummary(repeated, of: patients)
        #expect(together.count == 40 && together.patients == 10 && alone.patients == nil)
        let (wide, narrow) = (
            try #require(together.meanConfidence95), try #require(SampleSummary(repeated).meanConfidence95)
        )
        let expected = try #require(alone.meanConfidence95)
        #expect(zip(wide, expected).allSatisfy { abs($0 - $1) < 1e-12 })
        #expect(narrow[1] - narrow[0] < 0.6 * (wide[1] - wide[0]))
        #expect(
            together.mean == SampleSummary(repeated).mean
                && together.lowerQuartile == SampleSummary(repeated).lowerQuartile
        )
        // Neither the order nor the numbers of the patients matter.
        let other = SampleSummary(repeated.reversed(), of: patients.reversed().map { $0.map { 100 - $0 } })
        #expect(other == together)
    }

    @Test("Patients of whom nothing is known count each, as everybody does without a list of patients")
    func unknownPatients() {
        let values: [Double?] = [0.9, 0.91, nil, 0.93, 0.95, 0.99]
        #expect(SampleSummary(values, of: [nil, nil, nil, nil, nil, nil]) == SampleSummary(values))
        #expect(SampleSummary(values, of: [1, 2, 3, 4, 5, 6]) == SampleSummary(values))
        let four = SampleSummary(values, of: [1, 1, 3, 4, 5, nil])
        #expect(
            four.count == 5 && four.patients == 4 && four.meanConfidence95 == nil && four.fewPatients == "patients < 5"
        )
        // An undefined value makes no patient.
        #expect(SampleSummary(values, of: [1, 2, 1, 4, 5, 6]).patients == nil)
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
    /// Twenty values that go up and down by 0.02: median 0.96, median moving range 0.02, spread 0.02096.
    private let baseline = (0..<20).map { $0 % 2 == 0 ? 0.95 : 0.97 }

    @Test("Before the baseline is there nothing is judged")
    func collecting() {
        let chart = ControlChart(Array(baseline.prefix(19)) + [])
        #expect(chart.state == .collecting && chart.limits == nil && chart.points.allSatisfy { $0.flags.isEmpty })
    }

    @Test("The limits are five robust spreads of the cube root of what is missing to 1")
    func limits() throws {
        let chart = ControlChart(baseline)
        let limits = try #require(chart.limits)
        #expect(abs(try #require(chart.centre) - 0.96) < 1e-12)
        let (low, high) = (cbrt(0.03), cbrt(0.05))
        let (middle, spread) = ((low + high) / 2, (high - low) / 0.954)
        #expect(abs(limits.lower - (1 - pow(middle + 5 * spread, 3))) < 1e-12)
        #expect(abs(limits.upper - (1 - pow(max(0, middle - 5 * spread), 3))) < 1e-12)
        #expect(chart.state == .stable)
    }

    /// What is missing to 1 in steady series.
    private func missing(_ distribution: String, _ random: inout SplitMix) -> Double {
        switch distribution {
        case "normal": 0.1 + 0.02 * random.normal()
        case "exponential": -0.05 * log(random.uniform())
        case "gamma": -0.025 * log(random.uniform() * random.uniform())
        default: 0.04 * exp(0.6 * random.normal())
        }
    }

    @Test(
        "Series that never change are rarely flagged, whatever their distribution",
        arguments: ["normal", "exponential", "gamma", "lognormal"]
    )
    func falseAlarms(name: String) {
        var random = SplitMix(state: 7)
        var (beyond, drifting) = (0, 0)
        for _ in 0..<200 {
            let chart = ControlChart((0..<120).map { _ in 1 - missing(name, &random) })
            let later = chart.points.dropFirst(20)
            if later.contains(where: { $0.flags.contains(.beyondLimits) }) { beyond += 1 }
            if later.contains(where: { $0.flags.contains(.drift) }) { drifting += 1 }
        }
        #expect(beyond <= 24 && drifting <= 20, "of 200: \(beyond) beyond limits, \(drifting) drifting")
    }

    @Test("One value beyond the limits is flagged, and the next ordinary one is not")
    func beyondLimits() {
        let chart = ControlChart(baseline + [0.70, 0.96])
        #expect(chart.points[20].flags.contains(.beyondLimits))
        #expect(chart.points[21].flags.isEmpty && chart.state == .stable)
    }

    @Test(
        "A small step that no single value shows is flagged as drift within a few outcomes, downwards and upwards",
        arguments: [-1.0, 1]
    )
    func drift(sign: Double) throws {
        // Well inside of the limits.
        let shifted = (0..<15).map { 0.96 + sign * 0.02 + ($0 % 2 == 0 ? 0.002 : -0.002) }
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
        #expect(abs(limits.upper - limits.lower - 0.04) < 1e-12)
        #expect(ControlChart(same + [value - 0.019]).state == .stable)
        #expect(ControlChart(same + [value - 0.021]).points[20].flags.contains(.beyondLimits))
        // A lasting shift of one point that no single value shows.
        #expect(ControlChart(same + [Double](repeating: value - 0.01, count: 10)).points[29].flags == [.drift])
    }

    @Test("One gross value in the baseline is flagged itself and blinds the chart for nothing that comes after")
    func grossValueInBaseline() throws {
        var values = (0..<20).map { 0.95 + 0.008 * sin(Double($0 * 7)) }
        let without = ControlChart(values)
        values[7] = 0
        let chart = ControlChart(values + [0.80])
        #expect(chart.points[7].flags == [.beyondLimits])
        #expect(chart.points[20].flags.contains(.beyondLimits) && chart.state == .drifting)
        let (wide, narrow) = (try #require(chart.limits), try #require(without.limits))
        #expect(wide.upper - wide.lower < 1.5 * (narrow.upper - narrow.lower))
    }

    @Test("The rule names the baseline that is used")
    func rule() {
        #expect(ControlChart.rule(baseline: 5).contains("the first 5 outcomes"))
        #expect(ShareChart.rule(baseline: 5).contains("the first 5"))
    }

    @Test("What varies as it did at first is not flagged")
    func stable() {
        let chart = ControlChart(baseline + (0..<200).map { $0 % 2 == 0 ? 0.95 : 0.97 })
        #expect(chart.points.allSatisfy { $0.flags.isEmpty })
    }
}

@Suite("Shares of kinds of outcomes")
struct ShareChartTests {
    private let all = ["edited", "unedited", "removed"]

    private func chart(_ kinds: [String]) -> ShareChart { ShareChart(kinds, of: all) }

    @Test("Fisher's exact test gives the probabilities of published tables")
    func fisher() {
        // Fisher's tea: 3 of 4 against 1 of 4; and scipy.stats.fisher_exact([[8, 2], [1, 5]]).
        #expect(abs(fisherExact(3, of: 4, 1, of: 4) - 34.0 / 70) < 1e-12)
        #expect(abs(fisherExact(8, of: 10, 1, of: 6) - 0.034965034965) < 1e-9)
        #expect(fisherExact(0, of: 20, 0, of: 5) == 1 && fisherExact(0, of: 0, 0, of: 0) == 1)
    }

    @Test(
        "Contours that are suddenly thrown away, or never changed any more, are flagged",
        arguments: ["removed", "unedited"]
    )
    func suddenly(kind: String) throws {
        let edited = [String](repeating: "edited", count: 20)
        #expect(chart(edited).state == .stable && chart(Array(edited.dropLast())).state == .collecting)
        // Two may happen; three in a row of what never came before are news.
        #expect(chart(edited + [kind, kind]).state == .stable)
        let flagged = chart(edited + [kind, kind, kind])
        #expect(flagged.state == .drifting)
        #expect(try #require(flagged.shares.first { $0.kind == kind }).isFlagged)
        #expect(chart(edited + [String](repeating: kind, count: 40)).state == .drifting)
    }

    @Test("Shares that stay as they were are not flagged")
    func steady() {
        let mixed = (0..<200).map { all[$0 % 5 == 0 ? 1 : 0] }
        for count in 20...200 { #expect(chart(Array(mixed.prefix(count))).state == .stable) }
    }

    @Test("Only the latest are compared, so that a change that passed is not told for ever")
    func passed() {
        let edited = [String](repeating: "edited", count: 20)
        #expect(chart(edited + [String](repeating: "removed", count: 5) + edited).state == .stable)
    }
}

extension SplitMix {
    /// In (0, 1].
    fileprivate mutating func uniform() -> Double { Double(below(1 << 53) + 1) / 0x1p53 }
    fileprivate mutating func normal() -> Double { sqrt(-2 * log(uniform())) * cos(2 * .pi * uniform()) }
}
