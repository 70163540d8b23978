import Foundation

/// Finds installed model packages.
package struct ModelCatalog: Sendable {
    /// Folders that hold model packages, in the order in which they are searched.
    package let searchPath: [String]

    package init(searchPath: [String]) { self.searchPath = searchPath }

    /// Where models are looked for: the folder that was named (configuration, `--models-dir`), the environment
    /// variable `CONTOURD_MODELS`, `../share/contourd/models` beside the executable, and `Sources/Models` of a
    /// source tree around it. A folder named explicitly hides the others.
    package static func locate(
        explicitDirectory: String?,
        environment: [String: String] = ProcessInfo.processInfo.environment,
        executable: String? = Self.executablePath
    ) -> ModelCatalog {
        if let explicitDirectory { return ModelCatalog(searchPath: [explicitDirectory]) }
        if let directory = environment["CONTOURD_MODELS"], !directory.isEmpty {
            return ModelCatalog(searchPath: [directory])
        }
        guard let executable else { return ModelCatalog(searchPath: []) }
        return ModelCatalog(searchPath: directories(nextTo: executable).filter(isDirectory))
    }

    /// Names of the packages that can be found, sorted; the first folder that has a name wins.
    package func names() -> [String] {
        let names = searchPath.flatMap { folder in
            // A folder that cannot be listed has no models; `package(named:)` says where was searched.
            (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        }
        return Set(names).filter { directory(of: $0) != nil }.sorted()
    }

    /// The folder of a package; nil when there is none of that name.
    package func directory(of name: String) -> String? {
        searchPath.map { "\($0)/\(name)" }.first {
            FileManager.default.fileExists(atPath: $0 + "/model.json")
        }
    }

    /// Reads a package by name.
    package func package(named name: String) throws -> ModelPackage {
        guard let directory = directory(of: name) else {
            throw SegmentationError.modelNotFound(name: name, searched: searchPath)
        }
        return try ModelPackage(contentsOf: directory)
    }

    /// The running program, with links resolved: a link in /usr/local/bin still leads to its own share folder.
    package static var executablePath: String? {
        // Only Linux has /proc; without it models must be named.
        try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    }

    private static func directories(nextTo executable: String) -> [String] {
        var folder = URL(fileURLWithPath: executable).deletingLastPathComponent()
        var found = [folder.appendingPathComponent("../share/contourd/models").standardizedFileURL.path]
        while folder.path != "/" {
            found.append(folder.appendingPathComponent("Sources/Models").resolvingSymlinksInPath().path)
            folder.deleteLastPathComponent()
        }
        return found
    }

    private static func isDirectory(_ path: String) -> Bool {
        var directory: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &directory) && directory.boolValue
    }
}
