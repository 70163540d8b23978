import Store
import Testing

@Suite("Outcomes")
struct OutcomeTests {
    private func outcome(_ structure: String, _ status: String = "edited") -> NewOutcome {
        NewOutcome(structure: structure, status: status, approval: "APPROVED", scores: status == "edited" ? "{}" : nil)
    }

    private func run(_ test: TestStore, _ uid: String, kind: String = "contouring", base: Int64? = nil) throws
        -> RunRecord
    {
        let new = NewRun(
            kind: kind,
            stack: uid,
            model: "lungs",
            contentDigest: "c\(base ?? 0)",
            modelDigest: "m",
            configurationDigest: "x",
            softwareVersion: "1",
            baseRunNumber: base,
            firstStage: "export"
        ) { revision in ("{}", kind == "evaluation" ? "\(uid).evaluation-\(revision)" : uid) }
        let series = try test.series(uid)
        if kind == "evaluation" { return try #require(try test.store.queueEvaluation(new, series: series)) }
        return try #require(try test.store.seal(series, runs: [new]).first)
    }

    private func complete(_ test: TestStore, _ outcomes: [NewOutcome]) throws {
        let (job, _) = try #require(try test.store.claim())
        _ = try test.store.finish(job.number, .completed(nextStage: nil, verdict: "delivered", outcomes: outcomes))
    }

    @Test("An evaluation's outcomes name the result that was scored, and come in the order in which they came")
    func recorded() throws {
        let test = try TestStore()
        let first = try run(test, "1.1")
        try complete(test, [])
        #expect(try test.store.outcomes().isEmpty)
        let evaluation = try run(test, "1.1", kind: "evaluation", base: first.number)
        test.advance(1000)
        try complete(test, [outcome("Lung_R", "unedited"), outcome("Lung_L")])
        let records = try test.store.outcomes()
        #expect(records.map(\.outcome.structure) == ["Lung_L", "Lung_R"])
        #expect(records.allSatisfy { $0.runNumber == evaluation.number && $0.contouringRunNumber == first.number })
        #expect(records.allSatisfy { $0.deliveredName == "1.1" && $0.model == "lungs" && $0.recordedAt == test.now })
        #expect(records[0].outcome == outcome("Lung_L") && records[1].outcome == outcome("Lung_R", "unedited"))
    }

    @Test("A reference that was there first is an outcome of the run itself")
    func ownRun() throws {
        let test = try TestStore()
        let first = try run(test, "1.1")
        try complete(test, [outcome("Heart", "scored")])
        #expect(try test.store.outcomes().map(\.contouringRunNumber) == [first.number])
    }

    @Test("A status that nobody knows is refused by the database")
    func constraint() throws {
        let test = try TestStore()
        _ = try run(test, "1.1")
        #expect(throws: StoreError.self) { try complete(test, [outcome("Heart", "praised")]) }
        #expect(try test.store.outcomes().isEmpty)
    }

    @Test("The delivered results of a series whose label maps are kept can be asked for, evaluations are none of them")
    func contoursKept() throws {
        let test = try TestStore()
        let first = try run(test, "1.1")
        let series = first.seriesNumber
        #expect(try test.store.contoursKept(ofSeries: series).isEmpty)
        try complete(test, [])
        try test.store.finishDelivery(run: first.number)
        let evaluation = try run(test, "1.1", kind: "evaluation", base: first.number)
        try complete(test, [outcome("Lung_L")])
        try test.store.finishDelivery(run: evaluation.number)
        #expect(try test.store.contoursKept(ofSeries: series) == [first.number])
        try test.store.setLabelsDeleted(run: first.number)
        #expect(try test.store.contoursKept(ofSeries: series).isEmpty)
    }
}
