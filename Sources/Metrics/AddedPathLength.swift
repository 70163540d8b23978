import Imaging
import Platform
import Synchronization

/// How much of a reference contour a person has to draw anew, slice by slice (Vaassen et al., Phys Imaging Radiat Oncol
/// 2020;13:1-6).
///
/// The contour of a slice are the pixels of the mask with at least one of four neighbours in the slice outside of it;
/// beyond the picture is outside. A pixel of the reference's contour is added when the nearest pixel of the
/// prediction's contour in that slice is farther away than the tolerance. At tolerance 0 this is the published measure.
package struct AddedPathLength: Sendable {
    /// Distances of all pixels of the reference's contours to the prediction's, mm, ascending; infinite in slices
    /// that the prediction lacks.
    private let distances: [Double]
    private let pixelMM: Double
    private let toleranceSlack: Double

    package init(reference: Mask, prediction: Mask, threads: Int = ProcessorCount.available) {
        precondition(reference.geometry.dimensions == prediction.geometry.dimensions, "masks on one grid")
        let spacing = reference.geometry.measuredSpacing
        toleranceSlack = reference.geometry.toleranceSlack
        pixelMM = (spacing.x + spacing.y) / 2
        guard let box = BoundingBox(of: [reference]) else {
            distances = []
            return
        }
        let found = Mutex<[Double]>([])
        parallelFor(box.high.k - box.low.k + 1, threads: threads) { slices in
            for k in slices {
                let outline = SliceOutline(of: reference, slice: box.low.k + k)
                let other = SliceOutline(of: prediction, slice: box.low.k + k)
                let distances = outline.distances(to: other, spacing: spacing)
                found.withLock { $0 += distances }
            }
        }
        distances = found.withLock { $0.sorted() }
    }

    /// Pixels to be added times the mean of column and row spacing, mm; 0 for an empty reference.
    package func millimetres(toleranceMM: Double = 0) -> Double {
        Double(distances.count { $0 > toleranceMM * (1 + toleranceSlack) }) * pixelMM
    }
}

/// Pixels on the edge of a mask in one slice.
private struct SliceOutline {
    private let dimensions: Dimensions
    private let pixels: [CornerSurface.Corner]

    init(of mask: Mask, slice k: Int) {
        let d = mask.geometry.dimensions
        dimensions = Dimensions(i: d.i, j: d.j, k: 1)
        var pixels: [CornerSurface.Corner] = []
        mask.voxels.withUnsafeBufferPointer { voxels in
            for j in 0..<d.j {
                let row = d.i * (j + d.j * k)
                for i in 0..<d.i where voxels[row + i] != 0 {
                    let isInner =
                        i > 0 && i < d.i - 1 && j > 0 && j < d.j - 1 && voxels[row + i - 1] != 0
                        && voxels[row + i + 1] != 0 && voxels[row + i - d.i] != 0 && voxels[row + i + d.i] != 0
                    if !isInner { pixels.append(.init(i: Int32(i), j: Int32(j), k: 0, code: 1)) }
                }
            }
        }
        self.pixels = pixels
    }

    func distances(to other: SliceOutline, spacing: Vector3) -> [Double] {
        guard !pixels.isEmpty else { return [] }
        let nearest = NearestCorner(
            CornerSurface(dimensions: dimensions, corners: other.pixels),
            spacing: spacing
        )
        return nearest.distances(from: pixels, threads: 1)
    }
}
