/// Where the voxels of a volume lie in the patient.
///
/// Voxel (i, j, k) has its centre at `origin + i*spacing.x*directionI + j*spacing.y*directionJ +
/// k*spacing.z*directionK`, LPS millimetres. The directions are orthonormal; `directionK` may be either
/// normal of the plane of the other two.
package struct VolumeGeometry: Hashable, Sendable, Codable {
    package var dimensions: Dimensions
    /// Centre of voxel (0, 0, 0), LPS mm.
    package var origin: PatientPoint
    /// Distance of neighbouring voxel centres along i, j and k, mm.
    package var spacing: Vector3
    package var directionI: Vector3
    package var directionJ: Vector3
    package var directionK: Vector3
    /// PS3.3 C.7.4.1; volumes of different frames of reference cannot be compared by position.
    package var frameOfReferenceUID: String

    package init(
        dimensions: Dimensions,
        origin: PatientPoint,
        spacing: Vector3,
        directionI: Vector3,
        directionJ: Vector3,
        directionK: Vector3,
        frameOfReferenceUID: String
    ) {
        self.dimensions = dimensions
        self.origin = origin
        self.spacing = spacing
        self.directionI = directionI
        self.directionJ = directionJ
        self.directionK = directionK
        self.frameOfReferenceUID = frameOfReferenceUID
    }

    /// The patient point of a continuous index; whole numbers are voxel centres.
    package func patientPoint(i: Double, j: Double, k: Double) -> PatientPoint {
        let step = directionI * (i * spacing.x) + directionJ * (j * spacing.y) + directionK * (k * spacing.z)
        return PatientPoint(origin.vector + step)
    }

    package func patientPoint(_ index: VoxelIndex) -> PatientPoint {
        patientPoint(i: Double(index.i), j: Double(index.j), k: Double(index.k))
    }

    /// The continuous index (i, j, k) of a patient point: the inverse of `patientPoint`.
    package func continuousIndex(of point: PatientPoint) -> Vector3 {
        let offset = point.vector - origin.vector
        return Vector3(dot(offset, directionI), dot(offset, directionJ), dot(offset, directionK)) / spacing
    }

    package var voxelVolumeMM3: Double { spacing.x * spacing.y * spacing.z }

    /// Physical extent along i, j and k from outer voxel edge to outer voxel edge, mm.
    package var extent: Vector3 {
        Vector3(Double(dimensions.i), Double(dimensions.j), Double(dimensions.k)) * spacing
    }

    /// The grid of another spacing over the same box and axes. The first voxel's outer edges stay where they
    /// are; a voxel that only partly covers the far end is kept.
    package func resampled(spacing newSpacing: Vector3) -> VolumeGeometry {
        // The tolerance keeps 300.0000001 from becoming 301 voxels.
        let counts = ((extent / newSpacing) - Vector3(repeating: 1e-6)).rounded(.up)
        let shift = (newSpacing - spacing) / 2
        var result = self
        result.dimensions = Dimensions(
            i: max(1, Int(counts.x)),
            j: max(1, Int(counts.y)),
            k: max(1, Int(counts.z))
        )
        result.spacing = newSpacing
        result.origin = PatientPoint(
            origin.vector + directionI * shift.x + directionJ * shift.y + directionK * shift.z
        )
        return result
    }
}

/// The scalar product.
package func dot(_ a: Vector3, _ b: Vector3) -> Double { (a * b).sum() }

/// The vector product; right-handed, as LPS is.
package func cross(_ a: Vector3, _ b: Vector3) -> Vector3 {
    Vector3(a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x)
}

/// A vector of length one; `nil` for the zero vector and for what is not finite.
package func normalized(_ v: Vector3) -> Vector3? {
    let length = dot(v, v).squareRoot()
    return length > 0 && length.isFinite ? v / length : nil
}
