import Foundation
import Imaging
import NeuralNet

/// Scores a volume with a network that sees patches: overlapping windows over the whole grid, averaged with Gaussian
/// weights, so that a voxel is judged mostly by patches that show its surroundings (Isensee et al., Nature Methods
/// 2021).
package struct SlidingWindow {
    package let input: InputDescription
    package let patch: InputDescription.Patch

    package init(input: InputDescription, patch: InputDescription.Patch) {
        self.input = input
        self.patch = patch
    }

    /// Standard deviation of the weights as a part of the patch's side, as nnU-Net has it.
    private static let deviation = 1.0 / 8

    /// First indices of the windows along an axis: evenly spread, none further than the overlap allows. An axis that
    /// is shorter than the patch has one window around its middle, which begins before 0.
    package static func starts(length: Int, patch: Int, overlap: Double) -> [Int] {
        guard length > patch else { return [-((patch - length) / 2)] }
        let step = max(1, Double(patch) * (1 - overlap))
        let count = Int((Double(length - patch) / step).rounded(.up)) + 1
        return (0..<count).map { Int((Double($0) * Double(length - patch) / Double(count - 1)).rounded()) }
    }

    /// Weights along an axis, 1 in the middle of a patch.
    package static func weights(patch: Int) -> [Float] {
        let centre = Double(patch - 1) / 2
        let deviation = Double(patch) * Self.deviation
        return (0..<patch).map { index in
            let distance = (Double(index) - centre) / deviation
            return Float(exp(-distance * distance / 2))
        }
    }

    /// First voxel of a window.
    typealias Corner = (i: Int, j: Int, k: Int)

    /// The network's output channels from `firstChannel` on, one volume each, `i + ni * (j + nj * k)`, and where it was
    /// run.
    ///
    /// With `input.crop` the network is first run on the fewest windows that cover the body, then on all others that
    /// overlap what may be a structure, with a margin, until no more of it shows. There every voxel has all of its
    /// windows, and so the value that it has without a crop but for the order of the sum. Where nothing is suspected all
    /// windows are run.
    ///
    /// - Parameters:
    ///   - body: the box around the patient, asked for with a crop alone.
    ///   - memory: of the scores.
    ///   - progress: called with 0...1 after each patch; what it throws ends the work.
    package func scores(
        of volume: Volume<Float>,
        session: InferenceSession,
        firstChannel: Int,
        body: () -> GridBox?,
        rule: DecisionRule,
        memory: VolumeMemory = .ordinary,
        progress: (Double) throws -> Void
    ) throws -> (scores: [Voxels<Float>], crop: CropUse) {
        let d = volume.geometry.dimensions
        let all = corners(d)
        var sums = try WindowSums(volume.geometry, channels: session.outputShape.channels - firstChannel, memory)
        func run(_ corners: [Corner]) throws {
            var tensor = Tensor(shape: [1, 1, patch.slices, patch.rows, patch.columns])
            for corner in corners {
                fill(&tensor, from: volume, corner)
                add(session.run(tensor), firstChannel, corner, d, to: &sums)
                sums.windows += 1
                try progress(min(1, Double(sums.windows) / Double(all.count)))
            }
        }
        var region: GridBox?
        var reason = CropUse.WholeGrid.notAsked
        var rest = all
        if case .structures(let marginMM, _) = input.crop {
            reason = .noBody
            if let body = body()?.grown(byMM: marginMM, in: volume.geometry) {
                let coarse = Set(covering(d).map(Self.key))
                var wanted = rest.filter { coarse.contains(Self.key($0)) && box(of: $0).overlaps(body) }
                repeat {
                    try run(wanted)
                    let done = Set(wanted.map(Self.key))
                    rest.removeAll { done.contains(Self.key($0)) }
                    region = sums.box(where: rule.suspects)?.grown(byMM: marginMM, in: volume.geometry)
                        .intersection(body)
                    wanted = rest.filter { corner in region.map { box(of: corner).overlaps($0) } ?? false }
                } while !wanted.isEmpty
                reason = .nothingSuspected
            }
        }
        if region == nil { try run(rest) }
        try progress(1)
        let crop = CropUse(
            d,
            region: region ?? GridBox(of: d),
            computedVoxels: sums.windows * patch.slices * patch.rows * patch.columns,
            wholeGridVoxels: all.count * patch.slices * patch.rows * patch.columns,
            wholeGrid: region == nil ? reason : nil
        )
        return (sums.means(), crop)
    }

    private static func key(_ corner: Corner) -> [Int] { [corner.i, corner.j, corner.k] }

    /// The voxels of the grid that a window shows.
    private func box(of corner: Corner) -> GridBox {
        GridBox(
            columns: corner.i..<corner.i + patch.columns,
            rows: corner.j..<corner.j + patch.rows,
            slices: corner.k..<corner.k + patch.slices
        )
    }

    /// All windows of a grid.
    private func corners(_ d: Dimensions) -> [Corner] {
        corners(
            Self.starts(length: d.i, patch: patch.columns, overlap: patch.overlap),
            Self.starts(length: d.j, patch: patch.rows, overlap: patch.overlap),
            Self.starts(length: d.k, patch: patch.slices, overlap: patch.overlap)
        )
    }

    /// The fewest of them that cover the grid.
    private func covering(_ d: Dimensions) -> [Corner] {
        func fewest(_ length: Int, _ side: Int) -> [Int] {
            let starts = Self.starts(length: length, patch: side, overlap: patch.overlap)
            var chosen = [starts[0]]
            while let last = chosen.last, last != starts.last {
                chosen.append(starts.last { $0 > last && $0 <= last + side } ?? starts[starts.count - 1])
            }
            return chosen
        }
        return corners(fewest(d.i, patch.columns), fewest(d.j, patch.rows), fewest(d.k, patch.slices))
    }

    private func corners(_ columns: [Int], _ rows: [Int], _ slices: [Int]) -> [Corner] {
        slices.flatMap { k in rows.flatMap { j in columns.map { i in (i: i, j: j, k: k) } } }
    }

    private func fill(_ tensor: inout Tensor, from volume: Volume<Float>, _ corner: Corner) {
        let d = volume.geometry.dimensions
        let stack = SliceStack(input: input)
        var n = 0
        for z in 0..<patch.slices {
            // Beyond the first and the last slice these are repeated.
            let k = min(max(corner.k + z, 0), d.k - 1)
            for y in 0..<patch.rows {
                let line = (k * d.j + corner.j + y) * d.i + corner.i
                for x in 0..<patch.columns {
                    tensor.values[n] = stack.scaled(volume.voxels[line + x])
                    n += 1
                }
            }
        }
        volume.touched(slices: patch.slices)
    }

    private func add(
        _ result: Tensor,
        _ firstChannel: Int,
        _ corner: Corner,
        _ d: Dimensions,
        to sums: inout WindowSums
    ) {
        let (slices, rows, columns) = (
            Self.weights(patch: patch.slices), Self.weights(patch: patch.rows), Self.weights(patch: patch.columns)
        )
        let size = patch.slices * patch.rows * patch.columns
        func forEachRow(_ body: (_ source: Int, _ target: Int, _ weight: Float) -> Void) {
            for z in 0..<patch.slices where (0..<d.k).contains(corner.k + z) {
                for y in 0..<patch.rows {
                    let source = (z * patch.rows + y) * patch.columns
                    let target = ((corner.k + z) * d.j + corner.j + y) * d.i + corner.i
                    body(source, target, slices[z] * rows[y])
                }
            }
        }
        sums.weights.withUnsafeMutableBufferPointer { weights in
            forEachRow { _, target, weight in
                for x in 0..<patch.columns { weights[target + x] += weight * columns[x] }
            }
        }
        for channel in sums.scores.indices {
            let first = (firstChannel + channel) * size
            sums.scores[channel].withUnsafeMutableBufferPointer { scores in
                forEachRow { source, target, weight in
                    for x in 0..<patch.columns {
                        scores[target + x] += weight * columns[x] * result.values[first + source + x]
                    }
                }
            }
        }
        sums.touched(slices: patch.slices)
    }
}

/// Weighted scores of all windows so far.
private struct WindowSums {
    var scores: [Voxels<Float>]
    var weights: Voxels<Float>
    var windows = 0
    private let d: Dimensions

    init(_ geometry: VolumeGeometry, channels: Int, _ memory: VolumeMemory) throws {
        d = geometry.dimensions
        let memory = memory.shared(by: channels + 1)
        scores = try (0..<channels).map { _ in try memory.zeros(geometry).voxels }
        weights = try memory.zeros(geometry).voxels
    }

    func touched(slices: Int) {
        for voxels in scores + [weights] { voxels.touched(slices * d.i * d.j) }
    }

    /// 0 where no window was; ends the sums.
    mutating func means() -> [Voxels<Float>] {
        let plane = d.i * d.j
        for channel in scores.indices {
            for k in 0..<d.k {
                scores[channel].withUnsafeMutableBufferPointer { sums in
                    weights.withUnsafeBufferPointer { weights in
                        for n in k * plane..<(k + 1) * plane { sums[n] = weights[n] > 0 ? sums[n] / weights[n] : 0 }
                    }
                }
                scores[channel].touched(plane)
                weights.touched(plane)
            }
        }
        return scores
    }

    /// The box around all voxels whose mean scores meet a condition; nil where none does.
    func box(where holds: (_ count: Int, _ score: (Int) -> Float) -> Bool) -> GridBox? {
        var builder = BoxBuilder()
        for k in 0..<d.k {
            for j in 0..<d.j {
                let line = d.i * (j + d.j * k)
                func matches(_ i: Int) -> Bool {
                    let weight = weights[line + i]
                    return weight > 0 && holds(scores.count) { scores[$0][line + i] / weight }
                }
                guard let first = (0..<d.i).first(where: matches), let last = (first..<d.i).last(where: matches)
                else { continue }
                builder.include(columns: first...last, row: j, slice: k)
            }
            touched(slices: 1)
        }
        return builder.box
    }
}
