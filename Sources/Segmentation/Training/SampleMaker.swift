import Foundation

/// Makes one training sample: channels and targets of an augmented slice.
struct SampleMaker: Sendable {
    let input: InputDescription
    let output: OutputDescription
    let roiCount: Int

    /// Where in the cached slice each pixel of the picture lies; shared by channels and targets.
    private struct Positions {
        var u: [Float]
        var v: [Float]
        var isOutside: [Bool]
    }

    /// - Parameters:
    ///   - channels: `input.channels * rows * columns` values to write, scaled to 0...1.
    ///   - targets: one plane an output channel to write; parts of pixels are targets between 0 and 1.
    func make(
        _ cached: CachedCase,
        slice k: Int,
        augmentation: Augmentation,
        random: inout SeededRandom,
        channels: UnsafeMutableBufferPointer<Float>,
        targets: UnsafeMutableBufferPointer<Float>
    ) {
        let plane = input.columns * input.rows
        let positions = positions(augmentation)
        for channel in 0..<input.channels {
            let out = UnsafeMutableBufferPointer(rebasing: channels[(channel * plane)..<((channel + 1) * plane)])
            let offset = augmentation.hasNeighbours ? Double(channel - input.neighbourSlices) : 0
            sampleHU(
                cached,
                at: Double(k) + offset * input.neighbourDistanceMM / cached.header.geometry.spacing.z
                    * augmentation.neighbourScale,
                positions,
                into: out
            )
            changeIntensity(out, augmentation, random: &random)
        }
        writeTargets(cached, slice: k, positions, into: targets)
    }

    private func positions(_ augmentation: Augmentation) -> Positions {
        let plane = input.columns * input.rows
        var result = Positions(
            u: [Float](repeating: 0, count: plane),
            v: [Float](repeating: 0, count: plane),
            isOutside: [Bool](repeating: false, count: plane)
        )
        for y in 0..<input.rows {
            for x in 0..<input.columns {
                let n = x + input.columns * y
                (result.u[n], result.v[n]) = augmentation.source(
                    x,
                    y,
                    columns: input.columns,
                    rows: input.rows,
                    margin: CaseCache.margin
                )
                result.isOutside[n] = augmentation.isTruncated(x, y)
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
            length: input.columns,
            step: 1,
            lines: input.rows,
            lineStep: input.columns
        )
        convolve(
            second,
            into: &first,
            kernel,
            length: input.rows,
            step: input.columns,
            lines: input.columns,
            lineStep: 1
        )
        _ = out.update(from: first)
    }

    private func writeTargets(
        _ cached: CachedCase,
        slice k: Int,
        _ positions: Positions,
        into targets: UnsafeMutableBufferPointer<Float>
    ) {
        let plane = input.columns * input.rows
        let d = cached.header.geometry.dimensions
        let first = output.activation == .softmax ? 1 : 0
        for roi in 0..<roiCount {
            cached.withOccupancy(roi: roi, slice: k) { covered in
                let base = (first + roi) * plane
                for n in 0..<plane {
                    targets[base + n] =
                        positions.isOutside[n]
                        ? 0 : bilinear(covered, d.i, d.j, positions.u[n], positions.v[n], outside: 0) / 255
                }
            }
        }
        guard first == 1 else { return }
        for n in 0..<plane {
            var sum: Float = 0
            for roi in 1...roiCount { sum += targets[roi * plane + n] }
            targets[n] = max(0, 1 - sum)
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
