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

    /// Whether it holds too little to be anything but a sign. An image that somebody named like a marker is an image.
    var looksLikeMarker: Bool {
        guard let size = snapshot.split(separator: " ").first.flatMap({ Int($0) }), size <= 1024 else { return false }
        return size < 132 || !mayBeDicom
    }

    /// Whether it begins as a DICOM file does (PS3.10 7.1), as far as it goes. One that cannot be read may.
    var mayBeDicom: Bool {
        guard let file = FileHandle(forReadingAtPath: path) else { return true }
        defer { try? file.close() }  // it was only read
        // A file that cannot be read, or not yet so far, may be anything.
        guard let start = try? file.read(upToCount: 132), start.count == 132 else { return true }
        return start.suffix(4).elementsEqual("DICM".utf8)
    }
}

/// Lists the inbox and remembers how long each file has not changed.
package struct InboxScanner {
    package typealias Instant = ContinuousClock.Instant

    private struct Seen {
        var snapshot: String
        var since: Instant
        /// When something of this name was seen first, whatever it looked like then.
        var firstSeen: Instant
        var kind: Kind
        /// Not to be looked at earlier.
        var notBefore: Instant?
        /// Left where it is until it changes.
        var isLeft = false
        /// It was listed: a marker is waited for no more.
        var wasListed = false
    }

    private enum Kind {
        case file, marker
        /// It has a name under which programs write what is not finished.
        case unfinished
    }

    /// A path by its bytes: two that look alike (`ü` as one character or as two) are equal as `String`.
    private struct PathKey: Hashable {
        let path: String

        init(_ path: String) { self.path = path }

        static func == (left: PathKey, right: PathKey) -> Bool { left.path.utf8.elementsEqual(right.path.utf8) }

        func hash(into hasher: inout Hasher) {
            for byte in path.utf8 { hasher.combine(byte) }
        }
    }

    private var seen: [PathKey: Seen] = [:]
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
        /// Files and folders with names that are not UTF-8.
        package var nameless: [String] = []
        /// Links, pipes and devices.
        package var links: [String] = []
        /// Folders in which nothing has lain for a day: their files were taken, and nobody sends more.
        package var deserted: [String] = []
        /// Files that were left in the inbox and are there no more, although something else is.
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
        var present: Set<PathKey> = []
        let known = empty
        empty = [:]
        collect(inbox, isInbox: true, marker, now, into: &listing, &present, onProgress)
        for (folder, since) in empty {
            empty[folder] = known[folder] ?? since
            if let first = known[folder], first.duration(to: now) >= Self.watch { listing.deserted.append(folder) }
        }
        listing.deserted.sort()
        // An inbox in which nothing lies may be the mount point of a share that is not there yet: when it is, what was left in it is
        // no news.
        let mayBeAway = present.isEmpty && listing.folders.count == 1
        for (key, file) in seen where !present.contains(key) && !(mayBeAway && file.isLeft) {
            if file.isLeft, file.kind == .file { listing.vanished.append(key.path) }
            seen[key] = nil
        }
        return listing
    }

    /// The file is left in the inbox until it changes.
    package mutating func leave(_ file: InboxFile, now: Instant = .now) {
        let first = seen[PathKey(file.path)]?.firstSeen ?? now
        seen[PathKey(file.path)] = Seen(
            snapshot: file.snapshot,
            since: now,
            firstSeen: first,
            kind: .file,
            isLeft: true
        )
    }

    /// The file is looked at again when it changes, or after a while.
    package mutating func postpone(_ file: InboxFile, for wait: Duration, now: Instant = .now) {
        seen[PathKey(file.path)]?.notBefore = now + wait
    }

    /// The file is in the inbox no more.
    package mutating func forget(_ file: InboxFile) { seen[PathKey(file.path)] = nil }

    /// How long a file has been as it is.
    package func age(of file: InboxFile, now: Instant = .now) -> Duration {
        seen[PathKey(file.path)]?.since.duration(to: now) ?? .zero
    }

    /// Whether something below a folder may still become a received file.
    package func isWaiting(below folder: String) -> Bool {
        seen.contains { key, file in file.kind == .file && !file.isLeft && key.path.hasPrefix(folder + "/") }
    }

    /// Files that may still become received ones, or whose writer will give them another name, and when each was seen
    /// first.
    package var waiting: [(path: String, firstSeen: Instant)] {
        seen.filter { $0.value.kind != .marker && !$0.value.isLeft }.map { ($0.key.path, $0.value.firstSeen) }
    }

    /// When the next file is to be looked at; nil when none waits.
    package var nextLook: Instant? {
        seen.values.lazy.filter { $0.kind == .file && !$0.isLeft || $0.kind == .marker && !$0.wasListed }.map(due)
            .min()
    }

    private func due(_ file: Seen) -> Instant { max(file.since + settle, file.notBefore ?? file.since) }

    private mutating func collect(
        _ folder: String,
        isInbox: Bool,
        _ marker: String,
        _ now: Instant,
        into listing: inout Listing,
        _ present: inout Set<PathKey>,
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
            for key in seen.keys where key.path.hasPrefix(folder + "/") { present.insert(key) }
            return
        }
        if entries.isEmpty && !isInbox && age > 86400 { empty[folder] = now }
        for entry in entries {
            let path = folder + "/" + entry.name
            guard path.utf8.count < Int(PATH_MAX) else {
                // Nothing below can be opened; one word for the whole folder.
                listing.closedFolders.append(SystemError("open", code: ENAMETOOLONG, path: folder))
                return
            }
            let isIgnored = Self.isIgnored(entry.name)
            switch entry.kind {
            case .folder where !isIgnored:
                collect(path, isInbox: false, marker, now, into: &listing, &present, onProgress)
            case .file:
                guard let file = InboxFile(at: path) else { continue }
                present.insert(PathKey(path))
                let isMarker = entry.name.hasSuffix(marker) && file.looksLikeMarker
                if note(file, isMarker ? .marker : isIgnored ? .unfinished : .file, now) {
                    seen[PathKey(path)]?.wasListed = true
                    if isMarker { listing.markers.append(Marker(file: file, folder: folder)) }
                    if !isMarker, !isIgnored { listing.ready.append(file) }
                }
            case .unnameable where !isIgnored: listing.nameless.append(path)
            case .other where !isIgnored && Self.isThere(path): listing.links.append(path)
            case .folder, .unnameable, .other: continue
            }
        }
    }

    /// What vanished since it was listed is told as `other`, too.
    private static func isThere(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0
    }

    /// - Returns: whether it did not change for the settle time, and is not to be left or looked at later.
    private mutating func note(_ file: InboxFile, _ kind: Kind, _ now: Instant) -> Bool {
        let known = seen[PathKey(file.path)]
        if let known, known.snapshot == file.snapshot, known.kind == kind { return !known.isLeft && due(known) <= now }
        let first = known?.firstSeen ?? now
        let fresh = Seen(snapshot: file.snapshot, since: now, firstSeen: first, kind: kind)
        seen[PathKey(file.path)] = fresh
        return due(fresh) <= now
    }

    /// - Returns: seconds since something came into the folder or left it.
    private func note(_ folder: String, in listing: inout Listing) -> Double {
        var status = stat()
        guard stat(folder, &status) == 0 else { return 0 }
        if listing.devices[UInt(status.st_dev)] == nil { listing.devices[UInt(status.st_dev)] = folder }
        return Date().timeIntervalSince1970 - Double(status.st_mtim.tv_sec)
    }

    /// Hidden files and folders, and the names under which programs write what is not finished yet: they rename it.
    package static func isIgnored(_ name: String) -> Bool {
        if name.hasPrefix(".") || name.hasPrefix("~") || name == "@eaDir" { return true }
        return [".part", ".partial", ".tmp", ".filepart", ".crdownload"].contains { name.lowercased().hasSuffix($0) }
    }
}
