import Imaging

/// Bounding box and middle of labels.
struct Extent {
    private var low = SIMD3<Int>(repeating: .max)
    private var high = SIMD3<Int>(repeating: .min)
    private var sum = SIMD3<Int>.zero
    private var count = 0

    /// Adds a voxel.
    mutating func add(_ at: SIMD3<Int>) {
        low = pointwiseMin(low, at)
        high = pointwiseMax(high, at)
        sum &+= at
        count += 1
    }

    mutating func add(_ other: Extent) {
        low = pointwiseMin(low, other.low)
        high = pointwiseMax(high, other.high)
        sum &+= other.sum
        count += other.count
    }

    /// nil where there is no voxel, as of all that follows.
    var centre: VoxelIndex? {
        count == 0 ? nil : VoxelIndex(i: sum.x / count, j: sum.y / count, k: sum.z / count)
    }

    var box: VoxelBox? { count == 0 ? nil : VoxelBox(low: low, high: high) }

    func range(along axis: Int) -> ClosedRange<Int>? { count == 0 ? nil : low[axis]...high[axis] }
}

/// The extent of every label of a volume, seen in one pass.
struct LabelExtents {
    private var extents = [Extent](repeating: Extent(), count: 256)

    init(_ labels: Volume<UInt8>) {
        let d = labels.geometry.dimensions
        labels.voxels.withUnsafeBufferPointer { voxels in
            for k in 0..<d.k {
                for j in 0..<d.j {
                    let row = d.i * (j + d.j * k)
                    for i in 0..<d.i where voxels[row + i] != 0 {
                        extents[Int(voxels[row + i])].add(SIMD3(i, j, k))
                    }
                }
                labels.touched()
            }
        }
    }

    /// Of a structure that has some labels.
    func extent(of labels: Set<UInt8>) -> Extent {
        labels.reduce(into: Extent()) { $0.add(extents[Int($1)]) }
    }
}
