import Imaging

/// The in-plane middle of the patient: the medians of the positions of all voxels that are not air-like.
///
/// The median is not moved by a couch, by an arm or by a piece that lies outside the field of view, as a bounding
/// box would be. A volume with almost nothing in it (below 1 % of the voxels) gets the middle of its grid. The
/// threshold only places the picture; it makes no foreground.
///
/// - Returns: LPS mm; its position along the normal of the slices is the middle of the grid.
package func bodyCentre(of ct: Volume<Int16>) -> PatientPoint {
    let axes = CanonicalAxes(of: ct.geometry)
    let middle = gridCentre(of: ct.geometry)
    let d = ct.geometry.dimensions
    let slices = evenSample(of: d.k, atMost: 64)
    var left = PositionHistogram()
    var posterior = PositionHistogram()
    let stepI = ct.geometry.directionI * ct.geometry.spacing.x
    let (leftI, posteriorI) = (dot(stepI, axes.left), dot(stepI, axes.posterior))
    for k in slices {
        for j in 0..<d.j {
            let start = ct.geometry.patientPoint(i: 0, j: Double(j), k: Double(k)).vector - middle.vector
            let (leftStart, posteriorStart) = (dot(start, axes.left), dot(start, axes.posterior))
            let row = d.i * (j + d.j * k)
            for i in 0..<d.i where ct.voxels[row + i] > -500 {
                left.count(leftStart + Double(i) * leftI)
                posterior.count(posteriorStart + Double(i) * posteriorI)
            }
        }
        ct.touched()
    }
    guard left.total * 100 >= slices.count * d.i * d.j else { return middle }
    return PatientPoint(middle.vector + axes.left * left.median + axes.posterior * posterior.median)
}

/// About `limit` slices at even distances that are the same ones when the order of the slices is reversed: a CT
/// must be centred alike however it is stored.
private func evenSample(of count: Int, atMost limit: Int) -> [Int] {
    var step = max(1, count / limit)
    while step > 1, !((count - 1) % step).isMultiple(of: 2) { step -= 1 }
    return Array(stride(from: (count - 1) % step / 2, to: count, by: step))
}

package func gridCentre(of geometry: VolumeGeometry) -> PatientPoint {
    let d = geometry.dimensions
    return geometry.patientPoint(i: Double(d.i - 1) / 2, j: Double(d.j - 1) / 2, k: Double(d.k - 1) / 2)
}

/// Counts of positions in whole millimetres around the middle of the grid.
private struct PositionHistogram {
    private static let reach = 2048
    private var bins = [Int](repeating: 0, count: 2 * reach + 1)
    private(set) var total = 0

    mutating func count(_ position: Double) {
        // Voxel positions tend to lie on halves, where rounding errors would decide: cut elsewhere.
        let bin = Int((position + 0.137).rounded()) + Self.reach
        bins[min(max(bin, 0), 2 * Self.reach)] += 1
        total += 1
    }

    var median: Double {
        var seen = 0
        for (index, count) in bins.enumerated() {
            seen += count
            if 2 * seen >= total { return Double(index - Self.reach) }
        }
        return 0
    }
}
