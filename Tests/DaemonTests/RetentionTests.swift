import Daemon
import Foundation
import Pipeline
import Platform
import Store
import Synchronization
import Testing

@Suite("What is deleted after its time")
struct RetentionTests {
    private let clock = SetClock()

    /// A delivered run with its folder, and a reference of its series.
    private func delivered(_ service: TestService) throws -> (run: RunRecord, reference: InstanceRecord) {
        let store = service.store
        let state = service.context.state
        let image = try take(service, sopInstanceUID: "1.2.1", series: "1.2") {
            state.image(1, seriesNumber: $0 ?? 0)
        }
        _ = try store.finishTaking(image: image.number, settingAside: .init(state, series: 1))
        let reference = try take(service, sopInstanceUID: "1.3.1", series: nil) { _ in state.reference(2) }
        try store.finishTaking(reference: reference.number, seriesInstanceUIDs: ["1.2"])
        let new = NewRun(
            kind: "contouring",
            stack: "1.2",
            model: "lungs",
            contentDigest: "d",
            modelDigest: "m",
            configurationDigest: "c",
            softwareVersion: "1",
            firstStage: "export"
        ) { _ in ("{}", "1.2") }
        let run = try #require(try store.seal(1, runs: [new]).first)
        for name in ["resample/ct.raw", "segment/labels.raw"] {
            _ = try service.folder.file("state/work/run-\(run.number)/\(name)")
        }
        let (job, _) = try #require(try store.claim())
        _ = try store.finish(job.number, .completed(nextStage: nil, verdict: "delivered"))
        try store.finishDelivery(run: run.number)
        return (run, reference)
    }

    private func take(
        _ service: TestService,
        sopInstanceUID: String,
        series: String?,
        place: (Int64?) -> String
    ) throws -> InstanceRecord {
        let instance = try service.store.beginParsing(inboxPath: "/inbox/\(sopInstanceUID)", snapshot: "1")
        let taking = try service.store.beginTaking(
            instance.number,
            seriesInstanceUID: series,
            sopInstanceUID: sopInstanceUID,
            header: "{}",
            digest: "d",
            storedPath: place
        )
        let path = try #require(taking.storedPath)
        try Directory.create(Directory.parent(of: path))
        try Data("x".utf8).write(to: URL(fileURLWithPath: path))
        return taking
    }

    private func service(keepLabelMapsDays: Double) throws -> TestService {
        let clock = self.clock
        return try TestService(
            change: {
                $0.work.keepPixelsDays = 7; $0.work.keepLabelMapsDays = keepLabelMapsDays
            },
            now: { clock.now }
        )
    }

    private func pass(days: Int64, _ service: TestService) throws {
        clock.set(by: days * 86_400)
        try Retention(context: service.context).clean()
    }

    @Test("Pixels go after their days; label maps and references stay for good by default")
    func byDefault() throws {
        let service = try service(keepLabelMapsDays: 0)
        let (run, reference) = try delivered(service)
        let folder = service.context.state.run(run.number).path
        try pass(days: 6, service)
        #expect(Directory.exists(folder + "/resample/ct.raw"))
        try pass(days: 2, service)
        #expect(!Directory.exists(folder + "/resample/ct.raw") && Directory.exists(folder + "/segment/labels.raw"))
        try pass(days: 5000, service)
        #expect(Directory.exists(folder + "/segment/labels.raw"))
        #expect(Directory.exists(reference.storedPath ?? ""))
        #expect(try service.store.deliveredContours(seriesInstanceUID: "1.2").map(\.number) == [run.number])
        #expect(try service.store.seriesWithoutLabels(seriesInstanceUID: "1.2") == nil)
    }

    @Test("With work.keep_label_maps_days they go after that, and no run is scored against what is gone")
    func configured() throws {
        let service = try service(keepLabelMapsDays: 30)
        let (run, reference) = try delivered(service)
        let folder = service.context.state.run(run.number).path
        try pass(days: 29, service)
        #expect(Directory.exists(folder + "/segment/labels.raw") && Directory.exists(reference.storedPath ?? ""))
        try pass(days: 2, service)
        #expect(!Directory.exists(folder) && !Directory.exists(reference.storedPath ?? ""))
        #expect(try service.store.deliveredContours(seriesInstanceUID: "1.2").isEmpty)
        #expect(try service.store.seriesWithoutLabels(seriesInstanceUID: "1.2") == run.seriesNumber)
        #expect(try service.store.references(toSeriesInstanceUID: "1.2").isEmpty)
        #expect(try service.store.run(run.number).state == .delivered, "the result is remembered")
    }

    @Test("What is being scored is not deleted under its evaluation")
    func whileScoring() throws {
        let service = try service(keepLabelMapsDays: 30)
        let (run, reference) = try delivered(service)
        let new = NewRun(
            kind: "evaluation",
            stack: run.stack,
            model: run.model,
            contentDigest: "r",
            modelDigest: "m",
            configurationDigest: "c",
            softwareVersion: "1",
            baseRunNumber: run.number,
            firstStage: "evaluate"
        ) { _ in ("{}", "1.2.evaluation-1") }
        _ = try #require(try service.store.queueEvaluation(new, series: run.seriesNumber))
        try pass(days: 40, service)
        #expect(Directory.exists(service.context.state.run(run.number).path + "/segment/labels.raw"))
        #expect(Directory.exists(reference.storedPath ?? ""))
    }

    @Test("A clock that goes forward by a day takes nothing that has a day left")
    func clockForward() throws {
        let service = try service(keepLabelMapsDays: 30)
        let (run, _) = try delivered(service)
        try pass(days: 1, service)
        #expect(Directory.exists(service.context.state.run(run.number).path + "/resample/ct.raw"))
    }
}
