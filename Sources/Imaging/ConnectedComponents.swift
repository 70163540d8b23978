/// Which voxels count as neighbours: those that share a face, or also an edge or corner.
package enum Connectivity: Int, Sendable, Codable { case faces = 6, corners = 26 }

/// The connected pieces of a mask, numbered from 1 by falling size (ties: the piece that comes first in memory).
package struct ConnectedComponents: Sendable {
    /// The number of each voxel's piece, 0 outside; index order of the mask.
    package let numbers: [UInt32]
    /// Voxels of piece n at `sizes[n - 1]`.
    package let sizes: [Int]

    /// Runs of voxels along rows are joined with those of the rows before by union-find: memory and time follow
    /// the number of runs (He, Chao, Suzuki, "A run-based two-scan labeling algorithm", 2008, in three dimensions).
    package init(of mask: Mask, connectivity: Connectivity) {
        var runs = RunTable(mask: mask)
        runs.joinNeighbours(connectivity)
        (numbers, sizes) = runs.numbered()
    }
}

/// Runs of set voxels and the pieces they belong to.
private struct RunTable {
    let dimensions: Dimensions
    /// First and one-past-last column of each run, in memory order.
    private var starts: [Int32] = []
    private var ends: [Int32] = []
    /// Runs of row r are `rowStarts[r]..<rowStarts[r + 1]`; row r = j + nj * k.
    private var rowStarts: [Int] = []
    private var parents: [Int32] = []

    init(mask: Mask) {
        dimensions = mask.geometry.dimensions
        let columns = dimensions.i
        rowStarts.reserveCapacity(dimensions.j * dimensions.k + 1)
        mask.voxels.withUnsafeBufferPointer { voxels in
            for row in 0..<dimensions.j * dimensions.k {
                rowStarts.append(starts.count)
                var i = 0
                while i < columns {
                    while i < columns, voxels[row * columns + i] == 0 { i += 1 }
                    guard i < columns else { break }
                    starts.append(Int32(i))
                    while i < columns, voxels[row * columns + i] != 0 { i += 1 }
                    ends.append(Int32(i))
                }
            }
        }
        rowStarts.append(starts.count)
        parents = (0..<Int32(starts.count)).map { $0 }
    }

    mutating func joinNeighbours(_ connectivity: Connectivity) {
        // Rows before this one in memory that can touch it.
        let offsets = connectivity == .faces ? [(-1, 0), (0, -1)] : [(-1, 0), (-1, -1), (0, -1), (1, -1)]
        let reach: Int32 = connectivity == .faces ? 0 : 1
        for k in 0..<dimensions.k {
            for j in 0..<dimensions.j {
                for (dj, dk) in offsets where j + dj >= 0 && j + dj < dimensions.j && k + dk >= 0 {
                    join(row: j + dimensions.j * k, with: j + dj + dimensions.j * (k + dk), reach: reach)
                }
            }
        }
    }

    private mutating func join(row: Int, with other: Int, reach: Int32) {
        var a = rowStarts[row]
        var b = rowStarts[other]
        while a < rowStarts[row + 1], b < rowStarts[other + 1] {
            if starts[a] < ends[b] + reach, starts[b] < ends[a] + reach { union(a, b) }
            if ends[a] < ends[b] { a += 1 } else { b += 1 }
        }
    }

    private mutating func root(_ run: Int) -> Int {
        var run = Int32(run)
        while parents[Int(run)] != run {
            parents[Int(run)] = parents[Int(parents[Int(run)])]
            run = parents[Int(run)]
        }
        return Int(run)
    }

    private mutating func union(_ a: Int, _ b: Int) {
        let (x, y) = (root(a), root(b))
        if x < y { parents[y] = Int32(x) } else if y < x { parents[x] = Int32(y) }
    }

    mutating func numbered() -> ([UInt32], [Int]) {
        let roots = starts.indices.map { root($0) }
        var sizeOfRoot: [Int: Int] = [:]
        for (run, root) in roots.enumerated() { sizeOfRoot[root, default: 0] += Int(ends[run] - starts[run]) }
        let order = sizeOfRoot.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        var numberOfRoot: [Int: UInt32] = [:]
        for (position, entry) in order.enumerated() { numberOfRoot[entry.key] = UInt32(position + 1) }
        var numbers = [UInt32](repeating: 0, count: dimensions.voxelCount)
        for row in 0..<dimensions.j * dimensions.k {
            for run in rowStarts[row]..<rowStarts[row + 1] {
                let number = numberOfRoot[roots[run]] ?? 0
                for i in Int(starts[run])..<Int(ends[run]) { numbers[row * dimensions.i + i] = number }
            }
        }
        return (numbers, order.map(\.value))
    }
}

extension Volume where Element == UInt8 {
    /// The `count` largest pieces of a mask, without those below `minimumVolumeML`.
    package func keepingLargestComponents(
        _ count: Int,
        minimumVolumeML: Double = 0,
        connectivity: Connectivity = .corners
    ) -> Mask {
        let components = ConnectedComponents(of: self, connectivity: connectivity)
        let voxelML = geometry.voxelVolumeMM3 / 1000
        let kept = components.sizes.prefix(count).prefix { Double($0) * voxelML >= minimumVolumeML }.count
        return Mask(geometry: geometry, voxels: components.numbers.map { $0 >= 1 && $0 <= kept ? 1 : 0 })
    }
}
