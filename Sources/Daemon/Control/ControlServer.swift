import Foundation
import Platform

/// Answers `contourctl` on a Unix socket: one request and one reply, a JSON object on a line each. Who may connect
/// is said by the mode and the group of the socket.
package struct ControlServer {
    /// For a whole request, and for a whole answer.
    private static let patience = Duration.seconds(2)

    let context: ServiceContext
    private let path: String
    private let listener: FileDescriptorBox
    /// The socket as it was made: another one under its name is somebody else's.
    private let made: FileIdentity?

    /// Whether a service answers on a socket. One that was left by a service that was killed refuses.
    package static func isServed(_ path: String) -> Bool {
        let raw = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
        guard raw >= 0 else { return false }
        let connection = FileDescriptorBox(raw)
        do {
            try withSocketAddress(path) { address, length throws(SystemError) in
                try syscall("connect", path: path) { connect(connection.raw, address, length) }
            }
            return true
        } catch {
            return false
        }
    }

    package init(_ context: ServiceContext) throws(SystemError) {
        self.context = context
        let control = context.configuration.control
        let path = control.socket
        self.path = path
        try Directory.create(Directory.parent(of: path))
        unlink(path)
        let raw = try syscall("socket") { socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0) }
        listener = FileDescriptorBox(raw)
        try withSocketAddress(path) { address, length throws(SystemError) in
            try syscall("bind", path: path) { bind(raw, address, length) }
        }
        // The mode before the group: nobody else may connect in between.
        try syscall("chmod", path: path) { chmod(path, 0o600) }
        Self.give(path, to: control.group)
        try syscall("chmod", path: path) { chmod(path, 0o660) }
        try syscall("listen", path: path) { listen(raw, 16) }
        made = FileIdentity(path)
    }

    /// A service that is no member of the group, as when it is tried by hand, keeps the socket for itself.
    private static func give(_ path: String, to group: String) {
        guard let entry = getgrnam(group) else { return }
        _ = chown(path, uid_t.max, entry.pointee.gr_gid)
    }

    package func run() {
        let controller = Controller(store: context.store, state: context.state, context: context)
        while !context.isStopping {
            context.liveness.beat(.control)
            context.controlWake.wait(seconds: context.liveness.longestSleep, also: [listener.raw])
            var listening = pollfd(fd: listener.raw, events: Int16(POLLIN), revents: 0)
            guard !context.isStopping, poll(&listening, 1, 0) > 0 else { continue }
            let client = accept(listener.raw, nil, nil)
            guard client >= 0 else { continue }
            // No worker started meanwhile may keep the connection open.
            _ = fcntl(client, F_SETFD, FD_CLOEXEC)
            serve(FileDescriptorBox(client), controller)
        }
        context.liveness.end(.control)
        if let made, FileIdentity(path) == made { unlink(path) }
    }

    private func serve(_ connection: FileDescriptorBox, _ controller: Controller) {
        // A client that says nothing, or a byte now and then, must not keep the others waiting.
        let asked = ContinuousClock.now + Self.patience
        guard let line = readSocketLine(connection.raw, limit: 65536, until: asked) else { return }
        let reply: ControlReply
        do {
            reply = controller.handle(try JSONDecoder().decode(ControlRequest.self, from: line))
        } catch {
            reply = .failed("the request was not understood; are contourd and contourctl of one version?")
        }
        // Our own plain types; an answer that cannot be sent has nobody to hear it.
        if let data = try? JSONEncoder().encode(reply) {
            writeSocketLine(connection.raw, data, until: .now + Self.patience)
        }
    }
}

/// A file, whatever its name.
private struct FileIdentity: Equatable {
    private let device: dev_t
    private let inode: ino_t

    /// nil when there is none.
    init?(_ path: String) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return nil }
        (device, inode) = (status.st_dev, status.st_ino)
    }
}

/// A descriptor that closes itself, for structs that are copied.
final class FileDescriptorBox: Sendable {
    let raw: Int32
    init(_ raw: Int32) { self.raw = raw }
    deinit { close(raw) }
}

@discardableResult
func withSocketAddress<Result>(
    _ path: String,
    _ body: (UnsafePointer<sockaddr>, socklen_t) throws(SystemError) -> Result
) throws(SystemError) -> Result {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
        throw SystemError("bind", code: ENAMETOOLONG, path: path)
    }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    let length = socklen_t(MemoryLayout<sockaddr_un>.size)
    let pointer = UnsafeMutablePointer<sockaddr_un>.allocate(capacity: 1)
    defer { pointer.deallocate() }
    pointer.initialize(to: address)
    return try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { rebound throws(SystemError) in
        try body(rebound, length)
    }
}

/// One line without its end; nil when the other side ends, or is silent or not done too long (`errno` is EAGAIN then).
///
/// - Parameter deadline: for the whole line; nil: the socket's own limit for each part of it.
func readSocketLine(_ raw: Int32, limit: Int, until deadline: ContinuousClock.Instant? = nil) -> Data? {
    var data = Data()
    var block = [UInt8](repeating: 0, count: 65536)
    while data.count <= limit {
        guard isReady(raw, POLLIN, until: deadline) else { return nil }
        let count = read(raw, &block, block.count)
        if count < 0 && errno == EINTR { continue }
        guard count > 0 else { return nil }
        data.append(contentsOf: block[..<count])
        if let end = data.firstIndex(of: 0x0A) { return data[..<end] }
    }
    return nil
}

/// - Parameter deadline: as for `readSocketLine`.
func writeSocketLine(_ raw: Int32, _ line: Data, until deadline: ContinuousClock.Instant? = nil) {
    let bytes = line + [0x0A]
    bytes.withUnsafeBytes { buffer in
        var done = 0
        // With a deadline no call may wait for the whole rest.
        let flags = Int32(MSG_NOSIGNAL) | (deadline == nil ? 0 : Int32(MSG_DONTWAIT))
        while done < buffer.count {
            guard isReady(raw, POLLOUT, until: deadline) else { return }
            let count = send(raw, buffer.baseAddress! + done, buffer.count - done, flags)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return }
            done += count
        }
    }
}

/// Waits until a socket can be read or written, at most until a deadline; without one it is left to the call itself.
private func isReady(_ raw: Int32, _ events: Int32, until deadline: ContinuousClock.Instant?) -> Bool {
    guard let deadline else { return true }
    while true {
        let left = ContinuousClock.now.duration(to: deadline)
        guard left > .zero else {
            errno = EAGAIN
            return false
        }
        var entry = pollfd(fd: raw, events: Int16(events), revents: 0)
        let count = poll(&entry, 1, Int32((left.seconds * 1000).rounded(.up)))
        if count > 0 { return true }
        if count < 0, errno != EINTR { return false }
    }
}
