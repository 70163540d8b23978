internal import CLinux
import Foundation
import Glibc

/// A process that we started, talking with us in lines over its standard input and output. It inherits standard
/// error. Not safe for use by several threads at once, except for `kill`.
package final class ChildProcess: Sendable {
    package let pid: Int32
    private let input: Int32
    private let output: Int32
    private let reader: LineReader

    /// - Parameter name: what the process is called (argv[0]); nil: the program.
    /// - Throws: `SystemError` when the program cannot be started.
    package init(_ program: String, arguments: [String], name: String? = nil) throws(SystemError) {
        var toChild: [Int32] = [-1, -1], fromChild: [Int32] = [-1, -1]
        try syscall("pipe2") { linux_pipe_cloexec(&toChild) }
        try syscall("pipe2") { linux_pipe_cloexec(&fromChild) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, toChild[0], 0)
        posix_spawn_file_actions_adddup2(&actions, fromChild[1], 1)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // Our handling of signals is not the child's.
        var defaults = sigset_t(), none = sigset_t()
        sigfillset(&defaults)
        sigemptyset(&none)
        posix_spawnattr_setsigdefault(&attributes, &defaults)
        posix_spawnattr_setsigmask(&attributes, &none)
        // A group of its own: Ctrl-C in a terminal is for us, and we end the child in order.
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes,
            Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP)
        )
        let argv = ([name ?? program] + arguments).map { strdup($0) }
        defer { argv.forEach { free($0) } }
        var child: Int32 = 0
        let code = posix_spawn(&child, program, &actions, &attributes, argv + [nil], environ)
        close(toChild[0])
        close(fromChild[1])
        guard code == 0 else {
            close(toChild[1])
            close(fromChild[0])
            throw SystemError("posix_spawn", code: code, path: program)
        }
        pid = child
        input = toChild[1]
        output = fromChild[0]
        reader = LineReader()
    }

    deinit {
        close(input)
        close(output)
    }

    /// Sends one line; false when the child is gone.
    package func send(_ line: Data) -> Bool {
        let bytes = line + [0x0A]
        return bytes.withUnsafeBytes { buffer in
            var done = 0
            while done < buffer.count {
                let count = Glibc.write(input, buffer.baseAddress! + done, buffer.count - done)
                if count < 0 && errno == EINTR { continue }
                guard count > 0 else { return false }
                done += count
            }
            return true
        }
    }

    /// What waiting for a line ended with.
    package enum Event: Sendable, Equatable {
        case line(Data)
        /// Nothing came in time, or `wake` was signalled.
        case nothing
        case ended
    }

    /// Waits for a line.
    package func receive(timeoutSeconds: Double, wake: WakeUp? = nil) -> Event {
        reader.next(from: output, timeoutSeconds: timeoutSeconds, wake: wake)
    }

    package func kill(_ signal: Int32 = SIGKILL) { Glibc.kill(pid, signal) }

    /// How a process ended.
    package enum Ending: Sendable, Equatable, CustomStringConvertible {
        case exit(Int32)
        case signal(Int32)

        /// Whether somebody ended it, or the kernel did for lack of memory: that says nothing about what it worked on.
        /// Its own mistakes end a process with other signals.
        package var isFromOutside: Bool { self == .signal(SIGKILL) || self == .signal(SIGTERM) }

        package var description: String {
            switch self {
            case .exit(let status): "exit status \(status)"
            case .signal(let number): "signal \(number)"
            }
        }
    }

    /// Waits for the end.
    @discardableResult
    package func wait() -> Ending {
        var status: Int32 = 0
        while waitpid(pid, &status, 0) == -1 && errno == EINTR {}
        let signal = status & 0x7F
        return signal != 0 ? .signal(signal) : .exit((status >> 8) & 0xFF)
    }
}
