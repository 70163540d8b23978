import Imaging

/// The axes in which the network sees every patient, whatever the orientation of the CT.
///
/// i runs to the patient's left, j to the back, k along the normal of the CT's own slices towards the head. For
/// slices that are tilted against the axial plane, i is patient left projected into the slice. A series whose
/// slices are nearer to coronal or sagittal than to axial is cut anew along the patient axes.
package struct CanonicalAxes: Sendable, Equatable {
    package var left: Vector3
    package var posterior: Vector3
    package var normal: Vector3
    /// Whether k is the normal of the CT's own slices.
    package var followsSlices: Bool

    package init(of ct: VolumeGeometry) {
        // Axial enough for a network that was trained on axial slices: the normal lies nearer to the patient's
        // long axis than to any other, that is within 45 degrees of it.
        let normal = ct.directionK.z < 0 ? -ct.directionK : ct.directionK
        followsSlices = normal.z * normal.z > 0.5
        self.normal = followsSlices ? normal : Vector3(0, 0, 1)
        let patientLeft = Vector3(1, 0, 0)
        let projected = patientLeft - self.normal * dot(patientLeft, self.normal)
        left = normalized(projected) ?? patientLeft
        posterior = cross(self.normal, left)
    }
}

extension InputDescription {
    /// The model's grid over a CT: uniform size in the plane around `centre`, all slices.
    package func modelGeometry(for ct: VolumeGeometry, centre: PatientPoint) -> VolumeGeometry {
        let axes = CanonicalAxes(of: ct)
        let slices = slicePositions(of: ct, axes: axes)
        let inPlane =
            axes.left * (dot(centre.vector, axes.left) - Double(columns - 1) / 2 * pixelSpacingMM)
            + axes.posterior * (dot(centre.vector, axes.posterior) - Double(rows - 1) / 2 * pixelSpacingMM)
        return VolumeGeometry(
            dimensions: Dimensions(i: columns, j: rows, k: slices.count),
            origin: PatientPoint(inPlane + axes.normal * slices.first),
            spacing: Vector3(pixelSpacingMM, pixelSpacingMM, slices.spacing),
            directionI: axes.left,
            directionJ: axes.posterior,
            directionK: axes.normal,
            frameOfReferenceUID: ct.frameOfReferenceUID
        )
    }

    /// Positions of the model's slices along the normal, mm: the first, their distance and number.
    private func slicePositions(
        of ct: VolumeGeometry,
        axes: CanonicalAxes
    ) -> (first: Double, spacing: Double, count: Int) {
        let (lower, upper) = range(of: ct, along: axes.normal)
        if !axes.followsSlices { return fixedPositions(lower, upper, spacing: reformattedSpacing(of: ct)) }
        let half = ct.spacing.z / 2
        switch sliceSpacing {
        case .native: return (lower + half, ct.spacing.z, ct.dimensions.k)
        case .nativeUpTo(let limit):
            let step = max(1, Int((limit / ct.spacing.z + 1e-6).rounded(.down)))
            let count = (ct.dimensions.k - 1) / step + 1
            // What does not divide evenly is shared between both ends.
            let skipped = (ct.dimensions.k - 1 - (count - 1) * step) / 2
            return (lower + half + Double(skipped) * ct.spacing.z, ct.spacing.z * Double(step), count)
        case .fixed(let spacing): return fixedPositions(lower, upper, spacing: spacing)
        }
    }

    private func fixedPositions(
        _ lower: Double,
        _ upper: Double,
        spacing: Double
    ) -> (first: Double, spacing: Double, count: Int) {
        let count = max(1, Int(((upper - lower) / spacing - 1e-6).rounded(.up)))
        // Centred on the CT, so that the head end and the foot end are treated alike.
        return ((lower + upper - Double(count - 1) * spacing) / 2, spacing, count)
    }

    /// Slices through a coronal or sagittal series need a distance of their own.
    private func reformattedSpacing(of ct: VolumeGeometry) -> Double {
        switch sliceSpacing {
        case .native: max(pixelSpacingMM, min(ct.spacing.x, ct.spacing.y, ct.spacing.z))
        case .nativeUpTo(let limit): limit
        case .fixed(let spacing): spacing
        }
    }

    /// From outer edge to outer edge of the CT along a unit vector, mm.
    private func range(of ct: VolumeGeometry, along axis: Vector3) -> (Double, Double) {
        let last = ct.dimensions
        var projections: [Double] = []
        for i in [-0.5, Double(last.i) - 0.5] {
            for j in [-0.5, Double(last.j) - 0.5] {
                for k in [-0.5, Double(last.k) - 0.5] {
                    projections.append(dot(ct.patientPoint(i: i, j: j, k: k).vector, axis))
                }
            }
        }
        let axisAligned = abs(dot(ct.directionK, axis)) > 1 - 1e-9
        if axisAligned {
            // Exact for the CT's own normal: no rounding from the in-plane corners.
            let first = dot(ct.origin.vector, axis)
            let end = dot(ct.patientPoint(i: 0, j: 0, k: Double(last.k - 1)).vector, axis)
            return (min(first, end) - ct.spacing.z / 2, max(first, end) + ct.spacing.z / 2)
        }
        return (projections.min() ?? 0, projections.max() ?? 0)
    }
}
