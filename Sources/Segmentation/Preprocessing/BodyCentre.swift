import Imaging

/// The in-plane middle of the patient: the medians of the positions of all voxels that are not air-like.
///
/// The median is not moved by a couch, by an arm or by a piece that lies outside the field of view, as a bounding
/// box would be. Every fourth voxel in the plane is asked. A volume with almost nothing in it (below 1 % of the
/// voxels) gets the middle of its grid. The threshold only places the picture; it makes no foreground.
///
/// - Returns: LPS mm; its position along the normal of the slices is the middle of the grid.
package func bodyCentre(of ct: Volume<Int16>) -> PatientPoint {
    let axes = CanonicalAxes(of: ct.geometry)
    let middle = gridCentre(of: ct.geometry)
    var left = PositionHistogram()
    var posterior = PositionHistogram()
    let d = ct.geometry.dimensions
    let sliceStep = max(1, d.k / 64)
    var asked = 0
    for k in stride(from: 0, to: d.k, by: sliceStep) {
        for j in stride(from: 0, to: d.j, by: 4) {
            for i in stride(from: 0, to: d.i, by: 4) {
                asked += 1
                guard ct.voxels[i + d.i * (j + d.j * k)] > -500 else { continue }
                let point = ct.geometry.patientPoint(i: Double(i), j: Double(j), k: Double(k)).vector
                left.count(dot(point - middle.vector, axes.left))
                posterior.count(dot(point - middle.vector, axes.posterior))
            }
        }
    }
    guard left.total * 100 >= asked else { return middle }
    return PatientPoint(middle.vector + axes.left * left.median + axes.posterior * posterior.median)
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
        let bin = Int(position.rounded()) + Self.reach
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
