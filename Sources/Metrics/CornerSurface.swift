import Imaging
import Platform
import Synchronization

/// The smallest box of voxels that holds every set voxel of some masks; nil when there is none.
struct BoundingBox: Sendable, Equatable {
    var low: VoxelIndex
    var high: VoxelIndex

    init?(of masks: [Mask]) {
        guard let dimensions = masks.first?.geometry.dimensions else { return nil }
        var (low, high) = (VoxelIndex(i: .max, j: .max, k: .max), VoxelIndex(i: -1, j: -1, k: -1))
        for mask in masks {
            mask.voxels.withUnsafeBufferPointer { voxels in
                for row in 0..<dimensions.j * dimensions.k {
                    let line = UnsafeBufferPointer(rebasing: voxels[row * dimensions.i..<(row + 1) * dimensions.i])
                    // Most rows of a CT are empty: that is seen without a branch for each voxel.
                    guard line.reduce(0, |) != 0, let first = line.firstIndex(where: { $0 != 0 }),
                        let last = line.lastIndex(where: { $0 != 0 })
                    else { continue }
                    (low.i, high.i) = (min(low.i, first), max(high.i, last))
                    (low.j, high.j) = (min(low.j, row % dimensions.j), max(high.j, row % dimensions.j))
                    (low.k, high.k) = (min(low.k, row / dimensions.j), max(high.k, row / dimensions.j))
                }
            }
        }
        guard high.i >= 0 else { return nil }
        (self.low, self.high) = (low, high)
    }

    /// Corners of its voxels: one more than the voxels along each axis. A slice alone has those in its plane.
    func corners(inPlane: Bool) -> Dimensions {
        Dimensions(
            i: high.i - low.i + 2,
            j: high.j - low.j + 2,
            k: inPlane ? 1 : high.k - low.k + 2
        )
    }
}

/// The corners of a grid of voxels whose neighbouring voxels are not all alike: the surface of a mask in space, or its
/// contour in a slice.
///
/// A neighbour code has a bit for each voxel around the corner, the one with the lowest indices in the highest bit:
/// eight bits in space (`SurfelTable`), four in a plane (`contourLengths`). Beyond the grid everything is outside, so
/// a mask that touches the border of the grid has a surface there, and what is cropped away changes nothing.
struct CornerSurface: Sendable {
    struct Corner: Sendable {
        var i: Int32
        var j: Int32
        var k: Int32
        var code: UInt8
    }

    /// Numbers of corners along the axes.
    let dimensions: Dimensions
    /// In memory order.
    let corners: [Corner]

    /// - Parameter corners: in memory order.
    init(dimensions: Dimensions, corners: [Corner]) {
        self.dimensions = dimensions
        self.corners = corners
    }

    /// - Parameter inPlane: the mask is one slice, and its contour is meant.
    init(mask: Mask, box: BoundingBox, inPlane: Bool = false, threads: Int) {
        let size = box.corners(inPlane: inPlane)
        dimensions = size
        let found = Mutex<[(first: Int, corners: [Corner])]>([])
        parallelFor(size.k, threads: threads) { slices in
            let corners = Self.corners(of: mask, box, size, slices, inPlane: inPlane)
            found.withLock { $0.append((slices.lowerBound, corners)) }
        }
        corners = found.withLock { $0.sorted { $0.first < $1.first }.flatMap(\.corners) }
    }

    private static func corners(
        of mask: Mask,
        _ box: BoundingBox,
        _ size: Dimensions,
        _ slices: Range<Int>,
        inPlane: Bool
    ) -> [Corner] {
        let whole = mask.geometry.dimensions
        let full: UInt8 = inPlane ? 15 : 255
        var corners: [Corner] = []
        // Bits of the voxels (j - 1 or j, k - 1 or k) at column i: bit `shift` of each row.
        var columns = [UInt8](repeating: 0, count: size.i + 1)
        mask.voxels.withUnsafeBufferPointer { voxels in
            for k in slices {
                for j in 0..<size.j {
                    for i in columns.indices { columns[i] = 0 }
                    for c in inPlane ? 1...1 : 0...1 {
                        for b in 0...1 {
                            let (row, slice) = (j - 1 + b, inPlane ? 0 : k - 1 + c)
                            guard (0..<size.j - 1).contains(row), inPlane || (0..<size.k - 1).contains(slice) else {
                                continue
                            }
                            let start = box.low.i + whole.i * (box.low.j + row + whole.j * (box.low.k + slice))
                            let shift = UInt8(inPlane ? 3 - 2 * b : 7 - 4 * c - 2 * b)
                            for i in 0..<size.i - 1 { columns[i + 1] |= (voxels[start + i] != 0 ? 1 : 0) << shift }
                        }
                    }
                    for i in 0..<size.i {
                        let code = columns[i] | columns[i + 1] >> 1
                        if code != 0 && code != full {
                            corners.append(Corner(i: Int32(i), j: Int32(j), k: Int32(k), code: code))
                        }
                    }
                }
            }
        }
        return corners
    }
}
