internal import CDCMTK
import Imaging

/// Decodes the frames of one monochrome image file, one at a time, so that memory holds one frame. One thread
/// at a time; open the file again for another thread.
package struct PixelReader: ~Copyable {
    package let header: InstanceHeader
    private let shim: ShimFile
    private let syntax: TransferSyntax

    /// The largest matrix that is decoded, 8192 x 8192: bounds what a hostile header can make us allocate.
    package static let maximumPixelsPerFrame = 1 << 26
    package init(contentsOf path: String) throws(DicomError) {
        let shim = try ShimFile(opening: path)
        var header = try InstanceHeader(shim)
        header.fileSize = Int64(shim.fileSize)
        try Self.check(header)
        guard let syntax = TransferSyntax(rawValue: header.transferSyntaxUID) else {
            throw DicomError.unsupportedTransferSyntax(uid: header.transferSyntaxUID)
        }
        self.shim = shim
        self.header = header
        self.syntax = syntax
    }

    /// The stored values of one frame (0-based), row by row, with the sign that Pixel Representation gives.
    package func storedValues(frame: Int) throws(DicomError) -> [Int32] {
        try checkIndex(frame)
        if syntax.isJPEG2000 { return try jpeg2000Values(frame: frame) }
        var bytes: [UInt8] = []
        try decode(frame: frame, into: &bytes)
        return header.bitsAllocated == 8 ? values(bytes, UInt8.self) : values(bytes, UInt16.self)
    }

    /// Hounsfield units of one frame (0-based) and what they look like.
    ///
    /// - Parameters:
    ///   - table: kept from frame to frame; made anew where it does not fit.
    ///   - bytes: working memory, kept from frame to frame.
    func hounsfield(
        frame: Int,
        by conversion: HounsfieldConversion,
        limits: AdmissionLimits,
        table: inout HounsfieldTable?,
        bytes: inout [UInt8],
        into output: UnsafeMutableBufferPointer<Int16>
    ) throws(DicomError) -> HUCounts {
        try checkIndex(frame)
        // A JPEG 2000 stream has a sign and a precision of its own.
        if syntax.isJPEG2000 {
            return conversion.convert(try jpeg2000Values(frame: frame), into: output, limits: limits)
        }
        let format = HounsfieldTable.Format(header)
        if table?.conversion != conversion || table?.format != format {
            table = HounsfieldTable(conversion, format, limits: limits)
        }
        try decode(frame: frame, into: &bytes)
        return bytes.withUnsafeBytes { [table] raw in
            header.bitsAllocated == 8
                ? table!.convert(raw, of: UInt8.self, into: output) : table!.convert(raw, of: UInt16.self, into: output)
        }
    }

    private func checkIndex(_ frame: Int) throws(DicomError) {
        guard header.frames.indices.contains(frame) else { throw DicomError.corrupt(reason: "no such frame") }
    }

    private static func check(_ header: InstanceHeader) throws(DicomError) {
        guard header.rows * header.columns <= maximumPixelsPerFrame else {
            throw DicomError.unsupportedImage(reason: "the matrix is larger than 8192 x 8192")
        }
        guard header.samplesPerPixel == 1, header.photometricInterpretation.hasPrefix("MONOCHROME") else {
            throw DicomError.unsupportedImage(reason: "it is not a monochrome image")
        }
        guard [8, 16].contains(header.bitsAllocated), (0...1).contains(header.pixelRepresentation),
            (1...header.bitsAllocated).contains(header.bitsStored),
            (header.bitsStored - 1..<header.bitsAllocated).contains(header.highBit)
        else { throw DicomError.unsupportedImage(reason: "its pixels are not of 8 or 16 bits") }
        if header.transferSyntaxUID == TransferSyntax.jpegBaseline.uid, header.bitsAllocated != 8 {
            throw DicomError.unsupportedImage(reason: "8-bit JPEG in pixels of 16 bits")
        }
    }

    private func decode(frame: Int, into bytes: inout [UInt8]) throws(DicomError) {
        let size = header.rows * header.columns * header.bitsAllocated / 8
        guard cdcm_frame_size(shim.handle) == size else {
            throw DicomError.corrupt(reason: "the frame size does not match the header")
        }
        if syntax == .rleLossless {
            let (segments, pixels) = (header.bitsAllocated / 8, header.rows * header.columns)
            try shim.withCompressedFrame(frame, of: header.frames.count) { code throws(DicomError) in
                try RunLengthCode.check(code, segments: segments, pixels: pixels)
            }
        }
        // DCMTK may write whole words: room for one more than an odd number of 8-bit pixels.
        if bytes.count != size + size % 2 { bytes = [UInt8](repeating: 0, count: size + size % 2) }
        let status = bytes.withUnsafeMutableBytes {
            cdcm_decode_frame(shim.handle, UInt32(frame), $0.baseAddress, size)
        }
        guard status == CDCM_OK else { throw ShimFile.error(status, transferSyntax: header.transferSyntaxUID) }
    }

    /// The value of each word.
    private func values<Word: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>(
        _ bytes: [UInt8],
        _: Word.Type
    ) -> [Int32] {
        let format = HounsfieldTable.Format(header)
        return bytes.withUnsafeBytes { raw in
            (0..<header.rows * header.columns).map { index in
                format.storedValue(
                    UInt32(raw.loadUnaligned(fromByteOffset: index * MemoryLayout<Word>.size, as: Word.self))
                )
            }
        }
    }

    /// Archives write signed pixels into unsigned streams and the reverse; the stream's own sign is right where
    /// it is signed, otherwise the header's sign is applied at the stream's precision, as pydicom does.
    private func jpeg2000Values(frame: Int) throws(DicomError) -> [Int32] {
        let (columns, rows) = (header.columns, header.rows)
        let decoded = try shim.withCompressedFrame(frame, of: header.frames.count) { bytes throws(DicomError) in
            try JPEG2000.decode(bytes, columns: columns, rows: rows)
        }
        guard header.pixelRepresentation == 1, !decoded.isSigned else { return decoded.values }
        let unused = Int32(32 - decoded.precision)
        return decoded.values.map { ($0 << unused) >> unused }
    }
}
