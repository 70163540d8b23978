import Foundation
import Glibc
import Synchronization

/// Cuts what a descriptor delivers into lines.
final class LineReader: Sendable {
    /// Bytes that are no whole line yet; the first `searched` of them hold no end of line.
    private struct Pending {
        var bytes = Data()
        var searched = 0
    }

    private let pending = Mutex(Pending())

    /// A longer line is none of ours: whoever sends it has gone mad, and counts as ended.
    private static let maximumLine = 128 << 20

    func next(from descriptor: Int32, timeoutSeconds: Double, wake: WakeUp?) -> ChildProcess.Event {
        pending.withLock { pending in
            let end = ContinuousClock.now + .seconds(timeoutSeconds)
            while true {
                if let newline = pending.bytes[pending.searched...].firstIndex(of: 0x0A) {
                    let line = Data(pending.bytes[..<newline])
                    pending = Pending(bytes: Data(pending.bytes[(newline + 1)...]))
                    return .line(line)
                }
                pending.searched = pending.bytes.count
                guard pending.searched <= Self.maximumLine else { return .ended }
                let left = ContinuousClock.now.duration(to: end)
                let milliseconds = Int32(
                    clamping: left.components.seconds * 1000 + left.components.attoseconds / 1_000_000_000_000_000
                )
                guard milliseconds > 0 else { return .nothing }
                var descriptors = [pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)]
                if let wake { descriptors.append(pollfd(fd: wake.descriptor, events: Int16(POLLIN), revents: 0)) }
                let count = poll(&descriptors, nfds_t(descriptors.count), milliseconds)
                if count == 0 { return .nothing }
                if count < 0 { continue }
                if descriptors[0].revents == 0 { return .nothing }
                var block = [UInt8](repeating: 0, count: 65536)
                let got = read(descriptor, &block, block.count)
                if got < 0 && errno == EINTR { continue }
                guard got > 0 else { return .ended }
                pending.bytes.append(contentsOf: block[..<got])
            }
        }
    }
}
