import Imaging
import NeuralNet

extension SliceScoring {
    /// Scores all slices, or those and that part of each where the structures are.
    ///
    /// A coarse pass over slices at a distance sees the body alone and finds what may be a structure. Each slice between
    /// two of them is then run on a box around that, with a margin in all directions: a coarse slice that is as near along
    /// the normal widens the box, so that the tip of a structure is seen as widely as its middle. What is found must keep a
    /// distance from the edges of its box; a slice where it does not is run again on its whole picture, as are all where nothing was
    /// suspected or a structure leaves the slices that show the body.
    mutating func run(
        cropping crop: CropDescription,
        multiple: Axes,
        geometry: VolumeGeometry,
        body: () -> GridBox?,
        rule: DecisionRule,
        progress: (Double) throws -> Void
    ) throws -> CropUse {
        let d = geometry.dimensions
        guard case .structures(let marginMM, let coarseMM) = crop else { return try runWhole(.notAsked, d, progress) }
        guard let body = body()?.grown(byMM: marginMM, in: geometry).aligned(to: multiple) else {
            return try runWhole(.noBody, d, progress)
        }
        let coarse = Self.coarseSlices(of: body.slices, spacing: geometry.spacing.z, atMostMM: coarseMM)
        // A case without anything to skip takes as long as the whole body.
        let share = Double(coarse.count) / Double(body.slices.count)
        let first = coarse.map { Job($0, in: body) }
        try run(first) { try progress(share * $0) }
        let suspected = coarse.map { box(inSlice: $0, where: rule.suspects) }
        guard suspected.contains(where: { $0 != nil }) else {
            return try runWhole(.nothingSuspected, d) { try progress(share + (1 - share) * $0) }
        }
        let reach = Int(marginMM / geometry.spacing.z)
        let second = Self.jobs(between: coarse, suspected, reach: reach) { around in
            around.grown(byMM: marginMM, in: geometry).intersection(body).aligned(to: multiple)
        }
        try run(second) { try progress(share + (1 - share) * $0) }
        var cut: [Job] = []
        for job in first + second {
            let found = box(inSlice: job.slice) { count, score in rule.label(count, score) > 0 }
            guard let found else { continue }
            let isFirst = job.slice == body.slices.lowerBound && job.slice > 0
            let isLast = job.slice == body.slices.upperBound - 1 && job.slice < d.k - 1
            if isFirst || isLast { return try runWhole(.leavesBody, d) { _ in try progress(1) } }
            if found.nears(job.box, within: marginMM / 4, in: geometry) { cut.append(job) }
        }
        try run(cut.map { Job($0.slice, in: GridBox(of: d)) }) { _ in try progress(1) }
        try progress(1)
        var use = use(d, nil)
        use.region = (second.map(\.box) + suspected.compactMap(\.self)).reduce(nil) { $1.union($0) } ?? use.region
        use.widenedSlices = cut.count
        return use
    }

    /// The slices between each two coarse ones, on the box that `crop` makes of what those and others at most `reach`
    /// slices away show; none where the two show nothing.
    private static func jobs(
        between coarse: [Int],
        _ suspected: [GridBox?],
        reach: Int,
        crop: (GridBox) -> GridBox
    ) -> [Job] {
        (1..<coarse.count).flatMap { index -> [Job] in
            guard suspected[index - 1] != nil || suspected[index] != nil else { return [] }
            let near = coarse[index - 1] - reach...coarse[index] + reach
            let boxes = zip(coarse, suspected).compactMap { near.contains($0) ? $1 : nil }
            guard let around = boxes.reduce(nil, { $1.union($0) }) else { return [] }
            let box = crop(around)
            return (coarse[index - 1] + 1..<coarse[index]).map { Job($0, in: box) }
        }
    }

    private mutating func runWhole(
        _ reason: CropUse.WholeGrid,
        _ dimensions: Dimensions,
        _ progress: (Double) throws -> Void
    ) throws -> CropUse {
        let whole = GridBox(of: dimensions)
        try run(whole.slices.map { Job($0, in: whole) }, progress: progress)
        return use(dimensions, reason)
    }
}

extension SliceScoring {
    private func use(_ dimensions: Dimensions, _ reason: CropUse.WholeGrid?) -> CropUse {
        CropUse(
            dimensions,
            region: GridBox(of: dimensions),
            computedVoxels: computedVoxels,
            wholeGridVoxels: dimensions.voxelCount,
            wholeGrid: reason
        )
    }

    /// The first slice, the last, and slices between them at most so far apart.
    private static func coarseSlices(of slices: Range<Int>, spacing: Double, atMostMM distance: Double) -> [Int] {
        let step = max(1, Int((distance / spacing + 1e-6).rounded(.down)))
        let last = slices.upperBound - 1
        return stride(from: slices.lowerBound, to: last, by: step) + [last]
    }
}

extension GridBox {
    /// Whether the box comes closer than a distance in mm to a side of `crop` beyond which the picture goes on.
    fileprivate func nears(_ crop: GridBox, within distance: Double, in grid: VolumeGeometry) -> Bool {
        func nears(_ own: Range<Int>, _ edges: Range<Int>, _ spacing: Double, _ count: Int) -> Bool {
            let voxels = max(1, Int((distance / spacing).rounded()))
            return (edges.lowerBound > 0 && own.lowerBound < edges.lowerBound + voxels)
                || (edges.upperBound < count && own.upperBound > edges.upperBound - voxels)
        }
        return nears(columns, crop.columns, grid.spacing.x, grid.dimensions.i)
            || nears(rows, crop.rows, grid.spacing.y, grid.dimensions.j)
    }
}
