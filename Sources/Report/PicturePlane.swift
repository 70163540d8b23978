import Imaging

/// One cut through a CT, seen as radiologists see it: the patient's right on the left of the picture, anterior up in
/// axial pictures, head up in the others, whatever the signs of the volume's axes.
package struct PicturePlane: Sendable {
    package enum Orientation: String, Sendable, CaseIterable { case axial, coronal, sagittal }

    package let orientation: Orientation
    /// Index along the volume axis that is cut.
    package let index: Int
    let across: Axis
    let down: Axis
    let cut: Int

    /// One volume axis (0 i, 1 j, 2 k) as it runs over the picture.
    struct Axis: Sendable {
        var axis: Int
        var isReversed: Bool
    }

    /// The volume axis nearest to each patient axis decides; oblique volumes are shown in their own planes.
    package init(_ orientation: Orientation, index: Int, of geometry: VolumeGeometry) {
        let axes = PatientAxes(geometry)
        self.orientation = orientation
        self.index = index
        // LPS: x grows to the left, y to the back, z to the head.
        switch orientation {
        case .axial: (across, down, cut) = (axes.towards(0, +1), axes.towards(1, +1), axes.axis[2])
        case .coronal: (across, down, cut) = (axes.towards(0, +1), axes.towards(2, -1), axes.axis[1])
        case .sagittal: (across, down, cut) = (axes.towards(1, +1), axes.towards(2, -1), axes.axis[0])
        }
    }

    /// The patient's sides at the borders of the picture: right, left, anterior, posterior, head, foot.
    var sides: [PictureOverlay.Mark] {
        let (left, right, top, bottom) =
            switch orientation {
            case .axial: ("R", "L", "A", "P")
            case .coronal: ("R", "L", "H", "F")
            case .sagittal: ("A", "P", "H", "F")
            }
        return [
            .init(text: left, x: 0.015, y: 0.5), .init(text: right, x: 0.985, y: 0.5),
            .init(text: top, x: 0.5, y: 0.04), .init(text: bottom, x: 0.5, y: 0.96),
        ]
    }

    /// Voxel index of a place in the picture, in continuous volume indices.
    func voxel(across a: Double, down d: Double, dimensions: Vector3) -> Vector3 {
        var voxel = Vector3.zero
        voxel[across.axis] = across.isReversed ? dimensions[across.axis] - 1 - a : a
        voxel[down.axis] = down.isReversed ? dimensions[down.axis] - 1 - d : d
        voxel[cut] = Double(index)
        return voxel
    }
}

/// Which volume axis runs along which patient axis.
struct PatientAxes {
    /// Volume axis for patient x, y and z.
    let axis: [Int]
    private let directions: [Vector3]

    init(_ geometry: VolumeGeometry) {
        let directions = [geometry.directionI, geometry.directionJ, geometry.directionK]
        self.directions = directions
        var free = [0, 1, 2]
        var axis: [Int] = []
        for patient in 0..<3 {
            let best = free.max { abs(directions[$0][patient]) < abs(directions[$1][patient]) } ?? free[0]
            axis.append(best)
            free.removeAll { $0 == best }
        }
        self.axis = axis
    }

    /// The volume axis along a patient axis, so that it grows in the given sense.
    func towards(_ patient: Int, _ sign: Double) -> PicturePlane.Axis {
        let axis = axis[patient]
        return .init(axis: axis, isReversed: directions[axis][patient] * sign < 0)
    }
}
