/// RLE Lossless (PS3.5 annex G). DCMTK decodes it, and fills up what a damaged code leaves open; so it is looked at first.
enum RunLengthCode {
    private static let headerBytes = 64

    /// - Parameters:
    ///   - segments: bytes of a pixel; each byte of all pixels is a segment (one sample a pixel).
    ///   - pixels: rows by columns.
    /// - Throws: `corrupt` where a segment does not give a byte for each pixel.
    static func check(_ bytes: UnsafeRawBufferPointer, segments: Int, pixels: Int) throws(DicomError) {
        guard bytes.count >= headerBytes, word(bytes, 0) == segments, (1...15).contains(segments) else {
            throw DicomError.corrupt(reason: "the header of its run-length code")
        }
        for segment in 1...segments {
            let start = word(bytes, segment)
            let end = segment < segments ? word(bytes, segment + 1) : bytes.count
            guard start >= headerBytes, start <= end, end <= bytes.count else {
                throw DicomError.corrupt(reason: "the header of its run-length code")
            }
            guard length(UnsafeRawBufferPointer(rebasing: bytes[start..<end]), atMost: pixels) == pixels else {
                throw DicomError.corrupt(reason: "its run-length code ends early")
            }
        }
    }

    /// How many bytes a segment decodes to; padding at its end does not count.
    private static func length(_ code: UnsafeRawBufferPointer, atMost wanted: Int) -> Int {
        var (position, decoded) = (0, 0)
        while position < code.count, decoded < wanted {
            let control = Int(Int8(bitPattern: code[position]))
            position += 1
            if control >= 0 {
                let literal = min(control + 1, code.count - position)
                decoded += literal
                position += control + 1
            } else if control != -128 {
                if position < code.count { decoded += 1 - control }
                position += 1
            }
        }
        return min(decoded, wanted)
    }

    /// Numbers of the header are of 32 bits, little endian.
    private static func word(_ bytes: UnsafeRawBufferPointer, _ index: Int) -> Int {
        Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: index * 4, as: UInt32.self)))
    }
}
