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
    if let grid = reference.grid {
        return (reference.mayLackSlices ? grid.reaching(prediction.slices(on: grid)) : grid, .reference)
    }
    if let grid = prediction.grid {
        return (prediction.mayLackSlices ? grid.reaching(reference.slices(on: grid)) : grid, .prediction)
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
            candidates.isEmpty ? "There is no CT series in --ct." : "There are \(candidates.count) CT series in --ct.",
            hint: "Name the folder of the one series that the contours were drawn on."
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

/// The scans that the reference refers to, or else the prediction; of several that nobody refers to, as NIfTI names no
/// series, the first with the grid of a side; or all.
private func ctStacks(
    _ scan: SeriesScan,
    _ reference: StructureSource,
    _ prediction: StructureSource
) -> [SeriesScan.Stack] {
    let stacks = scan.stacks.filter { !$0.key.isLocalizer }
    let meant = [reference, prediction].map { side in
        stacks.filter(side.wasDrawn)
    }
    if let named = meant.first(where: { !$0.isEmpty }) { return named }
    guard stacks.count > 1, let grid = reference.grid ?? prediction.grid else { return stacks }
    let fitting = stacks.first { stack in
        examineStack(stack.headers, limits: AdmissionLimits(), seriesInstanceCount: stack.seriesInstanceCount)
            .geometry.map(grid.isGrid(of:)) ?? false
    }
    return fitting.map { [$0] } ?? stacks
}

extension VolumeGeometry {
    /// More than any structure is longer than what a Segmentation shows of it.
    private static let mostSlicesAdded = 1000.0

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
