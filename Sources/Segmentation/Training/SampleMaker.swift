import Foundation
import NeuralNet

/// Makes one training sample: channels and targets of an augmented slice, or of a patch of slices.
package struct SampleMaker: Sendable {
    let input: InputDescription
    let output: OutputDescription
    let roiCount: Int

    /// Which part of a case a sample shows.
    package struct Place {
        /// Its slice, or the middle one of its patch; of an even number the one after the middle.
        package var slice: Int
        /// First column and row of the patch in the model's picture; 0 for whole slices.
        package var column: Int
        package var row: Int

        package init(slice: Int, column: Int = 0, row: Int = 0) {
            (self.slice, self.column, self.row) = (slice, column, row)
        }
    }

    package init(input: InputDescription, output: OutputDescription, roiCount: Int) {
        (self.input, self.output, self.roiCount) = (input, output, roiCount)
    }

    /// Where in the cached slice each pixel of the sample lies; shared by all slices, channels and targets.
    private struct Positions {
        var u: [Float]
        var v: [Float]
        var isOutside: [Bool]
    }

    private var extent: Axes { input.networkExtent }
    private var plane: Int { extent.height * extent.width }

    /// - Parameters:
    ///   - channels: the network's input for one sample to write, scaled to 0...1.
    ///   - targets: its wanted output to write; parts of pixels are targets between 0 and 1, `Loss.unknown` what any unknown voxel
    ///     covers a part of.
    package func make(
        _ cached: CachedCase,
        at place: Place,
        augmentation: Augmentation,
        random: inout SeededRandom,
        channels: UnsafeMutableBufferPointer<Float>,
        targets: UnsafeMutableBufferPointer<Float>
    ) {
        let positions = positions(augmentation, place)
        let slices = slices(cached, place, augmentation)
        for (index, slice) in slices.inputs.enumerated() {
            let out = UnsafeMutableBufferPointer(rebasing: channels[(index * plane)..<((index + 1) * plane)])
            sampleHU(cached, at: slice, positions, into: out)
            changeIntensity(out, augmentation, random: &random)
        }
        for (index, slice) in slices.targets.enumerated() {
            writeTargets(cached, at: slice, positions, depth: index, into: targets)
        }
    }

    /// Positions in slices of what the network sees, in its order, and of what it is to find.
    private func slices(
        _ cached: CachedCase,
        _ place: Place,
        _ augmentation: Augmentation
    ) -> (inputs: [Double], targets: [Double]) {
        let middle = Double(place.slice)
        if let patch = input.patch {
            // Whole slices where nothing is scaled, also for an even number of them: inference sees no blends of two.
            let before = patch.slices / 2
            let positions = (0..<patch.slices).map { middle + Double($0 - before) * augmentation.neighbourScale }
            return (positions, positions)
        }
        let step = input.neighbourDistanceMM / cached.header.geometry.spacing.z * augmentation.neighbourScale
        let inputs = (0..<input.channels).map { channel in
            augmentation.hasNeighbours ? middle + Double(channel - input.neighbourSlices) * step : middle
        }
        return (inputs, [middle])
    }

    private func positions(_ augmentation: Augmentation, _ place: Place) -> Positions {
        var result = Positions(
            u: [Float](repeating: 0, count: plane),
            v: [Float](repeating: 0, count: plane),
            isOutside: [Bool](repeating: false, count: plane)
        )
        for y in 0..<extent.height {
            for x in 0..<extent.width {
                let n = x + extent.width * y
                (result.u[n], result.v[n]) = augmentation.source(
                    x + place.column,
                    y + place.row,
                    columns: input.columns,
                    rows: input.rows,
                    margin: CaseCache.margin
                )
                result.isOutside[n] = augmentation.isTruncated(x + place.column, y + place.row)
            }
        }
        return result
    }

    private func sampleHU(
        _ cached: CachedCase,
        at position: Double,
        _ positions: Positions,
        into out: UnsafeMutableBufferPointer<Float>
    ) {
        let d = cached.header.geometry.dimensions
        let inside = min(max(position, 0), Double(d.k - 1))
        let lower = Int(inside)
        let weight = Float(inside - Double(lower))
        cached.withHU(slice: lower) { slice in
            for n in out.indices {
                out[n] =
                    positions.isOutside[n]
                    ? paddingHU : bilinear(slice, d.i, d.j, positions.u[n], positions.v[n], outside: paddingHU)
            }
        }
        guard weight > 0, lower + 1 < d.k else { return }
        cached.withHU(slice: lower + 1) { slice in
            for n in out.indices where !positions.isOutside[n] {
                let upper = bilinear(slice, d.i, d.j, positions.u[n], positions.v[n], outside: paddingHU)
                out[n] += (upper - out[n]) * weight
            }
        }
    }

    private func changeIntensity(
        _ out: UnsafeMutableBufferPointer<Float>,
        _ augmentation: Augmentation,
        random: inout SeededRandom
    ) {
        if augmentation.coarseness > 1 {
            _ = out.update(from: coarsened(Array(out), width: extent.width, factor: augmentation.coarseness))
        }
        if augmentation.blur > 0.2 { blur(out, deviation: augmentation.blur) }
        let stack = SliceStack(input: input)
        let window = Float(input.windowHU.upper - input.windowHU.lower)
        for n in out.indices {
            let value = stack.scaled(out[n] * augmentation.contrast + augmentation.offsetHU)
            out[n] = augmentation.gamma == 1 ? value : powf(value, augmentation.gamma)
        }
        guard augmentation.noiseHU > 0 else { return }
        for n in out.indices {
            // Sum of four uniform numbers: close enough to a bell, and quick.
            let sum = random.unit() + random.unit() + random.unit() + random.unit() - 2
            let noise = sum * 1.732 * augmentation.noiseHU / window
            out[n] = min(max(out[n] + noise, 0), 1)
        }
    }

    private func blur(_ out: UnsafeMutableBufferPointer<Float>, deviation: Float) {
        let reach = Int((deviation * 2.5).rounded(.up))
        var kernel = (-reach...reach).map { expf(-Float($0 * $0) / (2 * deviation * deviation)) }
        let sum = kernel.reduce(0, +)
        for index in kernel.indices { kernel[index] /= sum }
        var first = Array(out)
        var second = first
        convolve(
            first,
            into: &second,
            kernel,
            length: extent.width,
            step: 1,
            lines: extent.height,
            lineStep: extent.width
        )
        convolve(
            second,
            into: &first,
            kernel,
            length: extent.height,
            step: extent.width,
            lines: extent.width,
            lineStep: 1
        )
        _ = out.update(from: first)
    }

    /// Writes the targets of one slice; between two slices the parts of both count.
    private func writeTargets(
        _ cached: CachedCase,
        at position: Double,
        _ positions: Positions,
        depth: Int,
        into targets: UnsafeMutableBufferPointer<Float>
    ) {
        let d = cached.header.geometry.dimensions
        let first = output.activation == .softmax ? 1 : 0
        let inside = min(max(position, 0), Double(d.k - 1))
        let lower = Int(inside)
        let weight = Float(inside - Double(lower))
        let offset = depth * plane
        for roi in 0..<roiCount {
            let base = (first + roi) * extent.count + offset
            for (slice, part) in [(lower, 1 - weight), (lower + 1, weight)] where part > 0 && slice < d.k {
                cached.withOccupancy(roi: roi, slice: slice) { covered in
                    for n in 0..<plane {
                        let value =
                            positions.isOutside[n]
                            ? 0 : bilinear(covered, d.i, d.j, positions.u[n], positions.v[n], outside: 0) / 255 * part
                        targets[base + n] = slice == lower ? value : targets[base + n] + value
                    }
                }
            }
        }
        if first == 1 {
            for n in offset..<offset + plane {
                var sum: Float = 0
                for roi in 1...roiCount { sum += targets[roi * extent.count + n] }
                targets[n] = max(0, 1 - sum)
            }
        }
        for slice in [lower, weight > 0 ? lower + 1 : lower] where slice < d.k {
            cached.withUnknown(slice: slice) { covered in
                for n in 0..<plane
                where !positions.isOutside[n]
                    && bilinear(covered, d.i, d.j, positions.u[n], positions.v[n], outside: 0) > 0
                {
                    for channel in 0..<first + roiCount {
                        targets[channel * extent.count + offset + n] = Loss.unknown
                    }
                }
            }
        }
    }

    @inline(__always)
    private func bilinear<Value: BinaryInteger>(
        _ slice: UnsafeBufferPointer<Value>,
        _ ni: Int,
        _ nj: Int,
        _ u: Float,
        _ v: Float,
        outside: Float
    ) -> Float {
        guard u >= 0, v >= 0, u < Float(ni - 1), v < Float(nj - 1) else { return outside }
        let (i, j) = (Int(u), Int(v))
        let (a, b) = (u - Float(i), v - Float(j))
        let n = i + ni * j
        let top = Float(slice[n]) * (1 - a) + Float(slice[n + 1]) * a
        let bottom = Float(slice[n + ni]) * (1 - a) + Float(slice[n + ni + 1]) * a
        return top * (1 - b) + bottom * b
    }
}
