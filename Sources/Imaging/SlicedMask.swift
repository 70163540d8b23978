/// A structure on a grid that is asked for slice by slice, so that there need be no mask of it: some values of a volume.
package struct SlicedMask: Sendable {
    private let volume: Volume<UInt8>
    /// What is inside, in stretches of neighbouring values: few, as structures and unions are made of few labels.
    private let inside: [ClosedRange<UInt8>]
    /// Slices with a voxel, rising.
    package let slices: [Int]

    package var geometry: VolumeGeometry { volume.geometry }
    package var isEmpty: Bool { slices.isEmpty }

    /// What a mask has.
    package init(_ mask: Mask) {
        self.init(mask, values: Set(1...255), in: SliceValues(mask))
    }

    /// The union of some labels.
    ///
    /// - Parameter values: of the volume, found once for all structures of it.
    package init(_ labels: Volume<UInt8>, values wanted: Set<UInt8>, in values: SliceValues) {
        volume = labels
        inside = wanted.sorted().reduce(into: []) { ranges, value in
            if let last = ranges.last, Int(last.upperBound) + 1 == Int(value) {
                ranges[ranges.count - 1] = last.lowerBound...value
            } else {
                ranges.append(value...value)
            }
        }
        slices = values.slices(with: wanted)
    }

    /// Calls `body` with a slice, 1 inside, i fastest.
    package func withSlice<Result, Failure: Error>(
        _ k: Int,
        _ body: (UnsafeBufferPointer<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let plane = geometry.dimensions.i * geometry.dimensions.j
        let slice = volume.voxels.withUnsafeBufferPointer { voxels in
            let values = UnsafeBufferPointer(rebasing: voxels[k * plane..<(k + 1) * plane])
            return [UInt8](unsafeUninitializedCapacity: plane) { slice, count in
                slice.initialize(repeating: 0)
                for range in inside { mark(values, in: range, slice) }
                count = plane
            }
        }
        volume.touched(slices: 1)
        return try slice.withUnsafeBufferPointer { slice throws(Failure) in try body(slice) }
    }
}

/// Writes 1 where a value lies in a range. Every structure asks every slice, so this is a loop that the compiler turns into
/// vectors, which it does not do with a table.
private func mark(
    _ values: UnsafeBufferPointer<UInt8>,
    in range: ClosedRange<UInt8>,
    _ marks: UnsafeMutableBufferPointer<UInt8>
) {
    guard let source = values.baseAddress, let target = marks.baseAddress else { return }
    // Below the range the difference wraps to more than its length.
    let (low, span) = (range.lowerBound, range.upperBound - range.lowerBound)
    for n in 0..<values.count { target[n] |= source[n] &- low <= span ? 1 : 0 }
}

/// Which values each slice of a label map has.
package struct SliceValues: Sendable {
    /// 256 bits a slice.
    private var bits: [SIMD4<UInt64>]

    package init(_ labels: Volume<UInt8>) {
        let d = labels.geometry.dimensions
        let plane = d.i * d.j
        bits = (0..<d.k).map { k in
            var seen = [Bool](repeating: false, count: 256)
            labels.voxels.withUnsafeBufferPointer { voxels in
                for n in k * plane..<(k + 1) * plane { seen[Int(voxels[n])] = true }
            }
            labels.touched(slices: 1)
            var bits = SIMD4<UInt64>.zero
            for value in seen.indices where seen[value] { bits[value / 64] |= 1 << UInt64(value % 64) }
            return bits
        }
    }

    func slices(with wanted: Set<UInt8>) -> [Int] {
        var mask = SIMD4<UInt64>.zero
        for value in wanted { mask[Int(value) / 64] |= 1 << UInt64(value % 64) }
        return bits.indices.filter { bits[$0] & mask != .zero }
    }
}
