import Foundation
import Platform

/// The bytes of a file that somebody names on the command line, or of a pipe, as a shell's `<(...)` is one; nil where there are
/// more than `limit`.
///
/// - Throws: `SystemError` with the path.
func contents(ofText path: String, atMost limit: Int) throws(SystemError) -> Data? {
    let file = try FileDescriptor.open(path, O_RDONLY)
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 1)
    defer { buffer.deallocate() }
    var bytes = Data()
    while true {
        let count = try file.read(into: buffer, path: path)
        if count == 0 { return bytes }
        guard bytes.count + count <= limit else { return nil }
        bytes.append(contentsOf: buffer[..<count])
    }
}
