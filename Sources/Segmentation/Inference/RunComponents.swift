import Imaging

/// Connected pieces (6 neighbours) of one label, as runs along i.
///
/// Runs instead of a component number a voxel: a label map of 600 slices would need 600 MB for those.
package struct RunComponents {
    package struct Run {
        // A CT of a thousand slices has millions of runs.
        private let row: SIMD2<Int32>
        private let columns: SIMD2<Int32>
        private var number: Int32 = 0

        init(j: Int, k: Int, columns: Range<Int>) {
            row = SIMD2(Int32(j), Int32(k))
            self.columns = SIMD2(Int32(columns.lowerBound), Int32(columns.upperBound))
        }

        var j: Int { Int(row.x) }
        var k: Int { Int(row.y) }
        /// First and one past the last column.
        var start: Int { Int(columns.x) }
        var end: Int { Int(columns.y) }
        var component: Int {
            get { Int(number) }
            set { number = Int32(newValue) }
        }
    }

    package private(set) var runs: [Run] = []
    /// Voxels by component, in the order in which components begin in memory.
    package private(set) var sizes: [Int] = []

    package init(of label: UInt8, in volume: Volume<UInt8>) {
        let d = volume.geometry.dimensions
        var forest = Forest()
        var rowStarts = [Int](repeating: 0, count: d.j * d.k + 1)
        volume.voxels.withUnsafeBufferPointer { voxels in
            for row in 0..<(d.j * d.k) {
                rowStarts[row] = runs.count
                appendRuns(
                    of: label,
                    in: UnsafeBufferPointer(rebasing: voxels[(row * d.i)..<((row + 1) * d.i)]),
                    row,
                    d
                )
                for _ in rowStarts[row]..<runs.count { forest.append() }
                if row % d.j > 0 { join(rowStarts[row], with: rowStarts[row - 1]..<rowStarts[row], &forest) }
                if row >= d.j {
                    join(rowStarts[row], with: rowStarts[row - d.j]..<rowStarts[row - d.j + 1], &forest)
                }
                if row % d.j == d.j - 1 { volume.touched() }
            }
        }
        number(&forest)
    }

    private mutating func appendRuns(
        of label: UInt8,
        in row: UnsafeBufferPointer<UInt8>,
        _ index: Int,
        _ d: Dimensions
    ) {
        var i = 0
        while i < row.count {
            guard row[i] == label else {
                i += 1
                continue
            }
            let start = i
            while i < row.count, row[i] == label { i += 1 }
            runs.append(Run(j: index % d.j, k: index / d.j, columns: start..<i))
        }
    }

    /// Joins the runs from `first` to the end with those of a neighbouring row that overlap in i.
    private func join(_ first: Int, with others: Range<Int>, _ forest: inout Forest) {
        var other = others.lowerBound
        for index in first..<runs.count {
            while other < others.upperBound, runs[other].end <= runs[index].start { other += 1 }
            var candidate = other
            while candidate < others.upperBound, runs[candidate].start < runs[index].end {
                forest.union(index, candidate)
                candidate += 1
            }
        }
    }

    private mutating func number(_ forest: inout Forest) {
        var numbers: [Int: Int] = [:]
        for index in runs.indices {
            let root = forest.root(index)
            let component = numbers[root] ?? sizes.count
            if component == sizes.count {
                numbers[root] = component
                sizes.append(0)
            }
            runs[index].component = component
            sizes[component] += runs[index].end - runs[index].start
        }
    }
}

/// Disjoint sets with path halving; the smaller index is the root, so that the numbering is stable.
private struct Forest {
    private var parents: [Int32] = []

    mutating func append() { parents.append(Int32(parents.count)) }

    mutating func root(_ index: Int) -> Int {
        var index = Int32(index)
        while parents[Int(index)] != index {
            parents[Int(index)] = parents[Int(parents[Int(index)])]
            index = parents[Int(index)]
        }
        return Int(index)
    }

    mutating func union(_ a: Int, _ b: Int) {
        let (a, b) = (root(a), root(b))
        if a < b { parents[b] = Int32(a) } else { parents[a] = Int32(b) }
    }
}
