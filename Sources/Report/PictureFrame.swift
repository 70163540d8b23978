import Imaging

/// Which part of a plane a picture shows, and where a voxel lies in it.
struct PictureFrame: Sendable {
    let plane: PicturePlane
    let width: Int
    let height: Int
    private let dimensions: Vector3
    private let spacing: Vector3
    /// Upper left corner in the plane, mm, and the side of a pixel.
    private let corner: (across: Double, down: Double)
    private let pixelMM: Double

    /// - Parameter maximumWidth: pixels; a picture is at most 1.2 times as high.
    init(_ plane: PicturePlane, geometry: VolumeGeometry, box: VoxelBox?, maximumWidth: Int) {
        let d = geometry.dimensions
        let counts = [d.i, d.j, d.k]
        let spacing = geometry.spacing
        /// Voxels that are shown along an axis, as they run over the picture.
        func range(_ axis: PicturePlane.Axis) -> (low: Int, high: Int) {
            let last = counts[axis.axis] - 1
            let (low, high) = box.map { ($0.low[axis.axis], $0.high[axis.axis]) } ?? (0, last)
            return axis.isReversed ? (last - high, last - low) : (low, high)
        }
        let (across, down) = (range(plane.across), range(plane.down))
        let stepX = spacing[plane.across.axis]
        let stepY = spacing[plane.down.axis]
        let sizeX = Double(across.high - across.low + 1) * stepX
        let sizeY = Double(down.high - down.low + 1) * stepY
        let pixel = max(sizeX / Double(maximumWidth), sizeY / (1.2 * Double(maximumWidth)))
        self.plane = plane
        self.spacing = spacing
        dimensions = Vector3(Double(d.i), Double(d.j), Double(d.k))
        corner = (Double(across.low) * stepX, Double(down.low) * stepY)
        pixelMM = pixel
        width = max(1, Int(sizeX / pixel))
        height = max(1, Int(sizeY / pixel))
    }

    /// The place of a pixel's centre, in continuous voxel indices of the volume.
    func voxel(x: Int, y: Int) -> Vector3 {
        plane.voxel(
            across: (corner.across + (Double(x) + 0.5) * pixelMM) / spacing[plane.across.axis] - 0.5,
            down: (corner.down + (Double(y) + 0.5) * pixelMM) / spacing[plane.down.axis] - 0.5,
            dimensions: dimensions
        )
    }

    /// Where a point of the plane lies, given as `mask` counts its voxels.
    func pixel(of point: PlanarPoint) -> PlanarPoint {
        PlanarPoint(
            i: ((point.i + 0.5) * spacing[plane.across.axis] - corner.across) / pixelMM,
            j: ((point.j + 0.5) * spacing[plane.down.axis] - corner.down) / pixelMM
        )
    }

    /// The voxels of the plane as they run over the picture, all of them.
    ///
    /// - Parameters:
    ///   - isInside: for the index of a voxel in the volume.
    ///   - rowDone: called after each row of the plane.
    func mask(_ isInside: (Int) -> Bool, rowDone: () -> Void) -> Mask {
        let counts = [Int(dimensions.x), Int(dimensions.y), Int(dimensions.z)]
        let steps = [1, counts[0], counts[0] * counts[1]]
        let (columns, rows) = (counts[plane.across.axis], counts[plane.down.axis])
        func offset(_ axis: PicturePlane.Axis, _ n: Int) -> Int {
            steps[axis.axis] * (axis.isReversed ? counts[axis.axis] - 1 - n : n)
        }
        var voxels = [UInt8](repeating: 0, count: columns * rows)
        for row in 0..<rows {
            let start = steps[plane.cut] * plane.index + offset(plane.down, row)
            for column in 0..<columns where isInside(start + offset(plane.across, column)) {
                voxels[row * columns + column] = 1
            }
            rowDone()
        }
        let flat = VolumeGeometry(
            dimensions: Dimensions(i: columns, j: rows, k: 1),
            origin: PatientPoint(Vector3.zero),
            spacing: Vector3(1, 1, 1),
            directionI: Vector3(1, 0, 0),
            directionJ: Vector3(0, 1, 0),
            directionK: Vector3(0, 0, 1),
            frameOfReferenceUID: ""
        )
        return Mask(geometry: flat, voxels: voxels)
    }

    /// Values of a volume that a row of the plane brings in where they lie in a file. A sagittal or coronal plane brings in nearly the
    /// whole volume.
    func touchedByRow<Element>(of volume: Volume<Element>) -> Int {
        let d = volume.geometry.dimensions
        return switch (plane.across.axis, plane.down.axis) {
        case (0, 1): d.i
        case (0, _): max(d.i, Volume<Element>.touchedAtOnce)
        case (1, _): max(d.i * d.j, Volume<Element>.touchedAtOnce)
        default: volume.touchedAcross
        }
    }
}

/// Bounding box of voxels, both ends included.
struct VoxelBox: Sendable, Equatable {
    var low: SIMD3<Int>
    var high: SIMD3<Int>

    /// The same with so many mm more on every side, as far as the volume goes.
    func widened(byMM margin: Double, in geometry: VolumeGeometry) -> VoxelBox {
        let d = geometry.dimensions
        let last = SIMD3(d.i - 1, d.j - 1, d.k - 1)
        let spacing = geometry.spacing
        let steps = SIMD3(
            Int((margin / spacing.x).rounded(.up)),
            Int((margin / spacing.y).rounded(.up)),
            Int((margin / spacing.z).rounded(.up))
        )
        return VoxelBox(low: pointwiseMax(low &- steps, .zero), high: pointwiseMin(high &+ steps, last))
    }
}
