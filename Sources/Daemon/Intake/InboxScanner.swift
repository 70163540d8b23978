import Foundation
import Platform

/// A file in the inbox as a scan saw it.
package struct InboxFile: Sendable, Equatable {
    package var path: String
    /// Size, times and inode: whatever happens to a file changes it.
    package var snapshot: String

    /// The file at a path as it is now; nil when there is none.
    package init?(at path: String) {
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        let (m, c) = (status.st_mtim, status.st_ctim)
        self.path = path
        snapshot = "\(status.st_size) \(m.tv_sec).\(m.tv_nsec) \(c.tv_sec).\(c.tv_nsec) \(status.st_ino)"
    }

    package init(path: String, snapshot: String) {
        self.path = path
        self.snapshot = snapshot
    }
}

/// Lists the inbox and remembers how long each file has not changed.
package struct InboxScanner {
    package typealias Instant = ContinuousClock.Instant

    private struct Seen {
        var snapshot: String
        var since: Instant
        /// Not to be looked at earlier.
        var notBefore: Instant?
        /// Left where it is until it changes.
        var isLeft = false
    }

    private var seen: [String: Seen] = [:]
    /// Empty folders that have not changed for long, and since when we know.
    private var empty: [String: Instant] = [:]
    /// How long a folder is seen empty before it is cleared away: the clock that its age is told by may have been set.
    private static let watch = Duration.seconds(600)
    private var settle: Duration = .zero

    package init() {}

    package struct Marker: Equatable {
        package var file: InboxFile
        /// The folder that it speaks for.
        package var folder: String
    }

    package struct Listing {
        /// Files that did not change for the settle time, by path.
        package var ready: [InboxFile] = []
        package var markers: [Marker] = []
        /// Every folder, for inotify.
        package var folders: [String] = []
        /// One folder on each file system.
        package var devices: [UInt: String] = [:]
        /// Folders that may not be listed.
        package var closedFolders: [SystemError] = []
        /// Names that are not UTF-8.
        package var unnameable = 0
        /// Folders in which nothing has lain for a day: their files were taken, and nobody sends more.
        package var deserted: [String] = []
        /// Files that were left in the inbox and are there no more.
        package var vanished: [String] = []
    }

    /// - Parameters:
    ///   - marker: name or ending of marker files.
    ///   - settle: how long a file must stay as it is.
    ///   - onProgress: called for every folder.
    package mutating func scan(
        _ inbox: String,
        marker: String,
        settle: Duration,
        now: Instant = .now,
        onProgress: () -> Void = {}
    ) -> Listing {
        self.settle = settle
        var listing = Listing()
        var present: Set<String> = []
        let known = empty
        empty = [:]
        collect(inbox, isInbox: true, marker, now, into: &listing, &present, onProgress)
        for (folder, since) in empty {
            empty[folder] = known[folder] ?? since
            if let first = known[folder], first.duration(to: now) >= Self.watch { listing.deserted.append(folder) }
        }
        listing.deserted.sort()
        for (path, file) in seen where !present.contains(path) {
            if file.isLeft { listing.vanished.append(path) }
            seen[path] = nil
        }
        return listing
    }

    /// The file is left in the inbox until it changes.
    package mutating func leave(_ file: InboxFile, now: Instant = .now) {
        seen[file.path] = Seen(snapshot: file.snapshot, since: now, isLeft: true)
    }

    /// The file is looked at again when it changes, or after a while.
    package mutating func postpone(_ file: InboxFile, for wait: Duration, now: Instant = .now) {
        seen[file.path]?.notBefore = now + wait
    }

    /// The file is in the inbox no more.
    package mutating func forget(_ file: InboxFile) { seen[file.path] = nil }

    /// How long a file has been as it is.
    package func age(of file: InboxFile, now: Instant = .now) -> Duration {
        seen[file.path]?.since.duration(to: now) ?? .zero
    }

    /// Whether something below a folder may still become a received file.
    package func isWaiting(below folder: String) -> Bool {
        seen.contains { path, file in !file.isLeft && path.hasPrefix(folder + "/") }
    }

    /// When the next file is to be looked at; nil when none waits.
    package var nextLook: Instant? { seen.values.lazy.filter { !$0.isLeft }.map(due).min() }

    private func due(_ file: Seen) -> Instant { max(file.since + settle, file.notBefore ?? file.since) }

    private mutating func collect(
        _ folder: String,
        isInbox: Bool,
        _ marker: String,
        _ now: Instant,
        into listing: inout Listing,
        _ present: inout Set<String>,
        _ onProgress: () -> Void
    ) {
        listing.folders.append(folder)
        let age = note(folder, in: &listing)
        onProgress()
        let entries: [Directory.Entry]
        do { entries = try Directory.list(folder) } catch {
            // A folder that vanished meanwhile is no news; the inbox itself is.
            if error.code != ENOENT || isInbox { listing.closedFolders.append(error) }
            // What was seen in it is kept: it may be away for a moment (a share that is mounted again).
            for path in seen.keys where path.hasPrefix(folder + "/") { present.insert(path) }
            return
        }
        if entries.isEmpty && !isInbox && age > 86400 { empty[folder] = now }
        for entry in entries where !Self.isIgnored(entry.name) || entry.name.hasSuffix(marker) {
            let path = folder + "/" + entry.name
            guard path.utf8.count < Int(PATH_MAX) else {
                // Nothing below can be opened; one word for the whole folder.
                listing.closedFolders.append(SystemError("open", code: ENAMETOOLONG, path: folder))
                return
            }
            switch entry.kind {
            case .folder:
                collect(path, isInbox: false, marker, now, into: &listing, &present, onProgress)
            case .file:
                guard let file = InboxFile(at: path) else { continue }
                if entry.name.hasSuffix(marker) {
                    listing.markers.append(Marker(file: file, folder: folder))
                } else {
                    present.insert(path)
                    judge(file, now, &listing)
                }
            case .unnameable: listing.unnameable += 1
            case .other: continue
            }
        }
    }

    private mutating func judge(_ file: InboxFile, _ now: Instant, _ listing: inout Listing) {
        if seen[file.path]?.snapshot != file.snapshot { seen[file.path] = Seen(snapshot: file.snapshot, since: now) }
        guard let known = seen[file.path], !known.isLeft, due(known) <= now else { return }
        listing.ready.append(file)
    }

    /// - Returns: seconds since something came into the folder or left it.
    private func note(_ folder: String, in listing: inout Listing) -> Double {
        var status = stat()
        guard stat(folder, &status) == 0 else { return 0 }
        if listing.devices[UInt(status.st_dev)] == nil { listing.devices[UInt(status.st_dev)] = folder }
        return Date().timeIntervalSince1970 - Double(status.st_mtim.tv_sec)
    }

    /// Hidden files and folders, and the names under which programs write what is not finished yet: they rename it.
    static func isIgnored(_ name: String) -> Bool {
        if name.hasPrefix(".") || name.hasPrefix("~") || name == "@eaDir" { return true }
        return [".part", ".partial", ".tmp", ".filepart", ".crdownload"].contains { name.lowercased().hasSuffix($0) }
    }
}
