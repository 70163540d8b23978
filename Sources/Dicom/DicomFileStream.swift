internal import CDCMTK
import Glibc
import Platform

/// Writes a data set to a file part after part, in the order of tags, so that neither of them is in memory. DCMTK encodes
/// every value; only the headers of sequences, items and Pixel Data are put here, with their lengths when the end is known.
/// The bytes are those that `DicomFile.write` makes of the whole. Little Endian alone.
struct DicomFileStream: ~Copyable {
    private let file: FileDescriptor
    private let path: String
    private let syntax: TransferSyntax
    private let encoder: ShimFile
    /// What follows the first `written` bytes of the file.
    private var buffer: [UInt8] = []
    private var written: Int

    private static let bufferSize = 1 << 20
    /// FFFFFFFF is no length (PS3.5 7.1.1).
    private static let maximumLength: UInt32 = 0xFFFF_FFFE

    /// Goes on where a file ends.
    init(appendingTo path: String, transferSyntax: TransferSyntax) throws(DicomError) {
        let encoder = try ShimFile()
        let file = try Self.open(path)
        let size: Int
        do throws(SystemError) { size = try file.size(path: path) } catch { throw .cannotWrite(reason: error.reason) }
        self.encoder = encoder
        self.file = file
        written = size
        self.path = path
        syntax = transferSyntax
        buffer.reserveCapacity(Self.bufferSize)
    }

    private static func open(_ path: String) throws(DicomError) -> FileDescriptor {
        do throws(SystemError) { return try .open(path, O_WRONLY) } catch { throw .cannotWrite(reason: error.reason) }
    }

    /// Elements whose tags follow those before.
    mutating func write(_ elements: DataSet) throws(DicomError) {
        try DataSetWriter.write(elements, into: cdcm_root(encoder.handle))
        var bytes: UnsafeRawPointer?
        var count = 0
        let status = cdcm_encode(encoder.handle, syntax.uid, &bytes, &count)
        guard status == CDCM_OK else { throw ShimFile.error(status, transferSyntax: syntax.uid) }
        try write(UnsafeRawBufferPointer(start: bytes, count: count))
    }

    /// A sequence whose items `items` writes.
    mutating func sequence(
        _ tag: Tag,
        _ items: (inout DicomFileStream) throws(DicomError) -> Void
    ) throws(DicomError) {
        header(tag, .SQ)
        try measured(items)
    }

    /// An item whose elements `elements` writes.
    mutating func item(_ elements: (inout DicomFileStream) throws(DicomError) -> Void) throws(DicomError) {
        put(UInt16(0xFFFE))
        put(UInt16(0xE000))
        try measured(elements)
    }

    mutating func item(_ elements: DataSet) throws(DicomError) {
        try item { (stream: inout DicomFileStream) throws(DicomError) in try stream.write(elements) }
    }

    /// A value of OB whose bytes, an even number, `bytes` writes.
    mutating func bytes(
        _ tag: Tag,
        _ bytes: (inout DicomFileStream) throws(DicomError) -> Void
    ) throws(DicomError) {
        header(tag, .OB)
        try measured(bytes)
    }

    /// A piece of a value.
    mutating func write(_ bytes: some Collection<UInt8>) throws(DicomError) {
        buffer.append(contentsOf: bytes)
        if buffer.count >= Self.bufferSize { try flush() }
    }

    consuming func finish() throws(DicomError) { try flush() }

    /// Tag and, in explicit VR, the VR of a value whose length has 32 bits.
    private mutating func header(_ tag: Tag, _ vr: VR) {
        put(tag.group)
        put(tag.element)
        guard syntax == .explicitVRLittleEndian else { return }
        buffer += Array(vr.rawValue.utf8)
        put(UInt16(0))
    }

    /// What `body` writes, after its length.
    private mutating func measured(
        _ body: (inout DicomFileStream) throws(DicomError) -> Void
    ) throws(DicomError) {
        let place = written + buffer.count
        put(UInt32(0))
        try body(&self)
        guard let length = UInt32(exactly: written + buffer.count - place - 4), length <= Self.maximumLength else {
            throw .cannotWrite(reason: "a value is longer than DICOM allows")
        }
        try replace(at: place, by: length)
    }

    private mutating func put<Number: FixedWidthInteger>(_ number: Number) {
        withUnsafeBytes(of: number.littleEndian) { buffer.append(contentsOf: $0) }
    }

    /// Puts a number where another one was.
    private mutating func replace(at place: Int, by number: UInt32) throws(DicomError) {
        let bytes = withUnsafeBytes(of: number.littleEndian) { Array($0) }
        if place < written { try flush() }
        guard place < written else {
            return buffer.replaceSubrange(place - written..<place - written + bytes.count, with: bytes)
        }
        try save(bytes, at: place)
    }

    private mutating func flush() throws(DicomError) {
        try save(buffer, at: written)
        written += buffer.count
        buffer.removeAll(keepingCapacity: true)
    }

    private func save(_ bytes: [UInt8], at place: Int) throws(DicomError) {
        do throws(SystemError) {
            try bytes.withUnsafeBufferPointer { bytes throws(SystemError) in
                try file.write(UnsafeRawBufferPointer(bytes), at: place, path: path)
            }
        } catch { throw .cannotWrite(reason: error.reason) }
    }
}
