import Foundation
import Platform

/// Files that a Run was made of, held against what they were when the service took them.
///
/// A program that kept a file open, or knows another name of it, can write to it while a stage reads it. So their bytes
/// are compared before they are read, and that nobody touched them meanwhile is seen afterwards.
struct UnchangedFiles {
    private let touches: [String: String]

    /// - Throws: `Fault` `E_FILE_CHANGED` that names files by their numbers in the queue; `SystemError`.
    init(_ paths: [String], digests: [String: String]?, series: Int64, threads: Int) throws {
        let named = paths.compactMap { path in digests?[path].map { (path, $0) } }
        touches = Dictionary(named.map { ($0.0, Self.touch($0.0)) }, uniquingKeysWith: { first, _ in first })
        let comparisons = named.map { path, digest in
            { @Sendable () throws -> String? in try SHA256Digest.hex(ofFile: path) == digest ? nil : path }
        }
        try Self.refuse(concurrently(threads: threads, comparisons).compactMap(\.self), series)
    }

    /// - Throws: `Fault` when one was touched since.
    func check(series: Int64) throws(Fault) {
        try Self.refuse(touches.filter { Self.touch($0.key) != $0.value }.map(\.key), series)
    }

    private static func touch(_ path: String) -> String {
        var status = stat()
        guard stat(path, &status) == 0 else { return "" }
        let (m, c) = (status.st_mtim, status.st_ctim)
        return "\(status.st_ino) \(status.st_size) \(m.tv_sec).\(m.tv_nsec) \(c.tv_sec).\(c.tv_nsec)"
    }

    private static func refuse(_ paths: [String], _ series: Int64) throws(Fault) {
        guard !paths.isEmpty else { return }
        let numbers = paths.map { Directory.name(of: $0).split(separator: ".").first.map(String.init) ?? "" }
            .sorted { ($0.count, $0) < ($1.count, $1) }
        let what = numbers.count == 1 ? "File \(numbers[0]) was" : "\(numbers.count) files were"
        throw Fault(
            .permanent,
            "E_FILE_CHANGED",
            "\(what) written to after contourd had taken \(numbers.count == 1 ? "it" : "them").",
            hint: """
                Send the series again when the program that wrote it is done; or, if its files are whole by now: \
                contourctl retry \(series). A program that writes under a hidden name, or one that ends in .part, and \
                then renames the file, is never read too early.
                """,
            details: numbers.map { "file \($0)" }
        )
    }
}
