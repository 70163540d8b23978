import Foundation
import Glibc
import Platform
import Synchronization
import Testing

@Suite("Locks")
struct FileLockTests {
    @Test("a lock is exclusive, within the process and between processes, and ends with its owner")
    func exclusive() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("lock")
        var lock: FileLock? = try FileLock(path: path)
        let error = #expect(throws: SystemError.self) { try FileLock(path: path) }
        #expect(error?.code == EWOULDBLOCK)
        #expect(try exitStatus("flock", "--nonblock", path, "true") != 0)
        withExtendedLifetime(lock) {}
        lock = nil
        #expect(try exitStatus("flock", "--nonblock", path, "true") == 0)
        #expect(throws: Never.self) { try FileLock(path: path) }
    }

    @Test("who waits gets the lock when the process that held it is killed")
    func killedOwner() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("lock")
        let owner = try ChildProcess(
            "/bin/sh",
            arguments: ["-c", "exec flock --close '\(path)' sh -c 'echo held; exec sleep 20'"]
        )
        #expect(owner.receive(timeoutSeconds: 20) == .line(Data("held".utf8)))
        #expect(throws: SystemError.self) { try FileLock(path: path) }
        let killer = Thread {
            usleep(200_000)
            owner.kill()
        }
        killer.start()
        let start = ContinuousClock.now
        #expect(throws: Never.self) { try FileLock(path: path, waitingSeconds: 15) }
        #expect(start.duration(to: .now) > .milliseconds(100))
        #expect(owner.wait() == .signal(SIGKILL))
    }

    @Test("waiting has an end")
    func timeout() throws {
        let folder = try TemporaryFolder()
        let lock = try FileLock(path: folder.file("lock"))
        let start = ContinuousClock.now
        #expect(throws: SystemError.self) { try FileLock(path: folder.file("lock"), waitingSeconds: 0.2) }
        #expect(start.duration(to: .now) >= .milliseconds(200))
        withExtendedLifetime(lock) {}
    }

    @Test("A folder is locked without a file in it")
    func folder() throws {
        let folder = try TemporaryFolder()
        var lock = try FileLock(folder: folder.path)
        #expect(lock != nil)
        let error = #expect(throws: SystemError.self) { try FileLock(folder: folder.path) }
        #expect(error?.code == EWOULDBLOCK)
        #expect(try Directory.list(folder.path).isEmpty)
        lock = nil
        #expect(try FileLock(folder: folder.path) != nil)
    }

    @Test("a lock in a folder that is not there is an error")
    func missingFolder() throws {
        let folder = try TemporaryFolder()
        let error = #expect(throws: SystemError.self) { try FileLock(path: folder.file("none/lock")) }
        #expect(error?.code == ENOENT)
    }
}

@Suite("Child processes")
struct ChildProcessTests {
    @Test("lines go in and come out, short and long ones, in order")
    func lines() throws {
        let child = try ChildProcess("/bin/cat", arguments: [])
        let sent = [Data("one".utf8), Data(), Data(repeating: 0x78, count: 50_000), Data("Ümläut".utf8)]
        for line in sent {
            #expect(child.send(line))
            #expect(child.receive(timeoutSeconds: 20) == .line(line))
        }
        // Several lines at once.
        #expect(child.send(Data("a\nb\nc".utf8)))
        for line in ["a", "b", "c"] { #expect(child.receive(timeoutSeconds: 20) == .line(Data(line.utf8))) }
        child.kill(SIGTERM)
        #expect(child.receive(timeoutSeconds: 20) == .ended)
        #expect(child.wait() == .signal(SIGTERM))
    }

    @Test("an orderly end, an exit status, a crash and a kill from outside are told apart")
    func endings() throws {
        let endings: [(String, ChildProcess.Ending, isFromOutside: Bool)] = [
            ("exit 0", .exit(0), false), ("exit 3", .exit(3), false), ("kill -SEGV $$", .signal(SIGSEGV), false),
            ("kill -ABRT $$", .signal(SIGABRT), false), ("kill -KILL $$", .signal(SIGKILL), true),
            ("kill -TERM $$", .signal(SIGTERM), true),
        ]
        for (script, how, isFromOutside) in endings {
            let child = try ChildProcess("/bin/sh", arguments: ["-c", "echo said; \(script)"])
            #expect(child.receive(timeoutSeconds: 20) == .line(Data("said".utf8)))
            #expect(child.receive(timeoutSeconds: 20) == .ended)
            #expect(child.wait() == how)
            #expect(how.isFromOutside == isFromOutside)
        }
    }

    @Test("nothing in time is told, and a wake-up ends the waiting")
    func waiting() throws {
        let child = try ChildProcess("/bin/cat", arguments: [])
        #expect(child.receive(timeoutSeconds: 0.05) == .nothing)
        let wake = try WakeUp()
        let waker = Thread {
            usleep(100_000)
            wake.signal()
        }
        waker.start()
        let start = ContinuousClock.now
        #expect(child.receive(timeoutSeconds: 30, wake: wake) == .nothing)
        #expect(start.duration(to: .now) < .seconds(20))
        child.kill()
        #expect(child.wait() == .signal(SIGKILL))
    }

    @Test("a line of many pieces arrives whole, and one without an end is no line")
    func longLines() throws {
        let long = try ChildProcess(
            "/bin/sh",
            arguments: ["-c", "head -c 20000000 /dev/zero | tr '\\0' x; echo; echo end"]
        )
        #expect(long.receive(timeoutSeconds: 60) == .line(Data(repeating: 0x78, count: 20_000_000)))
        #expect(long.receive(timeoutSeconds: 20) == .line(Data("end".utf8)))
        #expect(long.wait() == .exit(0))
        let endless = try ChildProcess("/bin/sh", arguments: ["-c", "exec cat /dev/zero"])
        #expect(endless.receive(timeoutSeconds: 60) == .ended)
        endless.kill()
        #expect(endless.wait() == .signal(SIGKILL))
    }

    @Test("a program that is not there is an error with its name")
    func missing() {
        let error = #expect(throws: SystemError.self) { try ChildProcess("/nowhere/program", arguments: []) }
        #expect(error?.code == ENOENT && error?.path == "/nowhere/program")
    }

    @Test("a child has its own signal handling and none of our open files")
    func inheritsNothing() throws {
        let folder = try TemporaryFolder()
        let lock = try FileLock(path: folder.file("lock"))
        let former = signal(SIGTERM, SIG_IGN)
        let child = try ChildProcess(
            "/bin/sh",
            arguments: ["-c", "ls -l /proc/$$/fd | grep -c '\(folder.path)'; read x"]
        )
        signal(SIGTERM, former)
        #expect(child.receive(timeoutSeconds: 20) == .line(Data("0".utf8)))
        child.kill(SIGTERM)
        #expect(child.wait() == .signal(SIGTERM))
        withExtendedLifetime(lock) {}
    }

    @Test("talking to a child that is gone says so")
    func gone() throws {
        // As the programs do: a pipe without a reader is an error of write(2), not the end of the process.
        let former = signal(SIGPIPE, SIG_IGN)
        defer { signal(SIGPIPE, former) }
        let child = try ChildProcess("/bin/true", arguments: [])
        #expect(child.receive(timeoutSeconds: 20) == .ended)
        #expect(child.wait() == .exit(0))
        #expect(!child.send(Data("hello".utf8)))
    }
}

@Suite("Waking and watching")
struct InotifyTests {
    private func waits(_ inotify: Inotify, for change: () throws -> Void) throws -> Bool {
        let wake = try WakeUp()
        try change()
        wake.wait(seconds: 10, also: [inotify.descriptor])
        return !inotify.read().isEmpty
    }

    @Test("files that are closed or renamed in, and new folders, are told")
    func changes() throws {
        let folder = try TemporaryFolder()
        let inotify = try Inotify()
        try inotify.watch(folder.path)
        #expect(inotify.read().isEmpty)
        #expect(try waits(inotify) { _ = try folder.write("x", "f") })
        #expect(try waits(inotify) { try Directory.create(folder.file("d")) })
        let other = try TemporaryFolder()
        _ = try other.write("x", "g")
        #expect(try waits(inotify) { try FileTransfer.move(other.file("g"), to: folder.file("g")) })
        _ = inotify.read()
        #expect(inotify.read().isEmpty)
    }

    @Test("events in a folder below need a watch of their own")
    func below() throws {
        let folder = try TemporaryFolder()
        try Directory.create(folder.file("d"))
        let inotify = try Inotify()
        try inotify.watch(folder.path)
        _ = try folder.write("x", "d/f")
        #expect(inotify.read().isEmpty)
        try inotify.watch(folder.file("d"))
        try inotify.watch(folder.file("d"))
        #expect(try waits(inotify) { _ = try folder.write("x", "d/g") })
    }

    @Test("what is no folder, or not there, cannot be watched")
    func errors() throws {
        let folder = try TemporaryFolder()
        let inotify = try Inotify()
        let file = try folder.write("", "f")
        #expect(throws: SystemError.self) { try inotify.watch(file) }
        #expect(throws: SystemError.self) { try inotify.watch(folder.file("none")) }
    }

    @Test("a full queue says that events were lost")
    func overflow() throws {
        let limit = try #require(
            Int(try text("/proc/sys/fs/inotify/max_queued_events").trimmingCharacters(in: .whitespacesAndNewlines))
        )
        guard limit <= 100_000 else { return }  // a machine with a longer queue: nothing could be shown in time
        let folder = try TemporaryFolder()
        let inotify = try Inotify()
        try inotify.watch(folder.path)
        // Alternating names, as equal events in a row are merged.
        let names = [try folder.write("", "a"), try folder.write("", "b")]
        for n in 0...limit { chmod(names[n % 2], 0o600) }
        #expect(inotify.read().contains(.overflow))
        #expect(inotify.read().isEmpty)
    }

    @Test("a signal given before or during the waiting ends it, and counts once")
    func wakeUp() throws {
        let wake = try WakeUp()
        wake.signal()
        wake.signal()
        let start = ContinuousClock.now
        wake.wait(seconds: 30)
        #expect(start.duration(to: .now) < .seconds(20))
        wake.wait(seconds: 0.05)  // no signal is left
        #expect(start.duration(to: .now) >= .milliseconds(50))
        wake.signal()
        wake.clear()
        let again = ContinuousClock.now
        wake.wait(seconds: 0.05)
        #expect(again.duration(to: .now) >= .milliseconds(50))
    }
}

@Suite("The machine")
struct MachineTests {
    @Test("every index is visited once, whatever the number of threads")
    func parallel() {
        for count in [0, 1, 2, 7, 100] {
            for threads in [1, 2, 3, 8, 200] {
                let visits = Mutex([Int](repeating: 0, count: count))
                parallelFor(count, threads: threads) { range in
                    visits.withLock { visits in for index in range { visits[index] += 1 } }
                }
                #expect(visits.withLock { $0.allSatisfy { $0 == 1 } }, "\(count) over \(threads) threads")
            }
        }
    }

    @Test("the environment says how many threads are used")
    func threadCount() {
        let former = getenv("CONTOURD_THREADS").map { String(cString: $0) }
        defer { if let former { setenv("CONTOURD_THREADS", former, 1) } else { unsetenv("CONTOURD_THREADS") } }
        unsetenv("CONTOURD_THREADS")
        let online = ProcessorCount.available
        #expect(online >= 1)
        for (value, expected) in [("3", 3), ("0", online), ("-2", online), ("many", online), ("99999", 256)] {
            setenv("CONTOURD_THREADS", value, 1)
            #expect(ProcessorCount.available == expected, "\(value)")
        }
    }

    @Test("local file systems are watched, free space is known, and devices are told apart")
    func fileSystems() throws {
        let folder = try TemporaryFolder()
        #expect(try !FileSystemKind(of: "/proc").needsPolling)
        #expect(try FileSystemKind(of: "/proc").magic == 0x9FA0)
        #expect(try FileSystemKind.freeBytes(at: folder.path) > 0)
        #expect(try FileSystemKind.areOnOneMount(folder.path, folder.path))
        #expect(try !FileSystemKind.areOnOneMount(folder.path, "/proc"))
        #expect(throws: SystemError.self) { try FileSystemKind(of: folder.file("none")) }
    }

    @Test("an error names the call and the reason; its summary leaves the path out")
    func errors() {
        let error = SystemError("rename", code: ENOSPC, path: "/inbox/Miller^John")
        #expect(error.summary == "rename: No space left on device")
        #expect(error.description == "/inbox/Miller^John: No space left on device (rename)")
        #expect(SystemError("fsync", code: EIO).description == "fsync: Input/output error")
    }

    @Test("AVX2 is what the kernel lists")
    func processor() throws {
        let flags = try text("/proc/cpuinfo").split(separator: "\n").first { $0.hasPrefix("flags") } ?? ""
        let words = flags.split(separator: " ")
        #expect(CPUFeatures.hasAVX2AndFMA == (words.contains("avx2") && words.contains("fma")))
    }
}
