import Daemon
import Dicom
import Foundation
import Platform
import Store
import Testing

/// Every place at which the service may have died while it took a file.
@Suite(
    "Files that were being taken when the service died",
    .enabled(if: TestService.program != nil, "contourd is not built")
)
struct RecoveryTests {
    private let service: TestService
    private let series: TestSeries
    private let source: String

    init() throws {
        service = try TestService()
        series = try TestSeries()
        source = service.inbox + "/IM0"
        try series.drop([0], into: service.inbox)
    }

    /// The row as it is committed before the file is moved.
    private func announce() throws -> InstanceRecord {
        let file = try #require(InboxFile(at: source))
        let instance = try service.store.beginParsing(inboxPath: source, snapshot: file.snapshot)
        let header = try InstanceHeader(contentsOf: source), digest = try SHA256Digest.hex(ofFile: source)
        return try service.store.beginTaking(
            instance.number,
            seriesInstanceUID: series.uid,
            sopInstanceUID: header.sopInstanceUID,
            header: String(decoding: try JSONEncoder().encode(header), as: UTF8.self),
            digest: digest
        ) { self.service.context.state.image(instance.number, seriesNumber: $0 ?? 0) }
    }

    private func recover() throws { try Intake(service.context).recover() }

    @Test("before the move: it is moved")
    func beforeTheMove() throws {
        let taking = try announce()
        try recover()
        #expect(try service.store.instances(in: .image).map(\.number) == [taking.number])
        #expect(Directory.exists(try #require(taking.storedPath)))
        #expect(!Directory.exists(source))
    }

    @Test("after the move: it is only recorded")
    func afterTheMove() throws {
        let taking = try announce()
        let target = try #require(taking.storedPath)
        try Directory.create(Directory.parent(of: target))
        rename(source, target)
        try recover()
        #expect(try service.store.instances(in: .image).map(\.number) == [taking.number])
    }

    @Test("after the move, with another file under the old name meanwhile: that one is kept")
    func anotherFileUnderTheName() throws {
        let target = try #require(try announce().storedPath)
        try Directory.create(Directory.parent(of: target))
        rename(source, target)
        try FileManager.default.copyItem(atPath: series.files[1], toPath: source)
        try recover()
        #expect(try service.store.instances(in: .image).count == 1)
        #expect(try SHA256Digest.hex(ofFile: source) == SHA256Digest.hex(ofFile: series.files[1]))
    }

    @Test("between copy and removal: the original is removed, not taken twice")
    func betweenCopyAndRemoval() throws {
        let target = try #require(try announce().storedPath)
        try Directory.create(Directory.parent(of: target))
        try FileManager.default.copyItem(atPath: source, toPath: target)
        try recover()
        #expect(!Directory.exists(source))
        #expect(try service.store.instances(in: .image).count == 1)
    }

    @Test("when its owner took it back, or put another in its place: nothing is recorded, and the other one stays")
    func takenBack() throws {
        _ = try announce()
        unlink(source)
        try FileManager.default.copyItem(atPath: series.files[1], toPath: source)
        try recover()
        #expect(try service.store.instances(in: .taking).isEmpty)
        #expect(try service.store.instances(in: .image).isEmpty)
        #expect(Directory.exists(source))
    }

    @Test("on its way to quarantine: it gets there, with its reason")
    func quarantine() throws {
        let file = try #require(InboxFile(at: source))
        let instance = try service.store.beginParsing(inboxPath: source, snapshot: file.snapshot)
        let target = "\(service.context.state.quarantine)/\(instance.number).dcm"
        _ = try service.store.beginQuarantine(instance.number, code: "E_CORRUPT", reason: "damaged", storedPath: target)
        try recover()
        #expect(try service.store.instances(in: .quarantined).map(\.reason) == ["damaged"])
        #expect(Directory.exists(target))
        #expect(service.log.texts(.fileQuarantined).count == 1)
    }

    @Test("while it was read, again and again: it is set aside after the fifth time, not after an orderly stop")
    func diedWhileReading() throws {
        let file = try #require(InboxFile(at: source))
        for attempt in 1...5 {
            #expect(try service.store.beginParsing(inboxPath: source, snapshot: file.snapshot).attempts == attempt)
        }
        try service.runIntake(until: { try !service.store.instances(in: .quarantined).isEmpty })
        #expect(try service.store.instances(in: .quarantined).first?.code == "E_PARSER_CRASHED")
    }
}
