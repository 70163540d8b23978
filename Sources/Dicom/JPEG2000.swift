internal import COpenJPEG

/// Decodes one JPEG 2000 code stream (or JP2 file) with OpenJPEG. The stream is hostile until proven: its
/// size must be the one that the DICOM header gives, which is bounded, before anything is decoded.
enum JPEG2000 {
    struct Component {
        /// Row by row.
        var values: [Int32]
        var isSigned: Bool
        /// Bits of each value.
        var precision: Int
    }

    /// - Throws: `corrupt` if the stream cannot be decoded whole or is of another size; `unsupportedImage` if
    ///   it holds colour.
    static func decode(_ bytes: UnsafeRawBufferPointer, columns: Int, rows: Int) throws(DicomError) -> Component {
        var source = MemorySource(bytes: bytes)
        return try withUnsafeMutablePointer(to: &source) { source throws(DicomError) -> Component in
            try decode(source, columns: columns, rows: rows)
        }
    }

    private static func decode(
        _ source: UnsafeMutablePointer<MemorySource>,
        columns: Int,
        rows: Int
    ) throws(DicomError) -> Component {
        let isJP2 = source.pointee.bytes.starts(with: [0, 0, 0, 12, 0x6A, 0x50])
        guard let codec = opj_create_decompress(isJP2 ? OPJ_CODEC_JP2 : OPJ_CODEC_J2K) else {
            throw DicomError.outOfMemory
        }
        defer { opj_destroy_codec(codec) }
        guard let stream = MemorySource.stream(source) else { throw DicomError.outOfMemory }
        defer { opj_stream_destroy(stream) }
        var parameters = opj_dparameters_t()
        opj_set_default_decoder_parameters(&parameters)
        var image: UnsafeMutablePointer<opj_image_t>?
        defer { opj_image_destroy(image) }
        guard opj_setup_decoder(codec, &parameters) != 0, opj_read_header(stream, codec, &image) != 0,
            let header = image?.pointee
        else { throw damaged }
        try check(header, columns: columns, rows: rows)
        guard opj_decode(codec, stream, image) != 0, opj_end_decompress(codec, stream) != 0 else { throw damaged }
        return try component(image, count: columns * rows, columns: columns, rows: rows)
    }

    /// Whether a code stream has lost something by what its main header says (ISO/IEC 15444-1 A.6.1): true of the irreversible
    /// wavelet (9-7), nil of the reversible one (5-3), of which an encoder may have left out the last bits, and of a stream that
    /// does not say.
    static func saysThatItIsLossy(_ bytes: UnsafeRawBufferPointer) -> Bool? {
        let (startOfStream, size, codingStyle, startOfTile) = ([UInt8](arrayLiteral: 0xFF, 0x4F), 0x51, 0x52, 0x90)
        // A JP2 file has boxes before the stream; of those that DICOM allows none is long.
        let start = bytes.prefix(4096).indices.dropLast(3).first {
            bytes[$0...].starts(with: startOfStream + [0xFF, UInt8(size)])
        }
        guard var place = start.map({ $0 + 2 }) else { return nil }
        while place + 13 < bytes.count, bytes[place] == 0xFF, bytes[place + 1] != startOfTile {
            // 0 is the 9-7 filter; it stands behind the style, the progression and four sizes.
            if bytes[place + 1] == codingStyle { return bytes[place + 13] == 0 ? true : nil }
            place += 2 + (Int(bytes[place + 2]) << 8 | Int(bytes[place + 3]))
        }
        return nil
    }

    private static let damaged = DicomError.corrupt(reason: "the JPEG 2000 stream cannot be decoded")

    private static func check(_ header: opj_image_t, columns: Int, rows: Int) throws(DicomError) {
        guard header.x1 > header.x0, header.y1 > header.y0, Int(header.x1 - header.x0) == columns,
            Int(header.y1 - header.y0) == rows
        else { throw DicomError.corrupt(reason: "the JPEG 2000 stream has another size than the image") }
        guard header.numcomps == 1, let component = header.comps?.pointee else {
            throw DicomError.unsupportedImage(reason: "the JPEG 2000 stream holds colour")
        }
        guard (1...16).contains(component.prec) else {
            throw DicomError.unsupportedImage(reason: "the JPEG 2000 stream has more than 16 bits")
        }
    }

    private static func component(
        _ image: UnsafeMutablePointer<opj_image_t>?,
        count: Int,
        columns: Int,
        rows: Int
    ) throws(DicomError) -> Component {
        guard let component = image?.pointee.comps?.pointee, let data = component.data,
            Int(component.w) == columns, Int(component.h) == rows
        else { throw damaged }
        return Component(
            values: Array(UnsafeBufferPointer(start: data, count: count)),
            isSigned: component.sgnd != 0,
            precision: Int(component.prec)
        )
    }
}

/// Bytes in memory as OpenJPEG's stream; every callback stays inside them.
private struct MemorySource {
    let bytes: UnsafeRawBufferPointer
    var offset = 0

    init(bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    static func stream(_ source: UnsafeMutablePointer<MemorySource>) -> UnsafeMutablePointer<opj_stream_t?>? {
        guard let stream = opj_stream_create(1 << 20, 1) else { return nil }
        opj_stream_set_user_data(stream, source, nil)
        opj_stream_set_user_data_length(stream, UInt64(source.pointee.bytes.count))
        opj_stream_set_read_function(stream) { buffer, count, context in
            let source = context!.assumingMemoryBound(to: MemorySource.self)
            let available = min(Int(clamping: count), source.pointee.bytes.count - source.pointee.offset)
            guard available > 0, let start = source.pointee.bytes.baseAddress else { return OPJ_SIZE_T.max }
            buffer!.copyMemory(from: start + source.pointee.offset, byteCount: available)
            source.pointee.offset += available
            return OPJ_SIZE_T(available)
        }
        opj_stream_set_skip_function(stream) { count, context in
            let source = context!.assumingMemoryBound(to: MemorySource.self)
            let target = source.pointee.offset.addingReportingOverflow(Int(count))
            guard !target.overflow, (0...source.pointee.bytes.count).contains(target.partialValue) else { return -1 }
            source.pointee.offset = target.partialValue
            return count
        }
        opj_stream_set_seek_function(stream) { position, context in
            let source = context!.assumingMemoryBound(to: MemorySource.self)
            guard position >= 0, position <= source.pointee.bytes.count else { return 0 }
            source.pointee.offset = Int(position)
            return 1
        }
        return stream
    }
}
