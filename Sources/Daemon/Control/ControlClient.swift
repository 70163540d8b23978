import Foundation
import Platform
import Store

/// Why a request could not be made.
package enum ControlError: Error, Sendable, CustomStringConvertible {
    case noService(String)
    case notAllowed(String)
    case failed(String)
    case silent(seconds: Int)

    package var description: String {
        switch self {
        case .noService(let reason): "contourd does not answer and its database cannot be opened: \(reason)"
        case .notAllowed(let path):
            "\(path): permission denied. Join the group contourd-users (usermod -aG contourd-users NAME), or use sudo."
        case .failed(let reason): reason
        case .silent(let seconds):
            "contourd runs but did not answer within \(seconds) s. systemctl status contourd tells whether it hangs."
        }
    }
}

/// Asks the running service over its socket; without one, opens the database under the service's lock.
package struct ControlClient: Sendable {
    let configuration: Configuration
    private let patienceSeconds: Int

    /// - Parameter patienceSeconds: longest silence of a service. It answers within milliseconds; its database may wait
    ///   5 s for a lock.
    package init(_ configuration: Configuration, patienceSeconds: Int = 30) {
        self.configuration = configuration
        self.patienceSeconds = patienceSeconds
    }

    package func ask(_ request: ControlRequest) throws -> ControlReply {
        try askService(request) ?? askStore(request)
    }

    /// - Returns: nil when no service listens.
    package func askService(_ request: ControlRequest) throws -> ControlReply? {
        let path = configuration.control.socket
        let raw = try syscall("socket") { socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0) }
        let connection = FileDescriptorBox(raw)
        do {
            try withSocketAddress(path) { address, length throws(SystemError) in
                try syscall("connect", path: path) { connect(raw, address, length) }
            }
        } catch {
            guard error.code != EACCES else { throw ControlError.notAllowed(path) }
            return nil
        }
        setTimeout(of: raw, seconds: patienceSeconds)
        writeSocketLine(connection.raw, try JSONEncoder().encode(request))
        errno = 0
        guard let line = readSocketLine(connection.raw, limit: 64 << 20) else {
            throw errno == EAGAIN
                ? ControlError.silent(seconds: patienceSeconds)
                : ControlError.failed("contourd ended the connection")
        }
        return try JSONDecoder().decode(ControlReply.self, from: line)
    }

    private func setTimeout(of socket: Int32, seconds: Int) {
        var limit = timeval(tv_sec: seconds, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        // Without the limit the answer is as good, only that it may be waited for longer.
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
        setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
    }

    private func askStore(_ request: ControlRequest) throws -> ControlReply {
        let state = StateFolder(path: configuration.folders.state)
        do {
            guard Directory.exists(state.database) else {
                throw ControlError.noService("there is no database in \(state.path) yet; has contourd ever run?")
            }
            let lock = try FileLock(path: state.lock)
            defer { withExtendedLifetime(lock) {} }
            let store = try state.openStore()
            let reply = Controller(store: store, state: state, context: nil).handle(request)
            try store.close()
            return reply
        } catch let error as SystemError {
            if error.code == EACCES { throw ControlError.notAllowed(error.path ?? state.path) }
            if error.code == EWOULDBLOCK { throw ControlError.noService("contourd is starting or stopping; try again") }
            throw ControlError.noService(error.description)
        } catch let error as StoreError {
            throw ControlError.noService(error.description)
        }
    }
}
