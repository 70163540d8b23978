import Dicom
import Foundation
import Platform

/// One case of a folder of cases: the contours of one scan.
struct CohortCase: Sendable {
    /// Path of its folder below the folder of cases; of its file, where every file is a case, or where the folder holds
    /// several. No two cases of a side have one.
    var name: String
    /// A DICOM object, a NIfTI file, or a folder of NIfTI files.
    var path: String
    /// Of the CT that a DICOM object contours.
    var seriesInstanceUIDs: [String]
}

/// Finds the cases of a folder.
///
/// A DICOM object is a case by the series that it contours. Where a folder holds a Segmentation and an RT Structure Set
/// with the same contours, as results of contourd do, the Segmentation is taken: it is exact to the voxel. All others of one
/// series are several opinions, a case each. NIfTI files of one folder are the structures of one case, unless every file is said to be
/// a case; beside DICOM objects they say the same again and are left out.
struct CohortCases {
    private(set) var cases: [CohortCase] = []
    /// What was left out and why.
    private(set) var findings: [String] = []
    private let root: String
    private let everyFileIsACase: Bool
    /// Real paths of folders that were entered: links in a circle end.
    private var entered: Set<String> = []

    /// - Throws: `SystemError`.
    init(in root: String, everyFileIsACase: Bool) throws(SystemError) {
        self.root = root
        self.everyFileIsACase = everyFileIsACase
        try collect(root)
        tellApart()
        cases.sort { $0.name < $1.name }
    }

    /// Structure sets of several scans in one folder are named after their files, with the ending where that is needed.
    private mutating func tellApart() {
        for longer in [name(ofFile:), relative] {
            let counts = Dictionary(grouping: cases, by: \.name).mapValues(\.count)
            for index in cases.indices where counts[cases[index].name] ?? 0 > 1 {
                cases[index].name = longer(cases[index].path)
            }
        }
    }

    /// Whether a folder of an outbox never has contours: that of a refusal, or of an evaluation that came later.
    private static func isOfOutbox(_ name: String) -> Bool {
        name.range(of: "\\.(refused|evaluation-[0-9]+)(-r[0-9]+)?$", options: .regularExpression) != nil
    }

    /// Whether a folder holds cases rather than the structures of one: it has folders, or DICOM objects.
    static func holdsCases(_ path: String) throws(SystemError) -> Bool {
        guard Directory.isFolder(path) else { return false }
        let entries = try Directory.listFollowingLinks(path).filter { !$0.name.hasPrefix(".") }
        let hasNifti = entries.contains { $0.kind == .file && ReferenceMasks.isNifti($0.name) }
        return entries.contains { $0.kind == .folder } || (!hasNifti && entries.contains { $0.kind == .file })
    }

    private mutating func collect(_ folder: String) throws(SystemError) {
        guard entered.insert(URL(fileURLWithPath: folder).resolvingSymlinksInPath().path).inserted else {
            findings.append("\(relative(folder)): left out, a link leads to the same folder under another name")
            return
        }
        var (files, nifti): ([String], [String]) = ([], [])
        for entry in try Directory.listFollowingLinks(folder) where !entry.name.hasPrefix(".") {
            let path = "\(folder)/\(entry.name)"
            switch entry.kind {
            case .folder:
                let told = (cases.count, findings.count)
                try collect(path)
                // A case whose contours are missing; deeper folders may hold other things.
                if folder == root, told == (cases.count, findings.count), !Self.isOfOutbox(entry.name) {
                    findings.append("\(relative(path)): there are no contours in it")
                }
            case .file where ReferenceMasks.isNifti(entry.name): nifti.append(path)
            case .file: files.append(path)
            default: findings.append("\(relative(path)): no plain file, or a link to what is not there; it is left out")
            }
        }
        let objects = objects(files)
        for (series, group) in Dictionary(grouping: objects, by: \.series).sorted(by: { $0.key < $1.key }) {
            add(group, of: series, in: folder)
        }
        guard objects.isEmpty else {
            // In the folder of a case they say the same again; beside files that are cases they may be others.
            if folder == root || everyFileIsACase {
                findings += nifti.map { "\(relative($0)): NIfTI beside DICOM objects is left out" }
            }
            return
        }
        if everyFileIsACase {
            for path in nifti { cases.append(CohortCase(name: name(ofFile: path), path: path, seriesInstanceUIDs: [])) }
        } else if !nifti.isEmpty {
            cases.append(CohortCase(name: name(ofFolder: folder), path: folder, seriesInstanceUIDs: []))
        }
    }

    private struct Object {
        var path: String
        var sopInstanceUID: String?
        var series: String
        var seriesInstanceUIDs: [String]
        var isSegmentation: Bool
    }

    private mutating func objects(_ files: [String]) -> [Object] {
        files.compactMap { path in
            do {
                let header = try InstanceHeader(contentsOf: path)
                let isReadOrTold: Set<InstanceKind> = [
                    .rtStructureSet, .segmentation, .otherDicom(sopClass: SOPClass.labelMapSegmentation),
                ]
                guard isReadOrTold.contains(header.kind) else { return nil }
                let masks = try ReferenceMasks(contentsOf: path)
                return Object(
                    path: path,
                    sopInstanceUID: masks.sopInstanceUID,
                    series: masks.referencedSeriesInstanceUIDs.sorted().joined(separator: " "),
                    seriesInstanceUIDs: masks.referencedSeriesInstanceUIDs,
                    isSegmentation: header.kind == .segmentation
                )
            } catch DicomError.notDicom, DicomError.noPreamble, DicomError.tooShort {
                return nil  // reports and notes lie beside contours
            } catch {
                findings.append("\(relative(path)): \(classify(error).message)")
                return nil
            }
        }
    }

    private mutating func add(_ group: [Object], of series: String, in folder: String) {
        var taken: [Object] = []
        for object in group {
            if let first = taken.first(where: { isCopy(object, of: $0) }) {
                findings.append("\(relative(object.path)): left out, it is the same file as \(relative(first.path))")
            } else {
                taken.append(object)
            }
        }
        let segmentations = taken.filter(\.isSegmentation)
        taken.removeAll { object in
            guard !object.isSegmentation, let same = segmentations.first(where: { hasSameContours(object, as: $0) })
            else { return false }
            // In the folder of a case that is what a result consists of.
            if folder == root {
                findings.append("\(relative(object.path)): left out, \(relative(same.path)) has the same contours")
            }
            return true
        }
        cases += taken.map { object in
            CohortCase(
                name: folder == root ? name(ofFile: object.path) : name(ofFolder: folder),
                path: object.path,
                seriesInstanceUIDs: object.seriesInstanceUIDs
            )
        }
    }

    private func isCopy(_ object: Object, of other: Object) -> Bool {
        object.sopInstanceUID == other.sopInstanceUID
            && FileManager.default.contentsEqual(atPath: object.path, andPath: other.path)
    }

    /// One that cannot be read again is a case, and told when that is scored.
    private func hasSameContours(_ set: Object, as segmentation: Object) -> Bool {
        do {
            return try ReferenceMasks(contentsOf: set.path).isSame(as: ReferenceMasks(contentsOf: segmentation.path))
        } catch { return false }
    }

    private func relative(_ path: String) -> String {
        path.hasPrefix(root + "/") ? String(path.dropFirst(root.count + 1)) : path
    }

    private func name(ofFolder folder: String) -> String {
        folder == root ? Directory.name(of: root) : relative(folder)
    }

    /// Without what follows the name: `a/b.nii.gz` and `a/b.dcm` are both `a/b`.
    private func name(ofFile path: String) -> String {
        var name = relative(path)
        for ending in [".nii.gz", ".nii", ".dcm"] where name.hasSuffix(ending) {
            name.removeLast(ending.count)
            break
        }
        return name
    }
}
