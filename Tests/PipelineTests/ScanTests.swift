import Dicom
import Foundation
import Imaging
import Pipeline
import Platform
import Testing

@Suite("Scanning folders")
struct ScanTests {
    @Test("series are told apart in nested folders, among junk, without file names")
    func mixed() throws {
        let folder = try Folder()
        for seed in [1, 2] as [UInt64] { try SmallPhantom.write(seed, to: folder.file("p\(seed)")) }
        try FileManager.default.createDirectory(atPath: folder.file("in/deep/er"), withIntermediateDirectories: true)
        for seed in 1...2 {
            for (n, name) in try names(in: folder.file("p\(seed)/ct")).enumerated() {
                // All in one folder or below it, names without ending that say nothing.
                let target = n % 2 == 0 ? "in/\(seed)\(n)" : "in/deep/er/\(seed)\(n)"
                try FileManager.default.moveItem(
                    atPath: folder.file("p\(seed)/ct/\(name)"),
                    toPath: folder.file(target)
                )
            }
        }
        try FileManager.default.moveItem(atPath: folder.file("p1/truth/rtstruct.dcm"), toPath: folder.file("in/RS"))
        let junk = String(repeating: "x", count: 500)
        for (name, text) in [("Thumbs.db", junk), (".hidden", "x"), ("notes.txt", "notes"), ("empty", "")] {
            try Data(text.utf8).write(to: URL(fileURLWithPath: folder.file("in/" + name)))
        }
        symlink(folder.file("nowhere"), folder.file("in/link"))
        symlink("/dev/zero", folder.file("in/zeros"))
        #expect(mkfifo(folder.file("in/pipe"), 0o600) == 0)
        let scan = try SeriesScan(paths: [folder.file("in")], limits: AdmissionLimits())
        #expect(scan.stacks.map(\.files.count) == [30, 30])
        #expect(Set(scan.stacks.map(\.key.seriesInstanceUID)).count == 2)
        #expect(scan.stacks.allSatisfy { $0.name == $0.key.seriesInstanceUID && $0.seriesInstanceCount == 30 })
        #expect(scan.references.map { $0.path } == [folder.file("in/RS")])
        let ignored = Dictionary(uniqueKeysWithValues: scan.ignored.map { (Directory.name(of: $0.path), $0.code) })
        #expect(
            ignored == [
                "Thumbs.db": "E_NOT_DICOM", "notes.txt": "E_TOO_SHORT", "empty": "E_TOO_SHORT",
                "link": "W_NOT_A_FILE", "pipe": "W_NOT_A_FILE", "zeros": "W_NOT_A_FILE",
            ]
        )
        #expect(scan.ignored.allSatisfy { !$0.reason.isEmpty })
    }

    @Test("links are followed; what several names lead to is read once, and links in a circle end")
    func links() throws {
        let folder = try Folder()
        let images = try SmallPhantom.write(1, to: folder.file("store"), withTruth: false)
        try Directory.create(folder.file("in/deeper"))
        // A link to each file, as data sets in a store have them; one twice; and a folder that leads back.
        for (index, path) in images.enumerated() { symlink(path, folder.file("in/deeper/\(index)")) }
        symlink(images[0], folder.file("in/again"))
        symlink(folder.file("in"), folder.file("in/deeper/circle"))
        for inputs in [["in"], ["in", "in/deeper"], ["in", "store"]] {
            let scan = try SeriesScan(paths: inputs.map(folder.file), limits: AdmissionLimits())
            #expect(scan.stacks.map(\.files.count) == [images.count] && scan.ignored.isEmpty)
        }
        symlink(folder.file("in"), folder.file("link"))
        let linked = try SeriesScan(paths: [folder.file("link")], limits: AdmissionLimits())
        #expect(linked.stacks.map(\.files.count) == [images.count])
        #expect(linked.stacks.flatMap(\.files).allSatisfy { $0.hasPrefix(folder.file("link/")) })
    }

    @Test("a damaged image is missed in its series; others that cannot be read are a finding of the series beside them")
    func damaged() throws {
        let folder = try Folder()
        let images = try SmallPhantom.write(1, to: folder.file("in/p1"), withTruth: false)
        try SmallPhantom.write(2, to: folder.file("in/p2"), withTruth: false)
        let last = try contents(images[29])
        try last.dropLast(500).write(to: URL(fileURLWithPath: images[29]))
        try last.prefix(400).write(to: URL(fileURLWithPath: folder.file("in/p1/ct/cut")))
        try Data("text".utf8).write(to: URL(fileURLWithPath: folder.file("in/p1/ct/notes")))
        // A copy that failed at once is named like the images.
        try Data().write(to: URL(fileURLWithPath: images[0] + ".part"))
        try Data().write(to: URL(fileURLWithPath: folder.file("in/p1/ct/slice9.DCM")))
        let stacks = try SeriesScan(paths: [folder.file("in")], limits: AdmissionLimits()).stacks
        let first = try #require(stacks.first { $0.files.contains(images[0]) })
        #expect(first.files.count == 29 && first.refusals.map(\.code) == ["E_DAMAGED_IMAGES"])
        #expect(first.refusals[0].sliceDetails == ["image 30: E_TRUNCATED"])
        #expect(first.dropFindings.first?.details == ["1 x E_TOO_SHORT", "1 x E_TRUNCATED"])
        let second = try #require(stacks.first { !$0.files.contains(images[0]) })
        #expect(second.refusals.isEmpty && second.dropFindings.isEmpty)
        // The same image whole beside it: nothing is missing.
        try last.write(to: URL(fileURLWithPath: folder.file("in/p1/ct/again")))
        let again = try SeriesScan(paths: [folder.file("in/p1")], limits: AdmissionLimits()).stacks
        #expect(again.map(\.files.count) == [30] && again[0].refusals.isEmpty)
    }

    @Test(
        "two series whose images have the same SOP Instance UIDs are both told of it, a repeat within a series is not"
    )
    func reusedUIDs() throws {
        let folder = try Folder()
        let images = try SmallPhantom.write(1, to: folder.file("in/p"), withTruth: false)
        try FileManager.default.createDirectory(atPath: folder.file("in/copy"), withIntermediateDirectories: true)
        for (index, path) in images.dropFirst(20).enumerated() {
            var file = try DicomFile(contentsOf: path)
            file.dataSet.set(.seriesInstanceUID, .UI, "1.2.3.4.5")
            try file.write(to: folder.file("in/copy/\(index)"), transferSyntax: .explicitVRLittleEndian)
        }
        let stacks = try SeriesScan(paths: [folder.file("in")], limits: AdmissionLimits()).stacks
        #expect(stacks.count == 2 && stacks.allSatisfy { $0.dropFindings.map(\.code) == ["W_REUSED_UIDS"] })
        #expect(
            stacks.allSatisfy {
                $0.dropFindings[0].severity == .review && $0.dropFindings[0].message.hasPrefix("10 images")
            }
        )
        try FileManager.default.removeItem(atPath: folder.file("in/copy"))
        try FileManager.default.copyItem(atPath: images[0], toPath: folder.file("in/again"))
        #expect(
            try SeriesScan(paths: [folder.file("in")], limits: AdmissionLimits()).stacks.map(\.dropFindings) == [[]]
        )
    }

    @Test("a name that is not UTF-8 is told, not passed over")
    func unnameable() throws {
        let folder = try Folder()
        let latin1 = Array((folder.path + "/M").utf8) + [0xFC, 0x6C, 0]
        let descriptor = latin1.withUnsafeBufferPointer { bytes in
            bytes.withMemoryRebound(to: CChar.self) { open($0.baseAddress!, O_CREAT | O_WRONLY, 0o600) }
        }
        #expect(descriptor >= 0)
        close(descriptor)
        let scan = try SeriesScan(paths: [folder.path], limits: AdmissionLimits())
        #expect(scan.ignored.map(\.code) == ["E_NAME"])
    }

    @Test("a path that is not there is an error, a single file is enough")
    func paths() throws {
        let folder = try Folder()
        let images = try SmallPhantom.write(1, to: folder.file("p"), withTruth: false)
        #expect(throws: SystemError.self) { try SeriesScan(paths: [folder.file("none")], limits: AdmissionLimits()) }
        let scan = try SeriesScan(paths: [images[4]], limits: AdmissionLimits())
        #expect(scan.stacks.map(\.files) == [[images[4]]])
    }
}
