internal import CZlib

/// gzip (RFC 1952) by zlib.
enum Gzip {
    /// What a stream may hold beyond what is asked of it before it is taken for a bomb.
    private static let slack = 64 << 20

    /// The first `count` bytes. With `verifying` the stream is read to its end and its checksum, and one that goes on
    /// for long is refused; memory is bounded by `count` either way.
    static func decompress(_ data: [UInt8], first count: Int, verifying: Bool) throws(NiftiError) -> [UInt8] {
        var stream = z_stream()
        guard inflateInit2_(&stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            throw .unreadable(reason: "zlib does not start")
        }
        defer { inflateEnd(&stream) }
        return try run(
            data,
            &stream,
            keeping: count,
            stopsEarly: !verifying,
            step: { inflate(&$0, $1) },
            failure: .unreadable(reason: "its compressed data is damaged or incomplete")
        )
    }

    private static func run(
        _ data: [UInt8],
        _ stream: inout z_stream,
        keeping limit: Int,
        stopsEarly: Bool = false,
        step: (inout z_stream, Int32) -> Int32,
        failure: NiftiError
    ) throws(NiftiError) -> [UInt8] {
        var result: [UInt8] = []
        var total = 0
        var chunk = [UInt8](repeating: 0, count: 1 << 20)
        var status = Z_OK
        var position = 0
        while status != Z_STREAM_END {
            let take = min(data.count - position, 1 << 26)
            let last = position + take == data.count
            let (newStatus, consumed, produced) = data.withUnsafeBufferPointer { input in
                chunk.withUnsafeMutableBufferPointer { output in
                    stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress.map { $0 + position })
                    stream.avail_in = UInt32(take)
                    stream.next_out = output.baseAddress
                    stream.avail_out = UInt32(output.count)
                    let status = step(&stream, last ? Z_FINISH : Z_NO_FLUSH)
                    return (status, take - Int(stream.avail_in), output.count - Int(stream.avail_out))
                }
            }
            status = newStatus
            position += consumed
            total += produced
            result += chunk[..<min(produced, limit - result.count)]
            if stopsEarly, result.count == limit { return result }
            let goesOn = status == Z_OK || status == Z_STREAM_END || (status == Z_BUF_ERROR && produced > 0)
            guard goesOn, consumed > 0 || produced > 0 || status == Z_STREAM_END else { throw failure }
            if total - slack > limit { throw .unreadable(reason: "it holds far more than its header says") }
        }
        return result
    }
}

/// Compresses a stream to gzip, without time or name, so that the same data gives the same bytes, in whatever pieces it
/// comes.
final class GzipStream {
    private var stream = z_stream()
    private var chunk = [UInt8](repeating: 0, count: 1 << 18)
    private let save: (UnsafeRawBufferPointer) throws(NiftiError) -> Void

    /// - Parameter isRuns: the data are runs of equal bytes, as masks are: zlib then looks for nothing else (`Z_RLE`), which takes
    ///   0.4 of the time and makes files of lungs a twelfth larger.
    init(isRuns: Bool, save: @escaping (UnsafeRawBufferPointer) throws(NiftiError) -> Void) throws(NiftiError) {
        self.save = save
        // 15 window bits, +16 for a gzip wrapper; a fixed level.
        let status = deflateInit2_(
            &stream,
            6,
            Z_DEFLATED,
            15 + 16,
            8,
            isRuns ? Z_RLE : Z_DEFAULT_STRATEGY,
            ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size)
        )
        guard status == Z_OK else { throw .cannotWrite(reason: "zlib does not start") }
    }

    deinit { deflateEnd(&stream) }

    func write(_ bytes: UnsafeRawBufferPointer) throws(NiftiError) {
        // zlib counts in 32 bits.
        var rest = bytes[...]
        while !rest.isEmpty {
            let piece = rest.prefix(1 << 26)
            try deflate(UnsafeRawBufferPointer(rebasing: piece), Z_NO_FLUSH)
            rest = rest.dropFirst(piece.count)
        }
    }

    func finish() throws(NiftiError) { try deflate(UnsafeRawBufferPointer(start: nil, count: 0), Z_FINISH) }

    private func deflate(_ bytes: UnsafeRawBufferPointer, _ flush: Int32) throws(NiftiError) {
        stream.next_in = UnsafeMutablePointer(mutating: bytes.bindMemory(to: UInt8.self).baseAddress)
        stream.avail_in = UInt32(bytes.count)
        repeat {
            let (status, produced) = chunk.withUnsafeMutableBufferPointer { output in
                stream.next_out = output.baseAddress
                stream.avail_out = UInt32(output.count)
                let status = CZlib.deflate(&stream, flush)
                return (status, output.count - Int(stream.avail_out))
            }
            // Z_BUF_ERROR: there was nothing left to do.
            guard status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR else {
                throw .cannotWrite(reason: "zlib failed")
            }
            try chunk.withUnsafeBufferPointer { bytes throws(NiftiError) in
                try save(UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: bytes[..<produced])))
            }
        } while stream.avail_out == 0
    }
}
