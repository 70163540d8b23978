import Imaging
import Platform

/// Distances between the surfaces of two masks, by DeepMind's definition (google-deepmind/surface-distance;
/// Nikolov et al., JMIR 2021;23(7):e26151).
///
/// The surface lives on the grid of voxel corners: a corner belongs to it when its eight voxels are not all alike.
/// Each such corner carries the area of its piece of surface (`SurfelTable`) and the distance to the nearest corner
/// of the other surface. Axes 0, 1, 2 of the published code are k, j, i here, as in an array read slice by slice.
///
/// In a slice the same holds for contours: corners of four pixels, lengths instead of areas (`contourLengths`).
package struct SurfaceDistances: Sendable {
    package let referenceToPrediction: DirectedDistances
    package let predictionToReference: DirectedDistances

    /// In space; a single slice is a sheet with two sides.
    package init(reference: Mask, prediction: Mask, threads: Int = ProcessorCount.available) {
        let spacing = reference.geometry.measuredSpacing
        self.init(
            reference,
            prediction,
            areas: SurfelTable(spacing: Vector3(spacing.z, spacing.y, spacing.x)).areas,
            inPlane: false,
            threads: threads
        )
    }

    /// In the plane of a slice: areas are lengths of contours, mm.
    ///
    /// - Precondition: the masks have one slice.
    package init(referenceSlice: Mask, predictionSlice: Mask, threads: Int = 1) {
        precondition(referenceSlice.geometry.dimensions.k == 1, "one slice")
        let spacing = referenceSlice.geometry.measuredSpacing
        self.init(
            referenceSlice,
            predictionSlice,
            areas: contourLengths(alongRows: spacing.y, alongColumns: spacing.x),
            inPlane: true,
            threads: threads
        )
    }

    private init(_ reference: Mask, _ prediction: Mask, areas: [Double], inPlane: Bool, threads: Int) {
        precondition(reference.geometry.dimensions == prediction.geometry.dimensions, "masks on one grid")
        guard let box = BoundingBox(of: [reference, prediction]) else {
            (referenceToPrediction, predictionToReference) = (DirectedDistances([]), DirectedDistances([]))
            return
        }
        let spacing = reference.geometry.measuredSpacing
        let a = CornerSurface(mask: reference, box: box, inPlane: inPlane, threads: threads)
        let b = CornerSurface(mask: prediction, box: box, inPlane: inPlane, threads: threads)
        func directed(from: CornerSurface, to: CornerSurface) -> DirectedDistances {
            let distances = NearestCorner(to, spacing: spacing).distances(from: from.corners, threads: threads)
            return DirectedDistances(
                zip(from.corners, distances).map { .init(distance: $1, area: areas[Int($0.code)]) },
                toleranceSlack: reference.geometry.toleranceSlack
            )
        }
        referenceToPrediction = directed(from: a, to: b)
        predictionToReference = directed(from: b, to: a)
    }

    /// Share of both surfaces within the tolerance (`<=`) of each other; nil when both are empty.
    package func surfaceDice(toleranceMM: Double) -> Double? {
        let area = referenceToPrediction.area + predictionToReference.area
        guard area > 0 else { return nil }
        // Rounding must not make more than all of it.
        return min(
            1,
            (referenceToPrediction.areaWithin(toleranceMM) + predictionToReference.areaWithin(toleranceMM)) / area
        )
    }

    /// Share of each surface within the tolerance of the other; nil for an empty surface.
    package func surfaceOverlap(toleranceMM: Double) -> (reference: Double?, prediction: Double?) {
        (
            referenceToPrediction.overlap(toleranceMM: toleranceMM),
            predictionToReference.overlap(toleranceMM: toleranceMM)
        )
    }

    /// The larger of the two directed distances that `percentile` percent of the surface area stay within; nil when
    /// a mask is empty. 100 is the Hausdorff distance, 95 the usual robust one.
    package func hausdorff(percentile: Double) -> Double? {
        guard let a = referenceToPrediction.percentile(percentile),
            let b = predictionToReference.percentile(percentile)
        else { return nil }
        return max(a, b)
    }

    /// Area-weighted mean distance in each direction; nil when a mask is empty.
    package var averageSurfaceDistances: (referenceToPrediction: Double?, predictionToReference: Double?) {
        (referenceToPrediction.average, predictionToReference.average)
    }

    /// The mean of both directed averages, mm; nil when a mask is empty.
    package var meanSurfaceDistance: Double? {
        guard let a = referenceToPrediction.average, let b = predictionToReference.average else { return nil }
        return (a + b) / 2
    }
}

/// Length of the piece of contour that passes between four neighbouring pixels, for each of the 16 ways in which they
/// can be inside or outside. It joins the middles of the edges between inside and outside; two pixels that touch at
/// a corner alone are kept apart. Bits of a code: the pixel with the lowest indices is 8, the next along i 4, the next
/// along j 2.
///
/// - Parameters:
///   - alongRows: distance of rows (j), mm.
///   - alongColumns: distance of columns (i), mm.
package func contourLengths(alongRows: Double, alongColumns: Double) -> [Double] {
    let diagonal = 0.5 * (alongRows * alongRows + alongColumns * alongColumns).squareRoot()
    return (0..<16).map { code in
        switch code.nonzeroBitCount {
        case 1, 3: diagonal
        case 2 where code == 0b1010 || code == 0b0101: alongRows
        case 2 where code == 0b1100 || code == 0b0011: alongColumns
        case 2: 2 * diagonal
        default: 0
        }
    }
}
