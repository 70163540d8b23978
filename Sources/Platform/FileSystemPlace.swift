import Glibc

/// The file system on which a folder lies, as far as it can be told again after it was mounted anew.
package struct FileSystemPlace: Sendable, Equatable {
    private let kind: FileSystemKind
    /// Of a disk. Shares and file systems in memory get another number each time.
    private let disk: UInt64?

    package init(of path: String) throws(SystemError) {
        kind = try FileSystemKind(of: path)
        var status = stat()
        try syscall("stat", path: path) { stat(path, &status) }
        // gnu_dev_major of sys/sysmacros.h; 0 are the anonymous devices.
        let major = (status.st_dev >> 8) & 0xFFF | (status.st_dev >> 32) & ~0xFFF
        disk = major == 0 ? nil : UInt64(status.st_dev)
    }

    /// Whether they cannot be one: of different kinds, or two disks.
    package func differs(from other: FileSystemPlace) -> Bool {
        guard kind == other.kind else { return true }
        guard let disk, let otherDisk = other.disk else { return false }
        return disk != otherDisk
    }
}
