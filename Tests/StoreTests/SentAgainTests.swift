import Foundation
import GRDB
import Store
import Testing

@Suite("Images that are sent again")
struct SentAgainTests {
    private let test: TestStore
    private let number: Int64

    /// A Series of two images, still arriving.
    init() throws {
        test = try TestStore()
        number = try test.series("1.2")
    }

    private var store: Store { test.store }

    /// Sends the first image with these contents.
    private func send(_ digest: String) throws { try test.addImage("1.2.0", to: "1.2", digest: digest) }

    private func instance(_ digest: String) throws -> InstanceRecord {
        try #require(try store.instances(ofSeries: number).last { $0.digest == digest && $0.sopInstanceUID == "1.2.0" })
    }

    /// Seals the Series and ends its run with this verdict.
    private func end(_ verdict: String, content: String = "content") throws {
        let run = try #require(try store.seal(number, runs: [test.newRun(content)]).first)
        let (job, _) = try #require(try store.claim())
        let outcome: JobOutcome =
            verdict == "refused"
            ? .failed(.example("permanent")) : .completed(nextStage: nil, verdict: verdict)
        _ = try store.finish(job.number, outcome)
        try store.finishDelivery(run: run.number)
    }

    @Test("Another version while the series arrives is a conflict; the refusal of the series tells of it, nothing else")
    func whileArriving() throws {
        test.advance(5)
        try send("other")
        let other = try instance("other")
        #expect(other.state == .quarantined && other.code == "E_CONFLICT")
        #expect(try instance("d").state == .image)
        #expect(try store.openConflicts(ofSeries: number).map(\.number) == [other.number])
        #expect(try store.series(number).lastArrivalAt == test.now, "the rest of what is sent is waited for")
        #expect(try store.untoldFiles().isEmpty)
        _ = try store.seal(number, runs: [test.newRun()], telling: [other.number])
        #expect(try store.untoldFiles().isEmpty)
        #expect(try store.openConflicts(ofSeries: number).count == 1, "it stays open until somebody decides")
    }

    @Test("A conflict in a series that is cancelled while it arrives is told by itself")
    func cancelledConflict() throws {
        try send("other")
        _ = try store.cancel(number)
        #expect(try store.untoldFiles().map(\.number) == [try instance("other").number])
    }

    @Test("After a refusal another version replaces the stored one, which goes to quarantine; the series is collected")
    func afterRefusal() throws {
        try end("refused")
        let former = try instance("d")
        try send("corrected")
        #expect(try instance("corrected").state == .image)
        let aside = try instance("d")
        #expect(aside.state == .quarantined && aside.code == "W_REPLACED")
        #expect(aside.movingFrom == former.storedPath && aside.storedPath == "/quarantine/\(former.number).dcm")
        #expect(try store.series(number).state == "collecting")
        #expect(try store.untoldFiles().isEmpty, "who sent the correction knows of it")
        #expect(try store.openConflicts(ofSeries: number).isEmpty)
        #expect(try store.receivedInstance(sopInstanceUID: "1.2.0")?.digest == "corrected")
        #expect(try store.seal(number, runs: [test.newRun("corrected")]).map(\.revision) == [2])
    }

    @Test("After a cancellation without a delivery, too")
    func afterCancellation() throws {
        _ = try store.seal(number, runs: [test.newRun()])
        _ = try store.cancel(number)
        try send("corrected")
        #expect(try instance("corrected").state == .image)
        #expect(try store.seal(number, runs: [test.newRun("corrected")]).map(\.revision) == [1])
    }

    @Test("An image that was replaced once is in conflict with a third version until the next refusal")
    func thirdVersion() throws {
        try end("refused")
        try send("second")
        try send("third")
        #expect(try instance("second").state == .image)
        #expect(try instance("third").code == "E_CONFLICT")
        try end("refused", content: "second and third")
        try send("third")
        #expect(try instance("third").state == .image)
        #expect(try instance("second").code == "W_REPLACED")
        #expect(try store.openConflicts(ofSeries: number).isEmpty)
    }

    @Test("After a refusal the stored version, sent again, settles its own conflict and no other")
    func confirmed() throws {
        try send("other")
        try test.addImage("1.2.1", to: "1.2", digest: "other")
        #expect(try store.confirm(try instance("d").number) == nil, "before the refusal it says nothing")
        #expect(try store.openConflicts(ofSeries: number).count == 2)
        try end("refused")
        #expect(try store.confirm(try instance("d").number) == number)
        #expect(try store.openConflicts(ofSeries: number).map(\.sopInstanceUID) == ["1.2.1"])
        #expect(try store.series(number).state == "collecting")
        #expect(try store.confirm(try instance("d").number) == nil, "once")
    }

    @Test("While a run works on the stored version, another one is set aside and told")
    func whileWorking() throws {
        _ = try store.seal(number, runs: [test.newRun()])
        try send("other")
        #expect(try instance("d").state == .image && instance("d").movingFrom == nil)
        #expect(try store.untoldFiles().map(\.code) == ["E_CONFLICT"])
        #expect(try store.confirm(try instance("d").number) == nil)
        #expect(try store.series(number).state == "sealed")
    }

    @Test("What was delivered stays: another version is set aside and told, and hinders no later revision")
    func afterDelivery() throws {
        try end("delivered")
        try send("other")
        try test.addImage("1.2.2", to: "1.2")
        try end("refused", content: "more")
        try send("another")
        #expect(try instance("d").state == .image)
        #expect(try store.untoldFiles().map(\.code) == ["E_CONFLICT", "E_CONFLICT"])
        #expect(try store.openConflicts(ofSeries: number).isEmpty)
        #expect(try store.confirm(try instance("d").number) == nil)
    }

    @Test("What was set aside is moved once, also after a restart")
    func moves() throws {
        try send("other")
        let other = try instance("other")
        #expect(other.movingFrom == "/work/series-\(number)/\(other.number).dcm")
        #expect(try store.imagesToMove() == [other])
        try store.finishMove(other.number)
        #expect(try store.imagesToMove().isEmpty)
        #expect(try instance("other").storedPath == "/quarantine/\(other.number).dcm")
    }

    @Test("A series that an earlier version refused can be sent again, too")
    func migration() throws {
        try end("refused")
        try store.close()
        let path = test.folder.path + "/contourd.sqlite"
        let queue = try DatabaseQueue(path: path)
        try queue.write { db in
            try db.execute(
                sql: """
                    DROP INDEX instance_by_move;
                    ALTER TABLE series DROP COLUMN sealings;
                    ALTER TABLE instance DROP COLUMN sealings;
                    ALTER TABLE instance DROP COLUMN conflict;
                    ALTER TABLE instance DROP COLUMN moving_from;
                    DELETE FROM grdb_migrations WHERE identifier LIKE '3:%';
                    """
            )
        }
        try queue.close()
        let again = try Store(path: path)
        let image = try #require(try again.receivedInstance(sopInstanceUID: "1.2.0"))
        #expect(try again.confirm(image.number) == number)
        try again.close()
    }
}
