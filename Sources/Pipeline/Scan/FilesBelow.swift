import Foundation
import Platform

/// Regular files below folders, sorted; hidden ones left out. Links are followed; a folder or file that several names
/// lead to counts once, so that links in a circle end and nothing is there twice. Not for the inbox, where everybody may put a
/// link to what only the service may read.
struct FilesBelow {
    private(set) var paths: [String] = []
    /// Folders that cannot be listed.
    private(set) var unreadable: [(path: String, error: SystemError)] = []
    /// Pipes, sockets, devices, and links that lead to one or to nothing.
    private(set) var others: [String] = []
    /// What has a name that is not UTF-8: no path leads to it.
    private(set) var nameless: [String] = []
    /// Folders with something in them whose path is longer than Linux takes.
    private(set) var tooDeep: [String] = []
    /// Real paths.
    private var seen = Set<String>()
    private var links: [String] = []

    /// - Parameter roots: folders, and files, which are taken as they are.
    init(_ roots: [String]) {
        for root in roots {
            let real = Self.real(root)
            if Directory.isFolder(real) {
                enter(root, real: real)
            } else if seen.insert(real).inserted {
                paths.append(root)
            }
        }
        followLinks()
        paths.sort()
        unreadable.sort { $0.path < $1.path }
    }

    /// - Parameters:
    ///   - folder: as the files in it are to be called.
    ///   - real: where it lies.
    private mutating func enter(_ folder: String, real: String) {
        guard seen.insert(real).inserted else { return }
        let entries: [Directory.Entry]
        do throws(SystemError) { entries = try Directory.list(real) } catch {
            return unreadable.append((folder, error))
        }
        for entry in entries where !entry.name.hasPrefix(".") {
            let (path, realPath) = ("\(folder)/\(entry.name)", "\(real)/\(entry.name)")
            guard max(path.utf8.count, realPath.utf8.count) < Int(PATH_MAX) else { return tooDeep.append(folder) }
            switch entry.kind {
            case .folder: enter(path, real: realPath)
            case .file: if seen.insert(realPath).inserted { paths.append(path) }
            case .other: links.append(path)
            case .unnameable: nameless.append(path)
            }
        }
    }

    /// Links come last: what lies below the roots keeps the name of its own folder.
    private mutating func followLinks() {
        while !links.isEmpty {
            let link = links.removeFirst()
            let target = Self.real(link)
            if Directory.isFolder(target) {
                enter(link, real: target)
            } else if !Directory.isRegularFile(target) {
                others.append(link)
            } else if seen.insert(target).inserted {
                paths.append(link)
            }
        }
    }

    private static func real(_ path: String) -> String { URL(fileURLWithPath: path).resolvingSymlinksInPath().path }
}
