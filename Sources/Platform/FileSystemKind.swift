internal import CLinux
import Glibc

/// The file system below a path, as far as it matters here.
package struct FileSystemKind: Sendable, Equatable {
    package let magic: UInt64

    package init(of path: String) throws(SystemError) {
        var status = statfs()
        try syscall("statfs", path: path) { statfs(path, &status) }
        self.init(magic: UInt64(bitPattern: Int64(status.f_type)))
    }

    /// - Parameter magic: `f_type` of statfs(2), of which the lower 32 bits count.
    package init(magic: UInt64) { self.magic = magic & 0xFFFF_FFFF }

    /// Changes made on another machine send no inotify events here: NFS, CIFS and SMB, FUSE, Ceph, AFS, 9p
    /// (numbers of statfs(2)).
    package var needsPolling: Bool {
        let remote: Set<UInt64> = [
            0x6969, 0xFF53_4D42, 0xFE53_4D42, 0x517B, 0x6573_5546, 0x00C3_6400, 0x5346_414F, 0x0102_1997,
        ]
        return remote.contains(magic)
    }

    /// Free bytes for unprivileged processes.
    package static func freeBytes(at path: String) throws(SystemError) -> Int64 {
        var status = statvfs()
        try syscall("statvfs", path: path) { statvfs(path, &status) }
        return Int64(status.f_bavail) * Int64(status.f_frsize)
    }

    /// Whether a rename can move a file between two folders: they lie on one mount. Two mounts of one file system, as
    /// systemd makes them for `ReadWritePaths=`, are as far apart as two file systems (rename(2), EXDEV).
    package static func areOnOneMount(_ a: String, _ b: String) throws(SystemError) -> Bool {
        var (first, second) = (stat(), stat())
        try syscall("stat", path: a) { stat(a, &first) }
        try syscall("stat", path: b) { stat(b, &second) }
        let mounts = (linux_mount_id(a), linux_mount_id(b))
        return first.st_dev == second.st_dev && mounts.0 == mounts.1
    }
}
