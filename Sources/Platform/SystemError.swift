import Glibc

/// A Linux call that failed: which one, why, and on which path.
///
/// `path` may name a patient (people name folders so). It is for the owner of the path; `summary` is what a
/// log may show.
package struct SystemError: Error, Sendable, Equatable, CustomStringConvertible {
    package var function: String
    package var code: Int32
    package var path: String?

    package init(_ function: String, code: Int32 = errno, path: String? = nil) {
        self.function = function
        self.code = code
        self.path = path
    }

    /// The C library's words for `code`.
    package var reason: String { String(cString: strerror(code)) }
    /// Without the path.
    package var summary: String { "\(function): \(reason)" }
    package var description: String { path.map { "\($0): \(reason) (\(function))" } ?? summary }
}

/// Runs a Linux call that reports failure as -1, again while a signal interrupts it.
@discardableResult
package func syscall<Result: FixedWidthInteger & SignedInteger>(
    _ function: String,
    path: String? = nil,
    _ call: () -> Result
) throws(SystemError) -> Result {
    while true {
        let result = call()
        if result != -1 { return result }
        let code = errno
        if code != EINTR { throw SystemError(function, code: code, path: path) }
    }
}

/// A file descriptor that closes itself.
package struct FileDescriptor: ~Copyable, Sendable {
    package let raw: Int32

    package init(owning raw: Int32) { self.raw = raw }

    package static func open(_ path: String, _ flags: Int32, mode: mode_t = 0o666) throws(SystemError) -> FileDescriptor
    {
        FileDescriptor(owning: try syscall("open", path: path) { Glibc.open(path, flags | O_CLOEXEC, mode) })
    }

    deinit { close(raw) }

    /// Writes all of `bytes`.
    package func write(_ bytes: UnsafeRawBufferPointer, path: String) throws(SystemError) {
        var done = 0
        while done < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
            done += try syscall("write", path: path) { Glibc.write(raw, rest.baseAddress, rest.count) }
        }
    }

    /// Writes all of `bytes` from a place of the file on.
    package func write(_ bytes: UnsafeRawBufferPointer, at place: Int, path: String) throws(SystemError) {
        var done = 0
        while done < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
            done += try syscall("pwrite", path: path) { pwrite(raw, rest.baseAddress, rest.count, off_t(place + done)) }
        }
    }

    /// Bytes of the file.
    package func size(path: String) throws(SystemError) -> Int {
        var status = stat()
        try syscall("fstat", path: path) { fstat(raw, &status) }
        return Int(status.st_size)
    }

    /// Reads up to `buffer.count` bytes; 0 at the end.
    package func read(into buffer: UnsafeMutableRawBufferPointer, path: String) throws(SystemError) -> Int {
        try syscall("read", path: path) { Glibc.read(raw, buffer.baseAddress, buffer.count) }
    }

    package func synchronize(path: String) throws(SystemError) {
        try syscall("fsync", path: path) { fsync(raw) }
    }
}
