import Imaging

/// How far the patient reaches on each line of a slice, from front to back and from side to side: tells what lies outside.
///
/// The foam of a couch, a cushion of beads and a block that holds an arm are as light as lung, and a network may take them
/// for it. The patient is what is thick and dense (`thickPieces`), of the pieces all that have a fifth of the largest one: neither
/// shells and sheets nor the rails of a couch.
struct PatientOutline {
    private let geometry: VolumeGeometry
    /// First and last row of the patient by column and slice; first and last column by row and slice. The first is above the last
    /// on lines without any.
    private let rows: [SIMD2<Int32>]
    private let columns: [SIMD2<Int32>]

    /// - Parameter input: HU on the model's grid.
    /// - Returns: nil where there is no patient.
    init?(of input: Volume<Float>, threads: Int) {
        let (pieces, _) = thickPieces(of: input, threads: threads)
        guard let largest = pieces.sizes.max() else { return nil }
        let d = input.geometry.dimensions
        geometry = input.geometry
        var rows = [SIMD2<Int32>](repeating: SIMD2(.max, .min), count: d.i * d.k)
        var columns = [SIMD2<Int32>](repeating: SIMD2(.max, .min), count: d.j * d.k)
        func widen(_ range: inout SIMD2<Int32>, by first: Int, _ last: Int) {
            range = SIMD2(min(range.x, Int32(first)), max(range.y, Int32(last)))
        }
        for run in pieces.runs where pieces.sizes[run.component] * 5 >= largest {
            widen(&columns[run.j + d.j * run.k], by: run.start, run.end - 1)
            for i in run.start..<run.end { widen(&rows[i + d.i * run.k], by: run.j, run.j) }
        }
        (self.rows, self.columns) = (rows, columns)
    }

    /// Which pieces lie outside of the patient: at most one in twenty of their voxels is inside, and none at the edge of the
    /// picture, for where that cuts the patient nothing can be said.
    ///
    /// - Parameters:
    ///   - grid: of the pieces.
    ///   - input: HU on the model's grid, as the outline was made of.
    func isOutside(_ components: RunComponents, on grid: VolumeGeometry, input: Volume<Float>) -> [Bool] {
        let d = grid.dimensions
        var inside = [Int](repeating: 0, count: components.sizes.count)
        for run in components.runs {
            if run.start == 0 || run.end == d.i || run.j == 0 || run.j == d.j - 1 {
                inside[run.component] = components.sizes[run.component]
            }
            // A run is short beside the patient: its middle speaks for it.
            let middle = Double(run.start + run.end - 1) / 2
            let place = geometry.continuousIndex(of: grid.patientPoint(i: middle, j: Double(run.j), k: Double(run.k)))
            if isInside(place, input) { inside[run.component] += run.end - run.start }
        }
        return zip(components.sizes, inside).map { size, voxels in 20 * voxels <= size }
    }

    private func isInside(_ place: Vector3, _ input: Volume<Float>) -> Bool {
        let d = geometry.dimensions
        let (i, j) = (Int(place.x.rounded()), Int(place.y.rounded()))
        let k = min(max(0, Int(place.z.rounded())), d.k - 1)
        guard i >= 0, j >= 0, i < d.i, j < d.j else { return false }
        return isInside(i, j, k, hu: input[i, j, k])
    }

    /// Whether a voxel of the model's grid is dense, or has the patient before and behind it or to the left and right of it.
    func isInside(_ i: Int, _ j: Int, _ k: Int, hu: Float) -> Bool {
        if hu > -500 { return true }
        let (row, column) = (rows[i + geometry.dimensions.i * k], columns[j + geometry.dimensions.j * k])
        return (row.x < Int32(j) && Int32(j) < row.y) || (column.x < Int32(i) && Int32(i) < column.y)
    }
}
