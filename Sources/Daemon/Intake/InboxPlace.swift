import Glibc
import Platform

/// The folder that the path of the inbox leads to.
///
/// Nothing tells a program that watches a folder when that is unmounted lazily (`umount -l`) or a folder above it is moved:
/// its watch stays with the old folder, while another one, mostly empty, lies at the path.
package struct InboxPlace: Sendable {
    private let device: dev_t
    private let inode: ino_t
    /// File systems of the folders above.
    private let devicesAbove: Set<dev_t>

    package init(of path: String) throws(SystemError) {
        let folder = try Self.status(path)
        (device, inode) = (folder.st_dev, folder.st_ino)
        guard let resolved = realpath(path, nil) else { throw SystemError("realpath", path: path) }
        defer { free(resolved) }
        var above = String(cString: resolved)
        var devices: Set<dev_t> = []
        while above != "/" {
            above = Directory.parent(of: above)
            devices.insert(try Self.status(above).st_dev)
        }
        devicesAbove = devices
    }

    /// Whether the path still leads there.
    package func isStill(at path: String) -> Bool {
        do throws(SystemError) {
            let now = try Self.status(path)
            return now.st_dev == device && now.st_ino == inode
        } catch { return false }
    }

    /// Whether the file system of the inbox is there no more: what lies at its path now is on one of those below which it was
    /// mounted. One that was mounted there since is none of them.
    package func isUnmounted(leaving here: InboxPlace) -> Bool {
        here.device != device && devicesAbove.contains(here.device)
    }

    private static func status(_ path: String) throws(SystemError) -> stat {
        var status = stat()
        try syscall("stat", path: path) { stat(path, &status) }
        return status
    }
}

/// Why nothing is taken from the inbox.
package enum InboxTrouble: Sendable, Equatable {
    /// In the words of the C library.
    case cannotBeListed(reason: String)
    case isUnmounted
    /// Another contourd has it.
    case isInUse

    init(_ error: SystemError) {
        self = error.code == EWOULDBLOCK ? .isInUse : .cannotBeListed(reason: error.reason)
    }

    /// No sentence yet: without a full stop, and begun by "the inbox".
    var text: String {
        switch self {
        case .cannotBeListed(let reason): "the inbox cannot be listed (\(reason))"
        case .isUnmounted: "the inbox lies on another file system than before: its own is not mounted, or it was moved"
        case .isInUse: "the inbox is used by another contourd"
        }
    }

    var advice: String {
        switch self {
        case .cannotBeListed: "Mount it, or put it back, and run contourctl check."
        case .isUnmounted: "Mount it again; or, if it was moved on purpose: systemctl reload contourd."
        case .isInUse: "Stop that one, or give one of them another folders.inbox."
        }
    }
}
