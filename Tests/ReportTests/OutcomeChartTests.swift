import Imaging
import Metrics
import Report
import Testing

@Suite("Which outcomes count, and where they stand in a chart")
struct OutcomeChartTests {
    private let scores: StructureScores

    init() {
        let mask = Mask(geometry: axialGrid(signs: Vector3(1, 1, 1), 3, 3, 3), repeating: 1)
        scores = StructureScores(name: "Lung_L", reference: mask, prediction: mask, threads: 1)
    }

    private func outcome(
        _ scan: String,
        _ run: Int64,
        _ approval: String? = "APPROVED",
        structure: String = "Lung_L",
        status: String = "edited",
        value: Double = 0.9
    ) -> RecordedOutcome {
        var scores = self.scores
        scores.surfaceDice = ["2": value]
        return RecordedOutcome(
            scan: scan,
            run: run,
            structure: structure,
            model: "m",
            name: "\(run)",
            time: "2024-01-02T03:04:05.000Z",
            status: status,
            approval: approval,
            scores: ["edited", "scored"].contains(status) ? scores : nil
        )
    }

    @Test("the latest approved reference of a scan counts, others are left out, rejected ones always")
    func approved() {
        let all = [
            outcome("1", 2), outcome("1", 3), outcome("1", 4, nil), outcome("5", 6, "UNAPPROVED"),
            outcome("1", 7, "REJECTED"),
        ]
        #expect(all.eligible(withUnapproved: false).counted.map(\.run) == [3])
        #expect(all.eligible(withUnapproved: true).counted.map(\.run) == [4, 6])
        #expect(all.eligible(withUnapproved: true).charts(baseline: 5).map(\.names) == [["4", "6"]])
    }

    @Test("what one set said of a structure no set takes away that lacks it or has it as it was delivered")
    func countedByStructure() {
        let sets = [
            outcome("1", 2, structure: "Lung_L"), outcome("1", 2, structure: "Lung_R", status: "removed"),
            outcome("1", 3, structure: "Lung_L", status: "unedited"), outcome("1", 3, structure: "Lung_R"),
            outcome("1", 4, structure: "Lung_L", status: "removed"),
            outcome("1", 4, structure: "Lung_R", status: "removed"),
            outcome("1", 4, structure: "Lungs", status: "unedited"),
            outcome("1", 5, structure: "Lungs", status: "removed"),
        ]
        let counted = sets.counted.map { "\($0.structure) \($0.run) \($0.status)" }
        #expect(Set(counted) == ["Lung_L 2 edited", "Lung_R 3 edited", "Lungs 5 removed"])
    }

    @Test("a result that is made again and meets the same reference is no second point")
    func countedOnce() {
        let all = [outcome("1", 2), outcome("1", 3, status: "scored"), outcome("2", 4, status: "scored")]
        #expect(all.counted.map(\.run) == [2, 4])
        #expect(all.charts(baseline: 5).map(\.names) == [["2", "4"]])
        // Nor where it was a point of a baseline that is complete.
        let settled = [outcome("1", 1, status: "scored"), outcome("2", 2, status: "scored")]
        let again = settled + [outcome("1", 3, status: "scored"), outcome("3", 4)]
        #expect(again.charts(baseline: 2).map(\.names) == [["1", "2", "4"]])
    }

    /// Scans 0 to 4 of a baseline of five, with values of their own.
    private var settled: [RecordedOutcome] {
        (0..<5).map { outcome("\($0)", Int64($0), value: 0.9 + 0.01 * Double($0)) }
    }

    @Test("a later set of a scan of the baseline moves no limit, and is a point where it came")
    func baselineStays() throws {
        let chart = try #require(settled.charts(baseline: 5).first).chart
        let later = settled + [outcome("7", 7), outcome("2", 8, value: 0.2), outcome("8", 9)]
        let after = try #require(later.charts(baseline: 5).first)
        #expect(after.names == ["0", "1", "2", "3", "4", "7", "8", "9"])
        #expect(after.chart.centre == chart.centre && after.chart.lowerLimit == chart.lowerLimit)
        #expect(after.chart.points.map(\.flags.isEmpty) == [true, true, true, true, true, true, false, true])
        // A second correction of the same scan takes the place of the first.
        let corrected = try #require((later + [outcome("2", 10, value: 0.93)]).charts(baseline: 5).first)
        #expect(corrected.names == ["0", "1", "2", "3", "4", "7", "9", "10"] && corrected.chart.state == .stable)
    }

    @Test("whatever comes, a baseline that is complete stays as it is", arguments: [1, 2, 3])
    func everyPrefix(seed: UInt64) throws {
        var state = seed
        func next(_ bound: UInt64) -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (state >> 33) % bound
        }
        let all = (0..<120).map { run in
            outcome(
                "\(next(30))",
                Int64(run),
                status: ["edited", "edited", "scored", "unedited", "removed"][Int(next(5))],
                value: 0.8 + 0.01 * Double(next(20))
            )
        }
        var names: (charts: [String]?, shares: [String]?) = (nil, nil)
        for count in 1...all.count {
            let known = Array(all.prefix(count))
            if let chart = known.charts(baseline: 6).first, chart.names.count >= 6 {
                names.charts = names.charts ?? Array(chart.names.prefix(6))
                #expect(Array(chart.names.prefix(6)) == names.charts)
                #expect(chart.names.compactMap(Int.init).isAscending(after: 6))
            }
            if let shares = known.shares(baseline: 6).first, shares.names.count >= 6 {
                names.shares = names.shares ?? Array(shares.names.prefix(6))
                #expect(Array(shares.names.prefix(6)) == names.shares)
            }
        }
        #expect(names.charts != nil && names.shares != nil)
    }

    @Test("until the baseline is complete, the latest set of a scan takes the place of the former one")
    func correctedInTime() throws {
        let all = Array(settled.prefix(3)) + [outcome("1", 9, value: 0.95)] + Array(settled.suffix(2))
        let chart = try #require(all.charts(baseline: 5).first)
        #expect(chart.names == ["0", "2", "9", "3", "4"] && chart.chart.centre != nil)
    }

    @Test("what became of a scan of the baseline later is compared with the baseline, and not taken out of it")
    func sharesStay() throws {
        let edited = (0..<5).map { outcome("\($0)", Int64($0), status: "unedited") }
        let later = edited + [outcome("3", 6, status: "removed"), outcome("9", 7)]
        let chart = try #require(later.shares(baseline: 5).first)
        #expect(chart.names == ["0", "1", "2", "3", "4", "6", "7"])
        #expect(chart.chart.shares.map(\.first) == [0, 5, 0] && chart.chart.shares.map(\.latest) == [1, 0, 1])
    }
}

extension [Int] {
    fileprivate func isAscending(after first: Int) -> Bool { zip(dropFirst(first), dropFirst(first + 1)).allSatisfy(<) }
}
