import Imaging

/// Decodes a range of slices on one thread. Frames of one multi-frame file share one open reader.
struct SliceDecoder {
    let limits: AdmissionLimits
    let images: [CTImageFile]
    let isCancelled: @Sendable () -> Bool

    func decode(
        _ slices: [ExaminedSlice],
        _ range: Range<Int>,
        size: Int,
        into output: SendableBuffer<Int16>,
        _ outcomes: Slots<Result<DecodedSlice, SliceFailure>>,
        progress: (Int) -> Void
    ) {
        var open: OpenReader?
        var table: HounsfieldTable?
        var bytes: [UInt8] = []
        for k in range {
            let slice = slices[k]
            do throws(DicomError) {
                if isCancelled() { throw DicomError.cancelled }
                if open?.header != slice.header { open = nil }
                if open == nil { open = try OpenReader(header: slice.header, path: images[slice.header].path) }
                let target = UnsafeMutableBufferPointer(rebasing: output.buffer[k * size..<(k + 1) * size])
                let counts = try convert(open!, slice, &table, &bytes, into: target)
                let columns = open!.reader.header.columns
                outcomes[k] = .success(
                    DecodedSlice(
                        counts: counts,
                        fingerprint: pictureFingerprint(target),
                        outline: PictureOutline(target, columns: columns),
                        rows: PictureRows(target, columns: columns)
                    )
                )
            } catch {
                outcomes[k] = .failure(SliceFailure(error: error, slice: name(slice)))
                return
            }
            progress(k - range.lowerBound + 1)
        }
    }

    private func name(_ slice: ExaminedSlice) -> String {
        slice.instanceNumber.map { "slice \($0)" } ?? "slice without Instance Number"
    }

    private func convert(
        _ open: OpenReader,
        _ slice: ExaminedSlice,
        _ table: inout HounsfieldTable?,
        _ bytes: inout [UInt8],
        into target: UnsafeMutableBufferPointer<Int16>
    ) throws(DicomError) -> HUCounts {
        let header = open.reader.header
        // The file was examined some time ago: it must still be the same image.
        guard header.sopInstanceUID == images[slice.header].header.sopInstanceUID,
            header.rows * header.columns == target.count
        else { throw DicomError.corrupt(reason: "it changed while it was read") }
        guard let conversion = HounsfieldConversion(header, frame: slice.frame, limits: limits) else {
            throw DicomError.missingAttribute(.rescaleSlope)
        }
        return try open.reader.hounsfield(
            frame: slice.frame,
            by: conversion,
            limits: limits,
            table: &table,
            bytes: &bytes,
            into: target
        )
    }
}

/// A reader with the index of the file it reads; a class because a reader cannot be copied.
private final class OpenReader {
    let header: Int
    let reader: PixelReader

    init(header: Int, path: String) throws(DicomError) {
        self.header = header
        reader = try PixelReader(contentsOf: path)
    }
}

/// A slice that could not be decoded.
struct SliceFailure: Error {
    var error: DicomError
    /// In words.
    var slice: String
}

extension DicomError {
    /// Faults of the machine as they are; faults of a file as a refusal that names it.
    func asRefusal(naming name: String) -> DicomError {
        switch self {
        case .cannotOpen, .outOfMemory, .cancelled, .dictionaryMissing, .refused, .cannotWrite: self
        case .notDicom, .noPreamble, .tooShort, .truncated, .corrupt, .unsupportedTransferSyntax, .unsupportedImage,
            .missingAttribute, .invalidUID:
            .refused([AdmissionFinding(.refusal, code, message, hint: hint, details: [name])])
        }
    }
}

/// A place for each index, each written by one thread only and read when all are done.
struct Slots<Value: Sendable>: @unchecked Sendable {
    private let storage: Storage

    private final class Storage {
        let pointer: UnsafeMutablePointer<Value?>
        let count: Int

        init(count: Int) {
            pointer = .allocate(capacity: max(count, 1))
            pointer.initialize(repeating: nil, count: count)
            self.count = count
        }

        deinit {
            pointer.deinitialize(count: count)
            pointer.deallocate()
        }
    }

    init(count: Int) { storage = Storage(count: count) }

    subscript(index: Int) -> Value? {
        get { storage.pointer[index] }
        nonmutating set { storage.pointer[index] = newValue }
    }

    /// What was written, in order of the index.
    var values: [Value] { (0..<storage.count).compactMap { storage.pointer[$0] } }
}

/// Memory of which each thread writes its own part.
struct SendableBuffer<Element>: @unchecked Sendable {
    let buffer: UnsafeMutableBufferPointer<Element>
    init(_ buffer: UnsafeMutableBufferPointer<Element>) { self.buffer = buffer }
}
