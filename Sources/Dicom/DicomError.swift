/// Why a file or a series could not be read or written. The text names no path and no value of the data
/// set, so that it may be logged; whoever owns the path adds it.
package enum DicomError: Error, Sendable, Equatable {
    /// The file cannot be opened or read; `reason` is the system's text.
    case cannotOpen(reason: String)
    case notDicom
    /// The file begins like a data set, without the preamble and the meta information of a file (PS3.10 7.1).
    case noPreamble
    /// The file holds fewer bytes than a DICOM file begins with (PS3.10 7.1): none at all, mostly.
    case tooShort
    /// The data set or the pixel data ends before its declared length.
    case truncated
    /// The file is DICOM, but not valid; `reason` is a fixed text.
    case corrupt(reason: String)
    case unsupportedTransferSyntax(uid: String)
    /// An image that is read correctly but that this software does not handle, for example colour.
    case unsupportedImage(reason: String)
    /// A required attribute is missing or has no usable value.
    case missingAttribute(Tag)
    /// A UID that is none: nothing valid could refer to this object.
    case invalidUID(Tag)
    case outOfMemory
    case cannotWrite(reason: String)
    /// DCMTK's data dictionary is not installed.
    case dictionaryMissing
    /// The slices cannot be one trustworthy volume; the findings say why.
    case refused([AdmissionFinding])
    case cancelled
}

extension DicomError: CustomStringConvertible {
    package var description: String { message }

    /// Stable, for reports and for whoever classifies faults. A refusal gives the code of its first finding.
    package var code: String {
        switch self {
        case .cannotOpen: "E_CANNOT_OPEN"
        case .notDicom: "E_NOT_DICOM"
        case .noPreamble: "E_NO_PREAMBLE"
        case .tooShort: "E_TOO_SHORT"
        case .truncated: "E_TRUNCATED"
        case .corrupt: "E_CORRUPT"
        case .unsupportedTransferSyntax: "E_TRANSFER_SYNTAX"
        case .unsupportedImage: "E_UNSUPPORTED_IMAGE"
        case .missingAttribute: "E_MISSING_ATTRIBUTE"
        case .invalidUID: "E_INVALID_UID"
        case .outOfMemory: "E_OUT_OF_MEMORY"
        case .cannotWrite: "E_CANNOT_WRITE"
        case .dictionaryMissing: "E_DICTIONARY_MISSING"
        case .refused(let findings): findings.first { $0.severity == .refusal }?.code ?? "E_REFUSED"
        case .cancelled: "E_CANCELLED"
        }
    }

    /// A sentence an operator understands.
    package var message: String {
        switch self {
        case .cannotOpen(let reason): "The file cannot be opened: \(reason)."
        case .notDicom: "The file is not DICOM: the preamble and the file meta information are missing."
        case .noPreamble:
            "The file seems to hold a DICOM data set, but it does not begin as a DICOM file does: preamble and prefix are missing."
        case .tooShort: "The file holds less than the beginning of a DICOM file."
        case .truncated: "The file is incomplete: it ends before the data it declares."
        case .corrupt(let reason): "The file is damaged: \(reason)."
        case .unsupportedTransferSyntax(let uid): "The transfer syntax \(uid) cannot be decoded."
        case .unsupportedImage(let reason): "The image cannot be used: \(reason)."
        case .missingAttribute(let tag): "The attribute \(tag) is missing or has no usable value."
        case .invalidUID(let tag): "The attribute \(tag) is no UID, so contours could not refer to this image."
        case .outOfMemory: "There is not enough memory to read the file."
        case .cannotWrite(let reason): "The file cannot be written: \(reason)."
        case .dictionaryMissing: "The DICOM data dictionary of DCMTK is not installed."
        case .refused(let findings): findings.refusals.map(\.message).joined(separator: " ")
        case .cancelled: "Reading was cancelled."
        }
    }

    /// What can be done about it.
    package var hint: String {
        switch self {
        case .cannotOpen: "Check that the file exists and that this user may read it."
        case .notDicom, .noPreamble: "Export it again as DICOM Part 10 file."
        case .tooShort: "If it is an image, send it again; the copy was probably interrupted."
        case .truncated: "Send the file again; the transfer was probably interrupted."
        case .corrupt: "Export the file again from the archive."
        case .unsupportedTransferSyntax: "Export the series uncompressed (Explicit VR Little Endian)."
        case .unsupportedImage: "Send the original CT images."
        case .missingAttribute: "Export the original images; a converter may have dropped attributes."
        case .invalidUID: "Export the original images, or anonymise them with UIDs of digits and dots (at most 64)."
        case .outOfMemory: "Raise the memory limit of the worker."
        case .cannotWrite: "Check free space and permissions."
        case .dictionaryMissing: "Install DCMTK's dictionary (Debian: the package libdcmtk17), or set DCMDICTPATH."
        case .refused(let findings): findings.refusals.map(\.hint).filter { !$0.isEmpty }.joined(separator: " ")
        case .cancelled: ""
        }
    }
}

extension [AdmissionFinding] {
    /// Without the warnings.
    package var refusals: [AdmissionFinding] { filter { $0.severity == .refusal } }
}
