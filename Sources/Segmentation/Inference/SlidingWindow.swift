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

    /// The network's output channels from `firstChannel` on, one volume each, `i + ni * (j + nj * k)`.
    ///
    /// - Parameter progress: called with 0...1 after each patch; what it throws ends the work.
    package func scores(
        of volume: Volume<Float>,
        session: InferenceSession,
        firstChannel: Int,
        progress: (Double) throws -> Void
    ) throws -> [[Float]] {
        let d = volume.geometry.dimensions
        let overlap = patch.overlap
        let corners = Self.starts(length: d.k, patch: patch.slices, overlap: overlap).flatMap { k in
            Self.starts(length: d.j, patch: patch.rows, overlap: overlap).flatMap { j in
                Self.starts(length: d.i, patch: patch.columns, overlap: overlap).map { i in (i: i, j: j, k: k) }
            }
        }
        let channels = session.outputShape.channels - firstChannel
        var sums = [[Float]](repeating: [Float](repeating: 0, count: d.voxelCount), count: channels)
        var totals = [Float](repeating: 0, count: d.voxelCount)
        var tensor = Tensor(shape: [1, 1, patch.slices, patch.rows, patch.columns])
        for (number, corner) in corners.enumerated() {
            fill(&tensor, from: volume, corner)
            let result = session.run(tensor)
            add(result, firstChannel, corner, d, to: &sums, &totals)
            try progress(Double(number + 1) / Double(corners.count))
        }
        for channel in sums.indices {
            for n in totals.indices { sums[channel][n] /= totals[n] }
        }
        return sums
    }

    private func fill(_ tensor: inout Tensor, from volume: Volume<Float>, _ corner: (i: Int, j: Int, k: Int)) {
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
    }

    private func add(
        _ result: Tensor,
        _ firstChannel: Int,
        _ corner: (i: Int, j: Int, k: Int),
        _ d: Dimensions,
        to sums: inout [[Float]],
        _ totals: inout [Float]
    ) {
        let (slices, rows, columns) = (
            Self.weights(patch: patch.slices), Self.weights(patch: patch.rows), Self.weights(patch: patch.columns)
        )
        let size = patch.slices * patch.rows * patch.columns
        for z in 0..<patch.slices where (0..<d.k).contains(corner.k + z) {
            for y in 0..<patch.rows {
                let source = (z * patch.rows + y) * patch.columns
                let target = ((corner.k + z) * d.j + corner.j + y) * d.i + corner.i
                let weight = slices[z] * rows[y]
                for x in 0..<patch.columns { totals[target + x] += weight * columns[x] }
                for channel in sums.indices {
                    let from = (firstChannel + channel) * size + source
                    for x in 0..<patch.columns {
                        sums[channel][target + x] += weight * columns[x] * result.values[from + x]
                    }
                }
            }
        }
    }
}
