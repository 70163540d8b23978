import Daemon
import Dicom
import Foundation
import Glibc
import Pipeline
import Platform
import Store
import Testing

/// A copy of a file whose last byte, one of the pixels, is another.
private func changed(_ path: String) throws -> Data {
    var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    bytes[bytes.count - 1] ^= 1
    return bytes
}

extension TestService {
    fileprivate func drop(_ bytes: Data, as name: String) throws {
        _ = try folder.file("inbox/\(name)", "")
        try bytes.write(to: URL(fileURLWithPath: "\(inbox)/\(name)"))
    }

    fileprivate func number(_ series: TestSeries) throws -> Int64 {
        try #require(try store.series(seriesInstanceUID: series.uid)).number
    }

    /// Ends the waiting run as the loader would, with a refusal.
    fileprivate func refuse() throws {
        let (job, run) = try #require(try store.claim())
        let fault = FaultRecord(kind: "permanent", code: "E_NOT_HU", message: "m", hint: "h", details: [])
        _ = try store.finish(job.number, .failed(fault))
        try store.finishDelivery(run: run.number)
    }

    fileprivate func images(_ series: TestSeries) throws -> [InstanceRecord] {
        try store.instances(ofSeries: number(series)).filter { $0.state == .image }
    }
}

@Suite("A series that is sent again", .enabled(if: TestService.program != nil, "contourd is not built"))
struct SentAgainTests {
    private func request(_ run: RunRecord) throws -> RunRequest {
        try RunJSON.decode(RunRequest.self, from: Data(run.request.utf8))
    }

    @Test("After a refusal the corrected images replace the stored ones; those lie in quarantine, whole")
    func corrected() throws {
        let first = try TestService(), series = try TestSeries()
        try series.drop(into: first.inbox + "/a")
        try first.runIntake(until: { try first.store.series().first?.state == "sealed" })
        try first.refuse()
        let service = try first.restarted()
        for (index, file) in series.files.enumerated() { try service.drop(try changed(file), as: "b/\(index)") }
        try service.runIntake(until: { try service.store.runs(ofSeries: service.number(series)).count == 2 })
        let run = try #require(try service.store.runs(ofSeries: service.number(series)).last)
        #expect(run.revision == 2 && run.deliveredName == "\(series.uid)-r2")
        let sent = try series.files.map { SHA256Digest.hex(of: try changed($0)) }.sorted()
        #expect(try request(run).dicomFiles.map { try SHA256Digest.hex(ofFile: $0) }.sorted() == sent)
        let aside = try service.store.instances(in: .quarantined)
        #expect(Set(aside.map(\.code)) == ["W_REPLACED"])
        let former = try series.files.map { try SHA256Digest.hex(ofFile: $0) }.sorted()
        #expect(try aside.map { try SHA256Digest.hex(ofFile: $0.storedPath ?? "") }.sorted() == former)
        #expect(try Directory.list(service.context.state.dicom(ofSeries: service.number(series))).count == 9)
        // On a busy machine they come in several rounds, each of which is told.
        let told = service.log.texts(.fileReplaced).compactMap {
            $0.firstMatch(of: #/^series 1: (\d+) images? (?:was|were) sent again/#)
        }
        #expect(told.compactMap { Int($0.1) }.reduce(0, +) == 9)
    }

    @Test("A changed duplicate while the series arrives: its run is given both versions and is refused")
    func changedDuplicate() throws {
        let service = try TestService(), series = try TestSeries()
        try series.drop(into: service.inbox)
        try service.drop(try changed(series.files[4]), as: "again")
        try service.runIntake(until: { try service.store.series().first?.state == "sealed" })
        let run = try #require(try service.store.runs(ofSeries: service.number(series)).first)
        let files = try request(run).dicomFiles
        #expect(files.count == 10)
        let error = #expect(throws: DicomError.self) { try loadCTSeries(files: files) }
        guard case .refused(let findings) = error else {
            Issue.record("no findings")
            return
        }
        let finding = try #require(findings.first { $0.code == "E_CONFLICTING_INSTANCES" })
        let header = try InstanceHeader(contentsOf: series.files[4])
        let slice = try #require(header.instanceNumber)
        #expect(finding.sliceDetails == ["slice \(slice), SOP Instance UID \(header.sopInstanceUID)"])
        #expect(finding.hint.contains("complete and from one source"))
        #expect(try FileRefusals(context: service.context).deliver() == nil)
        #expect(try Directory.list(service.outbox).isEmpty, "the refusal of the series is enough")
    }

    @Test("After that refusal the whole series, sent again as it was first, is contoured as the next revision")
    func confirmed() throws {
        let first = try TestService(), series = try TestSeries()
        try series.drop(into: first.inbox)
        try first.drop(try changed(series.files[4]), as: "again")
        try first.runIntake(until: { try first.store.series().first?.state == "sealed" })
        try first.refuse()
        let service = try first.restarted()
        try series.drop(into: service.inbox + "/whole")
        try service.runIntake(until: { try service.store.runs(ofSeries: service.number(series)).count == 2 })
        let run = try #require(try service.store.runs(ofSeries: service.number(series)).last)
        #expect(run.revision == 2)
        let sent = try series.files.map { try SHA256Digest.hex(ofFile: $0) }.sorted()
        #expect(try request(run).dicomFiles.map { try SHA256Digest.hex(ofFile: $0) }.sorted() == sent)
    }

    @Test("A refused series that is sent again unchanged brings nothing new")
    func unchanged() throws {
        let first = try TestService(), series = try TestSeries()
        try series.drop(into: first.inbox)
        try first.runIntake(until: { try first.store.series().first?.state == "sealed" })
        try first.refuse()
        let service = try first.restarted()
        try series.drop(into: service.inbox)
        try service.runIntake(until: { service.log.texts(.seriesSealed).contains { $0.hasSuffix("nothing new") } })
        #expect(try service.store.runs(ofSeries: service.number(series)).count == 1)
    }

    @Test("Cancelling says what then is: a refused series stays refused")
    func cancelling() throws {
        let service = try TestService(), series = try TestSeries()
        try series.drop(into: service.inbox)
        try service.runIntake(until: { try service.store.series().first?.state == "sealed" })
        try service.refuse()
        let controller = Controller(store: service.store, state: service.context.state, context: nil)
        func cancel() -> ControlReply { controller.handle(.cancel(1)) }
        func answer() throws -> String {
            guard case .done(let answer) = cancel() else { throw StoreError.unknownSeries(1) }
            return answer
        }
        func state() -> String? {
            guard case .list(let list) = controller.handle(.list) else { return nil }
            return list.first?.state
        }
        #expect(state() == "refused")
        guard case .failed("series 1 is refused already: there is nothing to cancel") = cancel() else {
            Issue.record("what cannot be cancelled is no success")
            return
        }
        #expect(state() == "refused")
        try service.store.reopen(1)
        #expect(try answer().contains("it stays refused"))
        #expect(state() == "refused")
        try service.store.reopen(1)
        _ = try service.store.seal(1, runs: [])
        guard case .failed(let reason) = cancel() else {
            Issue.record("what cannot be cancelled is no success")
            return
        }
        #expect(reason.contains("nothing to cancel"))
    }
}

@Suite("Killed while an image replaces another", .enabled(if: TestService.program != nil, "contourd is not built"))
struct ReplacementRecoveryTests {
    private let service: TestService
    private let series: TestSeries
    private let former: InstanceRecord
    private let source: String

    /// A refused series, and a corrected image in the inbox.
    init() throws {
        let first = try TestService()
        series = try TestSeries()
        try series.drop(into: first.inbox)
        try first.runIntake(until: { try first.store.series().first?.state == "sealed" })
        try first.refuse()
        service = try first.restarted()
        let header = try InstanceHeader(contentsOf: series.files[0])
        former = try #require(try service.store.receivedInstance(sopInstanceUID: header.sopInstanceUID))
        try service.drop(try changed(series.files[0]), as: "corrected")
        source = service.inbox + "/corrected"
    }

    private func announce() throws -> InstanceRecord {
        let file = try #require(InboxFile(at: source))
        let instance = try service.store.beginParsing(inboxPath: source, snapshot: file.snapshot)
        let header = try InstanceHeader(contentsOf: source)
        return try service.store.beginTaking(
            instance.number,
            seriesInstanceUID: series.uid,
            sopInstanceUID: header.sopInstanceUID,
            header: String(decoding: try JSONEncoder().encode(header), as: UTF8.self),
            digest: try SHA256Digest.hex(ofFile: source)
        ) { service.context.state.image(instance.number, seriesNumber: $0 ?? 0) }
    }

    private func move(_ from: String?, _ to: String?) throws {
        let (from, to) = (try #require(from), try #require(to))
        try Directory.create(Directory.parent(of: to))
        #expect(rename(from, to) == 0)
    }

    private func decide(_ instance: InstanceRecord) throws -> InstanceRecord {
        let taken = try service.store.finishTaking(
            image: instance.number,
            settingAside: .init(service.context.state, series: 1)
        )
        #expect(taken.replaced == 1)
        return try #require(try service.store.instances(in: .quarantined).first { $0.number == former.number })
    }

    /// However far it had come: each version once, in its place.
    private func recoverAndCheck() throws {
        try Intake(service.context).recover()
        let images = try service.images(series)
        #expect(images.count == 9 && !images.contains { $0.number == former.number })
        let corrected = try #require(images.first { $0.sopInstanceUID == former.sopInstanceUID })
        let stored = try Data(contentsOf: URL(fileURLWithPath: corrected.storedPath ?? ""))
        #expect(try stored == changed(series.files[0]))
        let aside = try #require(try service.store.instances(in: .quarantined).first)
        #expect(aside.number == former.number && aside.code == "W_REPLACED" && aside.movingFrom == nil)
        #expect(try SHA256Digest.hex(ofFile: aside.storedPath ?? "") == former.digest)
        #expect(!Directory.exists(source) && !Directory.exists(former.storedPath ?? ""))
        #expect(try service.store.series(1).state == "collecting")
        #expect(try service.store.imagesToMove().isEmpty && service.store.instances(in: .taking).isEmpty)
    }

    @Test("before it was moved")
    func beforeTheMove() throws {
        _ = try announce()
        try recoverAndCheck()
    }

    @Test("after it was moved, before it was decided that it counts")
    func beforeTheDecision() throws {
        try move(source, try announce().storedPath)
        try recoverAndCheck()
    }

    @Test("after the decision, before the former one was moved")
    func beforeTheMoveAside() throws {
        let taking = try announce()
        try move(source, taking.storedPath)
        _ = try decide(taking)
        try recoverAndCheck()
    }

    @Test("after the former one was moved, before that was recorded")
    func beforeTheRecord() throws {
        let taking = try announce()
        try move(source, taking.storedPath)
        let aside = try decide(taking)
        try move(aside.movingFrom, aside.storedPath)
        try recoverAndCheck()
    }

    @Test("before the decision, and then a run began to work on the former one: that one stays")
    func overtaken() throws {
        try move(source, try announce().storedPath)
        try service.store.reopen(1)
        let content = NewRun(
            kind: "contouring",
            stack: series.uid,
            model: "lungs",
            contentDigest: "d",
            modelDigest: "m",
            configurationDigest: "c",
            softwareVersion: "1",
            firstStage: "resample"
        ) { revision in ("{}", "name-\(revision)") }
        _ = try service.store.seal(1, runs: [content])
        try Intake(service.context).recover()
        #expect(try service.images(series).contains { $0.number == former.number })
        #expect(Directory.exists(former.storedPath ?? ""))
        let aside = try #require(try service.store.instances(in: .quarantined).first)
        #expect(aside.code == "E_CONFLICTING_INSTANCES" && aside.movingFrom == nil)
        #expect(try Data(contentsOf: URL(fileURLWithPath: aside.storedPath ?? "")) == changed(series.files[0]))
    }

    @Test("after an identical image confirmed the stored one, before it was removed: it says nothing more, and goes")
    func confirmation() throws {
        unlink(source)
        #expect(try service.store.confirm(former.number) == 1)
        try series.drop([0], into: service.inbox, prefix: "same")
        try service.runIntake(until: { !service.log.texts(.fileRepeated).isEmpty })
        #expect(try service.images(series).count == 9)
        #expect(try Directory.list(service.inbox).isEmpty)
    }
}
