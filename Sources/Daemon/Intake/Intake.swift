import Foundation
import Pipeline
import Platform
import Store

/// Watches the inbox, takes finished files, assembles Series. Runs on a thread of its own.
package final class Intake {
    private typealias Instant = ContinuousClock.Instant

    private static let name = "the intake"

    /// A file that does not grow while its writer keeps it open is told of after this time.
    private static let longWriting = Duration.seconds(60)

    /// For so long files are received before series and markers are looked at.
    private static let longestRound = Duration.seconds(5)

    private let context: ServiceContext
    private let receiver: FileReceiver
    private var assembler: Assembler
    private var scanner = InboxScanner()
    private var watcher = FolderWatcher()
    private var teller: IntakeTeller
    private var lastScan = Instant.now - .seconds(86400)
    private var scanTime = Duration.zero
    /// Something happened in the inbox that no scan has looked at yet.
    private var isDirty = true
    private var polls = false
    /// Nothing can be taken: the inbox was moved away, or is not mounted.
    private var isInboxAway = false
    /// On the folder that is listed: two programs would share its files out between them. nil where the file system knows no locks.
    private var lock: FileLock?
    /// READY was told: before that, a start that takes long asks for more time.
    private var isReady = false
    private var scannedInbox = ""
    /// Files that may not be taken: asked for again without reading them.
    private var denied: [String: String] = [:]
    /// Files whose reader was killed, or did not start: read again after a pause.
    private var awaitingReader: Set<String> = []
    /// Folders that may not be listed, what has a name that is not UTF-8, and links.
    private var closedFolders: Set<String> = []
    /// Markers that were obeyed but could not be removed.
    private var obeyed: [String: String] = [:]

    /// - Parameter lock: on the inbox, if whoever starts us has taken it already.
    package init(_ context: ServiceContext, lock: FileLock? = nil) throws {
        self.context = context
        self.lock = lock
        let headers = HeaderReader(context)
        receiver = FileReceiver(context: context, headers: headers)
        assembler = Assembler(context: context, headers: headers)
        teller = IntakeTeller(context: context)
        for file in try context.store.leftInInbox() {
            scanner.leave(InboxFile(path: file.inboxPath, snapshot: file.snapshot))
        }
        let ignored = try context.store.instances(in: .ignored)
        let marks = [FileReceiver.folderSnapshot, FileReceiver.namelessSnapshot, FileReceiver.linkSnapshot]
        closedFolders = Set(ignored.filter { marks.contains($0.snapshot) }.map(\.inboxPath))
    }

    /// Completes what a crash interrupted, and lists the inbox once. Runs before READY.
    package func recover() throws {
        _ = try completeTaking()
        try moveAside()
        for instance in try context.store.instances(in: .parsing) where !Directory.exists(instance.inboxPath) {
            try context.store.forgetInstance(instance.number)
        }
        for series in try context.store.series() {
            try EvaluationQueue(context: context).queue(seriesInstanceUID: series.seriesInstanceUID)
        }
        if let listing = list(context.configuration) { try context.store.forgetLeft(listing.vanished) }
        teller.tell()
    }

    /// Files that were being taken when something went wrong.
    /// - Returns: Series that have a new reference.
    private func completeTaking() throws -> Set<String> {
        var touched: Set<String> = []
        for instance in try context.store.instances(in: .taking) {
            do {
                let outcome = try receiver.finishOrGiveBack(instance)
                teller.note(outcome)
                if case .reference(_, let contoured, _) = outcome { touched.formUnion(contoured.seriesInstanceUIDs) }
            } catch let error as SystemError {
                // One that cannot be completed now is tried again, or read anew, by a later scan.
                teller.trouble(error)
            }
            context.liveness.beat(.intake)
            if !isReady { context.manager.moreTime() }
        }
        return touched
    }

    /// Images that the database has set aside go to the quarantine.
    private func moveAside() throws {
        for instance in try context.store.imagesToMove() {
            do { try receiver.moveAside(instance) } catch let error as SystemError { teller.trouble(error) }
            context.liveness.beat(.intake)
            if !isReady { context.manager.moreTime() }
        }
    }

    package func run() {
        isReady = true
        while !context.isStopping {
            var wait = 5.0
            do {
                wait = try turn()
                context.recovered(Self.name)
            } catch {
                context.failed(Self.name, error)
            }
            context.liveness.beat(.intake)
            context.updateStatus()
            context.intakeWake.wait(
                seconds: min(wait, context.liveness.longestSleep),
                also: isDirty ? [] : watcher.descriptors
            )
        }
        lock = nil
        context.liveness.end(.intake)
    }

    /// - Returns: seconds until there is something to do, as far as is known.
    private func turn() throws -> Double {
        let configuration = context.configuration
        let hint = watcher.hint()
        if hint == .changed || configuration.folders.inbox != scannedInbox { isDirty = true }
        if !isInboxAway, !isStillThere() { isDirty = true }
        // Every write is an event: a big file that arrives must not keep us awake.
        if hint == .writing, !isDirty { context.intakeWake.wait(seconds: 0.2, also: []) }
        if .now >= nextScan(configuration) { try scan(configuration) }
        let wait = Instant.now.duration(to: nextScan(configuration)).seconds
        let next = try assembler.assemble(beside: waitingFiles()) ?? wait
        try moveAside()
        // No hint tells that another folder lies there now.
        return max(0.01, min(wait, next, context.lookAtModels() ?? wait, configuration.inbox.pollSeconds))
    }

    private func isStillThere() -> Bool {
        context.inboxPlace.withLock { $0 }?.isStill(at: scannedInbox) ?? false
    }

    private func nextScan(_ configuration: Configuration) -> Instant {
        // A burst of hints, and a big inbox on a slow disk, must not make us list without a pause.
        if isDirty { return lastScan + max(.milliseconds(200), scanTime) }
        // Nothing tells when an inbox comes back, and nothing that waits in it can be looked at before.
        if isInboxAway { return lastScan + .seconds(configuration.inbox.pollSeconds) }
        let regular = lastScan + .seconds(polls ? configuration.inbox.pollSeconds : configuration.inbox.scanSeconds)
        return min(regular, max(scanner.nextLook ?? regular, lastScan + max(.milliseconds(50), scanTime)))
    }

    private func scan(_ configuration: Configuration) throws {
        // What is known of an inbox that is away stays known.
        guard let listing = list(configuration) else { return teller.tell() }
        try context.store.forgetLeft(listing.vanished)
        try noteFolders(listing)
        // Fails when something came into it meanwhile, or when it is not ours to remove.
        for folder in listing.deserted { rmdir(folder) }
        var touched = try completeTaking()
        var open = 0
        let start = Instant.now
        let files = Dictionary(grouping: listing.ready, by: \.mayBeDicom)
        for file in (files[true] ?? []) + (files[false] ?? []) {
            if context.isStopping { return }
            // A mountain of junk must keep no series and no new file waiting: the rest is listed again.
            if start.duration(to: .now) > Self.longestRound {
                isDirty = true
                break
            }
            // inotify tells who wrote while we watched; the kernel, where it tells, also who had opened it before.
            if watcher.isOpen(file.path) || FileWriters.areAny(file.path) == true {
                scanner.postpone(file, for: .seconds(1))
                if scanner.age(of: file) > Self.longWriting { open += 1 }
                continue
            }
            try receive(file, configuration, &touched)
            context.liveness.beat(.intake)
        }
        try moveAside()
        teller.note(stillOpen: open)
        try obey(listing.markers)
        for uid in touched {
            try EvaluationQueue(context: context).queue(seriesInstanceUID: uid)
            if let series = try context.store.seriesWithoutLabels(seriesInstanceUID: uid) {
                teller.noteUnscored(series)
            }
        }
        teller.tell()
    }

    /// What lies in the inbox and was not read so far, by the clock of the wall.
    private func waitingFiles() -> [WaitingFile] {
        let (now, wall, waiting) = (Instant.now, context.store.now(), scanner.waiting)
        awaitingReader.formIntersection(waiting.map(\.path))
        return waiting.map { file in
            WaitingFile(
                path: file.path,
                since: wall - Int64(file.firstSeen.duration(to: now).seconds * 1000),
                awaitsReader: awaitingReader.contains(file.path)
            )
        }
    }

    /// Folders that may not be listed, and links, are noted as files are; what may be used by now is forgotten.
    private func noteFolders(_ listing: InboxScanner.Listing) throws {
        var closed: Set<String> = []
        for error in listing.closedFolders {
            guard let path = error.path else { continue }
            closed.insert(path)
            if !closedFolders.contains(path) { teller.note(try receiver.deny(folder: path, error)) }
        }
        for path in listing.nameless {
            closed.insert(path)
            guard !closedFolders.contains(path) else { continue }
            try receiver.deny(nameless: path)
            context.wakeDispatchers()
        }
        for path in listing.links {
            closed.insert(path)
            if !closedFolders.contains(path) { teller.note(try receiver.deny(link: path)) }
        }
        try context.store.forgetLeft(closedFolders.subtracting(closed).sorted())
        closedFolders = closed
    }

    /// - Returns: nil while the inbox is away.
    private func list(_ configuration: Configuration) -> InboxScanner.Listing? {
        isDirty = false
        scannedInbox = configuration.folders.inbox
        let start = Instant.now
        defer {
            lastScan = .now
            scanTime = start.duration(to: lastScan)
        }
        do throws(SystemError) {
            let trouble = try enter(scannedInbox)
            let listing = try trouble == nil ? listing(of: scannedInbox, configuration) : nil
            note(trouble)
            guard let listing else { return nil }
            if watcher.watch(listing.folders) { isDirty = true }
            polls = mustPoll(configuration, listing)
            teller.note(listing, polls: polls)
            return listing
        } catch {
            note(InboxTrouble(error))
            return nil
        }
    }

    private func note(_ trouble: InboxTrouble?) {
        isInboxAway = trouble != nil
        teller.note(trouble)
        guard isInboxAway else { return }
        // Neither a lock nor a watch of ours keeps its file system from being unmounted for good.
        lock = nil
        _ = watcher.watch([])
    }

    /// Looks where the path of the inbox leads now.
    /// - Returns: why nothing is taken from there.
    private func enter(_ inbox: String) throws(SystemError) -> InboxTrouble? {
        let here = try InboxPlace(of: inbox)
        let known = context.inboxPlace.withLock { $0 }
        if let known, known.isUnmounted(leaving: here) { return .isUnmounted }
        if lock?.isHeld(at: inbox) != true { lock = try FileLock(folder: inbox) }
        context.inboxPlace.withLock { $0 = here }
        return nil
    }

    private func listing(of inbox: String, _ configuration: Configuration) throws(SystemError) -> InboxScanner.Listing {
        let listing = scanner.scan(
            inbox,
            marker: configuration.series.marker,
            settle: .seconds(configuration.inbox.settleSeconds)
        ) { context.liveness.beat(.intake) }
        if let error = listing.closedFolders.first(where: { $0.path == inbox }) { throw error }
        return listing
    }

    private func receive(
        _ file: InboxFile,
        _ configuration: Configuration,
        _ touched: inout Set<String>
    ) throws {
        if denied[file.path] == file.snapshot, !FileReceiver.mayRead(file.path) {
            return scanner.postpone(file, for: .seconds(10))
        }
        denied[file.path] = nil
        let patience = Duration.seconds(configuration.inbox.truncatedAfterSeconds)
        do {
            let outcome = try receiver.receive(file, mayGrow: scanner.age(of: file) < patience)
            teller.note(outcome)
            awaitingReader.remove(file.path)
            switch outcome {
            case .left: scanner.leave(file)
            case .denied:
                denied[file.path] = file.snapshot
                scanner.postpone(file, for: .seconds(10))
            case .truncated: scanner.postpone(file, for: max(.milliseconds(100), patience - scanner.age(of: file)))
            case .reference(_, let contoured, let leftBehind):
                touched.formUnion(contoured.seriesInstanceUIDs)
                end(file, leftBehind)
            case .image(_, let leftBehind), .replaced(_, _, let leftBehind), .quarantined(_, let leftBehind):
                end(file, leftBehind)
            case .postponed(_, let pause):
                awaitingReader.insert(file.path)
                scanner.postpone(file, for: pause)
            case .repeated: scanner.forget(file)
            case .gone:
                scanner.forget(file)
                isDirty = true
            }
        } catch let error as SystemError {
            // One file that cannot be taken must not keep the others waiting.
            scanner.postpone(file, for: .seconds(30))
            teller.trouble(error)
        }
    }

    private func end(_ file: InboxFile, _ isLeftBehind: Bool) {
        if isLeftBehind { scanner.leave(file) } else { scanner.forget(file) }
    }

    /// A marker speaks for every Series that came out of its folder, as soon as nothing there is still on its way.
    private func obey(_ markers: [InboxScanner.Marker]) throws {
        obeyed = obeyed.filter { path, _ in markers.contains { $0.file.path == path } }
        for marker in markers
        where obeyed[marker.file.path] != marker.file.snapshot && !scanner.isWaiting(below: marker.folder) {
            // Whoever still writes to it may be writing an image.
            guard !watcher.isOpen(marker.file.path), FileWriters.areAny(marker.file.path) != true,
                InboxFile(at: marker.file.path) == marker.file
            else { continue }
            // The inbox itself is everybody's: who writes a scan into a folder of its own speaks there.
            let isShared = marker.folder == scannedInbox
            try context.store.mark(try context.store.collectingSeries(fromFolder: marker.folder, isShared: isShared))
            // Left there it would speak for the next scan in this folder, too.
            if unlink(marker.file.path) != 0 { obeyed[marker.file.path] = marker.file.snapshot }
            // Nothing more comes into it: what is empty is cleared away.
            if !isShared { Directory.prune(marker.folder) }
        }
    }

    private func mustPoll(_ configuration: Configuration, _ listing: InboxScanner.Listing) -> Bool {
        switch configuration.inbox.polling {
        case .always: return true
        case .never: return false
        case .auto:
            // A folder that cannot be asked is polled: that is safe everywhere.
            let isRemote = listing.devices.values.contains { (try? FileSystemKind(of: $0).needsPolling) ?? true }
            return isRemote || watcher.isIncomplete
        }
    }
}
