import Foundation
import Glibc

/// Moves a file so that at every moment one whole copy exists under the old or the new name.
package enum FileTransfer {
    /// What became of the source.
    package enum Source: Sendable, Equatable {
        case gone
        /// The target holds its bytes, but its folder does not let us remove it.
        case leftBehind
    }

    /// By rename on one file system; otherwise, or out of a folder that we may not write to, or when the file has
    /// another name (a hard link) by which it may be changed: copy, fsync, compare, rename, unlink. The bytes are never
    /// changed.
    ///
    /// Running it again after an interruption completes it. A source that is still there then is removed only when
    /// the target holds the same bytes: its owner may have put another file under the old name.
    /// - Parameters:
    ///   - digest: SHA-256 that a copy must have; nil: that of the source.
    ///   - onProgress: called for every block that was copied.
    @discardableResult
    package static func move(
        _ source: String,
        to target: String,
        digest: String? = nil,
        onProgress: () -> Void = {}
    ) throws(SystemError) -> Source {
        if Directory.exists(target) {
            guard Directory.exists(source) else {
                try synchronize(target)
                return .gone
            }
            let held = try SHA256Digest.hex(ofFile: target, onProgress: onProgress)
            guard try SHA256Digest.hex(ofFile: source, onProgress: onProgress) == held else { return .gone }
            return try remove(source)
        }
        if FileWriters.nameCount(source) <= 1 {
            if rename(source, target) == 0 {
                // Whoever wrote it may not have waited for the disk; from now on we answer for it.
                try synchronize(target)
                return .gone
            }
            let code = errno
            guard [EXDEV, EACCES, EPERM, EROFS].contains(code) else {
                throw SystemError("rename", code: code, path: source)
            }
        }
        try copy(source, to: target, digest: digest, onProgress: onProgress)
        return try remove(source)
    }

    private static func synchronize(_ file: String) throws(SystemError) {
        try FileDescriptor.open(file, O_RDONLY | O_NOFOLLOW).synchronize(path: file)
        try Directory.synchronize(Directory.parent(of: file))
    }

    private static func remove(_ source: String) throws(SystemError) -> Source {
        do throws(SystemError) { try syscall("unlink", path: source) { unlink(source) } } catch {
            guard [EACCES, EPERM, EROFS].contains(error.code) else { throw error }
            return .leftBehind
        }
        return .gone
    }

    /// Copies, makes the copy durable, reads both again and compares, then gives it its name.
    package static func copy(
        _ source: String,
        to target: String,
        digest: String? = nil,
        onProgress: () -> Void = {}
    ) throws(SystemError) {
        let partial = target + ".partial"
        let before = if let digest { digest } else { try SHA256Digest.hex(ofFile: source, onProgress: onProgress) }
        do throws(SystemError) {
            try write(source, to: partial, onProgress)
            guard try SHA256Digest.hex(ofFile: partial, onProgress: onProgress) == before,
                try SHA256Digest.hex(ofFile: source, onProgress: onProgress) == before
            else { throw SystemError("copy", code: EIO, path: source) }
        } catch {
            unlink(partial)
            throw error
        }
        try syscall("rename", path: target) { rename(partial, target) }
        try Directory.synchronize(Directory.parent(of: target))
    }

    private static func write(_ source: String, to target: String, _ onProgress: () -> Void) throws(SystemError) {
        let input = try FileDescriptor.open(source, O_RDONLY | O_NOFOLLOW)
        let output = try FileDescriptor.open(target, O_WRONLY | O_CREAT | O_TRUNC)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
        defer { buffer.deallocate() }
        while true {
            let count = try input.read(into: buffer, path: source)
            if count == 0 { break }
            try output.write(UnsafeRawBufferPointer(rebasing: buffer[..<count]), path: target)
            onProgress()
        }
        try output.synchronize(path: target)
    }

    /// Copies a folder tree of regular files; the result is durable.
    package static func copyTree(
        _ source: String,
        to target: String,
        onProgress: () -> Void = {}
    ) throws(SystemError) {
        try Directory.create(target)
        for entry in try Directory.list(source) {
            let (from, to) = ("\(source)/\(entry.name)", "\(target)/\(entry.name)")
            switch entry.kind {
            case .folder: try copyTree(from, to: to, onProgress: onProgress)
            case .file: try copy(from, to: to, onProgress: onProgress)
            case .other, .unnameable: continue
            }
        }
        try Directory.synchronize(target)
    }
}
