import Dispatch
import Foundation
import Logging
import Pipeline
import Platform
import ServiceLifecycle
import Store

/// The whole service.
package enum ContourdService {
    /// Errors of starting, with the exit status of sysexits.h that systemd shows.
    package struct StartError: Error, CustomStringConvertible, Sendable {
        package var status: Int32
        package var description: String
    }

    /// Runs until SIGTERM or SIGINT.
    /// - Throws: `StartError`.
    package static func run(configuration: Configuration, path: String?) async throws {
        let logger = makeServiceLogger()
        let state = StateFolder(path: configuration.folders.state)
        let (lock, inboxLock) = try prepare(state, configuration)
        defer { withExtendedLifetime(lock) {} }
        let socket = configuration.control.socket
        guard !ControlServer.isServed(socket) else {
            throw StartError(
                status: 75,
                description: "another contourd answers on \(socket). Give this one a control.socket of its own"
            )
        }
        let store: Store
        do { store = try state.openStore() } catch { throw StartError(error) }
        let settings = ServiceContext.Settings(reading: configuration)
        let context = try ServiceContext(
            store: store,
            logger: logger,
            state: state,
            program: "/proc/self/exe",
            configurationPath: path,
            settings: settings
        )
        if let problem = settings.modelProblem { logger.event(.noModel, "no series is begun: \(problem)") }
        let intake = try recover(context, consume inboxLock)
        let server = try ControlServer(context)
        var parts = [
            ThreadsService.Part(name: "intake") { [box = Unchecked(intake)] in box.value.run() },
            ThreadsService.Part(name: "control") { server.run() },
        ]
        for index in 0..<configuration.work.workers {
            parts.append(.init(name: "dispatcher-\(index)") { Dispatcher(context: context, index: index).run() })
        }
        let reload = reloadOnHangup(context)
        defer { reload.cancel() }
        context.manager.ready()
        logger.event(.started, "contourd \(ContourdVersion.current) is ready")
        var quiet = Logger(label: "lifecycle")
        quiet.logLevel = .error
        let group = ServiceGroup(
            services: [ThreadsService(parts: parts, stop: { context.stop() })],
            gracefulShutdownSignals: [.sigterm, .sigint],
            logger: quiet
        )
        try await group.run()
        try store.close()
    }

    private static func prepare(
        _ state: StateFolder,
        _ configuration: Configuration
    ) throws(StartError) -> (state: FileLock, inbox: FileLock?) {
        do throws(SystemError) {
            try state.create()
            try Directory.create(configuration.folders.inbox)
            try Directory.create(configuration.folders.outbox)
            let own = try FileLock(path: state.lock, waitingSeconds: 5)
            return (own, try FileLock(folder: configuration.folders.inbox))
        } catch {
            if error.code == EWOULDBLOCK {
                throw StartError(status: 75, description: "another contourd uses \(error.path ?? state.path)")
            }
            let advice =
                switch error.code {
                case EROFS: "It lies on a file system that is mounted read-only."
                case ENOSPC, EDQUOT: "Free space on its disk."
                default: "Create the folder and give it to the user that contourd runs as."
                }
            throw StartError(status: 77, description: "\(error). \(advice)")
        }
    }

    /// Puts back what was interrupted: jobs, half-made folders, half-taken files, deliveries.
    private static func recover(_ context: ServiceContext, _ inboxLock: FileLock?) throws -> Intake {
        let fault = Fault(
            .bug,
            "E_SERVICE_ENDED",
            "contourd itself ended again and again while it worked on this series.",
            hint: "Please report it with the journal of contourd. contourctl retry tries it again."
        )
        let jobs = try context.store.recoverRunningJobs(
            policy: context.configuration.retryPolicy,
            givingUpWith: FaultRecord(fault)
        )
        for entry in try Directory.list(context.state.work) where entry.kind == .folder {
            let folder = "\(context.state.work)/\(entry.name)"
            for part in try Directory.list(folder) where part.name.hasSuffix(".partial") {
                try Directory.remove("\(folder)/\(part.name)")
            }
            context.manager.moreTime()
        }
        let intake = try Intake(context, lock: inboxLock)
        try intake.recover()
        if jobs.ready > 0 { context.logger.event(.recovered, "interrupted jobs that are ready again: \(jobs.ready)") }
        if jobs.givenUp > 0 {
            context.logger.event(.recovered, "jobs that are given up: \(jobs.givenUp). \(fault.message)")
        }
        return intake
    }

    /// SIGHUP reads the configuration again, as `contourctl reload` does; the journal tells what came of it.
    private static func reloadOnHangup(_ context: ServiceContext) -> any DispatchSourceSignal {
        signal(SIGHUP, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: SIGHUP, queue: .global())
        source.setEventHandler { _ = context.reload() }
        source.resume()
        return source
    }
}

extension ContourdService.StartError {
    init(_ error: StoreError) {
        let status: Int32 =
            switch error.trouble {
            case .permission: 77
            case .damage, .noSpace, .disk: 74
            case .busy: 75
            case .other, nil: 70
            }
        self.init(status: status, description: error.description)
    }
}

/// Hands a value that one thread made to the one thread that uses it from then on.
private struct Unchecked<Value>: @unchecked Sendable {
    let value: Value
    init(_ value: Value) { self.value = value }
}
