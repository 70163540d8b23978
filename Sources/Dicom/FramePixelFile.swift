internal import CDCMTK
import Synchronization

/// The native pixels of a Segmentation, read frame by frame; the file stays open.
final class FramePixelFile: Sendable {
    private let shim: Mutex<ShimFile>
    private let pixelsPerFrame: Int
    private let bitsAllocated: Int
    /// What counts as inside where a pixel has more than one bit.
    private let threshold: UInt8

    /// - Parameter dataSet: what `shim` holds before its pixels.
    /// - Throws: `unreadable` where there are fewer pixels than frames need, or none that are native.
    init(
        _ shim: consuming sending ShimFile,
        _ dataSet: DataSet,
        frames: Int,
        pixelsPerFrame: Int
    ) throws {
        bitsAllocated = dataSet.integer(.bitsAllocated) ?? 0
        guard [1, 8].contains(bitsAllocated) else { throw StructureError.unreadable(reason: "its bits are impossible") }
        let maximum = dataSet.integer(.maximumFractionalValue) ?? 1
        threshold = UInt8(clamping: max(1, (maximum + 1) / 2))
        self.pixelsPerFrame = pixelsPerFrame
        var pixels = cdcm_pixels()
        let status = cdcm_pixel_summary(shim.handle, &pixels)
        guard status == CDCM_OK else { throw ShimFile.error(status) }
        guard pixels.present == 1, pixels.encapsulated == 0 else {
            throw StructureError.unreadable(reason: "its pixels are missing or compressed")
        }
        guard frames * pixelsPerFrame * bitsAllocated <= Int(pixels.length) * 8 else {
            throw StructureError.unreadable(reason: "it has fewer pixels than frames need")
        }
        // Read already, and large where there are many frames.
        let groups = Tag.perFrameFunctionalGroupsSequence
        cdcm_forget(shim.handle, groups.group, groups.element)
        self.shim = Mutex(shim)
    }

    /// The pixels of a frame, counted from 0.
    func frame(_ index: Int) throws(DicomError) -> FramePixels {
        let first = index * pixelsPerFrame * bitsAllocated
        let range = first / 8..<(first + pixelsPerFrame * bitsAllocated + 7) / 8
        var bytes = [UInt8](repeating: 0, count: range.count)
        let failure: DicomError? = shim.withLock { shim in
            let status = cdcm_read_pixels(shim.handle, range.lowerBound, &bytes, range.count)
            return status == CDCM_OK ? nil : ShimFile.error(status)
        }
        if let failure { throw failure }
        return FramePixels(bytes: bytes, firstBit: first % 8, threshold: bitsAllocated == 1 ? nil : threshold)
    }
}

/// The pixels of a frame.
struct FramePixels {
    let bytes: [UInt8]
    /// Of pixels of one bit, where the first one lies.
    let firstBit: Int
    /// Nil where a pixel has one bit.
    let threshold: UInt8?

    /// Whether a pixel among some may be inside; a byte that they share with others counts whole.
    func mayBeSet(_ pixels: Range<Int>) -> Bool {
        guard !pixels.isEmpty else { return false }
        if let threshold { return bytes[pixels].contains { $0 >= threshold } }
        return bytes[(firstBit + pixels.lowerBound) >> 3...(firstBit + pixels.upperBound - 1) >> 3].contains { $0 != 0 }
    }

    /// Whether a pixel, counted row by row, is inside.
    @inline(__always)
    func isSet(_ pixel: Int) -> Bool {
        if let threshold { return bytes[pixel] >= threshold }
        let bit = firstBit + pixel
        return bytes[bit >> 3] >> UInt8(bit & 7) & 1 == 1
    }
}
