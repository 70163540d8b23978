import Dicom
import Imaging

/// The grid of the CT if there is one, otherwise that of the reference, otherwise that of the prediction. A Segmentation
/// leaves out slices in which it has nothing, so its grid is made longer where contours of the other side go on.
///
/// - Throws: `Fault` when no side has a grid or the CT is not the only one; `DicomError` when it is none that can be used.
func comparisonGrid(
    _ scan: SeriesScan?,
    _ reference: StructureSource,
    _ prediction: StructureSource
) throws -> VolumeGeometry {
    if let scan { return try ctGrid(scan, reference, prediction) }
    if let grid = reference.grid {
        return reference.mayLackSlices ? grid.reaching(prediction.contourSlices(on: grid)) : grid
    }
    if let grid = prediction.grid {
        return prediction.mayLackSlices ? grid.reaching(reference.contourSlices(on: grid)) : grid
    }
    throw Fault(
        .permanent,
        "E_NO_GRID",
        "Contours have no voxels of their own to compare.",
        hint: "Name the CT that they were drawn on with --ct."
    )
}

/// The grid of the CT that the reference refers to, or else the prediction; or of the only one.
private func ctGrid(
    _ scan: SeriesScan,
    _ reference: StructureSource,
    _ prediction: StructureSource
) throws -> VolumeGeometry {
    let candidates = ctStacks(scan, reference, prediction)
    guard candidates.count == 1 else {
        throw Fault(
            .permanent,
            "E_NO_GRID",
            candidates.isEmpty ? "There is no CT series in --ct." : "There are \(candidates.count) CT series in --ct.",
            hint: "Name the folder of the one series that the contours were drawn on."
        )
    }
    let examination = examineStack(
        candidates[0].headers,
        limits: AdmissionLimits(),
        seriesInstanceCount: candidates[0].seriesInstanceCount
    )
    guard let geometry = examination.geometry, examination.gaps.isEmpty else {
        throw DicomError.refused(examination.findings)
    }
    return geometry
}

/// The scans that the reference refers to, or else the prediction; of several that nobody refers to, as NIfTI names no
/// series, the first with the grid of a side; or all.
func ctStacks(_ scan: SeriesScan, _ reference: StructureSource, _ prediction: StructureSource) -> [SeriesScan.Stack] {
    let stacks = scan.stacks.filter { !$0.key.isLocalizer }
    let meant = [reference, prediction].map { side in
        stacks.filter { side.referencedSeriesInstanceUIDs.contains($0.key.seriesInstanceUID) }
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
