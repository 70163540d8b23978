import Imaging

#if canImport(Glibc)
import Glibc
#endif

/// Paints one slice of a phantom: tissues with partial volume, then what the scanner does to them.
struct SlicePainter: Sendable {
    let thorax: Thorax
    let scan: PhantomScan
    let scanner: Scanner

    struct Slice {
        var hu: Plane
        var organs: [UInt8]
    }

    func paint(_ k: Int) -> (hu: [Int16], organs: [UInt8]) {
        let slice = tissues(k)
        var organs = slice.organs
        // Nobody can contour what is outside of a round picture.
        for n in organs.indices where !scan.shows(pixel: n) { organs[n] = Organ.air.rawValue }
        return (scanner.picture(of: slice, k: k), organs)
    }

    /// Attenuation averaged over the voxels, and the organ at their centres.
    private func tissues(_ k: Int) -> Slice {
        let dimensions = scan.geometry.dimensions
        var mean = Plane(columns: dimensions.i, rows: dimensions.j)
        var organs = [UInt8](repeating: 0, count: mean.values.count)
        let offsets = subSlices()
        for offset in offsets {
            let plane = sample(Float(k) + offset, k: k)
            if offset == 0 { organs = plane.organs }
            let weight = 1 / Float(offsets.count)
            for n in mean.values.indices { mean.values[n] += weight * plane.hu.values[n] }
        }
        if scan.motionMM > 0 { blend(&mean, k) }
        return Slice(hu: mean, organs: organs)
    }

    /// A second picture of the moved chest shines through the first.
    private func blend(_ mean: inout Plane, _ k: Int) {
        let moved = sample(Float(k), k: k, moved: Point(0, -0.25, 1) * Float(scan.motionMM))
        for n in mean.values.indices { mean.values[n] += 0.4 * (moved.hu.values[n] - mean.values[n]) }
    }

    /// Odd number of sample planes through a slice, so that one is its middle: partial volume of thick slices.
    private func subSlices() -> [Float] {
        let count = max(1, Int(scan.thicknessMM / 2)) | 1
        let part = Float(scan.thicknessMM / scan.geometry.spacing.z) / Float(count)
        return (0..<count).map { Float($0 - count / 2) * part }
    }

    /// One plane of samples; where neighbours differ, four samples a pixel.
    private func sample(_ depth: Float, k: Int, moved: Point = .zero) -> Slice {
        let (columns, rows) = (scan.geometry.dimensions.i, scan.geometry.dimensions.j)
        let corner = firstPixel(depth, k, moved: moved)
        let (stepI, stepJ, softness) = (self.stepI, self.stepJ, self.softness)
        var hu = Plane(columns: columns, rows: rows)
        var organs = [UInt8](repeating: 0, count: columns * rows)
        for j in 0..<rows {
            let row = corner + stepJ * Float(j)
            for i in 0..<columns {
                let tissue = thorax.tissue(at: row + stepI * Float(i), softness: softness)
                hu.values[j * columns + i] = tissue.hu
                organs[j * columns + i] = tissue.organ.rawValue
            }
        }
        let centres = hu.values
        let quarters = [stepI * -0.25, stepI * 0.25].flatMap { [$0 + stepJ * -0.25, $0 + stepJ * 0.25] }
        for j in 1..<max(1, rows - 1) {
            for i in 1..<max(1, columns - 1) {
                let n = j * columns + i
                let here = centres[n]
                let contrast = max(
                    max(abs(here - centres[n - 1]), abs(here - centres[n + 1])),
                    max(abs(here - centres[n - columns]), abs(here - centres[n + columns]))
                )
                let mine = organs[n]
                let isEdge =
                    organs[n - 1] != mine || organs[n + 1] != mine || organs[n - columns] != mine
                    || organs[n + columns] != mine
                guard isEdge, contrast > 30 else { continue }
                let centre = corner + stepJ * Float(j) + stepI * Float(i)
                var sum: Float = 0
                for quarter in quarters { sum += thorax.tissue(at: centre + quarter, softness: softness).hu }
                hu.values[n] = 0.25 * sum
            }
        }
        return Slice(hu: hu, organs: organs)
    }

    /// The organs of a slice with the margin of the lungs' contours: what is no lung but lies within the margin of one, in the plane of
    /// the slice, becomes that lung.
    func withinLungContours(_ organs: [UInt8], _ k: Int) -> [UInt8] {
        let lungs = Organ.lungOfRawValue
        let (columns, rows) = (scan.geometry.dimensions.i, scan.geometry.dimensions.j)
        let margin = Float(scan.lungMarginMM)
        let (reachI, reachJ) = (
            Int((scan.lungMarginMM / scan.geometry.spacing.x).rounded(.up)),
            Int((scan.lungMarginMM / scan.geometry.spacing.y).rounded(.up))
        )
        let around = (0..<8).map { index in
            let angle = Float(index) * .pi / 4
            return Point(scan.geometry.directionI) * (margin * cosf(angle))
                + Point(scan.geometry.directionJ) * (margin * sinf(angle))
        }
        let corner = firstPixel(Float(k), k)
        var result = organs
        for j in 0..<rows {
            for i in 0..<columns {
                let n = j * columns + i
                guard lungs[Int(organs[n])] == nil, scan.shows(pixel: n) else { continue }
                let isNear = (max(j - reachJ, 0)...min(j + reachJ, rows - 1)).contains { y in
                    (max(i - reachI, 0)...min(i + reachI, columns - 1)).contains { x in
                        lungs[Int(organs[y * columns + x])] != nil
                    }
                }
                guard isNear else { continue }
                let centre = corner + stepJ * Float(j) + stepI * Float(i)
                let found = around.lazy.compactMap { offset in
                    lungs[Int(thorax.tissue(at: centre + offset, softness: softness).organ.rawValue)]
                }.first
                if let found { result[n] = found.rawValue }
            }
        }
        return result
    }

    /// Middle of the first pixel of a plane, in the coordinates of the phantom.
    private func firstPixel(_ depth: Float, _ k: Int, moved: Point = .zero) -> Point {
        Point(scan.geometry.patientPoint(i: 0, j: 0, k: Double(depth)).vector) + moved + breathing(k)
    }

    private var stepI: Point { Point(scan.geometry.directionI * scan.geometry.spacing.x) }
    private var stepJ: Point { Point(scan.geometry.directionJ * scan.geometry.spacing.y) }
    /// Standard deviation of the sampling, mm.
    private var softness: Float { 0.42 * Float(scan.geometry.spacing.x) }

    /// Shallow breathing moves the chest from slice to slice.
    private func breathing(_ k: Int) -> Point {
        guard scan.breathingMM > 0 else { return .zero }
        let phase = Float(k) * Float(scan.geometry.spacing.z) / 19
        return Point(0, 0.15, 1) * (Float(scan.breathingMM) * sinf(phase))
    }
}
