import Glibc
import Platform

/// inotify's hints about the folders of the inbox, and whether they can be relied on. The folder listing is the
/// truth; hints make it quick, and tell which files a program still has open that wrote to them.
struct FolderWatcher {
    private struct Name: Hashable {
        var watch: Int32
        var name: String
    }

    private let inotify: Inotify?
    private var watches: [String: Int32] = [:]
    /// Written to, and not closed since by anybody who could write.
    private var open: Set<Name> = []
    /// Of those, what left for another name that was not told yet.
    private var moving: Set<UInt32> = []
    /// A folder could not be watched: the limit of the kernel is reached.
    private(set) var isIncomplete: Bool

    init() {
        // Without inotify (its limits are reached) the inbox is polled.
        inotify = try? Inotify()
        isIncomplete = inotify == nil
    }

    /// What to sleep on.
    var descriptors: [Int32] { inotify.map { [$0.descriptor] } ?? [] }

    /// What happened since the last call.
    enum Hint {
        case nothing
        /// Files are being written: nothing that a listing must look at yet.
        case writing
        /// A listing is due. A queue that overflowed says so, too.
        case changed
    }

    mutating func hint() -> Hint {
        var hint = Hint.nothing
        for event in inotify?.read() ?? [] {
            if case .modified = event, hint == .nothing { hint = .writing }
            if note(event) { hint = .changed }
        }
        return hint
    }

    /// - Returns: whether a listing would show it.
    private mutating func note(_ event: Inotify.Event) -> Bool {
        switch event {
        case .modified(let watch, let name): return open.insert(Name(watch: watch, name: name)).inserted
        case .closed(let watch, let name): open.remove(Name(watch: watch, name: name))
        case .movedFrom(let watch, let name, let cookie):
            if open.remove(Name(watch: watch, name: name)) != nil { moving.insert(cookie) }
            return false
        case .movedTo(let watch, let name, let cookie):
            if moving.remove(cookie) != nil { open.insert(Name(watch: watch, name: name)) }
        case .overflow:
            // Who closed what is lost: the settle time alone decides again.
            open = []
            moving = []
        case .other: break
        }
        return true
    }

    /// Whether a program that wrote to a file has not closed it yet, as far as hints tell: on file systems without
    /// them, and for files that were written before the folder was watched, the answer is no.
    func isOpen(_ path: String) -> Bool {
        guard let watch = watches[Directory.parent(of: path)] else { return false }
        return open.contains(Name(watch: watch, name: Directory.name(of: path)))
    }

    /// Watching a folder again costs nothing and covers folders that were removed and made anew.
    ///
    /// - Returns: whether a folder is watched for the first time. Files that came into it between the listing and
    ///   this call gave no hint: list once more.
    mutating func watch(_ folders: [String]) -> Bool {
        guard let inotify else { return false }
        var present: [String: Int32] = [:]
        isIncomplete = false
        for folder in folders {
            do throws(SystemError) { present[folder] = try inotify.watch(folder) } catch {
                // A folder that vanished or may not be read has nothing to tell.
                if ![ENOENT, EACCES, ENOTDIR].contains(error.code) { isIncomplete = true }
            }
        }
        let known = Set(watches.values)
        watches = present
        let current = Set(present.values)
        open = open.filter { current.contains($0.watch) }
        // What was moved away would go on telling of itself.
        for watch in known.subtracting(current) { inotify.unwatch(watch) }
        return !current.isSubset(of: known)
    }
}
