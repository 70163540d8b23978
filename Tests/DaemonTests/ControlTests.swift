import Daemon
import Foundation
import Glibc
import Platform
import Store
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

    @Test("Pause and resume are obeyed and told")
    func pause() throws {
        let service = try TestService()
        try serve(service) { client in
            _ = try client.ask(.pause)
            guard case .status(let status) = try client.ask(.status) else { return }
            #expect(status.pausedBecause == "by an operator")
            _ = try client.ask(.resume)
            #expect(try service.store.pauseReason() == nil)
        }
        #expect(service.log.texts(.queuePaused).count == 1)
        #expect(service.log.texts(.queueResumed).count == 1)
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
