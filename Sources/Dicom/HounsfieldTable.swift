/// What every stored value of a pixel format becomes, looked up instead of computed: a slice of 512 x 512 has a quarter
/// of a million pixels and a few thousand values. Where an addition does it that is done instead (`HounsfieldShift`).
///
/// Made for one `HounsfieldConversion`, and the same as it for every value.
package struct HounsfieldTable: Sendable {
    /// Which bits of a word are the value (PS3.5 section 8.1.1); others may hold overlays.
    package struct Format: Sendable, Hashable {
        package var bitsStored: Int
        package var highBit: Int
        package var isSigned: Bool

        package init(bitsStored: Int, highBit: Int, isSigned: Bool) {
            self.bitsStored = bitsStored
            self.highBit = highBit
            self.isSigned = isSigned
        }

        init(_ header: InstanceHeader) {
            self.init(
                bitsStored: header.bitsStored,
                highBit: header.highBit,
                isSigned: header.pixelRepresentation == 1
            )
        }

        /// The value of a word.
        @inline(__always)
        package func storedValue(_ word: UInt32) -> Int32 {
            let unused = UInt32(32 - bitsStored)
            let bits = (word >> UInt32(highBit + 1 - bitsStored)) << unused
            return isSigned ? Int32(bitPattern: bits) >> Int32(unused) : Int32(bits >> unused)
        }
    }

    package let conversion: HounsfieldConversion
    package let format: Format
    /// Where an addition does it: no entries then, and words of 16 bits.
    private let shift: HounsfieldShift?
    /// HU in the lowest 16 bits; above them a field of 12 bits for each of `HUCounts`' kinds but `other`, in which a 1
    /// says that the value is of that kind. Sums of fewer than 4096 entries count all kinds at once.
    private let entries: [UInt64]

    private static let pixelsPerSum = 2048

    package init(_ conversion: HounsfieldConversion, _ format: Format, limits: AdmissionLimits) {
        self.conversion = conversion
        self.format = format
        shift = HounsfieldShift(conversion, format, limits: limits)
        guard shift == nil else {
            entries = []
            return
        }
        entries = (0..<1 << format.bitsStored).map { bits in
            let stored = format.storedValue(UInt32(bits) << UInt32(format.highBit + 1 - format.bitsStored))
            var counts = HUCounts()
            let value = conversion.hounsfield(stored, counting: &counts, limits)
            let kinds = [counts.padded, counts.air, counts.softTissue, counts.impossible]
            return kinds.enumerated().reduce(UInt64(UInt16(bitPattern: value))) { entry, kind in
                entry | UInt64(kind.element) << UInt64(16 + 12 * kind.offset)
            }
        }
    }

    /// Converts the words of a frame into `output` and counts what the values look like.
    package func convert<Word: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>(
        _ frame: UnsafeRawBufferPointer,
        of _: Word.Type,
        into output: UnsafeMutableBufferPointer<Int16>
    ) -> HUCounts {
        if let shift { return shift.convert(frame, into: output) }
        var counts = HUCounts()
        let unused = UInt32(format.highBit + 1 - format.bitsStored)
        let mask = UInt32(entries.count - 1)
        entries.withUnsafeBufferPointer { entries in
            var begin = 0
            while begin < output.count {
                let end = min(begin + HounsfieldTable.pixelsPerSum, output.count)
                var sum: UInt64 = 0
                for index in begin..<end {
                    let word = frame.loadUnaligned(fromByteOffset: index * MemoryLayout<Word>.size, as: Word.self)
                    let entry = entries[Int((UInt32(word) >> unused) & mask)]
                    output[index] = Int16(truncatingIfNeeded: entry)
                    sum &+= entry >> 16
                }
                counts = counts + HounsfieldTable.counts(sum, of: end - begin)
                begin = end
            }
        }
        return counts
    }

    private static func counts(_ sum: UInt64, of pixels: Int) -> HUCounts {
        func field(_ index: UInt64) -> Int { Int(sum >> (12 * index) & 0xFFF) }
        var counts = HUCounts()
        (counts.padded, counts.air, counts.softTissue, counts.impossible) = (field(0), field(1), field(2), field(3))
        counts.other = pixels - counts.valid - counts.padded
        return counts
    }
}
