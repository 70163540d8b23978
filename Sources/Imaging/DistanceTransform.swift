import Platform

/// The exact Euclidean distance, mm, from every place of a grid to the nearest of the given places.
///
/// One axis after the other: along k by counting steps, then along j and i the lowest of the parabolas that stand on the
/// squares so far (`DistanceLines`). Infinity everywhere when nothing is given.
///
/// - Parameter features: non-zero at the places to measure from; index order i, j, k.
/// - Precondition: fewer than 65535 slices.
package func euclideanDistance(
    to features: [UInt8],
    dimensions: Dimensions,
    spacing: Vector3,
    threads: Int = ProcessorCount.available
) -> [Double] {
    precondition(dimensions.k < Int(noStep), "steps fit in 16 bits")
    let steps = stepsAlongSlices(to: features, dimensions, threads: threads)
    let (ni, nj, nk) = (dimensions.i, dimensions.j, dimensions.k)
    return [Double](unsafeUninitializedCapacity: features.count) { buffer, count in
        count = features.count
        guard !features.isEmpty else { return }
        preferLargePages(UnsafeMutableRawBufferPointer(buffer))
        steps.withUnsafeBufferPointer { steps in
            // Each slice is written by one thread only. Slices first and columns last: squares are then added in the
            // order in which NumPy adds those of an array [k][j][i], so that a distance that is compared with a
            // tolerance is the same number as SciPy's.
            nonisolated(unsafe) let distances = buffer.baseAddress!
            nonisolated(unsafe) let steps = steps.baseAddress!
            parallelFor(nk, threads: threads) { slices in
                let overRows = DistanceLines(length: nj, spacing: spacing.y)
                let overColumns = DistanceLines(length: ni, spacing: spacing.x)
                for slice in slices {
                    let squares = distances + slice * ni * nj
                    overRows.squares(of: steps + slice * ni * nj, spacing.z, into: squares, columns: ni)
                    for row in 0..<nj { overColumns.replaceByRoots(squares + row * ni) }
                }
            }
        }
    }
}

/// In place of a number of steps along k: there is no feature along k.
let noStep = UInt16.max

/// The steps along k to the nearest feature, the smaller of those counted upwards and downwards.
private func stepsAlongSlices(to features: [UInt8], _ dimensions: Dimensions, threads: Int) -> [UInt16] {
    let (columns, plane) = (dimensions.i, dimensions.i * dimensions.j)
    return [UInt16](unsafeUninitializedCapacity: features.count) { buffer, count in
        count = features.count
        guard !features.isEmpty else { return }
        preferLargePages(UnsafeMutableRawBufferPointer(buffer))
        features.withUnsafeBufferPointer { features in
            // Each row of all slices is written by one thread only.
            nonisolated(unsafe) let steps = buffer.baseAddress!
            nonisolated(unsafe) let features = features.baseAddress!
            parallelFor(dimensions.j, threads: threads) { rows in
                for row in rows {
                    countUpwards(features + row * columns, steps + row * columns, columns, plane, dimensions.k)
                    countDownwards(steps + row * columns, columns, plane, dimensions.k)
                }
            }
        }
    }
}

private func countUpwards(
    _ features: UnsafePointer<UInt8>,
    _ steps: UnsafeMutablePointer<UInt16>,
    _ columns: Int,
    _ plane: Int,
    _ slices: Int
) {
    for i in 0..<columns { (steps + i).initialize(to: features[i] != 0 ? 0 : noStep) }
    for k in 1..<max(slices, 1) {
        let (below, here) = (steps + (k - 1) * plane, steps + k * plane)
        for i in 0..<columns {
            let next = below[i] == noStep ? noStep : below[i] &+ 1
            (here + i).initialize(to: features[k * plane + i] != 0 ? 0 : next)
        }
    }
}

private func countDownwards(_ steps: UnsafeMutablePointer<UInt16>, _ columns: Int, _ plane: Int, _ slices: Int) {
    for k in (0..<max(slices - 1, 0)).reversed() {
        let (here, above) = (steps + k * plane, steps + (k + 1) * plane)
        for i in 0..<columns {
            let next = above[i] == noStep ? noStep : above[i] &+ 1
            here[i] = min(here[i], next)
        }
    }
}
