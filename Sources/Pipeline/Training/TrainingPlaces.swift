import Glibc
import Platform

/// The files and folders of a training, tried before anything is done: what cannot be read or written then is told at once,
/// not after hours.
struct TrainingPlaces {
    /// Keep other trainings out of the work folder, and out of the folder that the package is written to before it gets its name;
    /// nil where the file system knows no locks.
    private let locks: [FileLock?]
    private let partial: String

    /// - Throws: `SystemError` for what is not there or may not be used; `Fault` where the output is taken, or another
    ///   training works in the work folder.
    init(_ request: TrainRequest) throws {
        for folder in request.dataDirectories + [request.labelsDirectory].compactMap(\.self) {
            _ = try Directory.list(folder)
        }
        if let weights = request.startingWeights { _ = try FileDescriptor.open(weights, O_RDONLY) }
        try Self.requireApart(request)
        try Self.tryOutput(request.output)
        try Self.requireOutsideOfData(request)
        partial = request.output + Self.partialSuffix
        let output = try Self.claim(partial, "Another training makes \(request.output).")
        do {
            let work = try Self.claim(request.workDirectory, "Another training works in \(request.workDirectory).")
            locks = [output, work]
        } catch {
            rmdir(partial)
            throw error
        }
    }

    /// Takes the folder of the package away where nothing was written to it.
    func leave() { rmdir(partial) }

    /// The package is published by renaming its folder, and the work folder stays: neither may lie in the other.
    private static func requireApart(_ request: TrainRequest) throws {
        let work = resolved(request.workDirectory)
        // Also the folder that the package is written to before it gets its name: what is left in it is removed.
        for output in [request.output, request.output + partialSuffix].map(resolved) {
            let same = work == output
            guard same || work.hasPrefix(output + "/") || output.hasPrefix(work + "/") else { continue }
            let place = same ? "is" : work.hasPrefix(output + "/") ? "lies in" : "holds"
            throw Fault(
                .operator,
                "E_OUTPUT_TAKEN",
                "The work folder \(request.workDirectory) \(place) the folder of the model package, \(output).",
                hint: "Name folders beside each other as --output and --work."
            )
        }
    }

    /// What a training writes must not be data of the next one, nor change the folder that somebody delivered.
    private static func requireOutsideOfData(_ request: TrainRequest) throws {
        let written = [("--output", "model package", request.output), ("--work", "work folder", request.workDirectory)]
        let read =
            request.dataDirectories.map { ("--data", $0) }
            + [request.labelsDirectory].compactMap(\.self).map { ("--labels", $0) }
        for (option, what, folder) in written {
            let place = resolved(folder)
            for (source, data) in read.map({ ($0, resolved($1)) }) where place == data || place.hasPrefix(data + "/") {
                throw Fault(
                    .operator,
                    "E_OUTPUT_TAKEN",
                    "The \(what) \(folder) would lie in the data (\(source) \(data)): a later training would look for cases in it.",
                    hint: "Name a folder outside of the data as \(option)."
                )
            }
        }
    }

    /// Where a path leads, whether it is there or not.
    private static func resolved(_ path: String) -> String {
        if let real = realpath(path, nil) {
            defer { free(real) }
            return String(cString: real)
        }
        let parent = resolved(Directory.parent(of: path))
        return (parent == "/" ? "" : parent) + "/" + Directory.name(of: path)
    }

    /// Of the folder that the package is written to before it gets its name.
    static let partialSuffix = ".partial"

    private static func tryOutput(_ output: String) throws {
        let taken: String? =
            if !Directory.exists(output) {
                nil
            } else if Directory.exists(output + "/model.json") {
                "\(output) already holds a model package."
            } else if Directory.isLink(output) || !Directory.isFolder(output) {
                "\(output) is no folder."
            } else if try !Directory.list(output).isEmpty {
                "\(output) is not empty."
            } else {
                nil
            }
        if let taken { throw Fault(.operator, "E_OUTPUT_TAKEN", taken, hint: "Name a new folder as --output.") }
    }

    /// - Parameter busy: what it means that another process keeps the folder.
    private static func claim(_ folder: String, _ busy: String) throws -> FileLock? {
        try make(folder)
        do {
            return try FileLock(folder: folder)
        } catch {
            guard error.code == EWOULDBLOCK else { throw error }
            throw Fault(
                .transient,
                "E_BUSY",
                busy,
                hint: "Wait for its end, or name another folder as --work and another as --output."
            )
        }
    }

    private static func make(_ folder: String) throws(Fault) {
        do throws(SystemError) { try Directory.create(folder) } catch {
            let code =
                switch error.code {
                case EACCES, EPERM, EROFS: "E_PERMISSION"
                case ENOSPC, EDQUOT: "E_NO_SPACE"
                default: "E_CANNOT_WRITE"
                }
            throw Fault(
                .operator,
                code,
                "\(folder) cannot be made (\(error.reason)).",
                hint: "Name another folder as --output or --work."
            )
        }
    }
}
