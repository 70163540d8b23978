import Dicom
import Foundation
import Platform

/// The files below a training folder, told apart.
struct TrainingFiles: Sendable {
    struct DicomEntry: Sendable {
        var path: String
        var header: InstanceHeader
    }

    /// CT images, sorted by path.
    var images: [DicomEntry] = []
    /// RT Structure Sets and Segmentations.
    var references: [DicomEntry] = []
    var nifti: [String] = []
    /// `dataset.json` of nnU-Net and of the Medical Segmentation Decathlon.
    var datasets: [String] = []
    /// Files that are none of these.
    var ignored = 0

    /// Looks at every file below a folder. Links are followed only for files; nothing is opened twice.
    init(below directory: String) {
        for path in filePaths(below: directory) {
            if isNifti(path) {
                nifti.append(path)
            } else if path.hasSuffix("/dataset.json") {
                datasets.append(path)
            } else {
                addDicom(path)
            }
        }
    }

    private mutating func addDicom(_ path: String) {
        // What is no DICOM file is counted and passed over: training folders hold notes and tables too.
        guard let header = try? InstanceHeader(contentsOf: path) else {
            ignored += 1
            return
        }
        switch header.kind {
        case .ctImage where !header.isLocalizer: images.append(DicomEntry(path: path, header: header))
        case .rtStructureSet, .segmentation: references.append(DicomEntry(path: path, header: header))
        default: ignored += 1
        }
    }
}

/// Regular files below a folder, sorted; hidden ones left out.
func filePaths(below directory: String) -> [String] {
    let root = URL(fileURLWithPath: directory).resolvingSymlinksInPath()
    let found = FileManager.default.enumerator(
        at: root,
        includingPropertiesForKeys: [.isRegularFileKey],
        options: [.skipsHiddenFiles]
    )
    var paths: [String] = []
    for case let url as URL in found ?? FileManager.DirectoryEnumerator() {
        let target = url.resolvingSymlinksInPath()
        // A file that vanished meanwhile is no file.
        if (try? target.resourceValues(forKeys: [.isRegularFileKey]))?.isRegularFile == true { paths.append(url.path) }
    }
    return paths.sorted()
}

func isNifti(_ path: String) -> Bool { path.hasSuffix(".nii") || path.hasSuffix(".nii.gz") }

/// Changes when a file's name, size or time changes; the files themselves are not read.
func fingerprint(ofFiles paths: [String], salt: String) -> String {
    var text = salt
    for path in paths.sorted() {
        // A file that cannot be asked is reported when it is read.
        let attributes = (try? FileManager.default.attributesOfItem(atPath: path)) ?? [:]
        let time = (attributes[.modificationDate] as? Date)?.timeIntervalSince1970 ?? 0
        text += "\n\(path) \(attributes[.size] as? Int ?? 0) \(time)"
    }
    return SHA256Digest.hex(of: Data(text.utf8))
}

/// Letters, digits, `_`, `-` and `.`; anything else becomes `_`.
func safeName(_ text: String) -> String {
    String(text.map { $0.isASCII && ($0.isLetter || $0.isNumber || "_-.".contains($0)) ? $0 : "_" })
}
