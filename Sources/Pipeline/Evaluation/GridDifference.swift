import Imaging
import Metrics

/// How a grid that masks were drawn on lies beside the one that they are read on, voxel by nearest voxel: every difference
/// moves them unseen, up to half a voxel.
struct GridDifference: Equatable {
    private var own: VolumeGeometry
    private var other: VolumeGeometry
    /// Farthest distance of a voxel from the one that it is taken to or read from, along columns, rows and slices of the other
    /// grid, mm.
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
        let taken = Self.farthest(of: grid, from: other)
        // Of a coarser grid each voxel lies on one of the other, but those between them are read from beside.
        let read = Self.farthest(of: other, from: grid, onlyInside: true)
        let isAligned = (0..<3).allSatisfy { max(taken[$0], read[$0]) <= Self.tolerance }
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
        let readMM = Self.lengths(read * grid.spacing, along: grid, onAxesOf: other)
        offsetMM = isAligned ? .zero : pointwiseMax(taken * other.spacing, readMM)
    }

    /// Farthest distance of a voxel of a grid from the nearest one of another, along each axis of that, in its voxels.
    ///
    /// - Parameter onlyInside: leaves out what lies beyond the ends of the other along an axis: nothing is read there.
    private static func farthest(
        of grid: VolumeGeometry,
        from other: VolumeGeometry,
        onlyInside: Bool = false
    ) -> Vector3 {
        let d = grid.dimensions
        let size = [other.dimensions.i, other.dimensions.j, other.dimensions.k]
        var farthest = Vector3.zero
        // Along the three axes and the diagonal: a difference of spacing or direction shows somewhere.
        for n in 0..<max(d.i, d.j, d.k) {
            let (i, j, k) = (min(n, d.i - 1), min(n, d.j - 1), min(n, d.k - 1))
            for place in [(i, 0, 0), (0, j, 0), (0, 0, k), (i, j, k)] {
                let index = other.continuousIndex(
                    of: grid.patientPoint(i: Double(place.0), j: Double(place.1), k: Double(place.2))
                )
                for axis in 0..<3 {
                    let nearest = index[axis].rounded()
                    guard !onlyInside || nearest >= 0 && nearest < Double(size[axis]) else { continue }
                    farthest[axis] = max(farthest[axis], abs(index[axis] - nearest))
                }
            }
        }
        return farthest
    }

    /// Lengths along the axes of one grid as they show on the axes of another, which may be in another order.
    private static func lengths(
        _ lengths: Vector3,
        along grid: VolumeGeometry,
        onAxesOf other: VolumeGeometry
    ) -> Vector3 {
        let own = [grid.directionI, grid.directionJ, grid.directionK]
        var shown = Vector3.zero
        for (axis, direction) in [other.directionI, other.directionJ, other.directionK].enumerated() {
            for n in 0..<3 { shown[axis] = max(shown[axis], abs(dot(own[n], direction)) * lengths[n]) }
        }
        return shown
    }

    /// - Parameters:
    ///   - side: whose masks they are.
    ///   - words: whose grid they are read on.
    func sentence(_ side: ComparedSide, on words: String) -> String {
        let grids = "the \(side.rawValue) has \(Self.text(own)), \(words) \(Self.text(other))"
        guard offsetMM != .zero else {
            return "\(grids): its voxels lie on those of that grid, but it ends elsewhere; is it of the same scan?"
        }
        let distances = (0..<3).map { Self.text(offsetMM[$0]) }.joined(separator: ", ")
        return """
            \(grids): voxels of the one lie up to \(distances) mm (along columns, rows and slices) beside those of the other that \
            they are read from; its place or its edges are wrong by as much in all scores
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
