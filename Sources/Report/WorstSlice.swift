import Imaging

/// The slice in which a structure differs most from the reference, by the area that only one of the two has.
///
/// Area and not Dice: the ends of a structure have few voxels, so that one row of them would outweigh a whole missed
/// region elsewhere.
struct WorstSlice {
    private(set) var index = 0
    private(set) var structure = ""
    /// Ours that are compared there.
    private(set) var labels: Set<UInt8> = []
    private(set) var squareMM = 0.0

    /// - Parameters:
    ///   - reference: on the same grid; structures that it lacks everywhere are not compared.
    ///   - axis: the volume axis that is cut (0 i, 1 j, 2 k).
    /// - Returns: nil when both agree in every voxel.
    init?(_ labels: Volume<UInt8>, _ reference: ReferenceLayers, axis: Int) {
        let (d, spacing) = (labels.geometry.dimensions, labels.geometry.spacing)
        let pixel = spacing.x * spacing.y * spacing.z / spacing[axis]
        for (number, structure) in reference.structures.enumerated() {
            let isInside = (0...255).map { structure.labels.contains(UInt8($0)) }
            var counts = [Int](repeating: 0, count: [d.i, d.j, d.k][axis])
            var n = 0
            for k in 0..<d.k {
                for j in 0..<d.j {
                    for i in 0..<d.i {
                        if isInside[Int(labels.voxels[n])] != reference.contains(n, structure: number) {
                            counts[axis == 0 ? i : axis == 1 ? j : k] += 1
                        }
                        n += 1
                    }
                }
            }
            for (index, count) in counts.enumerated() where Double(count) * pixel > squareMM {
                (self.index, self.structure, squareMM) = (index, structure.name, Double(count) * pixel)
                self.labels = structure.labels
            }
        }
        if squareMM == 0 { return nil }
    }
}
