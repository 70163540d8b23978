internal import CLinux
import Glibc

/// Whether anybody can still write to a file through what he has open, asked of the kernel.
package enum FileWriters {
    /// Tries to take a read lease (fcntl(2), F_SETLEASE), which the kernel gives only for a file that no process has
    /// open for writing or mapped so; it is given back at once. A program that opens the file for writing in that
    /// moment waits for that.
    ///
    /// - Returns: nil where the kernel does not tell: the file belongs to another user and we lack CAP_LEASE, or it lies
    ///   on a network file system, whose writers may be on another machine.
    package static func areAny(_ path: String) -> Bool? {
        _ = breakSignalIsIgnored
        let file: FileDescriptor
        do { file = try FileDescriptor.open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK) } catch { return nil }
        var status = statfs()
        guard fstatfs(file.raw, &status) == 0,
            !FileSystemKind(magic: UInt64(bitPattern: Int64(status.f_type))).needsPolling
        else { return nil }
        guard linux_take_read_lease(file.raw) == 0 else { return errno == EAGAIN ? true : nil }
        linux_return_lease(file.raw)
        return false
    }

    /// Names of the same bytes: with more than one, who knows another may write to them. 0 when there is none.
    package static func nameCount(_ path: String) -> Int {
        var status = stat()
        return lstat(path, &status) == 0 ? Int(status.st_nlink) : 0
    }

    /// Who opens a leased file sends its holder SIGIO, which would end the process.
    private static let breakSignalIsIgnored: Void = { _ = signal(SIGIO, SIG_IGN) }()
}

/// What systemd gives this process beyond its user's rights (AmbientCapabilities=).
package enum Capabilities {
    /// Programs that this thread, and threads that it makes from now on, start get none of them; we keep ours.
    package static func keepFromChildren() throws(SystemError) {
        try syscall("prctl") { linux_clear_ambient_capabilities() }
    }
}
