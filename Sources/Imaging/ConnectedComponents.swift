/// Which voxels count as neighbours: those that share a face, or also an edge or corner.
package enum Connectivity: Int, Sendable, Codable { case faces = 6, corners = 26 }

/// The connected pieces of a mask, numbered from 1 by falling size (ties: the piece that comes first in memory).
///
/// Runs of voxels along rows are joined with those of the rows before by union-find: memory and time follow the number
/// of runs (He, Chao, Suzuki, "A run-based two-scan labeling algorithm", 2008, in three dimensions).
package struct ConnectedComponents: Sendable {
    /// Voxels of piece n at `sizes[n - 1]`.
    package let sizes: [Int]
    private let runs: RunTable
    /// The number of each run's piece.
    private let numberOfRun: [UInt32]

    package init(of mask: Mask, connectivity: Connectivity) {
        let d = mask.geometry.dimensions
        var runs = RunTable(dimensions: d)
        mask.voxels.withUnsafeBytes { voxels in
            for row in 0..<d.j * d.k {
                runs.append(UnsafeRawBufferPointer(rebasing: voxels[row * d.i..<(row + 1) * d.i]))
            }
        }
        self.init(runs, connectivity)
    }

    /// The same without a mask.
    ///
    /// - Parameter fill: writes a row (j, k), asked for in memory order; what is not 0 is set.
    package init(
        in dimensions: Dimensions,
        connectivity: Connectivity,
        fill: (Int, Int, UnsafeMutableBufferPointer<UInt8>) -> Void
    ) {
        var runs = RunTable(dimensions: dimensions)
        var line = [UInt8](repeating: 0, count: dimensions.i)
        line.withUnsafeMutableBufferPointer { line in
            for k in 0..<dimensions.k {
                for j in 0..<dimensions.j {
                    fill(j, k, line)
                    runs.append(UnsafeRawBufferPointer(line))
                }
            }
        }
        self.init(runs, connectivity)
    }

    private init(_ table: RunTable, _ connectivity: Connectivity) {
        var runs = table
        runs.finish()
        runs.joinNeighbours(connectivity)
        (numberOfRun, sizes) = runs.numbered()
        self.runs = runs
    }

    /// The number of each voxel's piece, 0 outside; index order of the mask.
    package var numbers: [UInt32] {
        var numbers = [UInt32](repeating: 0, count: runs.dimensions.voxelCount)
        runs.forEachRun { run, voxels in for n in voxels { numbers[n] = numberOfRun[run] } }
        return numbers
    }

    /// 1 in the pieces 1 to `count`; index order of the mask.
    package func voxels(ofLargest count: Int) -> Voxels<UInt8> {
        var voxels = Voxels<UInt8>(repeating: 0, count: runs.dimensions.voxelCount)
        voxels.withUnsafeMutableBufferPointer { voxels in
            let start = voxels.baseAddress!
            runs.forEachRun { run, range in
                if Int(numberOfRun[run]) <= count {
                    (start + range.lowerBound).update(repeating: 1, count: range.count)
                }
            }
        }
        return voxels
    }
}

/// Runs of set voxels and the pieces they belong to.
private struct RunTable: Sendable {
    let dimensions: Dimensions
    /// First and one-past-last column of each run, in memory order.
    private var starts: [Int32] = []
    private var ends: [Int32] = []
    /// Runs of row r are `rowStarts[r]..<rowStarts[r + 1]`; row r = j + nj * k.
    private var rowStarts: [Int] = []
    private var parents: [Int32] = []

    init(dimensions: Dimensions) {
        self.dimensions = dimensions
        rowStarts.reserveCapacity(dimensions.j * dimensions.k + 1)
    }

    /// Adds the next row.
    mutating func append(_ line: UnsafeRawBufferPointer) {
        rowStarts.append(starts.count)
        var i = 0
        while true {
            i = firstSet(line, from: i)
            guard i < line.count else { break }
            starts.append(Int32(i))
            i = firstUnset(line, from: i)
            ends.append(Int32(i))
        }
    }

    /// Ends the last row.
    mutating func finish() {
        rowStarts.append(starts.count)
        parents = (0..<Int32(starts.count)).map { $0 }
    }

    mutating func joinNeighbours(_ connectivity: Connectivity) {
        // Rows before this one in memory that can touch it.
        let offsets = connectivity == .faces ? [(-1, 0), (0, -1)] : [(-1, 0), (-1, -1), (0, -1), (1, -1)]
        let reach: Int32 = connectivity == .faces ? 0 : 1
        for k in 0..<dimensions.k {
            for j in 0..<dimensions.j where rowStarts[j + dimensions.j * k] < rowStarts[j + dimensions.j * k + 1] {
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

    /// The number of each run's piece, and the voxels of each piece.
    mutating func numbered() -> (numbers: [UInt32], sizes: [Int]) {
        var roots: [Int] = []
        var sizeOfRoot = [Int](repeating: 0, count: starts.count)
        for run in starts.indices {
            let root = root(run)
            if root == run { roots.append(root) }
            sizeOfRoot[root] += Int(ends[run] - starts[run])
        }
        roots.sort { (sizeOfRoot[$1], $0) < (sizeOfRoot[$0], $1) }
        var numberOfRoot = [UInt32](repeating: 0, count: starts.count)
        for (position, root) in roots.enumerated() { numberOfRoot[root] = UInt32(position + 1) }
        // A root is the first run of its piece, so it has its number by now.
        return (starts.indices.map { numberOfRoot[root($0)] }, roots.map { sizeOfRoot[$0] })
    }

    /// Runs with the range of their voxels, in memory order.
    func forEachRun(_ body: (Int, Range<Int>) -> Void) {
        for row in 0..<dimensions.j * dimensions.k {
            let first = row * dimensions.i
            for run in rowStarts[row]..<rowStarts[row + 1] {
                body(run, first + Int(starts[run])..<first + Int(ends[run]))
            }
        }
    }
}

/// The first byte that is not zero, eight at a time; the count where there is none.
private func firstSet(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
    var i = start
    while i + 8 <= bytes.count {
        let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: i, as: UInt64.self))
        if word != 0 { return i + word.trailingZeroBitCount / 8 }
        i += 8
    }
    while i < bytes.count, bytes[i] == 0 { i += 1 }
    return i
}

/// The first byte that is zero; the count where there is none.
private func firstUnset(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
    var i = start
    while i + 8 <= bytes.count {
        let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: i, as: UInt64.self))
        // The lowest bit set is the top bit of the first zero byte: Mycroft's test, exact up to there.
        let zeros = (word &- 0x0101_0101_0101_0101) & ~word & 0x8080_8080_8080_8080
        if zeros != 0 { return i + zeros.trailingZeroBitCount / 8 }
        i += 8
    }
    while i < bytes.count, bytes[i] != 0 { i += 1 }
    return i
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
        return Mask(geometry: geometry, voxels: components.voxels(ofLargest: kept))
    }
}
