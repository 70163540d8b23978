import Foundation
import Logging
import Platform
import Store
import Synchronization

/// What the parts of the service share.
final class ServiceContext: Sendable {
    let store: Store
    let logger: Logger
    let manager = ServiceManager()
    let liveness: Liveness
    let state: StateFolder
    /// The program that workers are started from.
    let program: String
    let configurationPath: String?
    /// Wakes the intake and the dispatchers.
    let intakeWake: WakeUp
    let controlWake: WakeUp
    let dispatchWake: [WakeUp]
    private let settings: Mutex<Settings>
    private let stopped = Atomic<Bool>(false)
    /// Workers that run a job, by job number.
    let running = Mutex<[Int64: RunningJob]>([:])
    /// Held by the dispatcher that delivers.
    let delivering = Mutex<Void>(())
    /// Why runs are not delivered yet, by run number, as far as it was told.
    let undelivered = Mutex<[Int64: String]>([:])

    /// What a reload replaces.
    struct Settings: Sendable {
        var configuration: Configuration
        var models: [ModelChoice]
        /// Why no model can be used; nil when all can.
        var modelProblem: String?
    }

    init(
        store: Store, logger: Logger, state: StateFolder, program: String, configurationPath: String?,
        settings: Settings
    ) throws(SystemError) {
        self.store = store
        self.logger = logger
        self.state = state
        self.program = program
        self.configurationPath = configurationPath
        self.settings = Mutex(settings)
        liveness = Liveness(watchdog: manager.watchdog) { [manager] in manager.alive() }
        intakeWake = try WakeUp()
        controlWake = try WakeUp()
        var wakes: [WakeUp] = []
        for _ in 0..<settings.configuration.work.workers { wakes.append(try WakeUp()) }
        dispatchWake = wakes
    }

    var configuration: Configuration { settings.withLock { $0.configuration } }
    var current: Settings { settings.withLock { $0 } }
    func replace(_ new: Settings) { settings.withLock { $0 = new } }

    var isStopping: Bool { stopped.load(ordering: .acquiring) }

    /// Asks every part to end soon.
    func stop() {
        guard !stopped.exchange(true, ordering: .acquiringAndReleasing) else { return }
        logger.event(.stopping, "contourd is stopping; a running stage is given back")
        manager.stopping()
        wakeAll()
    }

    func wakeAll() {
        intakeWake.signal()
        controlWake.signal()
        dispatchWake.forEach { $0.signal() }
    }

    func wakeDispatchers() { dispatchWake.forEach { $0.signal() } }

    /// The line that `systemctl status` shows.
    func updateStatus() {
        let jobs = running.withLock { $0.values.sorted { $0.seriesNumber < $1.seriesNumber } }
        // A status line is a courtesy: a database error shows elsewhere.
        let waiting = (try? store.jobCounts()["available"]) ?? 0
        let collecting = (try? store.collectingSeries().count) ?? 0
        let working = jobs.map { job in
            "series \(job.seriesNumber) \(job.stage) \(Int((job.progress.withLock { $0 } * 100).rounded())) %"
        }
        let head = working.isEmpty ? "idle" : working.joined(separator: ", ")
        manager.status("\(head); \(waiting) jobs waiting, \(collecting) series arriving")
    }
}

/// A job that a worker runs.
final class RunningJob: Sendable {
    let seriesNumber: Int64
    let stage: String
    let child: ChildProcess
    let progress = Mutex<Double>(0)
    let isCancelled = Atomic<Bool>(false)

    init(seriesNumber: Int64, stage: String, child: ChildProcess) {
        self.seriesNumber = seriesNumber
        self.stage = stage
        self.child = child
    }
}
