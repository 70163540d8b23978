import Daemon
import Foundation
import Glibc
import Platform
import Testing

@Suite("Inbox")
struct InboxScannerTests {
    private let inbox: TemporaryFolder
    private let start = ContinuousClock.now

    init() throws { inbox = try TemporaryFolder() }

    private func scan(
        _ scanner: inout InboxScanner,
        at seconds: Double,
        settle: Double = 2
    ) -> InboxScanner.Listing {
        scanner.scan(inbox.path, marker: ".done", settle: .seconds(settle), now: start + .seconds(seconds))
    }

    private func names(_ files: [InboxFile]) -> [String] {
        files.map { String($0.path.dropFirst(inbox.path.count + 1)) }
    }

    @Test("A file is ready when it did not change for the settle time, wherever it lies and whatever it is called")
    func settling() throws {
        _ = try inbox.file("a/b/c/IM1")
        _ = try inbox.file("x.dcm")
        var scanner = InboxScanner()
        #expect(scan(&scanner, at: 0).ready.isEmpty)
        #expect(scanner.nextLook == start + .seconds(2))
        #expect(scan(&scanner, at: 1.9).ready.isEmpty)
        #expect(names(scan(&scanner, at: 2).ready) == ["a/b/c/IM1", "x.dcm"])
    }

    @Test("A file that grows, or is put in place of another, waits anew")
    func growing() throws {
        let file = try inbox.file("a", "1")
        var scanner = InboxScanner()
        _ = scan(&scanner, at: 0)
        try Data("12".utf8).write(to: URL(fileURLWithPath: file))
        #expect(scan(&scanner, at: 3).ready.isEmpty)
        #expect(scan(&scanner, at: 5).ready.count == 1)
        let other = try inbox.file(".new", "34")
        rename(other, file)
        #expect(scan(&scanner, at: 6).ready.isEmpty)
    }

    @Test("A path that is too long for the kernel is told, and what lies beside it is taken")
    func tooLong() throws {
        // Made step by step: no single call takes the whole path.
        var folder = open(inbox.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        let name = String(repeating: "n", count: 200)
        for _ in 0..<21 {
            #expect(mkdirat(folder, name, 0o755) == 0)
            let next = openat(folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            close(folder)
            folder = next
        }
        close(openat(folder, "IM1", O_WRONLY | O_CREAT | O_CLOEXEC, 0o644))
        close(folder)
        _ = try inbox.file("beside")
        var scanner = InboxScanner()
        _ = scan(&scanner, at: 0)
        let listing = scan(&scanner, at: 3)
        #expect(names(listing.ready) == ["beside"])
        #expect(listing.closedFolders.map(\.code) == [ENAMETOOLONG])
        #expect((listing.closedFolders[0].path ?? "").utf8.count < Int(PATH_MAX))
    }

    @Test("Links, pipes, sockets, hidden files and unfinished downloads are not looked at")
    func notLookedAt() throws {
        for name in [
            ".hidden", ".folder/a", "a.part", "a.partial", "a.TMP", "a.filepart", "a.crdownload", "~a", "@eaDir/a",
        ] {
            _ = try inbox.file(name)
        }
        symlink("/etc/passwd", inbox.path + "/link")
        symlink("/etc", inbox.path + "/folder-link")
        mkfifo(inbox.path + "/pipe", 0o600)
        var scanner = InboxScanner()
        _ = scan(&scanner, at: 0)
        let listing = scan(&scanner, at: 10)
        #expect(listing.ready.isEmpty)
        #expect(listing.folders == [inbox.path])
    }

    @Test("A file that is left is not looked at again until it changes, and is missed when it vanishes")
    func leaving() throws {
        let file = try inbox.file("notes.txt", "1")
        try Directory.create(inbox.path + "/others")
        var scanner = InboxScanner()
        _ = scan(&scanner, at: 0)
        let seen = try #require(scan(&scanner, at: 2).ready.first)
        scanner.leave(seen)
        #expect(scan(&scanner, at: 100).ready.isEmpty)
        #expect(scanner.nextLook == nil)
        try Data("12".utf8).write(to: URL(fileURLWithPath: file))
        _ = scan(&scanner, at: 101)
        let changed = try #require(scan(&scanner, at: 103).ready.first)
        scanner.leave(changed)
        unlink(file)
        #expect(scan(&scanner, at: 104).vanished == [file])
        #expect(scan(&scanner, at: 105).vanished.isEmpty)
    }

    @Test("A file that is put off keeps no other waiting, and is looked at when its time comes, or when it changes")
    func postponing() throws {
        let file = try inbox.file("a", "1")
        _ = try inbox.file("b")
        var scanner = InboxScanner()
        _ = scan(&scanner, at: 0)
        let ready = scan(&scanner, at: 2).ready
        scanner.postpone(ready[0], for: .seconds(30), now: start + .seconds(2))
        #expect(names(scan(&scanner, at: 3).ready) == ["b"])
        scanner.forget(ready[1])
        unlink(ready[1].path)
        #expect(scan(&scanner, at: 31).ready.isEmpty)
        #expect(scanner.nextLook == start + .seconds(32))
        #expect(names(scan(&scanner, at: 32).ready) == ["a"])
        try Data("12".utf8).write(to: URL(fileURLWithPath: file))
        _ = scan(&scanner, at: 33)
        #expect(names(scan(&scanner, at: 35).ready) == ["a"])
    }

    @Test("A marker waits for the files of its own folder alone")
    func markers() throws {
        _ = try inbox.file("study/.done")
        _ = try inbox.file("study/deep/1")
        _ = try inbox.file("other/2")
        var scanner = InboxScanner()
        var listing = scan(&scanner, at: 0)
        #expect(listing.markers.isEmpty, "it may still be written")
        #expect(scanner.isWaiting(below: inbox.path + "/study"))
        listing = scan(&scanner, at: 2)
        #expect(listing.markers.map(\.folder) == [inbox.path + "/study"])
        scanner.forget(try #require(listing.ready.last))
        unlink(inbox.path + "/study/deep/1")
        #expect(!scanner.isWaiting(below: inbox.path + "/study"))
        #expect(scanner.isWaiting(below: inbox.path))
        #expect(!scanner.isWaiting(below: inbox.path + "/stud"), "a neighbour with a shorter name")
    }

    @Test("Files under names of unfinished ones are waiting, those that are left are not")
    func waiting() throws {
        _ = try inbox.file("a/.IM1.x7Gq", "half")
        _ = try inbox.file("a/notes", "text")
        _ = try inbox.file("a/.done")
        var scanner = InboxScanner()
        _ = scan(&scanner, at: 0)
        scanner.leave(try #require(scan(&scanner, at: 2).ready.first))
        #expect(scanner.waiting.map(\.path) == [inbox.path + "/a/.IM1.x7Gq"])
        #expect(!scanner.isWaiting(below: inbox.path + "/a"), "a marker waits for no hidden file")
    }

    @Test("An inbox that is away for a moment loses nothing of what was left in it")
    func inboxAway() throws {
        _ = try inbox.file("notes.txt")
        var scanner = InboxScanner()
        _ = scan(&scanner, at: 0)
        scanner.leave(try #require(scan(&scanner, at: 2).ready.first))
        rename(inbox.path, inbox.path + ".away")
        let listing = scan(&scanner, at: 3)
        #expect(listing.closedFolders.map(\.code) == [ENOENT])
        #expect(listing.vanished.isEmpty)
        rename(inbox.path + ".away", inbox.path)
        #expect(scan(&scanner, at: 100).ready.isEmpty)
    }

    @Test("An empty folder where the inbox was is no news: its share may not be there yet")
    func emptyMountPoint() throws {
        _ = try inbox.file("notes.txt")
        var scanner = InboxScanner()
        _ = scan(&scanner, at: 0)
        scanner.leave(try #require(scan(&scanner, at: 2).ready.first))
        rename(inbox.path, inbox.path + ".away")
        try Directory.create(inbox.path)
        #expect(scan(&scanner, at: 3).vanished.isEmpty)
        rmdir(inbox.path)
        rename(inbox.path + ".away", inbox.path)
        #expect(scan(&scanner, at: 100).ready.isEmpty)
    }

    @Test("A name that is not UTF-8 is counted, not passed over in silence")
    func names() throws {
        let name = Array(inbox.path.utf8CString.dropLast() + [CChar(bitPattern: 0x2F), CChar(bitPattern: 0xFC), 0])
        #expect(name.withUnsafeBufferPointer { $0.baseAddress.map { mkdir($0, 0o700) } } == 0)
        var scanner = InboxScanner()
        #expect(scan(&scanner, at: 0).nameless == [inbox.path + "/%FC"])
        #expect(name.withUnsafeBufferPointer { $0.baseAddress.map { rmdir($0) } } == 0)
    }

    @Test("Links and pipes are counted, hidden ones not; nothing is followed")
    func links() throws {
        _ = try inbox.file("folder/1")
        symlink(inbox.path + "/folder", inbox.path + "/link")
        symlink("/nowhere", inbox.path + "/dangling")
        symlink("/nowhere", inbox.path + "/.hidden")
        mkfifo(inbox.path + "/folder/pipe", 0o600)
        var scanner = InboxScanner()
        let listing = scan(&scanner, at: 0)
        #expect(listing.links == ["/dangling", "/folder/pipe", "/link"].map { inbox.path + $0 })
        #expect(listing.folders == [inbox.path, inbox.path + "/folder"])
    }

    @Test("Folders in which nothing lay for a day are cleared away, the others and the inbox are not")
    func desertedFolders() throws {
        for name in ["old", "new"] { mkdir("\(inbox.path)/\(name)", 0o700) }
        _ = try inbox.file("used/1")
        var yesterday = [
            timeval(tv_sec: time(nil) - 90_000, tv_usec: 0), timeval(tv_sec: time(nil) - 90_000, tv_usec: 0),
        ]
        for folder in ["/old", "/used", ""] { utimes(inbox.path + folder, &yesterday) }
        var scanner = InboxScanner()
        #expect(scan(&scanner, at: 0).deserted.isEmpty)
        #expect(scan(&scanner, at: 601).deserted == [inbox.path + "/old"])
    }
}
