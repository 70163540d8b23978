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

    /// Watches one folder, and whether it is moved or removed itself; watching it again changes nothing.
    /// - Returns: the watch's number, the same for the same folder.
    @discardableResult
    package func watch(_ folder: String) throws(SystemError) -> Int32 {
        let mask = UInt32(
            IN_CLOSE_WRITE | IN_MODIFY | IN_MOVED_FROM | IN_MOVED_TO | IN_CREATE | IN_ATTRIB | IN_ONLYDIR
                | IN_MOVE_SELF | IN_DELETE_SELF
        )
        return try syscall("inotify_add_watch", path: folder) { inotify_add_watch(descriptor, folder, mask) }
    }

    /// Ends a watch; one that ended with its folder is none already.
    package func unwatch(_ watch: Int32) { inotify_rm_watch(descriptor, watch) }

    /// What happened to a name in a watched folder, or to all of them.
    package enum Event: Sendable, Equatable {
        /// A name in the folder with this watch number was written to.
        case modified(watch: Int32, name: String)
        /// A program that could write to it closed it.
        case closed(watch: Int32, name: String)
        /// It left for another name; the same cookie stands where it arrived.
        case movedFrom(watch: Int32, name: String, cookie: UInt32)
        case movedTo(watch: Int32, name: String, cookie: UInt32)
        /// Something else that a listing will show.
        case other
        /// The kernel's queue was full: events are lost, everything must be looked at.
        case overflow
    }

    /// Drains the queue.
    package func read() -> [Event] {
        var events: [Event] = []
        withUnsafeTemporaryAllocation(byteCount: 64 * 1024, alignment: 8) { buffer in
            while true {
                let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
                guard count > 0 else { return }
                var offset = 0
                while offset + MemoryLayout<inotify_event>.size <= count {
                    let event = buffer.loadUnaligned(fromByteOffset: offset, as: inotify_event.self)
                    offset += MemoryLayout<inotify_event>.size
                    let name = buffer[offset..<offset + Int(event.len)].prefix { $0 != 0 }
                    events.append(Self.event(event, name: String(decoding: name, as: UTF8.self)))
                    offset += Int(event.len)
                }
            }
        }
        return events
    }

    private static func event(_ event: inotify_event, name: String) -> Event {
        func has(_ kind: Int) -> Bool { event.mask & UInt32(kind) != 0 }
        if has(Int(IN_Q_OVERFLOW)) { return .overflow }
        if has(Int(IN_MODIFY)) { return .modified(watch: event.wd, name: name) }
        if has(Int(IN_CLOSE_WRITE)) { return .closed(watch: event.wd, name: name) }
        if has(Int(IN_MOVED_FROM)) { return .movedFrom(watch: event.wd, name: name, cookie: event.cookie) }
        if has(Int(IN_MOVED_TO)) { return .movedTo(watch: event.wd, name: name, cookie: event.cookie) }
        return .other
    }
}
