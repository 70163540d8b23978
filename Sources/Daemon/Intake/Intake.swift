import Foundation
import Platform
import Store

/// Watches the inbox, takes finished files, assembles Series. Runs on a thread of its own.
final class Intake {
    private let context: ServiceContext
    private let inotify: Inotify?
    private let receiver: FileReceiver
    private let assembler: Assembler
    private var scanner = InboxScanner()
    private var lastScan = ContinuousClock.now - .seconds(86400)
    private var warnedFolders: Set<String> = []
    private var unreadableMarkers: Set<String> = []

    init(_ context: ServiceContext) throws {
        self.context = context
        receiver = FileReceiver(context: context, headers: HeaderReader(context))
        assembler = Assembler(context: context)
        // Without inotify (its limits are reached) the inbox is polled.
        inotify = try? Inotify()
        for file in try context.store.leftInInbox() {
            scanner.leave(InboxFile(path: file.inboxPath, snapshot: file.snapshot))
        }
    }

    /// Completes what a crash interrupted. Runs before READY.
    func recover() throws {
        for instance in try context.store.instances(in: .taking) { try receiver.finishTaking(instance) }
        for series in try context.store.series() {
            try EvaluationQueue(context: context).queue(seriesInstanceUID: series.seriesInstanceUID)
        }
    }

    func run() {
        while !context.isStopping {
            var wait = 15.0
            do { wait = try turn() } catch {
                context.logger.event(.internalError, "the intake failed: \(classifiedText(error)); it goes on")
                wait = 5
            }
            // A whole turn was made: that is what keeps the watchdog quiet.
            context.manager.alive()
            context.updateStatus()
            context.intakeWake.wait(seconds: min(wait, 15), also: inotify.map { [$0.descriptor] } ?? [])
        }
    }

    /// - Returns: seconds until there is something to do, as far as is known.
    private func turn() throws -> Double {
        let configuration = context.configuration
        let hints = inotify?.read() ?? Inotify.Hints()
        let polls = mustPoll(configuration)
        let interval = polls ? configuration.inbox.pollSeconds : configuration.inbox.scanSeconds
        var wait = interval
        let sinceScan = lastScan.duration(to: .now)
        if hints.something || unsettled > 0 || sinceScan >= .seconds(interval) || !pendingMarkers.isEmpty {
            lastScan = .now
            try scan(configuration)
        }
        if unsettled > 0 { wait = min(wait, max(0.1, configuration.inbox.settleSeconds / 4)) }
        if let next = try assembler.assemble() { wait = min(wait, max(0.1, next)) }
        return wait
    }

    private var unsettled = 0
    private var pendingMarkers: [(path: String, folder: String)] = []

    private func scan(_ configuration: Configuration) throws {
        let listing = scanner.scan(
            configuration.folders.inbox, marker: configuration.series.marker,
            settle: .seconds(configuration.inbox.settleSeconds))
        watch(listing.folders)
        warn(listing.closedFolders)
        unsettled = listing.unsettled
        var touched: Set<String> = []
        for file in listing.ready {
            if context.isStopping { return }
            try receive(file, configuration, &touched)
            context.manager.alive()
        }
        pendingMarkers = listing.markers.filter { !unreadableMarkers.contains($0.path) }
        if unsettled == 0 && !pendingMarkers.isEmpty { try obey(pendingMarkers) }
        for uid in touched { try EvaluationQueue(context: context).queue(seriesInstanceUID: uid) }
    }

    private func receive(
        _ file: InboxFile, _ configuration: Configuration, _ touched: inout Set<String>
    ) throws {
        let patience = Duration.seconds(configuration.inbox.truncatedAfterSeconds)
        switch try receiver.receive(file, mayGrow: scanner.age(of: file) < patience) {
        case .left: scanner.leave(file)
        case .truncated: unsettled += 1
        case .reference(let seriesInstanceUIDs): touched.formUnion(seriesInstanceUIDs)
        case .taken, .gone: break
        }
    }

    /// A marker speaks for every Series that came out of its folder.
    private func obey(_ markers: [(path: String, folder: String)]) throws {
        for marker in markers {
            let numbers = try context.store.collectingSeries(fromFolder: marker.folder)
            try context.store.mark(numbers)
            // It has been obeyed; left there it would speak for the next scan in this folder, too.
            if unlink(marker.path) != 0 { unreadableMarkers.insert(marker.path) }
        }
        pendingMarkers = []
    }

    private func mustPoll(_ configuration: Configuration) -> Bool {
        switch configuration.inbox.polling {
        case .always: true
        case .never: inotify == nil
        case .auto:
            // A folder that cannot be asked is polled: that is safe everywhere.
            inotify == nil || ((try? FileSystemKind(of: configuration.folders.inbox).needsPolling) ?? true)
        }
    }

    /// Watching a folder again costs nothing and covers folders that were removed and made anew.
    private func watch(_ folders: [String]) {
        guard let inotify else { return }
        // A folder that cannot be watched (limits, permissions) is found by the regular scan.
        for folder in folders { try? inotify.watch(folder) }
    }

    private func warn(_ errors: [SystemError]) {
        for error in errors where warnedFolders.insert(error.path ?? "").inserted {
            context.logger.event(
                .fileUnreadable,
                """
                a folder in the inbox may not be read (\(error.reason)); let the inbox hand its access list on: \
                setfacl -d -m u:contourd:rwX on the inbox, then copy the folder again
                """, JournalFields(fault: "E_PERMISSION"))
        }
    }
}
