import Imaging
import NeuralNet

/// A block of voxels of a grid.
package struct GridBox: Codable, Sendable, Equatable {
    package var columns: Range<Int>
    package var rows: Range<Int>
    package var slices: Range<Int>

    package init(columns: Range<Int>, rows: Range<Int>, slices: Range<Int>) {
        self.columns = columns
        self.rows = rows
        self.slices = slices
    }

    /// All of a grid.
    package init(of dimensions: Dimensions) {
        self.init(columns: 0..<dimensions.i, rows: 0..<dimensions.j, slices: 0..<dimensions.k)
    }

    package var voxelCount: Int { columns.count * rows.count * slices.count }

    package func overlaps(_ other: GridBox) -> Bool {
        columns.overlaps(other.columns) && rows.overlaps(other.rows) && slices.overlaps(other.slices)
    }

    /// The smallest box around both.
    package func union(_ other: GridBox?) -> GridBox {
        func union(_ a: Range<Int>, _ b: Range<Int>) -> Range<Int> {
            min(a.lowerBound, b.lowerBound)..<max(a.upperBound, b.upperBound)
        }
        guard let other else { return self }
        return GridBox(
            columns: union(columns, other.columns),
            rows: union(rows, other.rows),
            slices: union(slices, other.slices)
        )
    }

    package func intersection(_ other: GridBox) -> GridBox {
        GridBox(
            columns: columns.clamped(to: other.columns),
            rows: rows.clamped(to: other.rows),
            slices: slices.clamped(to: other.slices)
        )
    }

    /// Larger by at least `margin` mm on all sides, as far as the grid goes.
    package func grown(byMM margin: Double, in grid: VolumeGeometry) -> GridBox {
        func grown(_ range: Range<Int>, _ spacing: Double, _ count: Int) -> Range<Int> {
            let voxels = Int((margin / spacing - 1e-6).rounded(.up))
            return max(0, range.lowerBound - voxels)..<min(count, range.upperBound + voxels)
        }
        let (d, spacing) = (grid.dimensions, grid.spacing)
        return GridBox(
            columns: grown(columns, spacing.x, d.i),
            rows: grown(rows, spacing.y, d.j),
            slices: grown(slices, spacing.z, d.k)
        )
    }

    /// Grown in the plane so that it begins and ends at multiples: a network that pools then sees the same groups of
    /// pixels as in the whole picture, whose sides are multiples themselves.
    package func aligned(to multiple: Axes) -> GridBox {
        func aligned(_ range: Range<Int>, _ step: Int) -> Range<Int> {
            range.lowerBound / step * step..<(range.upperBound + step - 1) / step * step
        }
        return GridBox(
            columns: aligned(columns, multiple.width),
            rows: aligned(rows, multiple.height),
            slices: slices
        )
    }
}

/// Grows to the smallest box around what it is shown.
struct BoxBuilder {
    private var low = (i: Int.max, j: Int.max, k: Int.max)
    private var high = (i: -1, j: -1, k: -1)

    mutating func include(columns: ClosedRange<Int>, row: Int, slice: Int) {
        low = (min(low.i, columns.lowerBound), min(low.j, row), min(low.k, slice))
        high = (max(high.i, columns.upperBound), max(high.j, row), max(high.k, slice))
    }

    /// nil when nothing was shown.
    var box: GridBox? {
        high.k < 0
            ? nil : GridBox(columns: low.i..<high.i + 1, rows: low.j..<high.j + 1, slices: low.k..<high.k + 1)
    }
}
