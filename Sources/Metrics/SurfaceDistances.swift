import Imaging
import Platform

/// Distances between the surfaces of two masks, by DeepMind's definition (google-deepmind/surface-distance;
/// Nikolov et al., JMIR 2021;23(7):e26151).
///
/// The surface lives on the grid of voxel corners: a corner belongs to it when its eight voxels are not all alike.
/// Each such corner carries the area of its piece of surface (`SurfelTable`) and the distance to the nearest corner
/// of the other surface. Axes 0, 1, 2 of the published code are k, j, i here, as in an array read slice by slice.
package struct SurfaceDistances: Sendable {
    /// Distances from the reference's surface to the prediction's, ascending, mm, with their areas in mm^2.
    package let referenceToPrediction: [(distance: Double, area: Double)]
    package let predictionToReference: [(distance: Double, area: Double)]

    package init(reference: Mask, prediction: Mask, threads: Int = ProcessorCount.available) {
        precondition(reference.geometry.dimensions == prediction.geometry.dimensions, "masks on one grid")
        guard let box = BoundingBox(of: [reference, prediction]) else {
            (referenceToPrediction, predictionToReference) = ([], [])
            return
        }
        let spacing = reference.geometry.spacing
        let table = SurfelTable(spacing: Vector3(spacing.z, spacing.y, spacing.x))
        let a = CornerSurface(mask: reference, box: box)
        let b = CornerSurface(mask: prediction, box: box)
        referenceToPrediction = a.distances(to: b, table: table, spacing: spacing, threads: threads)
        predictionToReference = b.distances(to: a, table: table, spacing: spacing, threads: threads)
    }

    private var areas: (reference: Double, prediction: Double) {
        (referenceToPrediction.reduce(0) { $0 + $1.area }, predictionToReference.reduce(0) { $0 + $1.area })
    }

    /// Share of both surfaces within the tolerance (`<=`) of each other; nil when both are empty.
    package func surfaceDice(toleranceMM: Double) -> Double? {
        let (reference, prediction) = areas
        guard reference + prediction > 0 else { return nil }
        let near = within(referenceToPrediction, toleranceMM) + within(predictionToReference, toleranceMM)
        return near / (reference + prediction)
    }

    /// Share of each surface within the tolerance of the other; nil for an empty surface.
    package func surfaceOverlap(toleranceMM: Double) -> (reference: Double?, prediction: Double?) {
        let (reference, prediction) = areas
        return (
            reference > 0 ? within(referenceToPrediction, toleranceMM) / reference : nil,
            prediction > 0 ? within(predictionToReference, toleranceMM) / prediction : nil
        )
    }

    /// The larger of the two directed distances that `percentile` percent of the surface area stay within; nil when
    /// a mask is empty. 100 is the Hausdorff distance, 95 the usual robust one.
    package func hausdorff(percentile: Double) -> Double? {
        guard let a = directed(referenceToPrediction, percentile), let b = directed(predictionToReference, percentile)
        else { return nil }
        let larger = max(a, b)
        return larger.isFinite ? larger : nil
    }

    /// Area-weighted mean distance in each direction; nil when a mask is empty.
    package var averageSurfaceDistances: (referenceToPrediction: Double?, predictionToReference: Double?) {
        (average(referenceToPrediction), average(predictionToReference))
    }

    /// The mean of both directed averages, mm; nil when a mask is empty.
    package var meanSurfaceDistance: Double? {
        let (a, b) = averageSurfaceDistances
        guard let a, let b else { return nil }
        return (a + b) / 2
    }

    private func within(_ surfels: [(distance: Double, area: Double)], _ tolerance: Double) -> Double {
        surfels.reduce(0) { $1.distance <= tolerance ? $0 + $1.area : $0 }
    }

    private func average(_ surfels: [(distance: Double, area: Double)]) -> Double? {
        let area = surfels.reduce(0) { $0 + $1.area }
        guard area > 0, surfels.allSatisfy({ $0.distance.isFinite }) else { return nil }
        return surfels.reduce(0) { $0 + $1.distance * $1.area } / area
    }

    private func directed(_ surfels: [(distance: Double, area: Double)], _ percentile: Double) -> Double? {
        let area = surfels.reduce(0) { $0 + $1.area }
        guard area > 0 else { return nil }
        var sum = 0.0
        for surfel in surfels {
            sum += surfel.area
            if sum / area >= percentile / 100 { return surfel.distance }
        }
        return surfels.last?.distance
    }
}

/// The smallest box of voxels that holds every set voxel of some masks; nil when there is none.
struct BoundingBox: Sendable {
    var low: VoxelIndex
    var high: VoxelIndex

    init?(of masks: [Mask]) {
        guard let dimensions = masks.first?.geometry.dimensions else { return nil }
        var (low, high) = (VoxelIndex(i: .max, j: .max, k: .max), VoxelIndex(i: -1, j: -1, k: -1))
        for mask in masks {
            mask.voxels.withUnsafeBufferPointer { voxels in
                for row in 0..<dimensions.j * dimensions.k {
                    let line = row * dimensions.i..<(row + 1) * dimensions.i
                    guard let first = line.first(where: { voxels[$0] != 0 }),
                        let last = line.last(where: { voxels[$0] != 0 })
                    else { continue }
                    (low.i, high.i) = (min(low.i, first - line.lowerBound), max(high.i, last - line.lowerBound))
                    (low.j, high.j) = (min(low.j, row % dimensions.j), max(high.j, row % dimensions.j))
                    (low.k, high.k) = (min(low.k, row / dimensions.j), max(high.k, row / dimensions.j))
                }
            }
        }
        guard high.i >= 0 else { return nil }
        (self.low, self.high) = (low, high)
    }
}

/// Neighbour codes on the corners of a box of voxels: one more than the voxels along each axis.
private struct CornerSurface {
    let dimensions: Dimensions
    let codes: [UInt8]
    /// Corners whose eight voxels are not all alike, in memory order.
    let borders: [Int32]

    init(mask: Mask, box: BoundingBox) {
        let size = Dimensions(
            i: box.high.i - box.low.i + 2,
            j: box.high.j - box.low.j + 2,
            k: box.high.k - box.low.k + 2
        )
        dimensions = size
        var codes = [UInt8](repeating: 0, count: size.voxelCount)
        let whole = mask.geometry.dimensions
        mask.voxels.withUnsafeBufferPointer { voxels in
            for k in 0..<size.k - 1 {
                for j in 0..<size.j - 1 {
                    let row = box.low.i + whole.i * (box.low.j + j + whole.j * (box.low.k + k))
                    for i in 0..<size.i - 1 where voxels[row + i] != 0 {
                        let corner = i + size.i * (j + size.j * k)
                        // The voxel is the far neighbour (1) of its low corner and the near one (0) of its high corner.
                        for c in 0...1 {
                            for b in 0...1 {
                                for a in 0...1 {
                                    codes[corner + a + size.i * (b + size.j * c)] |= SurfelTable.bit(
                                        1 - c,
                                        1 - b,
                                        1 - a
                                    )
                                }
                            }
                        }
                    }
                }
            }
        }
        self.codes = codes
        borders = codes.indices.filter { codes[$0] != 0 && codes[$0] != 255 }.map { Int32($0) }
    }

    func distances(
        to other: CornerSurface,
        table: SurfelTable,
        spacing: Vector3,
        threads: Int
    ) -> [(distance: Double, area: Double)] {
        var features = [UInt8](repeating: 0, count: dimensions.voxelCount)
        for border in other.borders { features[Int(border)] = 1 }
        let distance = euclideanDistance(to: features, dimensions: dimensions, spacing: spacing, threads: threads)
        return borders.map { (distance[Int($0)], table.areas[Int(codes[Int($0)])]) }.sorted {
            $0.distance < $1.distance
        }
    }
}
