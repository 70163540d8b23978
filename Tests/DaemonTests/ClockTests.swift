import Daemon
import Foundation
import Platform
import Store
import Synchronization
import Testing

/// The clock of the wall with an offset that a test sets.
final class SetClock: Sendable {
    private let offset = Mutex<Int64>(0)
    var now: Int64 { Int64(Date().timeIntervalSince1970 * 1000) + offset.withLock { $0 } }
    func set(by seconds: Int64) { offset.withLock { $0 += seconds * 1000 } }
}

@Suite("The clock of the machine is set", .enabled(if: TestService.program != nil, "contourd is not built"))
struct ClockTests {
    private static let changes: [Int64] = [-3600, 86400]

    @Test(
        "A series that waits for a missing slice neither gives up nor stalls; the slice completes it",
        arguments: changes
    )
    func whileWaiting(change: Int64) throws {
        let clock = SetClock(), series = try TestSeries(slices: 10)
        let service = try TestService(change: { $0.series.incompleteAfterSeconds = 30 }, now: { clock.now })
        try series.drop((0..<10).filter { $0 != 4 }, into: service.inbox)
        var set: ContinuousClock.Instant?
        var isSent = false
        try service.runIntake(until: {
            if set == nil, !service.log.texts(.seriesWaiting).isEmpty {
                clock.set(by: change)
                set = .now
            }
            if let set, !isSent, set.duration(to: .now) > .seconds(2) {
                #expect(service.log.texts(.seriesSealed).isEmpty, "it gave up")
                try series.drop([4], into: service.inbox + "/late")
                isSent = true
            }
            return !service.log.texts(.seriesSealed).isEmpty
        })
        #expect(isSent)
        #expect(service.log.texts(.seriesSealed).first?.contains("is complete: 10 images") == true)
    }

    @Test("A series that is arriving is not closed early, and not late", arguments: changes)
    func whileArriving(change: Int64) throws {
        let clock = SetClock(), series = try TestSeries()
        let service = try TestService(change: { $0.series.quietSeconds = 2 }, now: { clock.now })
        try series.drop(0..<8, into: service.inbox)
        var isSet = false
        var last: ContinuousClock.Instant?
        try service.runIntake(until: {
            if !isSet, let record = try service.store.series(seriesInstanceUID: series.uid),
                try service.store.instances(ofSeries: record.number).count == 8
            {
                clock.set(by: change)
                try series.drop([8], into: service.inbox + "/last")
                (isSet, last) = (true, .now)
            }
            return !service.log.texts(.seriesSealed).isEmpty
        })
        let waited = try #require(last).duration(to: .now)
        #expect(waited > .seconds(1.5) && waited < .seconds(15))
        #expect(service.log.texts(.seriesSealed).first?.contains("is complete: 9 images") == true)
    }

    @Test("After a start an incomplete series gets its whole time, whatever the clock says of the last image")
    func afterStart() throws {
        let clock = SetClock(), series = try TestSeries(slices: 10)
        let service = try TestService(change: { $0.series.incompleteAfterSeconds = 30 }, now: { clock.now })
        try series.drop((0..<10).filter { $0 != 4 }, into: service.inbox)
        try service.runIntake(until: { !service.log.texts(.seriesWaiting).isEmpty })
        clock.set(by: 86400)
        let again = try service.restarted()
        try again.runIntake(until: {
            try again.store.series(seriesInstanceUID: series.uid)?.waitingFor?.contains("missing slices") == true
        })
        #expect(again.log.texts(.seriesSealed).isEmpty)
    }

    @Test("A folder that was just made is not cleared away because the clock says that it is old")
    func folders() throws {
        let folder = try TemporaryFolder()
        mkdir(folder.path + "/new", 0o700)
        // What a clock that goes forward by a day makes of it.
        var yesterday = [
            timeval(tv_sec: time(nil) - 90_000, tv_usec: 0), timeval(tv_sec: time(nil) - 90_000, tv_usec: 0),
        ]
        utimes(folder.path + "/new", &yesterday)
        var scanner = InboxScanner()
        let start = ContinuousClock.now
        #expect(scanner.scan(folder.path, marker: ".done", settle: .zero, now: start).deserted.isEmpty)
        let soon = scanner.scan(folder.path, marker: ".done", settle: .zero, now: start + .seconds(60))
        #expect(soon.deserted.isEmpty)
    }
}
