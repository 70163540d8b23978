import Dicom
import Imaging
import Metrics

/// A structure of a file as a mask on a grid, and what its contours or frames went through to become one.
package struct PlacedMask: Sendable {
    /// What it was made of.
    package enum Piece: String, Sendable { case contour, frame, voxel }

    package var mask: Mask
    package var piece: Piece
    /// Contours or frames that lie on no slice of the grid.
    package var outside = 0
    /// Contours or frames that lie on slices of the grid, but in part or wholly beside its picture; voxels that lie outside
    /// of the grid.
    package var beside = 0
    /// Contours or frames that lie between slices.
    package var offSlice = OffSlice()
    /// Contours that enclose nothing or are damaged.
    package var leftOut = 0
    /// Contours that are there twice, and cancel each other out.
    package var repeated = 0
    /// Contours that cover nearly the area of another one on their slice, these among them.
    package var overdrawn = 0

    /// Whether it has something and the grid nothing of it: its volume there is not known.
    package var isOffGrid: Bool { outside + beside > 0 && !mask.voxels.contains { $0 != 0 } }

    /// Whether it was taken to slices that it does not lie on: scores would be those of other contours.
    var isDisplaced: Bool { offSlice.isDisplaced(spacingMM: mask.geometry.spacing.z) }

    /// Whether all of it was used, where it lies.
    var isIntact: Bool { outside + beside + leftOut + repeated + overdrawn == 0 && !isDisplaced }

    /// Said of a structure with contours that cancel each other out; nil of others.
    func overdrawing(_ name: String, of side: ComparedSide) -> String? {
        guard overdrawn > 0 else { return nil }
        let isOne = overdrawn == 1
        return """
            \(name): \(overdrawn) \(isOne ? "contour" : "contours") of the \(side.rawValue) \(isOne ? "is" : "are") drawn over \
            another one of the same slice and \(isOne ? "covers" : "cover") nearly the same area: by the even-odd rule both \
            together enclose only where they differ
            """
    }

    /// Said of a structure that is displaced.
    func displacement(_ name: String, of side: ComparedSide, on grid: String) -> String {
        let distance = (offSlice.farthestMM * 100).rounded() / 100
        let spacing = (mask.geometry.spacing.z * 100).rounded() / 100
        return """
            \(name): \(counted(offSlice.count, side)) up to \(distance) mm from the nearest slice of the \(grid), which are \
            \(spacing) mm apart: scored where they were taken to, not where they lie
            """
    }

    /// What a reader of scores must know, one sentence each.
    ///
    /// - Parameters:
    ///   - name: of the structure.
    ///   - grid: whose slices these are, `CT` or `grid`.
    func findings(_ name: String, of side: ComparedSide, on grid: String) -> [String] {
        var findings: [String] = []
        if outside > 0 { findings.append("\(name): \(counted(outside, side)) on no slice of the \(grid)") }
        if beside > 0 {
            let place = piece == .voxel ? "outside of" : "in part or wholly beside the picture of"
            findings.append("\(name): \(counted(beside, side)) \(place) the \(grid), where nothing counts")
        }
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
                \(name): \(leftOut) \(leftOut == 1 ? "contour" : "contours") of the \(side.rawValue) \(leftOut == 1 ? "is" : "are") \
                open, a point or damaged, and left out
                """
            )
        }
        if repeated > 0 {
            findings.append(
                """
                \(name): \(repeated) \(repeated == 1 ? "contour" : "contours") of the \(side.rawValue) \
                \(repeated == 1 ? "is" : "are") there again with the same points: by the even-odd rule two such contours enclose \
                nothing
                """
            )
        }
        let skipped = skippedSlices
        if !skipped.isEmpty {
            let shown = skipped.prefix(10).map { String($0 + 1) }.joined(separator: ", ")
            let rest = skipped.count > 10 ? " and \(skipped.count - 10) more" : ""
            findings.append(
                """
                \(name): the \(side.rawValue) skips \(skipped.count) \(skipped.count == 1 ? "slice" : "slices") between slices \
                that it has (\(shown)\(rest), counted from 1)
                """
            )
        }
        return findings
    }

    /// Said instead of a volume that nobody can know.
    static func offGrid(_ name: String, of side: ComparedSide, on grid: String) -> String {
        """
        \(name): the \(side.rawValue) lies wholly outside of \(grid), so its volume is undefined there; was it drawn on this \
        scan?
        """
    }

    private func counted(_ count: Int, _ side: ComparedSide) -> String {
        count == 1
            ? "1 \(piece.rawValue) of the \(side.rawValue) lies"
            : "\(count) \(piece.rawValue)s of the \(side.rawValue) lie"
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
    /// Without what other slices have.
    func keeping(slices: [Int]) -> Mask {
        var kept = Mask(geometry: geometry, repeating: 0)
        let plane = geometry.dimensions.i * geometry.dimensions.j
        for k in slices {
            for n in k * plane..<(k + 1) * plane { kept.voxels[n] = voxels[n] }
        }
        return kept
    }

    /// Slices with a voxel, in their order.
    var usedSlices: [Int] {
        let plane = geometry.dimensions.i * geometry.dimensions.j
        return (0..<geometry.dimensions.k).filter { k in
            voxels[k * plane..<(k + 1) * plane].contains { $0 != 0 }
        }
    }
}
