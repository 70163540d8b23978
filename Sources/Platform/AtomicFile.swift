import Foundation
import Glibc

/// Files that appear whole or not at all.
package enum AtomicFile {
    /// Writes `data` beside `path`, makes it durable, then renames it to `path` (replacing what was there).
    package static func write(_ data: Data, to path: String, mode: mode_t = 0o666) throws(SystemError) {
        let partial = path + ".partial"
        do throws(SystemError) {
            let file = try FileDescriptor.open(partial, O_WRONLY | O_CREAT | O_TRUNC, mode: mode)
            // One buffer at a time: `withUnsafeBytes` does not carry typed errors for Data.
            var failure: SystemError?
            data.withUnsafeBytes { bytes in
                do throws(SystemError) { try file.write(bytes, path: partial) } catch { failure = error }
            }
            if let failure { throw failure }
            try file.synchronize(path: partial)
        } catch {
            unlink(partial)
            throw error
        }
        try syscall("rename", path: path) { rename(partial, path) }
        try Directory.synchronize(Directory.parent(of: path))
    }
}

/// Folders that appear whole or not at all.
package enum Directory {
    /// Makes everything below `partial` durable, then renames it to `folder` and makes that durable too.
    ///
    /// Fails with ENOTEMPTY when a folder of that name already holds something.
    package static func publish(partial: String, as folder: String) throws(SystemError) {
        try synchronizeTree(partial)
        try syscall("rename", path: folder) { rename(partial, folder) }
        try synchronize(parent(of: folder))
        if parent(of: partial) != parent(of: folder) { try synchronize(parent(of: partial)) }
    }

    /// Makes the entries of one folder durable.
    package static func synchronize(_ folder: String) throws(SystemError) {
        let handle = try FileDescriptor.open(folder, O_RDONLY | O_DIRECTORY)
        try handle.synchronize(path: folder)
    }

    /// Makes a folder, the regular files in it and the folders below durable.
    package static func synchronizeTree(_ folder: String) throws(SystemError) {
        for entry in try list(folder) {
            let path = folder + "/" + entry.name
            switch entry.kind {
            case .folder: try synchronizeTree(path)
            case .file:
                let handle = try FileDescriptor.open(path, O_RDONLY | O_NOFOLLOW)
                try handle.synchronize(path: path)
            case .other, .unnameable: continue
            }
        }
        try synchronize(folder)
    }

    /// Makes `folder` and its parents.
    package static func create(_ folder: String, mode: mode_t = 0o777) throws(SystemError) {
        if mkdir(folder, mode) == 0 { return }
        let code = errno
        switch code {
        case EEXIST where isFolder(folder): return
        case ENOENT where parent(of: folder) != folder:
            try create(parent(of: folder), mode: mode)
            // Once more, not again and again: some places (/proc, a working folder that was removed) never take one.
            if mkdir(folder, mode) == 0 { return }
            let second = errno
            guard second == EEXIST, isFolder(folder) else { throw SystemError("mkdir", code: second, path: folder) }
        default: throw SystemError("mkdir", code: code, path: folder)
        }
    }

    /// Removes a folder and all below it; a missing one is fine. Links are removed, not followed.
    package static func remove(_ folder: String) throws(SystemError) {
        var status = stat()
        guard lstat(folder, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            try syscall("unlink", path: folder) { unlink(folder) }
            return
        }
        for entry in try list(folder) { try remove(folder + "/" + entry.name) }
        try syscall("rmdir", path: folder) { rmdir(folder) }
    }

    /// Removes the empty folders below `folder`, and itself when it is empty then. What holds something, or may not be
    /// removed, stays.
    package static func prune(_ folder: String) {
        let entries: [Entry]
        do { entries = try list(folder) } catch { return }
        for entry in entries where entry.kind == .folder { prune(folder + "/" + entry.name) }
        rmdir(folder)
    }

    package static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    package static func isLink(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK
    }

    package static func isRegularFile(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }

    package static func exists(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0
    }

    /// As dirname(1) has it. (NSString's own method stops the process at a name without a folder.)
    package static func parent(of path: String) -> String {
        func withoutSlashes(_ text: Substring) -> Substring {
            text.prefix(upTo: text.lastIndex { $0 != "/" }.map(text.index(after:)) ?? text.startIndex)
        }
        let name = withoutSlashes(path[...])
        guard let slash = name.lastIndex(of: "/") else { return name.isEmpty && !path.isEmpty ? "/" : "." }
        let folder = withoutSlashes(name[..<slash])
        return folder.isEmpty ? "/" : String(folder)
    }

    /// The last part of a path, as basename(1) has it.
    package static func name(of path: String) -> String { path.split(separator: "/").last.map(String.init) ?? path }

    package struct Entry: Hashable, Sendable {
        package enum Kind: Sendable {
            case file, folder, other
            /// Its name is not UTF-8: no path leads to it. What is no ASCII in it is told as `%FC`.
            case unnameable
        }
        package var name: String
        package var kind: Kind
    }

    /// The entries of a folder, by name. Links count as `other`: nothing here follows them.
    package static func list(_ folder: String) throws(SystemError) -> [Entry] {
        guard let stream = opendir(folder) else { throw SystemError("opendir", path: folder) }
        defer { closedir(stream) }
        var entries: [Entry] = []
        while true {
            errno = 0
            guard let entry = readdir(stream) else {
                if errno != 0 { throw SystemError("readdir", path: folder) }
                break
            }
            let (name, isExact) = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) {
                    String(validatingCString: $0).map { ($0, true) } ?? (escaped($0), false)
                }
            }
            if name == "." || name == ".." { continue }
            entries.append(Entry(name: name, kind: isExact ? kind(of: name, in: dirfd(stream)) : .unnameable))
        }
        return entries.sorted { $0.name < $1.name }
    }

    /// The same with links as what they lead to; those that lead nowhere stay `other`. For folders of a person's own, such as
    /// data sets whose files are links into a store; not for the inbox.
    package static func listFollowingLinks(_ folder: String) throws(SystemError) -> [Entry] {
        try list(folder).map { entry in
            let path = folder + "/" + entry.name
            guard entry.kind == .other, isLink(path) else { return entry }
            let kind: Entry.Kind = isFolder(path) ? .folder : isRegularFile(path) ? .file : .other
            return Entry(name: entry.name, kind: kind)
        }
    }

    private static func escaped(_ name: UnsafePointer<CChar>) -> String {
        var text = ""
        for byte in UnsafeBufferPointer(start: name, count: strlen(name)).map({ UInt8(bitPattern: $0) }) {
            text += byte < 0x80 ? String(UnicodeScalar(byte)) : "%" + String(byte, radix: 16, uppercase: true)
        }
        return text
    }

    /// By the folder's descriptor: the whole path may be longer than the kernel takes.
    private static func kind(of name: String, in folder: Int32) -> Entry.Kind {
        var status = stat()
        guard fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { return .other }
        switch status.st_mode & S_IFMT {
        case S_IFREG: return .file
        case S_IFDIR: return .folder
        default: return .other
        }
    }
}
