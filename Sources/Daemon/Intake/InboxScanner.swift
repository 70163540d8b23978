import Foundation
import Platform

/// A file in the inbox as a scan saw it.
struct InboxFile: Sendable, Equatable {
    var path: String
    /// Size, times and inode: whatever happens to a file changes it.
    var snapshot: String
}

/// Lists the inbox and remembers how long each file has not changed.
struct InboxScanner {
    private struct Seen {
        var snapshot: String
        var since: ContinuousClock.Instant
    }

    private var seen: [String: Seen] = [:]
    /// Files and snapshots that are left where they are.
    private var settled: [String: String] = [:]

    struct Listing {
        /// Files that did not change for the settle time, by path.
        var ready: [InboxFile] = []
        /// Files that may still be written.
        var unsettled = 0
        /// Marker files, with the folder they speak for.
        var markers: [(path: String, folder: String)] = []
        /// Every folder, for inotify.
        var folders: [String] = []
        /// Folders that may not be listed.
        var closedFolders: [SystemError] = []
    }

    /// - Parameters:
    ///   - marker: name or ending of marker files.
    ///   - settle: how long a file must stay as it is.
    mutating func scan(_ inbox: String, marker: String, settle: Duration) -> Listing {
        var listing = Listing()
        var present: Set<String> = []
        collect(inbox, marker: marker, settle: settle, into: &listing, &present)
        seen = seen.filter { present.contains($0.key) }
        settled = settled.filter { present.contains($0.key) }
        return listing
    }

    /// The file is left in the inbox until it changes.
    mutating func leave(_ file: InboxFile) { settled[file.path] = file.snapshot }

    /// How long a file has been as it is.
    func age(of file: InboxFile) -> Duration { seen[file.path]?.since.duration(to: .now) ?? .zero }

    private mutating func collect(
        _ folder: String, marker: String, settle: Duration, into listing: inout Listing, _ present: inout Set<String>
    ) {
        listing.folders.append(folder)
        let entries: [Directory.Entry]
        do { entries = try Directory.list(folder) } catch {
            // A folder that vanished meanwhile is no news.
            if error.code != ENOENT { listing.closedFolders.append(error) }
            return
        }
        for entry in entries {
            let path = folder + "/" + entry.name
            switch entry.kind {
            case .folder where !entry.name.hasPrefix("."):
                collect(path, marker: marker, settle: settle, into: &listing, &present)
            case .file where entry.name.hasSuffix(marker): listing.markers.append((path, folder))
            case .file where !entry.name.hasPrefix("."):
                guard let snapshot = Self.snapshot(of: path) else { continue }
                present.insert(path)
                if settled[path] == snapshot { continue }
                judge(InboxFile(path: path, snapshot: snapshot), settle, &listing)
            default: continue
            }
        }
    }

    private mutating func judge(_ file: InboxFile, _ settle: Duration, _ listing: inout Listing) {
        if seen[file.path]?.snapshot != file.snapshot {
            seen[file.path] = Seen(snapshot: file.snapshot, since: .now)
        }
        if age(of: file) >= settle { listing.ready.append(file) } else { listing.unsettled += 1 }
    }

    static func snapshot(of path: String) -> String? {
        var status = stat()
        guard lstat(path, &status) == 0 else { return nil }
        let (m, c) = (status.st_mtim, status.st_ctim)
        return "\(status.st_size) \(m.tv_sec).\(m.tv_nsec) \(c.tv_sec).\(c.tv_nsec) \(status.st_ino)"
    }
}
