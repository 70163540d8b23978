import Dicom
import Foundation
import Platform
import Segmentation

/// The files below a training folder, told apart.
struct TrainingFiles: Sendable {
    struct DicomEntry: Sendable {
        var path: String
        var header: InstanceHeader
    }

    /// A DICOM file that cannot be read to its end.
    struct DamagedFile: Sendable {
        var path: String
        /// What its beginning says.
        var header: DamagedHeader
        var error: DicomError

        var text: String { "\(safeName(Directory.name(of: path))): \(error.message)" }
    }

    /// CT images, sorted by path.
    var images: [DicomEntry] = []
    /// RT Structure Sets and Segmentations, with the series that they belong to (`ContouredSeries`).
    var references: [DicomEntry] = []
    var damaged: [DamagedFile] = []
    /// Folders that may not be read, or that broke while they were.
    var unreadable: [UnreadableFolder] = []
    /// Series of images that are no slices of a CT, such as MR and localizers, with their modalities.
    var otherSeries: [String: String] = [:]
    /// Label Map Segmentations: an object of its own kind, which is not read.
    var labelMapSegmentations: [DicomEntry] = []
    var nifti: [String] = []
    /// `dataset.json` of nnU-Net and of the Medical Segmentation Decathlon.
    var datasets: [String] = []
    /// Files that are none of these.
    var ignored = 0

    /// Why there is nothing to train on, with the number of other files; nil where there may be something.
    var emptiness: String? {
        let isEmpty =
            images.isEmpty && references.isEmpty && labelMapSegmentations.isEmpty && damaged.isEmpty && nifti.isEmpty
            && unreadable.isEmpty
        guard isEmpty else { return nil }
        let others = ignored + datasets.count
        return others == 0
            ? "this folder holds no file"
            : "this folder holds no CT and no NIfTI file, only \(counted(others, "other file"))"
    }

    /// Looks at every file below a folder; see `FilesBelow`.
    ///
    /// - Parameter beforeEach: what it throws ends the work.
    init(below directory: String, _ beforeEach: () throws -> Void) rethrows {
        let below = FilesBelow([URL(fileURLWithPath: directory).resolvingSymlinksInPath().path])
        unreadable = below.unreadableFolders
        for path in below.paths {
            try beforeEach()
            if isNifti(path) {
                nifti.append(path)
            } else if path.hasSuffix("/dataset.json") {
                datasets.append(path)
            } else {
                addDicom(path)
            }
        }
        for index in references.indices {
            let series = ContouredSeries(references[index].header, among: images.lazy.map(\.header))
            references[index].header.referencedSeriesInstanceUIDs = series.seriesInstanceUIDs
        }
    }

    private mutating func addDicom(_ path: String) {
        let header: InstanceHeader
        do { header = try InstanceHeader(contentsOf: path) } catch {
            switch error {
            case .truncated, .corrupt, .cannotOpen:
                damaged.append(DamagedFile(path: path, header: DamagedHeader(contentsOf: path), error: error))
            // What is no DICOM file is counted and passed over: training folders hold notes and tables too.
            default: ignored += 1
            }
            return
        }
        switch header.kind {
        case .ctImage where !header.isLocalizer: images.append(DicomEntry(path: path, header: header))
        case .rtStructureSet, .segmentation: references.append(DicomEntry(path: path, header: header))
        case .otherDicom(SOPClass.labelMapSegmentation):
            labelMapSegmentations.append(DicomEntry(path: path, header: header))
        default:
            ignored += 1
            if header.rows > 0 { otherSeries[header.seriesInstanceUID] = header.modality }
        }
    }
}

extension FilesBelow {
    /// Those that cannot be listed, and those whose paths are too long to be asked for what they hold.
    var unreadableFolders: [UnreadableFolder] {
        unreadable.map(UnreadableFolder.init)
            + tooDeep.map { UnreadableFolder(path: $0, error: SystemError("open", code: ENAMETOOLONG, path: $0)) }
    }
}

/// A folder whose files nobody can know.
struct UnreadableFolder: Sendable {
    var path: String
    var error: SystemError

    var record: CaseRecord {
        CaseRecord(
            name: safeName(Directory.name(of: path)),
            role: .skipped,
            remark: "this folder cannot be read (\(error.reason)): what lies below it is not used"
        )
    }
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
