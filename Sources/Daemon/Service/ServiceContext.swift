import Foundation
import Logging
import Platform
import Store
import Synchronization

/// What the parts of the service share.
package final class ServiceContext: Sendable {
    package let store: Store
    let logger: Logger
    let manager = ServiceManager()
    let liveness: Liveness
    package let state: StateFolder
    /// The program that workers are started from: ourselves as we run, even when an upgrade has replaced the file.
    package let program: String
    let configurationPath: String?
    /// Wakes the intake and the dispatchers.
    let intakeWake: WakeUp
    let controlWake: WakeUp
    let dispatchWake: [WakeUp]
    private let settings: Mutex<Settings>
    private let stopped = Atomic<Bool>(false)
    /// Workers that run a job, by job number.
    package let running = Mutex<[Int64: RunningJob]>([:])
    /// Held by whoever reads the configuration again: a signal, or `contourctl reload`.
    let reloading = Mutex<Void>(())
    /// Held by the dispatcher that delivers.
    let delivering = Mutex<Void>(())
    /// Chores that fail, with the reason that was told.
    private let failingChores = Mutex<[String: String]>([:])
    /// Why runs are not delivered yet, by run number, as far as it was told.
    let undelivered = Mutex<[Int64: Undelivered]>([:])

    /// Where the outbox lay at the start, at the latest reload, or, if it was not there, at the first delivery after.
    let outboxPlace: Mutex<FileSystemPlace?>

    /// Where the inbox lay when it was listed last; nil before that, and after a reload.
    let inboxPlace = Mutex<InboxPlace?>(nil)
    /// Why nothing is taken from the inbox; nil while all is well.
    let inboxTrouble = Mutex<InboxTrouble?>(nil)
    let modelLook: Mutex<ModelLook>
    /// Parts whose last turn failed.
    let failingParts = Mutex<[String: PartFailure]>([:])

    /// A result that cannot be brought into the outbox just now.
    struct Undelivered: Sendable, Equatable {
        var series: Int64
        var code: String
        /// A sentence.
        var reason: String
        var advice: String
    }

    /// What a reload replaces.
    package struct Settings: Sendable {
        package var configuration: Configuration
        package var models: [ModelChoice]
        /// Which models cannot be used, and why; nil when all can.
        var modelProblem: String?
        /// Whether the models were read from disk, not given.
        var readsModels = false

        package init(configuration: Configuration, models: [ModelChoice], modelProblem: String? = nil) {
            self.configuration = configuration
            self.models = models
            self.modelProblem = modelProblem
        }
    }

    package init(
        store: Store,
        logger: Logger,
        state: StateFolder,
        program: String,
        configurationPath: String?,
        settings: Settings
    ) throws(SystemError) {
        self.store = store
        self.logger = logger
        self.state = state
        self.program = program
        self.configurationPath = configurationPath
        self.settings = Mutex(settings)
        // One that is not there yet is told when something is to be delivered.
        outboxPlace = Mutex(try? FileSystemPlace(of: settings.configuration.folders.outbox))
        modelLook = Mutex(ModelLook(problem: settings.modelProblem))
        liveness = Liveness(watchdog: manager.watchdog) { [manager] in manager.alive() }
        intakeWake = try WakeUp()
        controlWake = try WakeUp()
        var wakes: [WakeUp] = []
        for _ in 0..<settings.configuration.work.workers { wakes.append(try WakeUp()) }
        dispatchWake = wakes
    }

    package var configuration: Configuration { settings.withLock { $0.configuration } }
    package var current: Settings { settings.withLock { $0 } }
    package func replace(_ new: Settings) {
        settings.withLock { $0 = new }
        note(modelProblem: new.modelProblem)
    }

    var isStopping: Bool { stopped.load(ordering: .acquiring) }

    /// Asks every part to end soon.
    package func stop() {
        guard !stopped.exchange(true, ordering: .acquiringAndReleasing) else { return }
        logger.event(.stopping, "contourd is stopping; a running stage is given back")
        manager.stopping()
        wakeAll()
    }

    func startWorker() throws(SystemError) -> ChildProcess {
        let limit = configuration.work.memoryLimitMB
        return try ChildProcess(program, arguments: ["--worker", "--memory-limit-mb", "\(limit)"], name: "contourd")
    }

    /// Something that is no reason to contour nothing when it fails. It is done again, and told once.
    func chore(_ failing: String, _ body: () throws -> Void) {
        var reason: String?
        do { try body() } catch { reason = classifiedText(error) }
        let former = failingChores.withLock { chores in
            defer { chores[failing] = reason }
            return chores[failing]
        }
        if let reason, reason != former {
            logger.event(.internalError, "\(failing): \(reason); it is tried again")
        }
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
        let counts = (try? store.jobCounts()) ?? [:]
        let (waiting, held) = (counts["available"] ?? 0, counts["held"] ?? 0)
        let collecting = (try? store.collectingSeries().count) ?? 0
        let working = jobs.map { job in
            "series \(job.seriesNumber) \(job.stage) \(Int((job.progress.withLock { $0 } * 100).rounded())) %"
        }
        let blocked = Set(undelivered.withLock { $0.values.map(\.code) }).sorted().joined(separator: ", ")
        let isInboxAway = inboxTrouble.withLock { $0 != nil }
        let failing = Set(failingParts.withLock { $0.values.map(\.code) }).sorted().joined(separator: ", ")
        let hasNoModel = modelLook.withLock { $0.problem != nil }
        let head =
            (failing.isEmpty ? "" : "FAILING (\(failing)), see contourctl status; ")
            + (hasNoModel ? "NO SERIES IS BEGUN (E_MODEL), see contourctl status; " : "")
            + (isInboxAway ? "NOTHING NEW IS TAKEN (E_INBOX), see contourctl status; " : "")
            + (blocked.isEmpty ? "" : "CANNOT DELIVER (\(blocked)), see contourctl status; ")
            + (working.isEmpty ? "idle" : working.joined(separator: ", "))
        let tail = held == 0 ? "" : ", \(held) held, see contourctl status"
        manager.status("\(head); \(counted(waiting, "job")) waiting, \(collecting) series arriving\(tail)")
    }
}

/// A job that a worker runs.
package final class RunningJob: Sendable {
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
