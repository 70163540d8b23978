import Platform

/// Resampling between grids whose axes are parallel: each axis is sampled on its own, from tables. Gives the same bytes
/// as the general way.
struct AlignedSampling: Sendable {
    private let source: Dimensions
    private let target: Dimensions
    /// Continuous source indices of the target's columns, rows and slices.
    private let columns: [Double]
    private let rows: [Double]
    private let slices: [Double]

    /// nil unless the target's i, j and k run along the source's i, j and k, in either direction.
    init?(_ map: GridMap, from target: Dimensions, to source: Dimensions) {
        guard map.stepI.y == 0, map.stepI.z == 0, map.stepJ.x == 0, map.stepJ.z == 0, map.stepK.x == 0, map.stepK.y == 0
        else { return nil }
        self.source = source
        self.target = target
        columns = (0..<target.i).map { map.start.x + map.stepI.x * Double($0) }
        rows = (0..<target.j).map { map.start.y + map.stepJ.y * Double($0) }
        slices = (0..<target.k).map { map.start.z + map.stepK.z * Double($0) }
    }

    // MARK: - Linear

    /// Where an axis is sampled: lower and upper neighbour and the weight of the upper one. Places outside come first
    /// and last only, so `inside` is a range.
    private struct LinearAxis: Sendable {
        var lower: [Int32]
        var upper: [Int32]
        var weight: [Float]
        let inside: Range<Int>

        init(_ places: [Double], count: Int) {
            let samples = places.map { neighbours($0, count) }
            lower = samples.map { Int32($0?.0 ?? 0) }
            upper = samples.map { Int32($0?.1 ?? 0) }
            weight = samples.map { $0?.2 ?? 0 }
            let first = samples.firstIndex { $0 != nil } ?? 0
            inside = first..<(samples.lastIndex { $0 != nil } ?? first - 1) + 1
        }
    }

    func linear<Element: Intensity>(_ voxels: Voxels<Element>, outside: Float, threads: Int) -> Voxels<Float> {
        let i = LinearAxis(columns, count: source.i)
        let j = LinearAxis(rows, count: source.j)
        let k = LinearAxis(slices, count: source.k)
        let plane = target.i * target.j
        return Voxels<Float>(count: plane * target.k) { result in
            voxels.withUnsafeBufferPointer { voxels in
                // Each slice of the target is written by one thread only.
                nonisolated(unsafe) let (voxels, output) = (voxels.baseAddress!, result.baseAddress!)
                parallelFor(target.k, threads: threads) { range in
                    // Source slices, already sampled along their rows; the upper one is the lower one of a later slice.
                    var lower = SampledSlice<Element>(rows: source.j, columns: target.i)
                    var upper = SampledSlice<Element>(rows: source.j, columns: target.i)
                    for slice in range {
                        let out = output + slice * plane
                        guard k.inside.contains(slice) else {
                            out.initialize(repeating: outside, count: plane)
                            continue
                        }
                        let (below, above) = (Int(k.lower[slice]), Int(k.upper[slice]))
                        if upper.index == below || lower.index == above { swap(&lower, &upper) }
                        lower.load(below, of: voxels, source, i, j)
                        upper.load(above, of: voxels, source, i, j)
                        for row in 0..<target.j {
                            let line = out + row * target.i
                            guard j.inside.contains(row) else {
                                line.initialize(repeating: outside, count: target.i)
                                continue
                            }
                            blendRows(lower, upper, row, j, weight: k.weight[slice], i.inside, outside, line)
                        }
                    }
                }
            }
        }
    }

    /// A slice of the source with its rows sampled at the target's columns; rows that no target row needs are left out.
    private struct SampledSlice<Element: Intensity> {
        private(set) var index = -1
        private(set) var values: [Float]
        private let columns: Int

        init(rows: Int, columns: Int) {
            values = Array(repeating: 0, count: rows * columns)
            self.columns = columns
        }

        mutating func load(
            _ slice: Int,
            of voxels: UnsafePointer<Element>,
            _ source: Dimensions,
            _ i: LinearAxis,
            _ j: LinearAxis
        ) {
            guard slice != index else { return }
            index = slice
            let columns = columns
            let needed = neededRows(j, count: source.j)
            values.withUnsafeMutableBufferPointer { values in
                i.lower.withUnsafeBufferPointer { lower in
                    i.upper.withUnsafeBufferPointer { upper in
                        i.weight.withUnsafeBufferPointer { weight in
                            for row in needed {
                                let line = voxels + source.i * (row + source.j * slice)
                                let out = values.baseAddress! + row * columns
                                for n in i.inside {
                                    let a = line[Int(lower[n])].intensity
                                    let b = line[Int(upper[n])].intensity
                                    out[n] = a + (b - a) * weight[n]
                                }
                            }
                        }
                    }
                }
            }
        }

        private func neededRows(_ j: LinearAxis, count: Int) -> [Int] {
            var isNeeded = [Bool](repeating: false, count: count)
            for row in j.inside {
                isNeeded[Int(j.lower[row])] = true
                isNeeded[Int(j.upper[row])] = true
            }
            return isNeeded.indices.filter { isNeeded[$0] }
        }
    }

    private func blendRows<Element>(
        _ lower: SampledSlice<Element>,
        _ upper: SampledSlice<Element>,
        _ row: Int,
        _ j: LinearAxis,
        weight: Float,
        _ inside: Range<Int>,
        _ outside: Float,
        _ line: UnsafeMutablePointer<Float>
    ) {
        line.initialize(repeating: outside, count: inside.lowerBound)
        (line + inside.upperBound).initialize(repeating: outside, count: target.i - inside.upperBound)
        let (first, second, between) = (Int(j.lower[row]) * target.i, Int(j.upper[row]) * target.i, j.weight[row])
        lower.values.withUnsafeBufferPointer { lower in
            upper.values.withUnsafeBufferPointer { upper in
                let (a0, a1) = (lower.baseAddress! + first, lower.baseAddress! + second)
                let (b0, b1) = (upper.baseAddress! + first, upper.baseAddress! + second)
                for n in inside {
                    line[n] = blend(blend(a0[n], a1[n], between), blend(b0[n], b1[n], between), weight)
                }
            }
        }
    }

    // MARK: - Nearest

    func nearest<Element: BitwiseCopyable & Sendable>(
        _ voxels: Voxels<Element>,
        outside: Element,
        threads: Int
    ) -> Voxels<Element> {
        // -1 where the axis leaves the source.
        func axis(_ places: [Double], _ count: Int) -> [Int] { places.map { Imaging.nearest($0, count) ?? -1 } }
        let (i, j, k) = (axis(columns, source.i), axis(rows, source.j), axis(slices, source.k))
        let first = i.firstIndex { $0 >= 0 } ?? 0
        let inside = first..<(i.lastIndex { $0 >= 0 } ?? first - 1) + 1
        let lines = target.j * target.k
        return Voxels<Element>(count: lines * target.i) { result in
            voxels.withUnsafeBufferPointer { voxels in
                nonisolated(unsafe) let (voxels, output) = (voxels.baseAddress!, result.baseAddress!)
                parallelFor(lines, threads: threads) { range in
                    i.withUnsafeBufferPointer { i in
                        for line in range {
                            let out = output + line * target.i
                            let (row, slice) = (j[line % target.j], k[line / target.j])
                            guard row >= 0, slice >= 0 else {
                                out.initialize(repeating: outside, count: target.i)
                                continue
                            }
                            let from = voxels + source.i * (row + source.j * slice)
                            out.initialize(repeating: outside, count: inside.lowerBound)
                            for n in inside { (out + n).initialize(to: from[i[n]]) }
                            (out + inside.upperBound)
                                .initialize(repeating: outside, count: target.i - inside.upperBound)
                        }
                    }
                }
            }
        }
    }
}
