import Daemon
import Foundation
import Pipeline
import Platform
import Store
import Testing

@Suite("Delivery")
struct DeliveryTests {
    /// A run whose last stage is done, with its folder.
    private func finishedRun(_ service: TestService, uid: String = "1.2.3", verdict: String = "delivered") throws
        -> RunRecord
    {
        let store = service.store
        let instance = try store.beginParsing(inboxPath: "/inbox/\(uid)", snapshot: "1")
        let taking = try store.beginTaking(
            instance.number,
            seriesInstanceUID: uid,
            sopInstanceUID: uid + ".1",
            header: "{}",
            digest: "d"
        ) { _ in "/work/1" }
        _ = try store.finishTaking(image: taking.number, settingAside: .init(service.context.state, series: 1))
        let series = try #require(try store.series(seriesInstanceUID: uid))
        let request = RunRequest(
            seriesNumber: series.number,
            revision: 1,
            dicomFiles: [],
            referenceFiles: [],
            modelDirectory: "/m",
            modelDigest: "m",
            configurationDigest: "c",
            softwareVersion: "1",
            admission: .init(),
            export: .init(),
            deliveredName: uid,
            createdAt: Date(timeIntervalSince1970: 0),
            threads: 1
        )
        let json = String(decoding: try RunJSON.encode(request), as: UTF8.self)
        let new = NewRun(
            kind: "contouring",
            stack: uid,
            model: "lungs",
            contentDigest: "d",
            modelDigest: "m",
            configurationDigest: "c",
            softwareVersion: "1",
            firstStage: "export"
        ) { _ in (json, uid) }
        let run = try #require(try store.seal(series.number, runs: [new]).first)
        let (job, _) = try #require(try store.claim())
        if verdict == "refused" {
            let fault = FaultRecord(
                kind: "permanent",
                code: "E_TEST",
                message: "It is a test.",
                hint: "Nothing.",
                details: []
            )
            _ = try store.finish(job.number, .failed(fault))
        } else {
            _ = try service.folder.file("state/work/run-\(run.number)/export/report.json", "{}")
            _ = try service.folder.file("state/work/run-\(run.number)/export/rtstruct.dcm", "contours of \(uid)")
            _ = try store.finish(job.number, .completed(nextStage: nil, verdict: verdict))
        }
        return try store.run(run.number)
    }

    private func deliver(_ service: TestService) throws -> Bool {
        try Delivery(context: service.context, index: 0).deliverAll()
    }

    private func delivered(_ service: TestService) throws -> [String] { try Directory.list(service.outbox).map(\.name) }

    @Test("A result appears whole, under its name, once")
    func once() throws {
        let service = try TestService()
        let run = try finishedRun(service)
        #expect(try deliver(service))
        #expect(try deliver(service))
        #expect(try delivered(service) == ["1.2.3"])
        #expect(try Directory.list(service.outbox + "/1.2.3").map(\.name) == ["report.json", "rtstruct.dcm"])
        #expect(try service.store.run(run.number).state == .delivered)
        #expect(service.log.texts(.delivered).count == 1)
    }

    @Test("A refusal says why, in words and as data")
    func refusal() throws {
        let service = try TestService()
        _ = try finishedRun(service, verdict: "refused")
        #expect(try deliver(service))
        let folder = service.outbox + "/1.2.3.refused"
        #expect(try String(contentsOfFile: folder + "/REFUSED.txt", encoding: .utf8).contains("It is a test."))
        let report = try #require(
            try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: folder + "/report.json")))
                as? [String: Any]
        )
        #expect((report["fault"] as? [String: Any])?["code"] as? String == "E_TEST")
    }

    @Test("The service died after the rename, and a consumer took the result: it is not delivered again")
    func takenAwayMeanwhile() throws {
        let service = try TestService()
        let run = try finishedRun(service)
        let source = service.context.state.run(run.number).directory(of: .export)
        try service.store.setDeliverySource(source, place: "", deliveredName: "1.2.3", run: run.number)
        rename(source, service.folder.path + "/taken")
        #expect(try deliver(service))
        #expect(try delivered(service).isEmpty)
        #expect(try service.store.run(run.number).state == .delivered)
    }

    @Test("A name that is taken is left alone; the result gets the next one")
    func nameTaken() throws {
        let service = try TestService()
        _ = try finishedRun(service)
        _ = try service.folder.file("outbox/1.2.3/somebody-elses")
        #expect(try deliver(service))
        #expect(try delivered(service) == ["1.2.3", "1.2.3-r2"])
        #expect(try Directory.list(service.outbox + "/1.2.3").map(\.name) == ["somebody-elses"])
    }

    @Test("A name that is taken at the last moment costs one more attempt")
    func nameTakenLate() throws {
        let service = try TestService()
        let run = try finishedRun(service)
        let source = service.context.state.run(run.number).directory(of: .export)
        try service.store.setDeliverySource(source, place: "", deliveredName: "1.2.3", run: run.number)
        _ = try service.folder.file("outbox/1.2.3/somebody-elses")
        #expect(try !deliver(service))
        #expect(try deliver(service))
        #expect(try delivered(service) == ["1.2.3", "1.2.3-r2"])
    }

    @Test("Without an outbox results wait, and are delivered when it is back")
    func outboxAway() throws {
        let service = try TestService()
        _ = try finishedRun(service, uid: "1.1")
        rename(service.outbox, service.outbox + ".away")
        #expect(try !deliver(service))
        let told = service.log.texts(.deliveryFailed)
        #expect(told.count == 1 && told[0].contains("The outbox is not there."))
        rename(service.outbox + ".away", service.outbox)
        #expect(try deliver(service))
        #expect(try delivered(service) == ["1.1"])
    }

    @Test("One result that cannot be delivered keeps no other waiting, and is told once")
    func oneFails() throws {
        let service = try TestService()
        let broken = try finishedRun(service, uid: "1.1")
        _ = try finishedRun(service, uid: "1.2")
        let export = service.context.state.run(broken.number)
        rename(export.path, export.path + ".away")
        for _ in 0..<3 { #expect(try !deliver(service)) }
        #expect(try delivered(service) == ["1.2"])
        #expect(service.log.texts(.deliveryFailed).count == 1)
        let controller = Controller(store: service.store, state: service.context.state, context: service.context)
        func fault() -> String? {
            guard case .list(let series) = controller.handle(.list) else { return nil }
            return series.first { $0.number == broken.seriesNumber }?.fault
        }
        #expect(fault() != nil, "the list does not say why it is not there")
        func stops() -> [ServiceStatus.Stop] {
            guard case .status(let status) = controller.handle(.status) else { return [] }
            return status.stops
        }
        #expect(stops().map(\.kind) == [.notDelivered])
        #expect(stops().first?.series == [broken.seriesNumber])
        rename(export.path + ".away", export.path)
        #expect(try deliver(service))
        #expect(try delivered(service) == ["1.1", "1.2"])
        #expect(fault() == nil)
        #expect(stops().isEmpty)
    }
}

private enum OtherFileSystem {
    static let isThere: Bool = {
        access("/dev/shm", W_OK) == 0
            && (try? FileSystemKind.areOnOneMount("/dev/shm", NSTemporaryDirectory())) == false
    }()
}

@Suite("Delivery to another file system", .enabled(if: OtherFileSystem.isThere, "/dev/shm cannot be used"))
struct DistantDeliveryTests {
    @Test("It is copied beside the results, hidden, and renamed; nothing is left over")
    func copied() throws {
        let other = try TemporaryFolder(below: "/dev/shm")
        let service = try TestService { $0.folders.outbox = other.path }
        let run = try deliveringRun(service)
        #expect(try Delivery(context: service.context, index: 0).deliverAll())
        #expect(try Directory.list(other.path).map(\.name) == [run.deliveredName])
        #expect(try String(contentsOfFile: "\(other.path)/\(run.deliveredName)/report.json", encoding: .utf8) == "{}")
    }

    @Test("When the outbox is not mounted any more, the missing copy proves nothing: the delivery waits")
    func outboxAway() throws {
        let other = try TemporaryFolder(below: "/dev/shm")
        let service = try TestService { $0.folders.outbox = other.path + "/out" }
        let run = try deliveringRun(service)
        let status = try FileSystemKind(of: other.path)
        // As if the service had died before the rename, and the share were away after the next start.
        try service.store.setDeliverySource(
            other.path + "/out/.contourd-run-\(run.number)",
            place: "\(status.magic) 1",
            deliveredName: run.deliveredName,
            run: run.number
        )
        #expect(try !Delivery(context: service.context, index: 0).deliverAll())
        #expect(try service.store.run(run.number).state == .delivering)
        #expect(service.log.lines.contains { $0.fields["CONTOUR_FAULT"] == "E_OUTBOX_CHANGED" })
    }

    @Test(
        "When another file system lies where the outbox did, results wait until it is back, or the configuration is reloaded"
    )
    func unmounted() throws {
        let (other, bare) = (try TemporaryFolder(below: "/dev/shm"), try TemporaryFolder())
        let link = bare.path + "/outbox"
        func lead(to folder: String) throws {
            unlink(link)
            try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: folder)
        }
        try lead(to: other.path)
        let service = try TestService { $0.folders.outbox = link }
        let delivery = Delivery(context: service.context, index: 0)
        let run = try deliveringRun(service)
        try lead(to: bare.path)
        #expect(try !delivery.deliverAll())
        #expect(service.log.lines.contains { $0.fields["CONTOUR_FAULT"] == "E_OUTBOX_CHANGED" })
        try lead(to: other.path)
        #expect(try delivery.deliverAll())
        #expect(try Directory.list(other.path).map(\.name) == [run.deliveredName])
    }

    private func deliveringRun(_ service: TestService) throws -> RunRecord {
        let store = service.store
        let instance = try store.beginParsing(inboxPath: "/inbox/1", snapshot: "1")
        _ = try store.beginTaking(
            instance.number,
            seriesInstanceUID: "1.2",
            sopInstanceUID: "1.2.1",
            header: "{}",
            digest: "d"
        ) { _ in "/work/1" }
        _ = try store.finishTaking(image: instance.number, settingAside: .init(service.context.state, series: 1))
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
        _ = try service.folder.file("state/work/run-\(run.number)/export/report.json", "{}")
        let (job, _) = try #require(try store.claim())
        _ = try store.finish(job.number, .completed(nextStage: nil, verdict: "delivered"))
        return run
    }
}
