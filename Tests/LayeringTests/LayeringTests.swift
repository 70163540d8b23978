import Foundation
import Testing

/// SwiftPM lets a target import anything that happens to be built before it; this test does not.
/// The table is the one of docs/decisions/0001-architecture.md.
@Suite("Layers")
struct LayeringTests {
    /// Which of our modules, C libraries and packages each target may import.
    static let allowed: [String: Set<String>] = [
        "Platform": ["CCrypto", "CLinux"],
        "Imaging": ["Platform"],
        "Metrics": ["Imaging", "Platform"],
        "NeuralNet": ["COpenBLAS", "CProcessor", "Platform"],
        "Dicom": ["Imaging", "Platform", "CDCMTK", "COpenJPEG"],
        "Nifti": ["Imaging", "Platform", "CZlib"],
        "Segmentation": ["Imaging", "NeuralNet", "Metrics", "Platform"],
        "Report": ["Imaging", "Metrics", "Platform", "CPNG"],
        "Phantom": ["Imaging", "Platform"],
        "Pipeline": ["Imaging", "Dicom", "Nifti", "Segmentation", "Metrics", "Report", "Phantom", "Platform"],
        "Store": ["Platform", "GRDB"],
        "Daemon": [
            "Pipeline", "Store", "Dicom", "Segmentation", "Platform", "CSystemd", "Logging", "ServiceLifecycle",
            "TOMLKit",
        ],
    ]
    static let executables: Set<String> = ["contourd", "contourctl", "contour-bench"]
    static let system: Set<String> = ["Foundation", "Dispatch", "Glibc", "Synchronization", "Builtin"]
    static let libraries = Set(allowed.keys)
    static let cLibraries: Set<String> = [
        "COpenBLAS", "CDCMTK", "COpenJPEG", "CCrypto", "CZlib", "CPNG", "CSystemd", "CLinux", "CProcessor",
    ]

    static var sources: URL {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Sources")
    }

    struct ImportLine: CustomStringConvertible {
        var target: String
        var file: String
        var module: String
        var text: String
        var description: String { "\(target)/\(file): \(text)" }
    }

    static func importLines() throws -> [ImportLine] {
        let files = FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil)
        var lines: [ImportLine] = []
        for case let file as URL in try #require(files) where file.pathExtension == "swift" {
            let parts = file.pathComponents.dropFirst(sources.pathComponents.count)
            let target = try #require(parts.first)
            for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
                let words = line.split(separator: " ").map(String.init)
                guard let position = words.firstIndex(of: "import"), position <= 2, words.count > position + 1,
                    words[..<position].allSatisfy({ $0.hasPrefix("@") || ["internal", "private"].contains($0) })
                else { continue }
                let kinds: Set<String> = ["struct", "func", "enum", "class", "typealias", "protocol", "let", "var"]
                let name = kinds.contains(words[position + 1]) ? words[position + 2] : words[position + 1]
                let module = String(name.split(separator: ".")[0])
                lines.append(
                    ImportLine(target: target, file: file.lastPathComponent, module: module, text: String(line))
                )
            }
        }
        return lines
    }

    @Test("every import goes down the table of layers")
    func importsGoDown() throws {
        let lines = try Self.importLines()
        #expect(lines.count > 50, "the import scanner found too little to be right")
        for line in lines where !Self.system.contains(line.module) {
            if Self.executables.contains(line.target) {
                let fine =
                    Self.libraries.contains(line.module) || line.module == "ArgumentParser"
                    || line.module == "ServiceLifecycle" || line.module == "Logging"
                #expect(fine, "\(line)")
            } else {
                let allowed = try #require(Self.allowed[line.target], "\(line): unknown target")
                #expect(allowed.contains(line.module), "\(line)")
            }
        }
    }

    @Test("C libraries and GRDB stay behind internal imports of their one owner")
    func cLibrariesAreInternal() throws {
        for line in try Self.importLines() where Self.cLibraries.contains(line.module) || line.module == "GRDB" {
            #expect(line.text.hasPrefix("internal import") || line.text.hasPrefix("private import"), "\(line)")
        }
    }

    @Test("the scanner notices an import that goes up")
    func scannerNotices() {
        #expect(Self.allowed["Imaging"]?.contains("Dicom") == false)
        #expect(Self.allowed["Store"]?.contains("Pipeline") == false)
        #expect(Self.allowed["Pipeline"]?.contains("Store") == false)
    }
}
