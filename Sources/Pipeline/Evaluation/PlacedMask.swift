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
        let used = mask.usedSlices
        guard let first = used.first, let last = used.last else { return [] }
        return Set(first...last).subtracting(used).sorted()
    }
}

/// A word about a reference that was drawn on a part of the scan: what it leaves out counts as wrong in all scores. Nil
/// where the prediction has less than a tenth of its slices beyond it, as planes at the ends differ by taste.
func partialReference(_ name: String, reference: Mask, prediction: Mask) -> String? {
    let (theirs, ours) = (reference.usedSlices, prediction.usedSlices)
    guard let first = theirs.first, let last = theirs.last, let low = ours.first, let high = ours.last else {
        return nil
    }
    let beyond = ours.count { $0 < first || $0 > last }
    guard beyond >= 3, 10 * beyond > ours.count else { return nil }
    return """
        \(name): the reference has slices \(first + 1) to \(last + 1), the prediction \(low + 1) to \(high + 1): if it was \
        drawn on a part of the scan, the rest counts as wrong in these scores
        """
}

extension Mask {
    /// Slices with a voxel, in their order.
    fileprivate var usedSlices: [Int] {
        let plane = geometry.dimensions.i * geometry.dimensions.j
        return (0..<geometry.dimensions.k).filter { k in
            voxels[k * plane..<(k + 1) * plane].contains { $0 != 0 }
        }
    }
}
