import Store
import Testing

@Suite("Series and runs")
struct SeriesTests {
    @Test("What was cancelled while somebody decided to contour it stays cancelled")
    func cancelledMeanwhile() throws {
        let test = try TestStore()
        let number = try test.series("1.2")
        _ = try test.store.cancel(number)
        #expect(throws: StoreError.noLongerArriving(number)) {
            try test.store.seal(number, runs: [test.newRun()], onlyWhileArriving: true)
        }
        #expect(try test.store.series(number).waitingFor == "cancelled")
    }

    @Test("Sealing twice with the same content, model and configuration makes one run")
    func sealIsIdempotent() throws {
        let test = try TestStore()
        let number = try test.series("1.2")
        let first = try test.store.seal(number, runs: [test.newRun()])
        #expect(first.map(\.revision) == [1])
        #expect(try test.store.seal(number, runs: [test.newRun()]).isEmpty)
        #expect(try test.store.runs(ofSeries: number).count == 1)
        #expect(try test.store.series(number).revision == 1)
    }

    @Test("New content, or another model, is the next revision; its request and name are made for it")
    func revisions() throws {
        let test = try TestStore()
        let number = try test.series("1.2")
        _ = try test.store.seal(number, runs: [test.newRun("a")])
        let second = try #require(try test.store.seal(number, runs: [test.newRun("b")]).first)
        #expect(second.revision == 2)
        #expect(second.deliveredName == "name-2")
        #expect(second.request == "{\"revision\":2}")
        let third = try test.store.seal(number, runs: [test.newRun("b", modelDigest: "new")])
        #expect(third.map(\.revision) == [3])
        #expect(try test.store.series(number).revision == 3)
    }

    @Test("Content that was contoured once and is back after a change is contoured again")
    func backAndForth() throws {
        let test = try TestStore()
        let number = try test.series("1.2")
        for (content, revision) in [("a", 1), ("b", 2), ("a", 3)] {
            #expect(try test.store.seal(number, runs: [test.newRun(content)]).map(\.revision) == [revision])
        }
    }

    @Test(
        "A series that was refused is contoured again when it is sent again, where its images were not the reason",
        arguments: [("permanent", []), ("transient", [2]), ("bug", [2])] as [(String, [Int])]
    )
    func refusedThroughNoFaultOfItsOwn(kind: String, revisions: [Int]) throws {
        let test = try TestStore()
        let run = try test.sealedRun()
        var policy = RetryPolicy()
        (policy.maximumCrashes, policy.maximumAttempts) = (1, 1)
        let (job, _) = try #require(try test.store.claim())
        let end = try test.store.finish(job.number, .failed(.example(kind)), policy: policy)
        #expect(end == .deliver(verdict: "refused"))
        try test.store.finishDelivery(run: run.number)
        #expect(try test.store.seal(run.seriesNumber, runs: [test.newRun()]).map(\.revision) == revisions)
        #expect(try test.store.seal(run.seriesNumber, runs: [test.newRun()]).isEmpty)
    }

    @Test("A reopened series is contoured again although nothing changed, once")
    func reopened() throws {
        let test = try TestStore()
        let number = try test.series("1.2")
        _ = try test.store.seal(number, runs: [test.newRun()])
        try test.store.reopen(number)
        #expect(try test.store.collectingSeries().map(\.marker) == [true])
        #expect(try test.store.seal(number, runs: [test.newRun()]).map(\.revision) == [2])
        #expect(try test.store.seal(number, runs: [test.newRun()]).isEmpty)
    }

    @Test("A cancelled run does not stand in the way of the next one")
    func cancelledThenSealed() throws {
        let test = try TestStore()
        let number = try test.series("1.2")
        _ = try test.store.seal(number, runs: [test.newRun()])
        _ = try test.store.cancel(number)
        #expect(try test.store.seal(number, runs: [test.newRun()]).map(\.revision) == [1])
    }

    @Test("A revision that was cancelled before it was delivered leaves its name to the next one")
    func cancelledRevision() throws {
        let test = try TestStore()
        let number = try test.series("1.2")
        let first = try #require(try test.store.seal(number, runs: [test.newRun()]).first)
        _ = try test.store.cancel(number)
        try test.store.reopen(number)
        let second = try #require(try test.store.seal(number, runs: [test.newRun()]).first)
        #expect(second.number != first.number)
        #expect(second.revision == 1 && second.deliveredName == first.deliveredName)
        try deliver(second, test)
        try test.store.reopen(number)
        #expect(try test.store.seal(number, runs: [test.newRun()]).map(\.revision) == [2])
        _ = try test.store.cancel(number)
        try test.store.reopen(number)
        #expect(try test.store.seal(number, runs: [test.newRun()]).map(\.revision) == [2])
    }

    @Test("A series is opened by its first image, and by one that comes after it was sealed")
    func opening() throws {
        let test = try TestStore()
        let number = try #require(try test.addImage("1", to: "9"))
        #expect(try test.addImage("2", to: "9") == nil)
        _ = try test.store.seal(number, runs: [test.newRun()])
        #expect(try test.store.collectingSeries().isEmpty)
        #expect(try test.addImage("3", to: "9") == number)
        #expect(try test.store.collectingSeries().map(\.number) == [number])
    }

    @Test("A marker speaks for the series that came out of its folder, and for no neighbour with a similar name")
    func markers() throws {
        let test = try TestStore()
        try test.addImage("1", to: "9.1", path: "/inbox/Müller/a/1")
        try test.addImage("2", to: "9.2", path: "/inbox/Müller 2/1")
        let first = try #require(try test.store.series(seriesInstanceUID: "9.1")).number
        #expect(try test.store.collectingSeries(fromFolder: "/inbox/Müller", isShared: false) == [first])
        #expect(try test.store.collectingSeries(fromFolder: "/inbox", isShared: false).count == 2)
        #expect(try test.store.collectingSeries(fromFolder: "/inbox", isShared: true).isEmpty, "they came in folders")
        #expect(try test.store.collectingSeries(fromFolder: "/inbox/M_ller", isShared: false).isEmpty)
    }

    @Test("One reference is one evaluation of a delivered run, however often it is asked for")
    func evaluations() throws {
        let test = try TestStore()
        let run = try test.sealedRun()
        let evaluation = NewRun(
            kind: "evaluation",
            stack: run.stack,
            model: run.model,
            contentDigest: "reference",
            modelDigest: "m",
            configurationDigest: "c",
            softwareVersion: "1",
            baseRunNumber: run.number,
            firstStage: "evaluate"
        ) { number in ("{}", "evaluation-\(number)") }
        let first = try test.store.queueEvaluation(evaluation, series: run.seriesNumber)
        #expect(first?.deliveredName == "evaluation-1")
        #expect(try test.store.queueEvaluation(evaluation, series: run.seriesNumber) == nil)
        var other = evaluation
        other.contentDigest = "another"
        #expect(try test.store.queueEvaluation(other, series: run.seriesNumber)?.deliveredName == "evaluation-2")
    }

    @Test("Images are deleted when every run of their series gave up its pixels, and what comes again is new")
    func retention() throws {
        let test = try TestStore()
        let number = try test.series("1.2")
        let run = try #require(try test.store.seal(number, runs: [test.newRun()]).first)
        try deliver(run, test)
        test.advance(10)
        #expect(try test.store.runsWithPixels(endedBefore: test.now).map(\.number) == [run.number])
        #expect(try test.store.seriesWithOldImages(arrivedBefore: test.now).isEmpty)
        try test.store.setPixelsDeleted(run: run.number)
        #expect(try test.store.seriesWithOldImages(arrivedBefore: test.now) == [number])
        try test.store.setImagesDeleted(ofSeries: number)
        #expect(try test.store.seriesWithOldImages(arrivedBefore: test.now).isEmpty)
        #expect(try test.store.receivedInstance(sopInstanceUID: "1.2.0") == nil)
        try test.addImage("1.2.0", to: "1.2")
        #expect(try test.store.seal(number, runs: [test.newRun()]).map(\.revision) == [2])
    }

    @Test("The latest delivered contours of a stack are those that a late reference is scored against")
    func deliveredContours() throws {
        let test = try TestStore()
        let number = try test.series("1.2")
        let first = try #require(try test.store.seal(number, runs: [test.newRun("a")]).first)
        try deliver(first, test)
        let second = try #require(try test.store.seal(number, runs: [test.newRun("b")]).first)
        #expect(try test.store.deliveredContours(seriesInstanceUID: "1.2").map(\.number) == [first.number])
        try deliver(second, test)
        #expect(try test.store.deliveredContours(seriesInstanceUID: "1.2").map(\.number) == [second.number])
    }

    private func deliver(_ run: RunRecord, _ test: TestStore) throws {
        let (job, _) = try #require(try test.store.claim())
        _ = try test.store.finish(job.number, .completed(nextStage: nil, verdict: "delivered"))
        try test.store.setDeliverySource("/work/export", place: "1 2", deliveredName: "name", run: run.number)
        try test.store.finishDelivery(run: run.number)
    }
}
