import Glibc
import Platform

/// inotify's hints about the folders of the inbox, and whether they can be relied on. The folder listing is the
/// truth; hints make it quick.
struct FolderWatcher {
    private let inotify: Inotify?
    private var watches: Set<Int32> = []
    /// A folder could not be watched: the limit of the kernel is reached.
    private(set) var isIncomplete: Bool

    init() {
        // Without inotify (its limits are reached) the inbox is polled.
        inotify = try? Inotify()
        isIncomplete = inotify == nil
    }

    /// What to sleep on.
    var descriptors: [Int32] { inotify.map { [$0.descriptor] } ?? [] }

    /// Whether something happened since the last call. A queue that overflowed says yes, too.
    func hasHints() -> Bool { inotify?.read().something ?? false }

    /// Watching a folder again costs nothing and covers folders that were removed and made anew.
    ///
    /// - Returns: whether a folder is watched for the first time. Files that came into it between the listing and
    ///   this call gave no hint: list once more.
    mutating func watch(_ folders: [String]) -> Bool {
        guard let inotify else { return false }
        var present: Set<Int32> = []
        isIncomplete = false
        for folder in folders {
            do throws(SystemError) { present.insert(try inotify.watch(folder)) } catch {
                // A folder that vanished or may not be read has nothing to tell.
                if ![ENOENT, EACCES, ENOTDIR].contains(error.code) { isIncomplete = true }
            }
        }
        defer { watches = present }
        return !present.isSubset(of: watches)
    }
}
