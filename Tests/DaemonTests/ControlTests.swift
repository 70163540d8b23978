import Daemon
import Foundation
import Glibc
import Platform
import Store
import Synchronization
import Testing

@Suite("Control socket")
struct ControlTests {
    private func serve(_ service: TestService, _ body: (ControlClient) throws -> Void) throws {
        let server = try ControlServer(service.context)
        let client = ControlClient(service.context.configuration)
        try service.run(
            { server.run() },
            until: {
                try body(client)
                return true
            }
        )
    }

    @Test("The service answers; an unknown series is told in words")
    func answers() throws {
        let service = try TestService()
        try serve(service) { client in
            guard case .status(let status) = try client.ask(.status) else {
                Issue.record("no status")
                return
            }
            #expect(status.isRunning)
            guard case .failed(let reason) = try client.ask(.show(7)) else {
                Issue.record("no failure")
                return
            }
            #expect(reason.contains("no series 7"))
        }
        #expect(!Directory.exists(service.context.configuration.control.socket), "the socket goes with the service")
    }

    @Test("A socket on which a service answers is told from one that was left behind, and only its own is taken away")
    func taken() throws {
        let service = try TestService()
        let path = service.context.configuration.control.socket
        #expect(!ControlServer.isServed(path))
        try serve(service) { _ in
            #expect(ControlServer.isServed(path))
            // Somebody else's, under the same name.
            unlink(path)
            try Data().write(to: URL(fileURLWithPath: path))
        }
        #expect(Directory.exists(path))
        #expect(!ControlServer.isServed(path))
    }

    @Test("A service that hangs is told, not waited for")
    func hangs() throws {
        let service = try TestService()
        let path = service.context.configuration.control.socket
        let listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
        defer { close(listener) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        #expect(bound == 0 && listen(listener, 1) == 0)
        let client = ControlClient(service.context.configuration, patienceSeconds: 1)
        #expect { try client.ask(.status) } throws: { "\($0)".contains("did not answer within 1 s") }
    }

    @Test("Pause and resume are obeyed and told")
    func pause() throws {
        let service = try TestService()
        try serve(service) { client in
            _ = try client.ask(.pause)
            guard case .done(let again) = try client.ask(.pause), case .status(let status) = try client.ask(.status)
            else {
                Issue.record("no answer")
                return
            }
            #expect(again == "The queue is paused already.")
            #expect(status.stops.map(\.kind) == [.pausedByOperator])
            #expect(try status.configuration?.digest == service.context.configuration.digest())
            _ = try client.ask(.resume)
            #expect(try service.store.pauses().isEmpty)
        }
        #expect(service.log.texts(.queuePaused).count == 1)
        #expect(service.log.texts(.queueResumed).count == 1)
    }

    @Test("Several stops are told in the order in which they are to be mended, each with its command and one full stop")
    func stops() throws {
        let service = try TestService()
        try service.store.pause(.byOperator)
        let full = FaultRecord(
            kind: "operator",
            code: "E_NO_SPACE",
            message: "There is no space left (on \"device\").",
            hint: "Free space there, then: contourctl resume",
            details: []
        )
        try service.store.pause(.fault(full))
        let number = try holdSeries(service, code: "E_MODEL", message: "The model cannot be used: it is damaged..")
        _ = try holdSeries(service, code: "E_NO_SPACE", message: full.message)
        try serve(service) { client in
            guard case .status(let status) = try client.ask(.status) else { return }
            #expect(status.stops.map(\.kind) == [.pausedByFault, .held, .pausedByOperator])
            #expect(
                status.stops.map(\.command) == ["contourctl resume", "contourctl retry \(number)", "contourctl resume"]
            )
            #expect(status.stops[0].reason == "There is no space left (on \"device\").")
            #expect(status.stops[0].hint == "Free space there.")
            #expect(status.stops[1].reason == "The model cannot be used: it is damaged.")
            #expect(status.stops[1].series == [number])
            _ = try client.ask(.resume)
            guard case .status(let after) = try client.ask(.status) else { return }
            #expect(after.stops.isEmpty)
        }
    }

    /// A Series whose run waits for an operator.
    private func holdSeries(_ service: TestService, code: String, message: String) throws -> Int64 {
        let store = service.store
        let paused = try store.pauses()
        _ = try store.resume()
        let uid = "1.2.\(code.utf8.count)"
        let instance = try store.beginParsing(inboxPath: "/inbox/\(uid)", snapshot: "1")
        let taking = try store.beginTaking(
            instance.number,
            seriesInstanceUID: uid,
            sopInstanceUID: uid + ".1",
            header: "{}",
            digest: "d"
        ) { _ in "/work/\(uid)" }
        let words = SettingAside.Words(code: "", reason: "")
        let taken = try store.finishTaking(
            image: taking.number,
            settingAside: SettingAside(conflict: words, replaced: words) { "\($0)" }
        )
        let run = NewRun(
            kind: "contouring",
            stack: uid,
            model: "lungs",
            contentDigest: "c",
            modelDigest: "m",
            configurationDigest: "c",
            softwareVersion: "1",
            firstStage: "resample"
        ) { _ in ("{}", uid) }
        _ = try store.seal(taken.seriesNumber, runs: [run])
        let fault = FaultRecord(kind: "operator", code: code, message: message, hint: "", details: [])
        // Those that were held before are ready again, and are held once more.
        var held = false
        while let (job, run) = try store.claim() {
            let own = run.seriesNumber == taken.seriesNumber
            held = held || own
            let former = try store.job(job.number).fault
            _ = try store.finish(job.number, .failed(own ? fault : former ?? fault))
        }
        #expect(held)
        for pause in paused { try store.pause(pause) }
        return taken.seriesNumber
    }

    @Test("What a reference found after the delivery shows in the list: review")
    func reviewByEvaluation() throws {
        for (verdict, state) in [("delivered", "delivered"), ("review", "review")] {
            let service = try TestService()
            let store = service.store
            let number = try holdSeries(service, code: "E_TEST", message: "It is a test.")
            _ = try store.resume()
            let base = try deliver(service, verdict: "delivered")
            let evaluation = NewRun(
                kind: "evaluation",
                stack: base.stack,
                model: base.model,
                contentDigest: "r",
                modelDigest: "m",
                configurationDigest: "c",
                softwareVersion: "1",
                baseRunNumber: base.number,
                firstStage: "evaluate"
            ) { _ in ("{}", "1.2.evaluation-1") }
            _ = try store.queueEvaluation(evaluation, series: number)
            _ = try deliver(service, verdict: verdict)
            let controller = Controller(store: store, state: service.context.state, context: nil)
            guard case .list(let series) = controller.handle(.list) else {
                Issue.record("no list")
                return
            }
            #expect(series.map(\.state) == [state])
        }
    }

    @Test("A series with a stack in review shows that in the list, whichever of its stacks came last")
    func reviewOfOneStack() throws {
        for verdicts in [["review", "delivered"], ["delivered", "review"]] {
            let service = try TestService()
            let store = service.store
            let number = try holdSeries(service, code: "E_TEST", message: "It is a test.")
            _ = try store.resume()
            let first = try deliver(service, verdict: verdicts[0])
            let second = NewRun(
                kind: first.kind,
                stack: first.stack + "-2",
                model: first.model,
                contentDigest: "d",
                modelDigest: "m",
                configurationDigest: "c",
                softwareVersion: "1",
                baseRunNumber: nil,
                firstStage: "evaluate"
            ) { _ in ("{}", "1.2-s2") }
            _ = try store.queueEvaluation(second, series: number)
            _ = try deliver(service, verdict: verdicts[1])
            let controller = Controller(store: store, state: service.context.state, context: nil)
            guard case .list(let series) = controller.handle(.list) else {
                Issue.record("no list")
                return
            }
            #expect(series.map(\.state) == ["review"])
        }
    }

    /// The next job ends its run.
    private func deliver(_ service: TestService, verdict: String) throws -> RunRecord {
        let (job, run) = try #require(try service.store.claim())
        _ = try service.store.finish(job.number, .completed(nextStage: nil, verdict: verdict))
        try service.store.finishDelivery(run: run.number)
        return run
    }

    @Test("Nonsense, and a client that says nothing, keep nobody else waiting for long")
    func badClients() throws {
        let service = try TestService()
        try serve(service) { client in
            let path = service.context.configuration.control.socket
            for words in ["nonsense\n", ""] {
                let raw = try connect(to: path)
                if !words.isEmpty {
                    _ = words.withCString { write(raw, $0, words.utf8.count) }
                    var answer = [UInt8](repeating: 0, count: 4096)
                    let count = read(raw, &answer, answer.count)
                    #expect(String(decoding: answer.prefix(max(0, count)), as: UTF8.self).contains("failed"))
                }
                let start = ContinuousClock.now
                _ = try client.ask(.list)
                #expect(start.duration(to: .now) < .seconds(5))
                close(raw)
            }
        }
    }

    @Test("A client that sends a byte now and then keeps nobody else waiting for long, and no stop either")
    func drippingClient() throws {
        let service = try TestService()
        try serve(service) { client in
            let raw = try connect(to: service.context.configuration.control.socket)
            let isOver = Atomic<Bool>(false)
            let thread = Thread {
                while !isOver.load(ordering: .relaxed) {
                    _ = send(raw, "x", 1, Int32(MSG_NOSIGNAL))
                    usleep(200_000)
                }
            }
            thread.start()
            usleep(300_000)
            let start = ContinuousClock.now
            _ = try client.ask(.list)
            #expect(start.duration(to: .now) < .seconds(5))
            isOver.store(true, ordering: .relaxed)
            usleep(300_000)
            close(raw)
        }
    }

    private func connect(to path: String) throws -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        let raw = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(raw, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(result == 0)
        return raw
    }

    @Test("A socket that a killed service left behind is replaced; its mode lets no stranger in")
    func leftOverSocket() throws {
        let service = try TestService()
        _ = try service.folder.file("control.sock")
        try serve(service) { client in
            guard case .list(let series) = try client.ask(.list) else { return }
            #expect(series.isEmpty)
            var status = stat()
            #expect(stat(service.context.configuration.control.socket, &status) == 0)
            #expect(status.st_mode & 0o777 == 0o660)
        }
    }

    @Test("Without a service contourctl reads the database itself, under the lock")
    func withoutService() throws {
        let service = try TestService()
        try service.store.close()
        let client = ControlClient(service.context.configuration)
        guard case .status(let status) = try client.ask(.status) else {
            Issue.record("no status")
            return
        }
        #expect(!status.isRunning)
        let lock = try FileLock(path: service.context.state.lock)
        defer { withExtendedLifetime(lock) {} }
        let error = #expect(throws: ControlError.self) { try client.ask(.status) }
        #expect(error?.description.contains("starting or stopping") == true)
    }

    @Test("Without a service and without a database there is nothing to read, and nothing is made")
    func nothingThere() throws {
        let folder = try TemporaryFolder()
        var configuration = Configuration()
        configuration.folders.state = folder.path + "/state"
        configuration.control.socket = folder.path + "/control.sock"
        #expect(throws: ControlError.self) { try ControlClient(configuration).ask(.status) }
        #expect(!Directory.exists(folder.path + "/state"))
    }
}
