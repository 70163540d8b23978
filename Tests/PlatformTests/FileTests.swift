import Foundation
import Glibc
import Platform
import Synchronization
import Testing

@Suite("Atomic files")
struct AtomicFileTests {
    @Test("a file is replaced as a whole and nothing else is left")
    func replaces() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("before", "a.json")
        try AtomicFile.write(Data("after".utf8), to: path)
        #expect(try text(path) == "after")
        #expect(try folder.names == ["a.json"])
        try AtomicFile.write(Data(), to: path)
        #expect(try contents(path).isEmpty)
    }

    @Test("a write that fails leaves the former file and no partial one")
    func failure() throws {
        let folder = try TemporaryFolder()
        #expect(throws: SystemError.self) { try AtomicFile.write(Data("x".utf8), to: folder.file("none/a")) }
        let path = try folder.write("before", "a")
        try FileManager.default.createDirectory(atPath: path + ".partial", withIntermediateDirectories: false)
        #expect(throws: SystemError.self) { try AtomicFile.write(Data("after".utf8), to: path) }
        #expect(try text(path) == "before")
    }

    @Test("who reads meanwhile sees the old or the new contents, whole")
    func neverHalf() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("a")
        let versions = [Data(repeating: 0x61, count: 200_000), Data(repeating: 0x62, count: 300_000)]
        try AtomicFile.write(versions[0], to: path)
        let isDone = Mutex(false)
        let failure = Mutex<String?>(nil)
        let writer = Thread {
            for n in 0..<40 {
                do { try AtomicFile.write(versions[n % 2], to: path) } catch {
                    failure.withLock { $0 = "\(error)" }
                }
            }
            isDone.withLock { $0 = true }
        }
        writer.start()
        while !isDone.withLock({ $0 }) {
            let seen = try contents(path)
            #expect(versions.contains(seen))
        }
        #expect(failure.withLock { $0 } == nil)
    }

    @Test("the mode that is asked for holds, less the umask")
    func mode() throws {
        let folder = try TemporaryFolder()
        try AtomicFile.write(Data("secret".utf8), to: folder.file("s"), mode: 0o600)
        var status = stat()
        #expect(stat(folder.file("s"), &status) == 0 && status.st_mode & 0o777 == 0o600)
    }
}

@Suite("Folders")
struct DirectoryTests {
    @Test("a folder is published whole, and never over one that holds something")
    func publish() throws {
        let folder = try TemporaryFolder()
        try Directory.create(folder.file("x.partial/deep"))
        _ = try folder.write("1", "x.partial/deep/f")
        try Directory.publish(partial: folder.file("x.partial"), as: folder.file("x"))
        #expect(try folder.names == ["x"] && text(folder.file("x/deep/f")) == "1")
        try Directory.create(folder.file("x.partial"))
        _ = try folder.write("2", "x.partial/f")
        let error = #expect(throws: SystemError.self) {
            try Directory.publish(partial: folder.file("x.partial"), as: folder.file("x"))
        }
        #expect(error?.code == ENOTEMPTY || error?.code == EEXIST)
        #expect(try text(folder.file("x/deep/f")) == "1" && text(folder.file("x.partial/f")) == "2")
        #expect(throws: SystemError.self) { try Directory.publish(partial: folder.file("none"), as: folder.file("y")) }
    }

    @Test("creating makes the parents, and a file in the way is an error")
    func create() throws {
        let folder = try TemporaryFolder()
        try Directory.create(folder.file("a/b/c"))
        try Directory.create(folder.file("a/b/c"))
        #expect(Directory.isFolder(folder.file("a/b/c")))
        _ = try folder.write("", "f")
        #expect(throws: SystemError.self) { try Directory.create(folder.file("f")) }
        #expect(throws: SystemError.self) { try Directory.create(folder.file("f/g")) }
    }

    @Test("removing takes links away and not what they point to")
    func remove() throws {
        let folder = try TemporaryFolder()
        try Directory.create(folder.file("kept"))
        _ = try folder.write("kept", "kept/f")
        try Directory.create(folder.file("gone/deep"))
        symlink(folder.file("kept"), folder.file("gone/deep/link"))
        symlink("/nowhere", folder.file("gone/dangling"))
        #expect(mkfifo(folder.file("gone/pipe"), 0o600) == 0)
        try Directory.remove(folder.file("gone"))
        #expect(try folder.names == ["kept"] && text(folder.file("kept/f")) == "kept")
        try Directory.remove(folder.file("gone"))
        symlink(folder.file("kept"), folder.file("link"))
        try Directory.remove(folder.file("link"))
        #expect(try folder.names == ["kept"] && text(folder.file("kept/f")) == "kept")
    }

    @Test("a listing tells files, folders and what is neither, and says which names cannot be opened")
    func list() throws {
        let folder = try TemporaryFolder()
        for name in ["b file", "a", "Ünï"] { _ = try folder.write("", name) }
        try Directory.create(folder.file("d"))
        symlink(folder.file("a"), folder.file("l"))
        #expect(mkfifo(folder.file("p"), 0o600) == 0)
        let latin1 = Array((folder.path + "/M").utf8) + [0xFC] + Array("ller".utf8) + [0]
        let descriptor = latin1.withUnsafeBufferPointer { bytes in
            bytes.withMemoryRebound(to: CChar.self) { open($0.baseAddress!, O_CREAT | O_WRONLY, 0o600) }
        }
        #expect(descriptor >= 0)
        close(descriptor)
        let entries = try Directory.list(folder.path)
        let kinds = Dictionary(uniqueKeysWithValues: entries.map { ($0.name, $0.kind) })
        #expect(
            kinds == [
                "a": .file, "b file": .file, "Ünï": .file, "d": .folder, "l": .other, "p": .other,
                "M%FCller": .unnameable,
            ]
        )
        #expect(entries.map(\.name) == entries.map(\.name).sorted())
        #expect(throws: SystemError.self) { try Directory.list(folder.file("none")) }
    }

    @Test("parents of paths")
    func parent() {
        for (path, parent) in [
            ("/a/b", "/a"), ("/a", "/"), ("a", "."), ("ab.json", "."), ("a/b/", "a"), ("a//b//", "a"), ("/", "/"),
            ("//", "/"),
            ("//a", "/"), ("", "."), (".", "."), ("./a", "."), ("../a", ".."), ("Ü/ö", "Ü"),
        ] {
            #expect(Directory.parent(of: path) == parent, "\(path)")
        }
        for (path, name) in [("/a/b.nii", "b.nii"), ("a", "a"), ("a/b/", "b"), ("/", "/")] {
            #expect(Directory.name(of: path) == name, "\(path)")
        }
    }
}

@Suite("Moving files")
struct FileTransferTests {
    private let bytes = Data((0..<3_000_001).map { UInt8(truncatingIfNeeded: $0 &* 31) })

    @Test("on one file system the file itself moves")
    func rename() throws {
        let folder = try TemporaryFolder()
        try bytes.write(to: URL(fileURLWithPath: folder.file("a")))
        var (before, after) = (stat(), stat())
        #expect(stat(folder.file("a"), &before) == 0)
        try FileTransfer.move(folder.file("a"), to: folder.file("b"))
        #expect(stat(folder.file("b"), &after) == 0 && before.st_ino == after.st_ino)
        #expect(try folder.names == ["b"] && contents(folder.file("b")) == bytes)
    }

    // SKIPPED: where /dev/shm is no file system of its own there is no second one to move to.
    @Test("between file systems the copy is the same, and nothing else is left", .enabled(if: hasTwoFileSystems))
    func copy() throws {
        let (here, there) = (try TemporaryFolder(), try TemporaryFolder(below: "/dev/shm"))
        try bytes.write(to: URL(fileURLWithPath: here.file("a")))
        try FileTransfer.move(here.file("a"), to: there.file("b"))
        #expect(try here.names.isEmpty && there.names == ["b"] && contents(there.file("b")) == bytes)
    }

    static let hasTwoFileSystems: Bool = {
        // Without the folder there is no second file system either.
        (try? FileSystemKind.areOnOneMount(NSTemporaryDirectory(), "/dev/shm")) == false
    }()

    @Test("an interrupted move is completed when it is run again, from every state it can leave")
    func completes() throws {
        // Copied and renamed, source still there.
        let folder = try TemporaryFolder()
        for name in ["a", "b"] { try bytes.write(to: URL(fileURLWithPath: folder.file(name))) }
        try FileTransfer.move(folder.file("a"), to: folder.file("b"))
        #expect(try folder.names == ["b"] && contents(folder.file("b")) == bytes)
        // Moved and told to nobody.
        try FileTransfer.move(folder.file("a"), to: folder.file("b"))
        #expect(try folder.names == ["b"] && contents(folder.file("b")) == bytes)
        // Half copied.
        try bytes.write(to: URL(fileURLWithPath: folder.file("a")))
        try bytes.prefix(1000).write(to: URL(fileURLWithPath: folder.file("c.partial")))
        try FileTransfer.copy(folder.file("a"), to: folder.file("c"))
        #expect(try folder.names == ["a", "b", "c"] && contents(folder.file("c")) == bytes)
    }

    @Test("another file that came under the same name is not taken for a leftover")
    func newcomer() throws {
        let folder = try TemporaryFolder()
        _ = try folder.write("moved before the crash", "b")
        _ = try folder.write("dropped after it", "a")
        try FileTransfer.move(folder.file("a"), to: folder.file("b"))
        #expect(try text(folder.file("a")) == "dropped after it")
        #expect(try text(folder.file("b")) == "moved before the crash")
    }

    @Test("a missing source is an error and makes no target")
    func missing() throws {
        let folder = try TemporaryFolder()
        let error = #expect(throws: SystemError.self) { try FileTransfer.move(folder.file("a"), to: folder.file("b")) }
        #expect(error?.code == ENOENT)
        #expect(throws: SystemError.self) { try FileTransfer.copy(folder.file("a"), to: folder.file("b")) }
        #expect(try folder.names.isEmpty)
    }

    @Test("a tree is copied without its links")
    func tree() throws {
        let folder = try TemporaryFolder()
        try Directory.create(folder.file("from/deep/er"))
        _ = try folder.write("1", "from/f")
        _ = try folder.write("2", "from/deep/er/g")
        symlink("/etc/passwd", folder.file("from/link"))
        try FileTransfer.copyTree(folder.file("from"), to: folder.file("to"))
        #expect(try text(folder.file("to/f")) == "1" && text(folder.file("to/deep/er/g")) == "2")
        #expect(!Directory.exists(folder.file("to/link")))
    }
}

@Suite("SHA-256")
struct SHA256Tests {
    /// FIPS 180-4 examples and NIST's test vectors.
    static let known: [(String, Data)] = [
        ("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", Data()),
        ("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", Data("abc".utf8)),
        (
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
            Data("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq".utf8)
        ),
        ("cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0", Data(repeating: 0x61, count: 1_000_000)),
    ]

    @Test("the digests of the standard's examples")
    func vectors() throws {
        let folder = try TemporaryFolder()
        for (digest, data) in Self.known {
            #expect(SHA256Digest.hex(of: data) == digest)
            try data.write(to: URL(fileURLWithPath: folder.file("f")))
            #expect(try SHA256Digest.hex(ofFile: folder.file("f")) == digest)
        }
    }

    @Test("pieces of any length give the digest of the whole")
    func pieces() {
        let data = Data((0..<1000).map { UInt8(truncatingIfNeeded: $0 &* 7) })
        for length in 1...130 {
            var digest = SHA256Digest()
            for start in stride(from: 0, to: data.count, by: length) {
                data[start..<min(start + length, data.count)].withUnsafeBytes { digest.update($0) }
            }
            #expect(digest.finalizedHex() == SHA256Digest.hex(of: data), "pieces of \(length)")
        }
    }

    // SKIPPED: without sha256sum there is nobody to ask.
    @Test(
        "sha256sum says the same for every length around the block size",
        .enabled(if: FileManager.default.fileExists(atPath: "/usr/bin/sha256sum"))
    )
    func coreutils() throws {
        let folder = try TemporaryFolder()
        var list = ""
        for length in 0...130 {
            let data = Data((0..<length).map { UInt8($0 ^ 0x5A) })
            try data.write(to: URL(fileURLWithPath: folder.file("\(length)")))
            list += "\(SHA256Digest.hex(of: data))  \(folder.file("\(length)"))\n"
        }
        let sums = try folder.write(list, "sums")
        #expect(try exitStatus("sha256sum", "--check", "--strict", sums) == 0)
    }
}

@Suite("Who can still write to a file")
struct FileWriterTests {
    @Test("a file is written to as long as a program has it open so, also mapped, and no longer")
    func open() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write(String(repeating: "x", count: 5000), "a")
        #expect(FileWriters.areAny(path) == false)
        let reader = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        #expect(FileWriters.areAny(path) == false)
        let writer = Glibc.open(path, O_RDWR | O_CLOEXEC)
        #expect(FileWriters.areAny(path) == true)
        let map = mmap(nil, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, writer, 0)
        close(writer)
        #expect(FileWriters.areAny(path) == true, "the mapping outlives the descriptor")
        munmap(map, 4096)
        #expect(FileWriters.areAny(path) == false)
        close(reader)
        #expect(FileWriters.areAny(folder.file("none")) == nil)
    }

    @Test("who opens a file for writing while it is asked about is not hurt, and neither are we")
    func atOnce() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("x", "a")
        let isDone = Mutex(false)
        let failures = Mutex(0)
        let writer = Thread {
            for _ in 0..<2000 {
                let file = Glibc.open(path, O_WRONLY | O_CLOEXEC)
                if file < 0 || write(file, "y", 1) != 1 { failures.withLock { $0 += 1 } }
                close(file)
            }
            isDone.withLock { $0 = true }
        }
        writer.start()
        var answers: [Bool?: Int] = [:]
        while !isDone.withLock({ $0 }) { answers[FileWriters.areAny(path), default: 0] += 1 }
        #expect(failures.withLock { $0 } == 0)
        #expect(answers[nil] == nil)
    }

    @Test("a file that has another name is copied, so that nobody reaches what was moved; one that has none is renamed")
    func names() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("one", "a")
        link(path, folder.file("other"))
        #expect(FileWriters.nameCount(path) == 2)
        #expect(try FileTransfer.move(path, to: folder.file("taken")) == .gone)
        try Data("two".utf8).write(to: URL(fileURLWithPath: folder.file("other")))
        #expect(try text(folder.file("taken")) == "one")
        #expect(try folder.names == ["other", "taken"])
        var before = stat(), after = stat()
        stat(folder.file("taken"), &before)
        try FileTransfer.move(folder.file("taken"), to: folder.file("again"))
        stat(folder.file("again"), &after)
        #expect(before.st_ino == after.st_ino)
    }
}
