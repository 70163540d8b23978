import Imaging
import Metrics

/// How a grid that masks were drawn on lies beside the one that they are read on, voxel by nearest voxel: every difference
/// moves them unseen, up to half a voxel.
struct GridDifference: Equatable {
    private var own: VolumeGeometry
    private var other: VolumeGeometry
    /// Farthest distance of a voxel from the nearest one of the other grid, along its columns, rows and slices, mm.
    private(set) var offsetMM: Vector3

    /// In voxels: headers hold 32-bit numbers, and decimals that were rounded.
    private static let tolerance = 0.02

    /// - Parameters:
    ///   - grid: that of the masks.
    ///   - other: that they are read on.
    ///   - mayLackSlices: slices at the ends may be missing, as in a Segmentation.
    ///   - otherMayLackSlices: the same of the other grid.
    /// - Returns: nil where both have the same voxels.
    init?(
        _ grid: VolumeGeometry,
        readOn other: VolumeGeometry,
        mayLackSlices: Bool,
        otherMayLackSlices: Bool = false
    ) {
        let d = grid.dimensions
        var farthest = Vector3.zero
        // Along the three axes and the diagonal: a difference of spacing or direction shows somewhere.
        let steps = max(d.i, d.j, d.k)
        for n in 0..<steps {
            let (i, j, k) = (min(n, d.i - 1), min(n, d.j - 1), min(n, d.k - 1))
            for place in [(i, 0, 0), (0, j, 0), (0, 0, k), (i, j, k)] {
                let index = other.continuousIndex(
                    of: grid.patientPoint(i: Double(place.0), j: Double(place.1), k: Double(place.2))
                )
                for axis in 0..<3 { farthest[axis] = max(farthest[axis], abs(index[axis] - index[axis].rounded())) }
            }
        }
        let isAligned = (0..<3).allSatisfy { farthest[$0] <= Self.tolerance }
        let first = other.continuousIndex(of: grid.patientPoint(i: 0, j: 0, k: 0))
        let last = other.continuousIndex(
            of: grid.patientPoint(i: Double(d.i - 1), j: Double(d.j - 1), k: Double(d.k - 1))
        )
        let (low, high) = (pointwiseMin(first, last), pointwiseMax(first, last))
        let size = [other.dimensions.i, other.dimensions.j, other.dimensions.k]
        let isWhole = (0..<3).allSatisfy { axis in
            let (below, above) = (low[axis].rounded(), high[axis].rounded() - Double(size[axis] - 1))
            guard axis == 2 else { return below == 0 && above == 0 }
            let (lacks, isLonger) = (below > 0 || above < 0, below < 0 || above > 0)
            return (!lacks || mayLackSlices) && (!isLonger || otherMayLackSlices)
        }
        guard !(isAligned && isWhole) else { return nil }
        (own, self.other) = (grid, other)
        offsetMM = isAligned ? .zero : farthest * other.spacing
    }

    /// - Parameters:
    ///   - side: whose masks they are.
    ///   - words: whose grid they are read on.
    func sentence(_ side: ComparedSide, on words: String) -> String {
        let grids = "the \(side.rawValue) has \(Self.text(own)), \(words) \(Self.text(other))"
        guard offsetMM != .zero else {
            return "\(grids): its voxels lie on those of that grid, but it is not the same one; is it of the same scan?"
        }
        let distances = (0..<3).map { Self.text(offsetMM[$0]) }.joined(separator: ", ")
        return """
            \(grids): its voxels lie up to \(distances) mm (along columns, rows and slices) from those that they were taken to; \
            its place is wrong by that much in all scores
            """
    }

    private static func text(_ grid: VolumeGeometry) -> String {
        let d = grid.dimensions
        let spacing = [grid.spacing.x, grid.spacing.y, grid.spacing.z].map(text).joined(separator: " x ")
        return "\(d.i) x \(d.j) x \(d.k) voxels of \(spacing) mm"
    }

    private static func text(_ millimetres: Double) -> String {
        let rounded = (millimetres * 1000).rounded() / 1000
        return rounded == rounded.rounded() ? "\(Int(rounded))" : "\(rounded)"
    }
}
