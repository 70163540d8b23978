import Dicom
import Foundation
import Imaging
import Nifti
import Platform
import Report
import Segmentation

/// Judges any error: the one place that decides whether to try again, to refuse or to call the operator.
package func classify(_ error: any Error) -> Fault {
    switch error {
    case let fault as Fault: fault
    case let error as DicomError: classify(error)
    case let error as SystemError: classify(error)
    case let error as SegmentationError: classify(error)
    case let error as VolumeFileError:
        Fault(
            .transient,
            "E_WORK_FILE",
            "A file of an earlier stage cannot be read.",
            hint: "Check the disk of the work folder.",
            details: [withoutFolder(error.description)]
        )
    case StructureError.unreadable(let reason):
        Fault(
            .permanent,
            "E_UNUSABLE_OBJECT",
            "The contours cannot be used: \(reason).",
            hint: "Export them again as RT Structure Set or as uncompressed Segmentation of type BINARY."
        )
    case NiftiError.unreadable(let reason):
        Fault(
            .permanent,
            "E_UNUSABLE_OBJECT",
            "The NIfTI file cannot be used: \(reason).",
            hint: "Put that right, and write it again as one NIfTI-1 file."
        )
    case let error as StructureError:
        Fault(
            .bug,
            "E_PRODUCT",
            "A result could not be written: \(error.description).",
            hint: "Please report it with the journal of contourd."
        )
    case let error as NiftiError:
        Fault(.transient, "E_CANNOT_WRITE", "A NIfTI file failed: \(error.description).", hint: "Check free space.")
    case is DecodingError:
        Fault(
            .bug,
            "E_WORK_FILE",
            "A file of an earlier stage is not what was written.",
            hint: "Retry the series; if it happens again, please report it."
        )
    case let error as CocoaError: classify(error)
    default:
        Fault(
            .bug,
            "E_INTERNAL",
            "Unexpected error of type \(type(of: error)).",
            hint: "Please report it with the journal of contourd."
        )
    }
}

private func classify(_ error: DicomError) -> Fault {
    // One word for a stop, wherever it was noticed.
    if error == .cancelled { return .cancelled }
    let kind: Fault.Kind =
        switch error {
        case .cannotOpen, .outOfMemory, .cannotWrite: .transient
        case .dictionaryMissing: .operator
        case .cancelled: .interrupted
        case .notDicom, .noPreamble, .tooShort, .truncated, .corrupt, .unsupportedTransferSyntax, .unsupportedImage,
            .missingAttribute, .invalidUID, .refused:
            .permanent
        }
    var details: [String] = []
    if case .refused(let findings) = error {
        for finding in findings.refusals {
            details.append("\(finding.code): \(finding.message)")
            details += finding.sliceDetails.map { "  " + $0 }
        }
    }
    return Fault(kind, error.code, error.message, hint: error.hint, details: details)
}

/// Errors of the kernel, by what they ask for.
private func classify(_ error: SystemError) -> Fault {
    switch error.code {
    case ENOSPC, EDQUOT:
        Fault(
            .operator,
            "E_NO_SPACE",
            "There is no space left on the disk (\(error.summary)).",
            hint: "Free space in the work folder or the outbox, then: contourctl resume"
        )
    case EACCES, EPERM, EROFS:
        Fault(
            .operator,
            "E_PERMISSION",
            "A file or folder may not be used (\(error.summary)).",
            hint: "Run contourctl check: it names the folder and the permission. Then: contourctl resume"
        )
    case ENOMEM:
        Fault(.transient, "E_OUT_OF_MEMORY", "There is not enough memory.", hint: "Free memory on this machine.")
    default:
        Fault(
            .transient,
            "E_SYSTEM",
            "A system call failed (\(error.summary)).",
            hint: "If it stays when it is tried again, check the disk and the mounts."
        )
    }
}

private func classify(_ error: SegmentationError) -> Fault {
    switch error {
    case .cancelled: .cancelled
    case .missingFile, .invalidModel, .weightsMismatch, .damagedWeights, .modelNotFound:
        Fault(
            .operator,
            "E_MODEL",
            "The model cannot be used: \(withoutFolder(error.description))",
            hint: "Run contourctl models: it checks every installed model."
        )
    default:
        Fault(
            .bug,
            "E_SEGMENTATION",
            withoutFolder(error.description),
            hint: "Please report it with the journal of contourd."
        )
    }
}

private func classify(_ error: CocoaError) -> Fault {
    switch error.code {
    case .fileWriteOutOfSpace: classify(SystemError("write", code: ENOSPC))
    case .fileWriteNoPermission, .fileReadNoPermission: classify(SystemError("open", code: EACCES))
    case .fileNoSuchFile, .fileReadNoSuchFile: classify(SystemError("open", code: ENOENT))
    default:
        Fault(
            .transient,
            "E_SYSTEM",
            "A file could not be read or written (error \(error.code.rawValue)).",
            hint: "If it stays when it is tried again, check the disk and the mounts."
        )
    }
}

/// Absolute paths cut to their last part: folders may be named after patients.
private func withoutFolder(_ text: String) -> String {
    text.split(separator: " ", omittingEmptySubsequences: false).map { word in
        word.contains("/") ? word.split(separator: "/").last.map(String.init) ?? "" : String(word)
    }.joined(separator: " ")
}
