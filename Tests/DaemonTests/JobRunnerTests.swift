import Daemon
import Foundation
import Pipeline
import Platform
import Store
import Testing

/// Stages run by workers that are shell scripts: they answer, refuse, die, hang.
@Suite("Stages in workers")
struct JobRunnerTests {
    private let scripts: TemporaryFolder

    init() throws { scripts = try TemporaryFolder() }

    private func service(_ script: String, change: (inout Configuration) -> Void = { _ in }) throws -> TestService {
        let service = try TestService(program: TestService.worker(script, in: scripts), change: change)
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
            firstStage: "resample"
        ) { _ in ("{}", "1.2") }
        _ = try store.seal(1, runs: [new])
        return service
    }

    private func runOne(_ service: TestService) throws -> JobRecord {
        let (job, run) = try #require(try service.store.claim())
        try JobRunner(context: service.context, index: 0).run(job, run)
        return try service.store.job(job.number)
    }

    @Test("A worker that is done makes way for the next stage; its words of progress are understood")
    func done() throws {
        let service = try service(
            """
            read -r request
            case $request in *'"resample"'*) ;; *) exit 3;; esac
            echo '{"progress":{"_0":0.5,"_1":"half"}}'; echo '{"done":{}}'; sleep 60
            """
        )
        #expect(try runOne(service).state == .completed)
        #expect(try service.store.jobs(ofRun: 1).map(\.stage) == ["resample", "segment"])
        #expect(service.log.texts(.stageFinished).count == 1)
    }

    @Test("A permanent fault refuses the series, with the worker's words")
    func refused() throws {
        let fault =
            "{\"kind\":\"permanent\",\"code\":\"E_TEST\",\"message\":\"No.\",\"hint\":\"Stop.\",\"details\":[\"slice 4\"]}"
        let service = try service("read -r request; echo '{\"fault\":{\"_0\":\(fault)}}'")
        let job = try runOne(service)
        #expect(job.state == .discarded)
        #expect(job.fault?.details == ["slice 4"])
        #expect(try service.store.deliveringRuns().map(\.verdict) == ["refused"])
        #expect(service.log.lines.last?.fields["CONTOUR_FAULT"] == "E_TEST")
    }

    @Test(
        "A worker that dies is told with how it died, and its stage is tried again; one that is killed did not crash",
        arguments: [
            ("read -r request; kill -9 $$", "signal 9", "E_WORKER_KILLED"),
            ("read -r request; kill -15 $$", "signal 15", "E_WORKER_KILLED"),
            ("read -r request; kill -SEGV $$", "signal 11", "E_WORKER_ENDED"),
            ("read -r request; exit 7", "exit status 7", "E_WORKER_ENDED"),
            ("read -r request", "without an answer", "E_WORKER_ENDED"),
        ]
    )
    func dies(script: String, how: String, code: String) throws {
        let service = try service(script)
        let job = try runOne(service)
        #expect(job.state == .available)
        #expect(job.attempts == 1)
        #expect(job.fault?.code == code)
        #expect(job.fault?.message.contains(how) == true)
    }

    @Test("A worker that makes no progress is ended, however busy it is")
    func stalls() throws {
        let service = try service("read -r request; while :; do sleep 0.1; done") { $0.work.stallSeconds = 0.5 }
        let start = ContinuousClock.now
        let job = try runOne(service)
        #expect(job.fault?.code == "E_STALLED")
        #expect(start.duration(to: .now) < .seconds(15))
        let running = service.context.running.withLock { $0.count }
        #expect(running == 0)
    }

    @Test("A worker that goes on making progress is not ended")
    func keepsGoing() throws {
        let service = try service(
            "read -r request; for n in 1 2 3 4 5; do sleep 0.3; echo '{\"progress\":{\"_0\":0.'$n',\"_1\":\"\"}}'; done; echo '{\"done\":{}}'"
        ) { $0.work.stallSeconds = 1 }
        #expect(try runOne(service).state == .completed)
    }

    @Test("When the service stops, the worker is ended at once and the attempt given back")
    func stop() throws {
        let service = try service("echo $$ >\"$0.pid\"; read -r request; exec sleep 600")
        let start = ContinuousClock.now
        try service.run(
            {
                Dispatcher(context: service.context, index: 0).run()
            },
            until: { Directory.exists(scripts.path + "/worker.pid") }
        )
        #expect(start.duration(to: .now) < .seconds(10))
        let job = try #require(try service.store.jobs(ofRun: 1).first)
        #expect(job.state == .available)
        #expect(job.attempts == 0)
        #expect(service.log.texts(.stageGivenBack).count == 1)
        let pid = try #require(
            Int32(
                try String(contentsOfFile: scripts.path + "/worker.pid", encoding: .utf8).trimmingCharacters(
                    in: .newlines
                )
            )
        )
        #expect(kill(pid, 0) == -1, "the worker lives")
    }

    @Test("A cancelled series ends its worker, and nothing follows")
    func cancel() throws {
        let service = try service("read -r request; exec sleep 600")
        let controller = Controller(store: service.store, state: service.context.state, context: service.context)
        try service.run(
            {
                Dispatcher(context: service.context, index: 0).run()
            },
            until: {
                guard service.context.running.withLock({ !$0.isEmpty }) else { return false }
                guard case .done = controller.handle(.cancel(1)) else { return false }
                return true
            }
        )
        #expect(try service.store.jobs(ofRun: 1).map(\.state) == [.cancelled])
        #expect(try service.store.deliveringRuns().isEmpty)
    }

    @Test("Without space the job is held, the queue paused, and the reason told; resume goes on")
    func noSpace() throws {
        let service = try service("read -r request; echo '{\"done\":{}}'") { $0.outbox.minimumFreeMB = 9_999_999 }
        #expect(try runOne(service).state == .held)
        guard case .fault(let fault)? = try service.store.pauses().first else {
            Issue.record("it is not paused")
            return
        }
        #expect(fault.code == "E_NO_SPACE" && fault.message.contains("less than outbox.minimum_free_mb (9999999)"))
        #expect(try service.store.claim() == nil)
        #expect(service.log.texts(.queuePaused).count == 1)
        var settings = service.context.current
        settings.configuration.outbox.minimumFreeMB = 0
        service.context.replace(settings)
        #expect(try service.store.resume() == 1)
        #expect(try runOne(service).state == .completed)
    }

    @Test("A stage that was finished before the service died is not done again")
    func alreadyFinished() throws {
        let service = try service("exit 9")
        _ = try service.folder.file("state/work/run-1/resample/ct.raw")
        #expect(try runOne(service).state == .completed)
    }
}
