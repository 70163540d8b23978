import Dicom
import Imaging
import Metrics

/// The grid of the CT if there is one, otherwise that of the reference, otherwise that of the prediction. A Segmentation
/// leaves out slices in which it has nothing, so its grid is made longer where the other side goes on.
///
/// - Parameter ct: the stack that is meant, as `ctStack` finds it.
/// - Throws: `Fault` when no side has a grid; `DicomError` when the CT's is none that can be used.
func comparisonGrid(
    _ ct: SeriesScan.Stack?,
    _ reference: StructureSource,
    _ prediction: StructureSource
) throws -> (geometry: VolumeGeometry, source: ComparisonGridSource) {
    if let ct { return (try grid(of: ct), .ct) }
    for (own, other, source) in [
        (reference, prediction, ComparisonGridSource.reference), (prediction, reference, .prediction),
    ] {
        guard let grid = own.grid else { continue }
        if own.mayLackSlices { return (grid.reaching(other.slices(on: grid)), source) }
        guard let sliced = grid.sliced(along: other) else {
            throw Fault(
                .permanent,
                "E_NO_GRID",
                "The contours do not lie in slices of the grid of the \(source.rawValue), along none of its axes.",
                hint: "Name the CT that they were drawn on with --ct."
            )
        }
        return (sliced, source)
    }
    throw Fault(
        .permanent,
        "E_NO_GRID",
        "Contours have no voxels of their own to compare.",
        hint: "Name the CT that they were drawn on with --ct."
    )
}

/// The scan that the reference refers to, or else the prediction; or the only one.
///
/// - Throws: `Fault` when there is none, or several.
func ctStack(
    _ scan: SeriesScan,
    _ reference: StructureSource,
    _ prediction: StructureSource
) throws(Fault) -> SeriesScan.Stack {
    let candidates = ctStacks(scan, reference, prediction)
    guard candidates.count == 1 else {
        throw Fault(
            .permanent,
            "E_NO_GRID",
            candidates.isEmpty
                ? "There is no CT series in --ct.\(scan.deadLinks)"
                : """
                There are \(candidates.count) CT scans in --ct that the contours may have been drawn on: \
                \(candidates.map(\.name).sorted().joined(separator: ", ")).
                """,
            hint: "Name the folder of the one scan that the contours were drawn on, or its files."
        )
    }
    return candidates[0]
}

private func grid(of ct: SeriesScan.Stack) throws -> VolumeGeometry {
    let examination = examineStack(
        ct.headers,
        limits: AdmissionLimits(),
        seriesInstanceCount: ct.seriesInstanceCount
    )
    guard let geometry = examination.geometry, examination.gaps.isEmpty else {
        throw DicomError.refused(examination.findings)
    }
    return geometry
}

/// The scans that the reference refers to, or else the prediction; of several of them, as a series may have several stacks,
/// those whose images contours name; of several that nobody tells apart, as NIfTI names no series, the first with the grid
/// of a side, or of stacks of one series that lie apart the one that a side lies in; or all.
private func ctStacks(
    _ scan: SeriesScan,
    _ reference: StructureSource,
    _ prediction: StructureSource
) -> [SeriesScan.Stack] {
    let stacks = scan.stacks.filter { !$0.key.isLocalizer }
    let sides = [reference, prediction]
    let named = sides.map { stacks.filter($0.wasDrawn) }.first { !$0.isEmpty } ?? stacks
    guard named.count > 1 else { return named }
    let contoured = sides.map { side in named.filter(side.namesImages) }.first { !$0.isEmpty } ?? named
    guard contoured.count > 1 else { return contoured }
    let placed = contoured.compactMap { stack in
        examineStack(stack.headers, limits: AdmissionLimits(), seriesInstanceCount: stack.seriesInstanceCount)
            .geometry.map { (stack: stack, geometry: $0) }
    }
    if let grid = reference.grid ?? prediction.grid, let fitting = placed.first(where: { grid.isGrid(of: $0.geometry) })
    {
        return [fitting.stack]
    }
    // Of different series a place says nothing: those of two patients have the same heights.
    guard Set(contoured.map(\.key.seriesInstanceUID)).count == 1 else { return contoured }
    let around = sides.map { side in placed.filter { side.reaches($0.geometry) }.map(\.stack) }
    return around.first { $0.count == 1 } ?? contoured
}

extension SeriesScan {
    /// A sentence about what is no file, where there is such: whoever named a folder of links sees files in it.
    fileprivate var deadLinks: String {
        let count = ignored.count { $0.code == "W_NOT_A_FILE" }
        return count == 0 ? "" : " It holds \(count) pipes, devices or dead links."
    }
}

extension StructureSource {
    /// Whether a contour, frame or voxel of it may lie in a slice of a grid.
    fileprivate func reaches(_ grid: VolumeGeometry) -> Bool {
        grid.holds(slices: slices(on: grid))
    }
}

extension VolumeGeometry {
    /// More than any structure is longer than what a Segmentation shows of it.
    private static let mostSlicesAdded = 1000.0

    /// The same voxels in the order in which the contours of a side lie in slices: NIfTI may be stored sagittally or
    /// coronally. The same grid where they do so already, and for a side without contours.
    ///
    /// - Returns: nil where most of the contours lie in no slice along any axis.
    fileprivate func sliced(along contours: StructureSource) -> VolumeGeometry? {
        let orders = [self, turned, turned.turned]
        let planar = orders.map(contours.contoursInSlices)
        guard let most = planar.map(\.inSlices).max(), let all = planar.first?.all, all > 0 else { return self }
        guard 2 * most >= all, let best = planar.firstIndex(where: { $0.inSlices == most }) else { return nil }
        return orders[best]
    }

    /// The same voxels with rows for columns, slices for rows, and columns for slices.
    private var turned: VolumeGeometry {
        VolumeGeometry(
            dimensions: Dimensions(i: dimensions.j, j: dimensions.k, k: dimensions.i),
            origin: origin,
            spacing: Vector3(spacing.y, spacing.z, spacing.x),
            directionI: directionJ,
            directionJ: directionK,
            directionK: directionI,
            frameOfReferenceUID: frameOfReferenceUID
        )
    }

    /// The same grid with slices before and after, so that it holds the given continuous slice indices.
    fileprivate func reaching(_ slices: ClosedRange<Double>?) -> VolumeGeometry {
        guard let slices, slices.lowerBound > -Self.mostSlicesAdded,
            slices.upperBound < Double(dimensions.k) + Self.mostSlicesAdded
        else { return self }
        let first = min(0, Int(slices.lowerBound.rounded()))
        let last = max(dimensions.k - 1, Int(slices.upperBound.rounded()))
        var longer = self
        longer.origin = patientPoint(i: 0, j: 0, k: Double(first))
        longer.dimensions.k = last - first + 1
        return longer
    }
}
