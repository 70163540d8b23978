import Glibc

/// An advisory lock on a file (flock(2)); the kernel gives it back when the process ends, however it ends.
package final class FileLock: Sendable {
    private let file: FileDescriptor

    /// Takes the lock at once, or waits up to `seconds`.
    /// - Throws: `SystemError` with EWOULDBLOCK when another process keeps it.
    package init(path: String, waitingSeconds seconds: Double = 0) throws(SystemError) {
        let opened = try FileDescriptor.open(path, O_RDWR | O_CREAT, mode: 0o640)
        try Self.take(opened.raw, path: path, until: .now + .seconds(seconds))
        file = opened
    }

    /// Takes a lock on a folder: two programs that receive files from it would share them out between them. nil where
    /// the file system knows no such locks.
    /// - Throws: `SystemError` with EWOULDBLOCK when another process keeps it.
    package init?(folder: String) throws(SystemError) {
        let opened = try FileDescriptor.open(folder, O_RDONLY | O_DIRECTORY)
        do throws(SystemError) { try Self.take(opened.raw, path: folder, until: .now) } catch {
            guard error.code != EWOULDBLOCK else { throw error }
            return nil
        }
        file = opened
    }

    /// Whether the locked file or folder is the one that a path leads to now: it may have been removed and made anew.
    package func isHeld(at path: String) -> Bool {
        var (locked, there) = (stat(), stat())
        return fstat(file.raw, &locked) == 0 && stat(path, &there) == 0
            && locked.st_dev == there.st_dev && locked.st_ino == there.st_ino
    }

    private static func take(_ raw: Int32, path: String, until end: ContinuousClock.Instant) throws(SystemError) {
        while true {
            do throws(SystemError) {
                try syscall("flock", path: path) { flock(raw, LOCK_EX | LOCK_NB) }
                return
            } catch {
                guard error.code == EWOULDBLOCK, ContinuousClock.now < end else { throw error }
                usleep(50_000)
            }
        }
    }
}
