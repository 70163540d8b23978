import Foundation
import Store
import Synchronization
import Testing

/// Numbers that several threads collect.
private final class Numbers: Sendable {
    private let numbers = Mutex<[Int64]>([])
    var all: [Int64] { numbers.withLock { $0 } }
    func add(_ number: Int64) { numbers.withLock { $0.append(number) } }
}

@Suite("Queue")
struct QueueTests {
    @Test("Four threads that claim at once never get the same job")
    func claimsAreUnique() throws {
        let test = try TestStore()
        let count = 200
        for n in 0..<count {
            let number = try test.series("1.\(n)", images: 1)
            _ = try test.store.seal(number, runs: [test.newRun()])
        }
        let claimed = Numbers()
        DispatchQueue.concurrentPerform(iterations: 4) { _ in
            do {
                while let (job, _) = try test.store.claim() { claimed.add(job.number) }
            } catch { Issue.record(error) }
        }
        let numbers = claimed.all
        #expect(numbers.count == count)
        #expect(Set(numbers).count == count)
    }

    @Test("Finishing a stage queues the next one; the last one makes the run ready for delivery")
    func stagesFollowEachOther() throws {
        let test = try TestStore()
        let run = try test.sealedRun()
        let (first, _) = try #require(try test.store.claim())
        #expect(first.stage == "resample")
        #expect(
            try test.store.finish(first.number, .completed(nextStage: "segment", verdict: nil)) == .nextStage("segment")
        )
        let (second, _) = try #require(try test.store.claim())
        #expect(second.stage == "segment")
        #expect(second.attempts == 1)
        let end = try test.store.finish(second.number, .completed(nextStage: nil, verdict: "review"))
        #expect(end == .deliver(verdict: "review"))
        #expect(try test.store.deliveringRuns().map(\.number) == [run.number])
        #expect(try test.store.claim() == nil)
    }

    @Test("A stage that was finished and its successor appear in one transaction")
    func finishingIsAtomic() throws {
        let test = try TestStore()
        let run = try test.sealedRun()
        let (job, _) = try #require(try test.store.claim())
        // The successor cannot be inserted: a run has each stage once. Then the stage is not finished either.
        #expect(throws: StoreError.self) {
            try test.store.finish(job.number, .completed(nextStage: "resample", verdict: nil))
        }
        #expect(try test.store.job(job.number).state == .running)
        #expect(try test.store.jobs(ofRun: run.number).count == 1)
    }

    @Test("What was begun first is finished before the next series is begun")
    func finishesBeforeBeginning() throws {
        let test = try TestStore()
        let first = try test.sealedRun("1.1"), second = try test.sealedRun("1.2")
        var order: [Int64] = []
        let next = ["resample": "segment", "segment": "evaluate", "evaluate": "export"]
        while let (job, run) = try test.store.claim() {
            order.append(run.number)
            test.advance(1000)
            _ = try test.store.finish(job.number, .completed(nextStage: next[job.stage], verdict: nil))
        }
        #expect(order == Array(repeating: first.number, count: 4) + Array(repeating: second.number, count: 4))
    }

    @Test("Transient faults are tried again with pauses that double, up to a limit, then the series is refused")
    func backoff() throws {
        let test = try TestStore()
        _ = try test.sealedRun()
        var policy = RetryPolicy()
        policy.maximumAttempts = 5
        policy.firstDelayMS = 1000
        policy.longestDelayMS = 3000
        var pauses: [Int64] = []
        while true {
            let (job, _) = try #require(try test.store.claim())
            let consequence = try test.store.finish(job.number, .failed(.example("transient")), policy: policy)
            guard case .retry(let at) = consequence else {
                #expect(consequence == .deliver(verdict: "refused"))
                break
            }
            pauses.append(at - test.now)
            #expect(try test.store.claim() == nil, "not before its time")
            #expect(try test.store.nextJobTime() == at)
            test.advance(at - test.now)
        }
        #expect(pauses == [1000, 2000, 3000, 3000])
    }

    @Test("A permanent fault refuses at once", arguments: ["permanent", "unknown kind"])
    func permanentFault(kind: String) throws {
        let test = try TestStore()
        let run = try test.sealedRun()
        let (job, _) = try #require(try test.store.claim())
        #expect(try test.store.finish(job.number, .failed(.example(kind))) == .deliver(verdict: "refused"))
        #expect(try test.store.job(job.number).state == .discarded)
        #expect(try test.store.run(run.number).verdict == "refused")
    }

    @Test("Crashes of the worker use up their own, smaller number of attempts")
    func crashes() throws {
        let test = try TestStore()
        _ = try test.sealedRun()
        var policy = RetryPolicy()
        policy.maximumCrashes = 2
        let (first, _) = try #require(try test.store.claim())
        guard case .retry(let at) = try test.store.finish(first.number, .failed(.example("bug")), policy: policy) else {
            Issue.record("not tried again")
            return
        }
        test.advance(at - test.now)
        let (second, _) = try #require(try test.store.claim())
        #expect(second.attempts == 2)
        #expect(
            try test.store.finish(second.number, .failed(.example("bug")), policy: policy)
                == .deliver(verdict: "refused")
        )
    }

    @Test("An interruption gives the attempt back, and the job is ready at once")
    func interruption() throws {
        let test = try TestStore()
        _ = try test.sealedRun()
        for _ in 0..<20 {
            let (job, _) = try #require(try test.store.claim())
            #expect(job.attempts == 1)
            #expect(try test.store.finish(job.number, .failed(.example("interrupted"))) == .retry(at: test.now))
        }
    }

    @Test("Jobs that died with the service are ready again, and their attempts count until they are given up")
    func recovery() throws {
        let test = try TestStore()
        let run = try test.sealedRun()
        var policy = RetryPolicy()
        policy.maximumAttempts = 3
        let fault = FaultRecord.example("bug")
        for attempt in 1...2 {
            let (job, _) = try #require(try test.store.claim())
            #expect(job.attempts == attempt)
            let recovered = try test.store.recoverRunningJobs(policy: policy, givingUpWith: fault)
            #expect(recovered == (ready: 1, givenUp: 0))
        }
        let (job, _) = try #require(try test.store.claim())
        #expect(try test.store.recoverRunningJobs(policy: policy, givingUpWith: fault) == (ready: 0, givenUp: 1))
        #expect(try test.store.job(job.number).fault == fault)
        #expect(try test.store.run(run.number).verdict == "refused")
        #expect(try test.store.deliveringRuns().count == 1)
    }

    @Test("Crashes of workers, ends of the service and faults that may pass each have a count of their own")
    func countsOfTheirOwn() throws {
        let test = try TestStore()
        _ = try test.sealedRun()
        let policy = RetryPolicy()
        func fail(_ kind: String) throws -> JobConsequence {
            let (job, _) = try #require(try test.store.claim())
            let consequence = try test.store.finish(job.number, .failed(.example(kind)), policy: policy)
            if case .retry(let at) = consequence { test.advance(at - test.now) }
            return consequence
        }
        for _ in 1..<policy.maximumAttempts {
            _ = try test.store.claim()
            let recovered = try test.store.recoverRunningJobs(policy: policy, givingUpWith: .example("bug"))
            #expect(recovered == (ready: 1, givenUp: 0))
            guard case .retry = try fail("transient") else {
                Issue.record("ends of the service count as faults")
                return
            }
        }
        for crash in 1..<policy.maximumCrashes {
            let begin = test.now
            guard case .retry(let at) = try fail("bug") else {
                Issue.record("crash \(crash) is the last one")
                return
            }
            #expect(at - begin == policy.delay(after: crash))
        }
        #expect(try fail("bug") == .deliver(verdict: "refused"))
    }

    @Test("A series that is tried again by an operator has all its attempts")
    func hurriedAnew() throws {
        let test = try TestStore()
        let run = try test.sealedRun()
        var policy = RetryPolicy()
        (policy.maximumCrashes, policy.maximumAttempts) = (2, 2)
        for _ in 0..<3 {
            for kind in ["bug", "transient"] {
                let (job, _) = try #require(try test.store.claim())
                guard case .retry(let at) = try test.store.finish(job.number, .failed(.example(kind)), policy: policy)
                else {
                    Issue.record("not tried again")
                    return
                }
                test.advance(at - test.now)
            }
            #expect(try test.store.hurry(run.seriesNumber) == 1)
        }
    }

    @Test("A paused queue gives out no job; resuming makes held jobs ready, with all their attempts")
    func pauseAndHold() throws {
        let test = try TestStore()
        _ = try test.sealedRun("1.1")
        _ = try test.sealedRun("1.2")
        let (job, _) = try #require(try test.store.claim())
        #expect(try test.store.finish(job.number, .failed(.example("operator"))) == .held)
        try test.store.pause(.fault(.example("operator")))
        try test.store.pause(.byOperator)
        #expect(try test.store.pauses() == [.fault(.example("operator")), .byOperator])
        #expect(try test.store.heldFaults().map(\.series) == [[1]])
        #expect(try test.store.claim() == nil)
        #expect(try test.store.nextJobTime() == nil)
        #expect(try test.store.resume() == 1)
        let (again, _) = try #require(try test.store.claim())
        #expect(again.number == job.number)
        #expect(again.attempts == 1)
        #expect(try test.store.claim() != nil)
    }

    @Test(
        "A clock that was set back keeps no job waiting longer than its pause",
        arguments: [-3_600_000, -259_200_000]
    )
    func clockSetBack(by change: Int64) throws {
        let test = try TestStore()
        _ = try test.sealedRun()
        test.advance(change)
        let (job, _) = try #require(try test.store.claim())
        guard case .retry(let at) = try test.store.finish(job.number, .failed(.example("transient"))) else {
            Issue.record("no retry")
            return
        }
        #expect(at == test.now + 5_000)
        test.advance(change)
        #expect(try test.store.claim() == nil, "before its pause is over")
        #expect(try test.store.nextJobTime() == test.now + 5_000)
        test.advance(5_000)
        #expect(try test.store.claim()?.job.number == job.number)
    }

    @Test("A clock that was set forward by a day loses no attempt: the job is tried at once")
    func clockSetForward() throws {
        let test = try TestStore()
        _ = try test.sealedRun()
        let (job, _) = try #require(try test.store.claim())
        _ = try test.store.finish(job.number, .failed(.example("transient")))
        test.advance(86_400_000)
        let (again, _) = try #require(try test.store.claim())
        #expect(again.number == job.number && again.attempts == 2)
    }

    @Test("The end of a job that was cancelled meanwhile has no consequence")
    func cancelledMeanwhile() throws {
        let test = try TestStore()
        let run = try test.sealedRun()
        let (job, _) = try #require(try test.store.claim())
        let cancelled = try test.store.cancel(run.seriesNumber)
        #expect(cancelled.running == [job.number])
        #expect(cancelled.cancelledRuns == 1)
        #expect(try test.store.finish(job.number, .completed(nextStage: "segment", verdict: nil)) == .nothing)
        #expect(try test.store.claim() == nil)
        #expect(try test.store.deliveringRuns().isEmpty)
    }
}
