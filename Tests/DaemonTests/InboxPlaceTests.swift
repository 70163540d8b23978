import Daemon
import Foundation
import Glibc
import Pipeline
import Platform
import Store
import Synchronization
import Testing

@Suite("Where files lie, and where they lay", .enabled(if: TestService.program != nil, "contourd is not built"))
struct InboxPlaceTests {
    @Test("An inbox that is moved away is missed at once; the one in its place is watched, and its files are taken")
    func movedInbox() throws {
        let service = try TestService {
            $0.inbox.scanSeconds = 600; $0.inbox.pollSeconds = 0.2
        }
        let series = try TestSeries()
        let away = service.folder.path + "/away"
        var step = 0
        try service.runIntake(until: {
            if step == 0 {
                // The first listing watches it.
                usleep(500_000)
                #expect(rename(service.inbox, away) == 0)
                step = 1
            }
            let told = service.log.texts(.intakeTrouble)
            if step == 1, !told.isEmpty {
                #expect(told.count == 1 && told[0].contains("the inbox cannot be listed"))
                #expect(stops(service).map(\.kind) == [.inboxAway] && stops(service).first?.code == "E_INBOX")
                try series.drop(into: service.inbox + "/a")
                step = 2
            }
            return try service.runs(of: series).count == 1
        })
        #expect(step == 2)
        #expect(stops(service).isEmpty)
    }

    @Test(
        "A folder above the inbox that is moved is noticed at once; what is dropped into the folder in its place is taken"
    )
    func movedParent() throws {
        let folder = try TemporaryFolder(), series = try TestSeries()
        let service = try TestService {
            $0.inbox.scanSeconds = 600; $0.inbox.pollSeconds = 0.2
            $0.folders.inbox = folder.path + "/above/below/inbox"
        }
        var step = 0
        try service.runIntake(until: {
            if step == 0 {
                usleep(500_000)
                #expect(rename(folder.path + "/above", folder.path + "/away") == 0)
                step = 1
            }
            if step == 1, !service.log.texts(.intakeTrouble).isEmpty {
                try series.drop(into: service.inbox + "/a")
                step = 2
            }
            return try service.runs(of: series).count == 1
        })
        #expect(service.log.texts(.intakeTrouble).count == 1)
        #expect(stops(service).isEmpty)
    }

    @Test(
        "What lies below the mount point of an inbox that was unmounted is not taken; the inbox is missed until it is back"
    )
    func unmounted() throws {
        let (other, bare) = (try TemporaryFolder(below: "/dev/shm"), try TemporaryFolder())
        let link = bare.path + "/inbox", below = bare.path + "/below"
        try Directory.create(below)
        try lead(link, to: other.path)
        let (early, wrong, late) = (try TestSeries(), try TestSeries(seed: 2), try TestSeries(seed: 3))
        let service = try TestService {
            $0.inbox.scanSeconds = 600; $0.inbox.pollSeconds = 0.2
            $0.folders.inbox = link
        }
        try early.drop(into: other.path + "/a")
        try wrong.drop(into: below + "/a")
        var step = 0
        var wait = ContinuousClock.now
        try service.runIntake(until: {
            if step == 0, try service.runs(of: early).count == 1 {
                try lead(link, to: below)
                step = 1
            }
            if step == 1, !service.log.texts(.intakeTrouble).isEmpty {
                #expect(stops(service).map(\.kind) == [.inboxAway] && stops(service).first?.code == "E_INBOX")
                #expect(stops(service).first?.reason.contains("another file system") == true)
                (step, wait) = (2, .now + .seconds(1))
            }
            if step == 2, .now > wait {
                try lead(link, to: other.path)
                try late.drop(into: other.path + "/b")
                step = 3
            }
            return try service.runs(of: late).count == 1
        })
        #expect(service.log.texts(.intakeTrouble).count == 1)
        #expect(stops(service).isEmpty)
        #expect(try service.runs(of: wrong).isEmpty)
        #expect(try Directory.list(below + "/a").count == 9)
    }

    @Test("An inbox that is mounted after the start is taken from at once")
    func mountedLate() throws {
        let (other, bare) = (try TemporaryFolder(below: "/dev/shm"), try TemporaryFolder())
        let link = bare.path + "/inbox", series = try TestSeries()
        try Directory.create(bare.path + "/below")
        try lead(link, to: bare.path + "/below")
        let service = try TestService {
            $0.inbox.scanSeconds = 600; $0.inbox.pollSeconds = 0.2
            $0.folders.inbox = link
        }
        try series.drop(into: other.path + "/a")
        var isMounted = false
        try service.runIntake(until: {
            if !isMounted {
                usleep(500_000)
                try lead(link, to: other.path)
                isMounted = true
            }
            return try service.runs(of: series).count == 1
        })
        #expect(service.log.texts(.intakeTrouble).isEmpty)
    }

    @Test("An inbox in whose place another one lies, which another contourd uses, is not shared with that")
    func inUse() throws {
        let service = try TestService {
            $0.inbox.scanSeconds = 600; $0.inbox.pollSeconds = 0.2
        }
        var other: FileLock?
        try service.runIntake(until: {
            if other == nil {
                usleep(500_000)
                let new = service.folder.path + "/new"
                try Directory.create(new)
                other = try FileLock(folder: new)
                #expect(rename(service.inbox, service.folder.path + "/old") == 0)
                #expect(rename(new, service.inbox) == 0)
            }
            return service.log.texts(.intakeTrouble).contains { $0.contains("another contourd") }
        })
        #expect(stops(service).map(\.code) == ["E_INBOX"])
    }

    @Test("A link in the inbox is not followed; who put it there is told once, and it is forgotten when it is gone")
    func link() throws {
        let first = try TestService(), series = try TestSeries()
        let link = first.inbox + "/ct"
        symlink(series.folder.path, link)
        try first.runIntake(until: { !first.log.texts(.fileUnreadable).isEmpty })
        #expect(try first.store.instances(in: .ignored).map(\.code) == ["W_NOT_A_FILE"])
        #expect(try first.store.untoldFiles().count == 1)
        let second = try first.restarted()
        try series.drop(into: second.inbox + "/a")
        try second.runIntake(until: { try second.runs(of: series).count == 1 })
        #expect(second.log.texts(.fileUnreadable).isEmpty)
        let third = try second.restarted()
        unlink(link)
        try third.runIntake(until: { try third.store.instances(in: .ignored).isEmpty })
    }

    @Test("Two names that look alike and differ in their bytes are two files, and both are taken")
    func composedAndDecomposed() throws {
        let service = try TestService(), series = try TestSeries()
        let names = ["M\u{FC}ller", "Mu\u{308}ller"].map { service.inbox + "/" + $0 }
        for (index, file) in series.files.enumerated() {
            try copy(file, to: names[index % 2], name: "\u{E4}\(index / 2)")
        }
        try service.runIntake(until: { try service.runs(of: series).count == 1 })
        let run = try #require(try service.runs(of: series).first)
        #expect(try request(run).dicomFiles.count == 9)
    }

    @Test("An image whose stored copy is gone is taken again: what was sent is never removed without a copy")
    func goneCopy() throws {
        let first = try TestService(), series = try TestSeries()
        try series.drop(into: first.inbox + "/a")
        try first.runIntake(until: { try first.runs(of: series).count == 1 })
        let gone = try #require(try first.images(of: series).first { $0.storedPath != nil })
        let digest = try SHA256Digest.hex(ofFile: gone.storedPath ?? "")
        let index = try #require(try series.files.firstIndex { try SHA256Digest.hex(ofFile: $0) == digest })
        try FileManager.default.removeItem(atPath: gone.storedPath ?? "")
        let service = try first.restarted()
        try series.drop([index], into: service.inbox + "/b")
        try service.runIntake(until: { !Directory.exists(service.inbox + "/b/IM\(index)") })
        let stored = try service.images(of: series).filter { Directory.exists($0.storedPath ?? "") }
        #expect(stored.count == 9)
        #expect(try stored.contains { try SHA256Digest.hex(ofFile: $0.storedPath ?? "") == digest })
    }

    @Test("Part of a delivered series, sent again after its images were deleted, is refused until the rest came, too")
    func notSentAgain() throws {
        let days = Mutex<Int64>(0)
        let now: @Sendable () -> Int64 = { TestService.wallClock() + days.withLock { $0 } * 86_400_000 }
        let first = try TestService(change: { $0.work.keepPixelsDays = 7 }, now: now)
        let series = try TestSeries(promises: false)
        try series.drop(into: first.inbox + "/a")
        try first.runIntake(until: { try first.runs(of: series).count == 1 })
        try deliver(first)
        days.withLock { $0 = 9 }
        try Retention(context: first.context).clean()
        #expect(try first.images(of: series).isEmpty)
        let second = try first.restarted()
        try series.drop(0..<8, into: second.inbox + "/b")
        try second.runIntake(until: { try second.runs(of: series).count == 2 })
        let short = try request(try #require(second.runs(of: series).last))
        #expect(short.refusals?.map(\.code) == ["E_NOT_SENT_AGAIN"])
        #expect(short.dicomFiles.count == 8)
        let third = try second.restarted()
        try series.drop([8], into: third.inbox + "/c")
        try third.runIntake(until: { try third.runs(of: series).count == 3 })
        let whole = try request(try #require(third.runs(of: series).last))
        #expect(whole.refusals == [] && whole.dicomFiles.count == 9)
    }

    @Test("Slices that come after the images of their series were deleted are no scan of their own")
    func lateSlices() throws {
        let days = Mutex<Int64>(0)
        let now: @Sendable () -> Int64 = { TestService.wallClock() + days.withLock { $0 } * 86_400_000 }
        let first = try TestService(change: { $0.work.keepPixelsDays = 7 }, now: now)
        let series = try TestSeries(promises: false)
        try series.drop(0..<5, into: first.inbox + "/a")
        try first.runIntake(until: { try first.runs(of: series).count == 1 })
        #expect(try request(#require(first.runs(of: series).last)).refusals == [])
        try deliver(first)
        days.withLock { $0 = 9 }
        try Retention(context: first.context).clean()
        #expect(try first.images(of: series).isEmpty)
        let second = try first.restarted()
        try series.drop(5..<9, into: second.inbox + "/b")
        try second.runIntake(until: { try second.runs(of: series).count == 2 })
        let late = try request(try #require(second.runs(of: series).last))
        #expect(late.refusals?.map(\.code) == ["E_NOT_SENT_AGAIN"])
        let third = try second.restarted()
        try series.drop(0..<5, into: third.inbox + "/c")
        try third.runIntake(until: { try third.runs(of: series).count == 3 })
        let whole = try request(try #require(third.runs(of: series).last))
        #expect(whole.refusals == [] && whole.dicomFiles.count == 9)
    }

    /// Stands for a mount: what a path leads to is another folder, perhaps on another file system.
    private func lead(_ link: String, to folder: String) throws {
        let new = link + ".new"
        #expect(symlink(folder, new) == 0 && rename(new, link) == 0)
    }

    private func stops(_ service: TestService) -> [ServiceStatus.Stop] {
        let controller = Controller(store: service.store, state: service.context.state, context: service.context)
        guard case .status(let status) = controller.handle(.status) else { return [] }
        return status.stops
    }

    /// Ends the waiting run as its last stage would.
    private func deliver(_ service: TestService) throws {
        let (job, run) = try #require(try service.store.claim())
        _ = try service.store.finish(job.number, .completed(nextStage: nil, verdict: "delivered"))
        try service.store.finishDelivery(run: run.number)
    }

    private func copy(_ file: String, to folder: String, name: String) throws {
        // By the kernel: Foundation may compose names.
        mkdir(folder, 0o755)
        let bytes = try Data(contentsOf: URL(fileURLWithPath: file))
        let descriptor = open("\(folder)/\(name)", O_CREAT | O_WRONLY | O_EXCL, 0o644)
        #expect(bytes.withUnsafeBytes { write(descriptor, $0.baseAddress!, $0.count) } == bytes.count)
        close(descriptor)
    }

    private func request(_ run: RunRecord) throws -> RunRequest {
        try RunJSON.decode(RunRequest.self, from: Data(run.request.utf8))
    }
}
