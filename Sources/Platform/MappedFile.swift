import Glibc
import Synchronization

/// The bytes of a file as memory (mmap(2)). Pages come in when they are touched, and `release()` gives them back: what
/// was written stays in the file, and the next touch brings it in again. So a file of any size can be worked on with
/// a bounded part of it resident.
///
/// The file must keep its length while it is mapped: a touch beyond its end, as a read error of the disk, ends the process
/// (SIGBUS).
package final class MappedFile: Sendable {
    package nonisolated(unsafe) let bytes: UnsafeMutableRawBufferPointer
    package let isWritable: Bool
    /// Bytes that may be touched before they are given back.
    private let allowance: Int
    private let touched = Atomic<Int>(0)

    /// Maps a whole file for reading.
    package init(reading path: String, allowance: Int = .max) throws(SystemError) {
        let file = try FileDescriptor.open(path, O_RDONLY)
        var status = stat()
        try syscall("fstat", path: path) { fstat(file.raw, &status) }
        bytes = try Self.map(file.raw, Int(status.st_size), PROT_READ, path)
        isWritable = false
        self.allowance = allowance
    }

    /// Makes a file of zeros and maps it; its space is reserved, so that a full disk is an error here and no signal later.
    /// Whoever has mapped a former file of that name keeps what is in it.
    package convenience init(creating path: String, count: Int, allowance: Int = .max) throws(SystemError) {
        if unlink(path) != 0, errno != ENOENT { throw SystemError("unlink", path: path) }
        let file = try FileDescriptor.open(path, O_RDWR | O_CREAT | O_EXCL)
        try self.init(filling: file, count: count, allowance: allowance, path: path)
    }

    private init(filling file: borrowing FileDescriptor, count: Int, allowance: Int, path: String) throws(SystemError) {
        try Self.reserve(file.raw, count, path)
        bytes = try Self.map(file.raw, count, PROT_READ | PROT_WRITE, path)
        isWritable = true
        self.allowance = allowance
    }

    /// The same without a name: the file is gone with its last user.
    package convenience init(scratchIn folder: String, count: Int, allowance: Int = .max) throws(SystemError) {
        var name = Array("\(folder)/.scratch-XXXXXX".utf8CString)
        let descriptor = FileDescriptor(owning: try syscall("mkstemp", path: folder) { mkstemp(&name) })
        let path = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        unlink(path)
        try self.init(filling: descriptor, count: count, allowance: allowance, path: path)
    }

    private static func reserve(_ file: Int32, _ count: Int, _ path: String) throws(SystemError) {
        // It returns its error number.
        let code = posix_fallocate(file, 0, count)
        guard code == 0 else { throw SystemError("posix_fallocate", code: code, path: path) }
    }

    private static func map(
        _ file: Int32,
        _ count: Int,
        _ access: Int32,
        _ path: String
    ) throws(SystemError) -> UnsafeMutableRawBufferPointer {
        guard count > 0 else { return UnsafeMutableRawBufferPointer(start: nil, count: 0) }
        let address = mmap(nil, count, access, MAP_SHARED, file, 0)
        guard let address, address != MAP_FAILED else { throw SystemError("mmap", path: path) }
        return UnsafeMutableRawBufferPointer(start: address, count: count)
    }

    /// Counts bytes that were touched, and gives back all pages when they are as many as are allowed.
    package func touched(_ count: Int) {
        guard touched.add(count, ordering: .relaxed).newValue >= allowance else { return }
        release()
    }

    /// Gives back all pages; from any thread, also while others touch them.
    package func release() {
        touched.store(0, ordering: .relaxed)
        // Where it fails the pages stay, which changes no result.
        if !bytes.isEmpty { madvise(bytes.baseAddress, bytes.count, MADV_DONTNEED) }
    }

    deinit { if !bytes.isEmpty { munmap(bytes.baseAddress, bytes.count) } }
}
