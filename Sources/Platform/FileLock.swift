import Glibc

/// An advisory lock on a file (flock(2)); the kernel gives it back when the process ends, however it ends.
package struct FileLock: ~Copyable, Sendable {
    private let file: FileDescriptor

    /// Takes the lock at once, or waits up to `seconds`.
    /// - Throws: `SystemError` with EWOULDBLOCK when another process keeps it.
    package init(path: String, waitingSeconds seconds: Double = 0) throws(SystemError) {
        file = try FileDescriptor.open(path, O_RDWR | O_CREAT, mode: 0o640)
        let end = ContinuousClock.now + .seconds(seconds)
        while true {
            do throws(SystemError) {
                try syscall("flock", path: path) { flock(file.raw, LOCK_EX | LOCK_NB) }
                return
            } catch {
                guard error.code == EWOULDBLOCK, ContinuousClock.now < end else { throw error }
                usleep(50_000)
            }
        }
    }
}
