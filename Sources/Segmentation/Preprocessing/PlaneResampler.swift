import Imaging
import Platform

/// Resamples slices onto slices of another grid with the same normal: linear between slices and in the plane.
///
/// Where the target is coarser than the source, the source is first averaged over the width of a target pixel, as
/// an anti-aliased image resize does: otherwise the noise of a sharp kernel would reach the network at full
/// strength, and two kernels of one acquisition would look like two patients.
struct PlaneResampler: Sendable {
    let source: VolumeGeometry
    let target: VolumeGeometry

    /// - Parameters:
    ///   - result: on the target's grid; all of it is written.
    ///   - outside: value of pixels more than half a voxel outside the source's voxel centres.
    ///   - fill: writes slice k of the source (i fastest) into the buffer.
    func resample(
        into result: inout Volume<Float>,
        outside: Float,
        threads: Int,
        fill: @Sendable (Int, UnsafeMutableBufferPointer<Float>) -> Void
    ) {
        let plane = target.dimensions.i * target.dimensions.j
        let pages = result.voxels.pages
        result.voxels.withUnsafeMutableBufferPointer { buffer in
            // Each slice is written by one thread only.
            nonisolated(unsafe) let out = buffer
            parallelFor(target.dimensions.k, threads: threads) { range in
                var scratch = PlaneScratch(source: source, target: target)
                for k in range {
                    let slice = UnsafeMutableBufferPointer(rebasing: out[(k * plane)..<((k + 1) * plane)])
                    resampleSlice(k, into: slice, outside: outside, scratch: &scratch, fill: fill)
                    pages.touched(plane)
                }
            }
        }
    }

    private func resampleSlice(
        _ k: Int,
        into slice: UnsafeMutableBufferPointer<Float>,
        outside: Float,
        scratch: inout PlaneScratch,
        fill: (Int, UnsafeMutableBufferPointer<Float>) -> Void
    ) {
        let position = source.continuousIndex(of: target.patientPoint(i: 0, j: 0, k: Double(k))).z
        let last = Double(source.dimensions.k - 1)
        guard position >= -0.5 - 1e-6, position <= last + 0.5 + 1e-6 else {
            slice.update(repeating: outside)
            return
        }
        let inside = min(max(position, 0), last)
        // Positions that are whole but for rounding take one slice unblended.
        let whole = inside.rounded()
        if abs(inside - whole) < 1e-4 {
            scratch.load(Int(whole), fill: fill)
        } else {
            scratch.load(Int(inside), and: Int(inside) + 1, weight: Float(inside - inside.rounded(.down)), fill: fill)
        }
        scratch.blur()
        sample(k, from: scratch.plane, into: slice, outside: outside)
    }

    private func sample(
        _ k: Int,
        from plane: [Float],
        into slice: UnsafeMutableBufferPointer<Float>,
        outside: Float
    ) {
        let (ni, nj) = (source.dimensions.i, source.dimensions.j)
        let origin = source.continuousIndex(of: target.patientPoint(i: 0, j: 0, k: Double(k)))
        let stepI = source.continuousIndex(of: target.patientPoint(i: 1, j: 0, k: Double(k))) - origin
        let stepJ = source.continuousIndex(of: target.patientPoint(i: 0, j: 1, k: Double(k))) - origin
        plane.withUnsafeBufferPointer { plane in
            for j in 0..<target.dimensions.j {
                for i in 0..<target.dimensions.i {
                    let u = origin.x + Double(i) * stepI.x + Double(j) * stepJ.x
                    let v = origin.y + Double(i) * stepI.y + Double(j) * stepJ.y
                    let value = bilinear(plane, ni, nj, u, v) ?? outside
                    slice[i + target.dimensions.i * j] = value
                }
            }
        }
    }

    /// nil more than half a pixel outside the outermost pixel centres.
    @inline(__always)
    private func bilinear(
        _ plane: UnsafeBufferPointer<Float>,
        _ ni: Int,
        _ nj: Int,
        _ u: Double,
        _ v: Double
    ) -> Float? {
        guard u >= -0.5, v >= -0.5, u <= Double(ni) - 0.5, v <= Double(nj) - 0.5 else { return nil }
        let (u, v) = (min(max(u, 0), Double(ni - 1)), min(max(v, 0), Double(nj - 1)))
        let (i0, j0) = (min(Int(u), max(ni - 2, 0)), min(Int(v), max(nj - 2, 0)))
        let (i1, j1) = (min(i0 + 1, ni - 1), min(j0 + 1, nj - 1))
        let (a, b) = (Float(u - Double(i0)), Float(v - Double(j0)))
        let top = plane[i0 + ni * j0] * (1 - a) + plane[i1 + ni * j0] * a
        let bottom = plane[i0 + ni * j1] * (1 - a) + plane[i1 + ni * j1] * a
        return top * (1 - b) + bottom * b
    }
}

/// One slice of the source in memory, and what blurring it needs; reused for all slices of a thread.
private struct PlaneScratch {
    private(set) var plane: [Float]
    private var other: [Float]
    private let columns: Int
    private let rows: Int
    private let kernelI: [Float]
    private let kernelJ: [Float]

    init(source: VolumeGeometry, target: VolumeGeometry) {
        (columns, rows) = (source.dimensions.i, source.dimensions.j)
        plane = [Float](repeating: 0, count: columns * rows)
        other = plane
        // A target pixel is square in the models that exist; the wider side decides for oblique in-plane axes.
        let width = max(target.spacing.x, target.spacing.y)
        kernelI = boxKernel(width: width / source.spacing.x)
        kernelJ = boxKernel(width: width / source.spacing.y)
    }

    mutating func load(_ k: Int, fill: (Int, UnsafeMutableBufferPointer<Float>) -> Void) {
        plane.withUnsafeMutableBufferPointer { fill(k, $0) }
    }

    mutating func load(
        _ k: Int,
        and next: Int,
        weight: Float,
        fill: (Int, UnsafeMutableBufferPointer<Float>) -> Void
    ) {
        load(k, fill: fill)
        other.withUnsafeMutableBufferPointer { fill(next, $0) }
        for n in plane.indices { plane[n] += (other[n] - plane[n]) * weight }
    }

    mutating func blur() {
        if kernelI.count > 1 {
            convolve(plane, into: &other, kernelI, length: columns, step: 1, lines: rows, lineStep: columns)
            swap(&plane, &other)
        }
        if kernelJ.count > 1 {
            convolve(plane, into: &other, kernelJ, length: rows, step: columns, lines: columns, lineStep: 1)
            swap(&plane, &other)
        }
    }
}

/// A moving average `width` pixels wide, with fractional ends; `[1]` where nothing is to average.
func boxKernel(width: Double) -> [Float] {
    guard width > 1 + 1e-6 else { return [1] }
    let reach = Int(((width - 1) / 2 - 1e-9).rounded(.up))
    let edge = (width - Double(2 * reach - 1)) / 2
    return (-reach...reach).map { Float((abs($0) == reach ? edge : 1) / width) }
}

/// Convolves lines of an image; beyond its ends the last pixel is repeated.
package func convolve(
    _ input: [Float],
    into output: inout [Float],
    _ kernel: [Float],
    length: Int,
    step: Int,
    lines: Int,
    lineStep: Int
) {
    let reach = kernel.count / 2
    input.withUnsafeBufferPointer { input in
        output.withUnsafeMutableBufferPointer { output in
            if step == 1 {
                for line in 0..<lines {
                    let (from, to) = (input.baseAddress! + line * lineStep, output.baseAddress! + line * lineStep)
                    convolveRow(from, to, kernel, reach: reach, length: length)
                }
                return
            }
            for position in 0..<length {
                for (index, weight) in kernel.enumerated() {
                    let from = min(max(position + index - reach, 0), length - 1) * step
                    let to = position * step
                    if index == 0 {
                        for line in 0..<lines { output[to + line * lineStep] = weight * input[from + line * lineStep] }
                    } else {
                        for line in 0..<lines { output[to + line * lineStep] += weight * input[from + line * lineStep] }
                    }
                }
            }
        }
    }
}

/// The same for one line of neighbours in memory: places whose taps all lie within it need no clamping.
private func convolveRow(
    _ input: UnsafePointer<Float>,
    _ output: UnsafeMutablePointer<Float>,
    _ kernel: [Float],
    reach: Int,
    length: Int
) {
    let inner = min(reach, length)..<max(min(reach, length), length - reach)
    func clamped(_ position: Int) {
        output[position] = kernel.indices.reduce(0) { sum, index in
            sum + kernel[index] * input[min(max(position + index - reach, 0), length - 1)]
        }
    }
    for position in 0..<inner.lowerBound { clamped(position) }
    for position in inner { output[position] = kernel[0] * input[position - reach] }
    for (index, weight) in kernel.enumerated().dropFirst() {
        let taps = input + (index - reach)
        for position in inner { output[position] += weight * taps[position] }
    }
    for position in inner.upperBound..<length { clamped(position) }
}
