import Foundation
import Glibc

/// Moves a file so that at every moment one whole copy exists under the old or the new name.
package enum FileTransfer {
    /// By rename on one file system; otherwise copy, fsync, compare, rename, unlink. The bytes are never changed.
    ///
    /// Running it again after an interruption completes it.
    package static func move(_ source: String, to target: String) throws(SystemError) {
        if Directory.exists(target) {
            // An earlier attempt was cut short after its last rename. What lies at the source now may be the file that
            // was copied, or another that came since under the same name: that one stays.
            if Directory.exists(source), try SHA256Digest.hex(ofFile: source) == SHA256Digest.hex(ofFile: target) {
                try syscall("unlink", path: source) { unlink(source) }
            }
            return
        }
        if rename(source, target) == 0 {
            try Directory.synchronize(Directory.parent(of: target))
            return
        }
        let code = errno
        // EACCES, EPERM: a folder with the sticky bit of another user; copying still works where reading does.
        guard code == EXDEV else { throw SystemError("rename", code: code, path: source) }
        try copy(source, to: target)
        try syscall("unlink", path: source) { unlink(source) }
    }

    /// Copies, makes the copy durable, reads both again and compares, then gives it its name.
    package static func copy(_ source: String, to target: String) throws(SystemError) {
        let partial = target + ".partial"
        let before = try SHA256Digest.hex(ofFile: source)
        try write(source, to: partial)
        guard try SHA256Digest.hex(ofFile: partial) == before, try SHA256Digest.hex(ofFile: source) == before else {
            unlink(partial)
            throw SystemError("copy", code: EIO, path: source)
        }
        try syscall("rename", path: target) { rename(partial, target) }
        try Directory.synchronize(Directory.parent(of: target))
    }

    private static func write(_ source: String, to target: String) throws(SystemError) {
        let input = try FileDescriptor.open(source, O_RDONLY)
        let output = try FileDescriptor.open(target, O_WRONLY | O_CREAT | O_TRUNC)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
        defer { buffer.deallocate() }
        while true {
            let count = try input.read(into: buffer, path: source)
            if count == 0 { break }
            try output.write(UnsafeRawBufferPointer(rebasing: buffer[..<count]), path: target)
        }
        try output.synchronize(path: target)
    }

    /// Copies a folder tree of regular files; the result is durable.
    package static func copyTree(_ source: String, to target: String) throws(SystemError) {
        try Directory.create(target)
        for entry in try Directory.list(source) {
            let (from, to) = ("\(source)/\(entry.name)", "\(target)/\(entry.name)")
            switch entry.kind {
            case .folder: try copyTree(from, to: to)
            case .file: try copy(from, to: to)
            case .other, .unnameable: continue
            }
        }
        try Directory.synchronize(target)
    }
}
