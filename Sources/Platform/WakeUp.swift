internal import CLinux
import Glibc

/// Something one thread sleeps on and others wake (eventfd(2)).
package final class WakeUp: Sendable {
    package let descriptor: Int32

    package init() throws(SystemError) {
        descriptor = try syscall("eventfd") { eventfd(0, Int32(EFD_CLOEXEC) | Int32(EFD_NONBLOCK)) }
    }

    deinit { close(descriptor) }

    package func signal() { eventfd_write(descriptor, 1) }

    /// Forgets signals that were given so far.
    package func clear() {
        var value: eventfd_t = 0
        eventfd_read(descriptor, &value)
    }

    /// Sleeps until a signal, until one of `others` can be read, or until the time is over. Signals are cleared.
    package func wait(seconds: Double, also others: [Int32] = []) {
        var descriptors = ([descriptor] + others).map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        let milliseconds = Int32(min(max(seconds, 0) * 1000, 3.6e6).rounded(.up))
        poll(&descriptors, nfds_t(descriptors.count), milliseconds)
        clear()
    }
}
