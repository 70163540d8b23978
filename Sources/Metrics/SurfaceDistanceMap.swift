import Imaging
import Platform

/// A corner on the surface of a mask and how far the other surface is from it.
package struct SurfacePoint: Sendable {
    package var place: PatientPoint
    /// mm; infinite when the other mask is empty.
    package var distanceMM: Double
}

/// Where the surface of one mask lies away from that of another: every corner of the surface with its distance, as
/// `SurfaceDistances` measures it. In memory order of the corners.
package func surfaceDistanceMap(
    from mask: Mask,
    to other: Mask,
    threads: Int = ProcessorCount.available
) -> [SurfacePoint] {
    precondition(mask.geometry.dimensions == other.geometry.dimensions, "masks on one grid")
    guard let box = BoundingBox(of: [mask, other]) else { return [] }
    let surface = CornerSurface(mask: mask, box: box, threads: threads)
    let target = CornerSurface(mask: other, box: box, threads: threads)
    let distances = NearestCorner(target, spacing: mask.geometry.measuredSpacing).distances(
        from: surface.corners,
        threads: threads
    )
    return zip(surface.corners, distances).map { corner, distance in
        // A corner lies half a voxel before the centre of the voxel with its index.
        let place = mask.geometry.patientPoint(
            i: Double(box.low.i + Int(corner.i)) - 0.5,
            j: Double(box.low.j + Int(corner.j)) - 0.5,
            k: Double(box.low.k + Int(corner.k)) - 0.5
        )
        return SurfacePoint(place: place, distanceMM: distance)
    }
}
