import Dicom
import Imaging

/// A structure of a file as a mask on a grid, and what its contours or frames went through to become one.
package struct PlacedMask: Sendable {
    package var mask: Mask
    /// Contours or frames that lie on no slice of the grid.
    package var outside = 0
    /// Contours or frames that lie between slices.
    package var offSlice = OffSlice()
    /// Contours that enclose nothing or are damaged.
    package var leftOut = 0

    /// What a reader of scores must know, one sentence each.
    ///
    /// - Parameters:
    ///   - name: of the structure.
    ///   - side: `reference` or `prediction`.
    ///   - grid: whose slices these are, `CT` or `grid`.
    func findings(_ name: String, of side: String, on grid: String) -> [String] {
        var findings: [String] = []
        if outside > 0 { findings.append("\(name): \(counted(outside, side)) on no slice of the \(grid)") }
        if offSlice.count > 0 {
            let distance = (offSlice.farthestMM * 100).rounded() / 100
            findings.append(
                """
                \(name): \(counted(offSlice.count, side)) between slices of the \(grid), up to \(distance) mm \
                from the nearest one, to which they were taken
                """
            )
        }
        if leftOut > 0 {
            findings.append(
                """
                \(name): \(leftOut) \(leftOut == 1 ? "contour" : "contours") of the \(side) \(leftOut == 1 ? "is" : "are") \
                open, a point or damaged, and left out
                """
            )
        }
        let skipped = skippedSlices
        if !skipped.isEmpty {
            let shown = skipped.prefix(10).map { String($0 + 1) }.joined(separator: ", ")
            let rest = skipped.count > 10 ? " and \(skipped.count - 10) more" : ""
            findings.append(
                """
                \(name): the \(side) skips \(skipped.count) \(skipped.count == 1 ? "slice" : "slices") between slices \
                that it has (\(shown)\(rest), counted from 1)
                """
            )
        }
        return findings
    }

    private func counted(_ count: Int, _ side: String) -> String {
        count == 1 ? "1 contour of the \(side) lies" : "\(count) contours of the \(side) lie"
    }

    /// Slices without a voxel between the first and the last that have one.
    var skippedSlices: [Int] {
        let plane = mask.geometry.dimensions.i * mask.geometry.dimensions.j
        let used = (0..<mask.geometry.dimensions.k).filter { k in
            mask.voxels[k * plane..<(k + 1) * plane].contains { $0 != 0 }
        }
        guard let first = used.first, let last = used.last else { return [] }
        return Set(first...last).subtracting(used).sorted()
    }
}
