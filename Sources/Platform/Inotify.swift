import Glibc

/// Watches folders for finished files (inotify(7)). Its events are hints: the folder listing is the truth.
package final class Inotify: Sendable {
    package let descriptor: Int32

    package init() throws(SystemError) {
        descriptor = try syscall("inotify_init1") {
            inotify_init1(Int32(IN_CLOEXEC) | Int32(IN_NONBLOCK))
        }
    }

    deinit { close(descriptor) }

    /// Watches one folder; watching it again changes nothing.
    /// - Returns: the watch's number, the same for the same folder.
    @discardableResult
    package func watch(_ folder: String) throws(SystemError) -> Int32 {
        let mask = UInt32(IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_ATTRIB | IN_ONLYDIR)
        return try syscall("inotify_add_watch", path: folder) { inotify_add_watch(descriptor, folder, mask) }
    }

    /// What happened since the last call.
    package struct Hints: Sendable, Equatable {
        package var something = false
        /// The kernel's queue was full: events are lost, everything must be looked at.
        package var overflow = false

        package init() {}
    }

    /// Drains the queue.
    package func read() -> Hints {
        var hints = Hints()
        withUnsafeTemporaryAllocation(byteCount: 64 * 1024, alignment: 8) { buffer in
            while true {
                let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
                guard count > 0 else { return }
                hints.something = true
                var offset = 0
                while offset + MemoryLayout<inotify_event>.size <= count {
                    let event = buffer.loadUnaligned(fromByteOffset: offset, as: inotify_event.self)
                    if event.mask & UInt32(IN_Q_OVERFLOW) != 0 { hints.overflow = true }
                    offset += MemoryLayout<inotify_event>.size + Int(event.len)
                }
            }
        }
        return hints
    }
}
