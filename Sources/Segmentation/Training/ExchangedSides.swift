import Imaging

extension CachedCase {
    /// Why the sides of a case cannot be right: a structure that is coded or named as the left one lies on the patient's right of
    /// its counterpart.
    ///
    /// A network that learns from one such case learns to exchange sides. Structures without a counterpart in the case are not
    /// judged: after a pneumonectomy the only lung reaches over the midline.
    ///
    /// Pairs of organs lie farther apart than `leastDistanceMM`; less says nothing about the sides.
    ///
    /// - Parameter rois: those of the recipe, in its order.
    /// - Returns: nil where nothing is wrong.
    package func exchangedSides(_ rois: [ROIDescription]) -> String? {
        let centres = rois.indices.map(centreX)
        for (left, right) in pairs(of: rois) {
            guard let onLeft = centres[left], let onRight = centres[right],
                onRight - onLeft > Self.leastDistanceMM
            else { continue }
            let (name, other) = (rois[left].name, rois[right].name)
            return
                "\(name) lies \(Int((onRight - onLeft).rounded())) mm to the patient's right of \(other): their names are exchanged, "
                + "or the image is mirrored. Correct it and train again"
        }
        return nil
    }

    private static let leastDistanceMM = 10.0

    /// Indices of the left and the right one of each organ that comes in twos.
    private func pairs(of rois: [ROIDescription]) -> [(left: Int, right: Int)] {
        rois.indices.flatMap { left in
            rois.indices.filter { Self.isPair(rois[left], rois[$0]) }.map { (left, $0) }
        }
    }

    /// By their codes, or by their names: a recipe may give codes without a side.
    private static func isPair(_ left: ROIDescription, _ right: ROIDescription) -> Bool {
        let areCoded =
            left.codes.modifier?.value == ROICodes.left.value && right.codes.modifier?.value == ROICodes.right.value
            && left.codes.type == right.codes.type
        let name = StructureName(left.name)
        return areCoded || name.isLeft && name.ofOtherSide == StructureName(right.name)
    }

    /// Mean x (LPS, mm) of the voxels of a ROI, by how much of each it covers; nil where the case does not show it.
    private func centreX(roi: Int) -> Double? {
        let d = header.geometry.dimensions
        var (sum, weight) = (0.0, 0.0)
        for k in 0..<d.k where header.present[roi][k] {
            withOccupancy(roi: roi, slice: k) { covered in
                for j in 0..<d.j {
                    for i in 0..<d.i where covered[i + d.i * j] > 0 {
                        let part = Double(covered[i + d.i * j])
                        sum += part * header.geometry.patientPoint(i: Double(i), j: Double(j), k: Double(k)).x
                        weight += part
                    }
                }
            }
        }
        return weight == 0 ? nil : sum / weight
    }
}
