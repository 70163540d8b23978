internal import CDCMTK

/// Owner of a parsed file of the shim. One thread at a time.
struct ShimFile: ~Copyable {
    let handle: OpaquePointer

    /// Parses to the end; values longer than `loadLimit` bytes stay on disk until they are asked for.
    init(opening path: String, loadLimit: UInt32 = 4096) throws(DicomError) {
        guard cdcm_initialize() == 1 else { throw DicomError.dictionaryMissing }
        var opened: OpaquePointer?
        let status = cdcm_open(path, loadLimit, &opened)
        guard status == CDCM_OK, let opened else {
            let syntax = opened.map { String(cString: cdcm_transfer_syntax($0)) } ?? ""
            cdcm_close(opened)
            throw ShimFile.error(status, transferSyntax: syntax)
        }
        handle = opened
    }

    init() throws(DicomError) {
        guard cdcm_initialize() == 1 else { throw DicomError.dictionaryMissing }
        var created: OpaquePointer?
        let status = cdcm_create(&created)
        guard status == CDCM_OK, let created else { throw ShimFile.error(status) }
        handle = created
    }

    deinit { cdcm_close(handle) }

    var transferSyntaxUID: String { String(cString: cdcm_transfer_syntax(handle)) }

    /// Bytes of the file when it was opened.
    var fileSize: UInt64 { cdcm_file_size(handle) }

    /// The longest compressed frame that is read into memory.
    static let maximumCompressedBytes = 1 << 29

    /// Hands over the compressed bytes of one frame (0-based) of several.
    func withCompressedFrame<Result>(
        _ frame: Int,
        of count: Int,
        _ body: (UnsafeRawBufferPointer) throws(DicomError) -> Result
    ) throws(DicomError) -> Result {
        var bytes: UnsafeMutablePointer<UInt8>?
        var length = 0
        let status = cdcm_compressed_frame(
            handle,
            UInt32(frame),
            UInt32(count),
            Self.maximumCompressedBytes,
            &bytes,
            &length
        )
        defer { cdcm_free(bytes) }
        guard status == CDCM_OK else { throw ShimFile.error(status, transferSyntax: transferSyntaxUID) }
        return try body(UnsafeRawBufferPointer(start: bytes, count: length))
    }

    /// The thrown form of a status, with the shim's own text of it.
    static func error(_ status: cdcm_status, transferSyntax: String = "") -> DicomError {
        let reason = String(cString: cdcm_last_error())
        return switch status {
        case CDCM_CANNOT_OPEN: .cannotOpen(reason: reason)
        case CDCM_NOT_DICOM: .notDicom
        case CDCM_NO_PREAMBLE: .noPreamble
        case CDCM_TOO_SHORT: .tooShort
        case CDCM_TRUNCATED: .truncated
        case CDCM_UNSUPPORTED: .unsupportedTransferSyntax(uid: transferSyntax)
        case CDCM_OUT_OF_MEMORY: .outOfMemory
        case CDCM_CANNOT_WRITE: .cannotWrite(reason: reason)
        default: .corrupt(reason: reason)
        }
    }
}
