import Imaging
import Platform

/// The network's scores of every structure on the model's grid. The background of a softmax is left out; it is one minus the others.
package struct ScoreVolume: Sendable {
    package let geometry: VolumeGeometry
    /// One volume a structure, in the order of the labels (label 1 first); `i + ni * (j + nj * k)`.
    package var scores: [Voxels<Float>]
    package let rule: DecisionRule
    /// What the network was run on; elsewhere the scores are 0.
    package let crop: CropUse

    /// - Parameter crop: nil when the network was run on everything, without a search.
    package init(geometry: VolumeGeometry, scores: [Voxels<Float>], rule: DecisionRule, crop: CropUse? = nil) {
        self.geometry = geometry
        self.scores = scores
        self.rule = rule
        self.crop = crop ?? CropUse(geometry.dimensions)
    }
}

/// Which label a set of scores means.
package struct DecisionRule: Sendable, Equatable {
    package var activation: OutputDescription.Activation
    package var threshold: Float

    package init(_ output: OutputDescription) {
        activation = output.activation
        threshold = Float(output.threshold)
    }

    /// Softmax: foreground where the scores together exceed the threshold, then the highest one. Sigmoid: the
    /// highest one where it exceeds the threshold. Equal scores go to the lower label; a score that is not a
    /// number never wins.
    @inline(__always)
    package func label(_ count: Int, _ score: (Int) -> Float) -> UInt8 {
        let (best, decisive) = decide(count, score)
        return decisive > threshold ? UInt8(best + 1) : 0
    }

    /// Whether a structure may be near: a fifth of the threshold is reached.
    @inline(__always)
    package func suspects(_ count: Int, _ score: (Int) -> Float) -> Bool {
        decide(count, score).decisive > threshold / 5
    }

    /// The channel with the highest score, and the score that the threshold is for.
    @inline(__always)
    private func decide(_ count: Int, _ score: (Int) -> Float) -> (best: Int, decisive: Float) {
        var best = -1
        var bestScore = -Float.infinity
        var sum: Float = 0
        for channel in 0..<count {
            let value = score(channel)
            sum += value
            if value > bestScore { (best, bestScore) = (channel, value) }
        }
        return (best, activation == .softmax ? sum : bestScore)
    }
}

extension ScoreVolume {
    /// The labels on the CT grid: scores are interpolated linearly to each voxel's centre, then decided. Works
    /// slice by slice; no float volume of the CT's size exists at any time.
    package func labels(on ct: VolumeGeometry, threads: Int) -> Volume<UInt8> {
        var labels = Volume<UInt8>(geometry: ct, repeating: 0)
        writeLabels(to: &labels, threads: threads)
        return labels
    }

    /// The same into a volume of zeros on the CT grid.
    func writeLabels(to labels: inout Volume<UInt8>, threads: Int) {
        let ct = labels.geometry
        let plane = ct.dimensions.i * ct.dimensions.j
        let parallel = abs(dot(ct.directionK, geometry.directionK)) > 1 - 1e-6
        let pages = labels.voxels.pages
        labels.voxels.withUnsafeMutableBufferPointer { buffer in
            // Each slice is written by one thread only.
            nonisolated(unsafe) let out = buffer
            parallelFor(ct.dimensions.k, threads: threads) { range in
                var planes = scores.map { _ in [Float](repeating: 0, count: geometry.planeCount) }
                for k in range {
                    let slice = UnsafeMutableBufferPointer(rebasing: out[(k * plane)..<((k + 1) * plane)])
                    if parallel {
                        labelSlice(k, of: ct, planes: &planes, into: slice)
                    } else {
                        labelObliqueSlice(k, of: ct, into: slice)
                    }
                    pages.touched(plane)
                }
            }
        }
    }

    /// Counts slices of all scores that were read or written.
    func touched(slices: Int) {
        for scores in scores { scores.touched(slices * geometry.planeCount) }
    }

    /// A CT slice that is parallel to the model's slices: blend two of them, then interpolate in the plane.
    private func labelSlice(
        _ k: Int,
        of ct: VolumeGeometry,
        planes: inout [[Float]],
        into slice: UnsafeMutableBufferPointer<UInt8>
    ) {
        let lattice = Lattice(from: ct, slice: k, to: geometry)
        guard let (lower, upper, weight) = neighbours(lattice.origin.z, count: geometry.dimensions.k) else { return }
        let isActive = blend(lower, upper, weight, into: &planes)
        guard isActive.contains(true) else { return }
        let ni = geometry.dimensions.i
        for j in 0..<ct.dimensions.j {
            for i in 0..<ct.dimensions.i {
                let p = lattice.point(i, j)
                guard let (i0, i1, a) = neighbours(p.x, count: ni),
                    let (j0, j1, b) = neighbours(p.y, count: geometry.dimensions.j)
                else { continue }
                let corners = (i0 + ni * j0, i1 + ni * j0, i0 + ni * j1, i1 + ni * j1)
                // Interpolation never exceeds its corners, so most of the slice needs none.
                guard isActive[corners.0] || isActive[corners.1] || isActive[corners.2] || isActive[corners.3] else {
                    continue
                }
                slice[i + ct.dimensions.i * j] = rule.label(planes.count) { channel in
                    let plane = planes[channel]
                    let top = plane[corners.0] + (plane[corners.1] - plane[corners.0]) * a
                    let bottom = plane[corners.2] + (plane[corners.3] - plane[corners.2]) * a
                    return top + (bottom - top) * b
                }
            }
        }
    }

    /// Scores between two model slices, and where they could reach the threshold at all.
    private func blend(_ lower: Int, _ upper: Int, _ weight: Float, into planes: inout [[Float]]) -> [Bool] {
        let count = geometry.planeCount
        var isActive = [Bool](repeating: false, count: count)
        var sums = [Float](repeating: 0, count: count)
        for channel in scores.indices {
            for n in 0..<count {
                let a = scores[channel][lower * count + n]
                let b = scores[channel][upper * count + n]
                let value = a + (b - a) * weight
                planes[channel][n] = value
                sums[n] += value
            }
        }
        touched(slices: 2)
        // A little below the threshold: interpolation rounds.
        for n in 0..<count { isActive[n] = sums[n] > rule.threshold * 0.999 }
        return isActive
    }

    /// Any orientation: all eight neighbours of each voxel.
    private func labelObliqueSlice(
        _ k: Int,
        of ct: VolumeGeometry,
        into slice: UnsafeMutableBufferPointer<UInt8>
    ) {
        let lattice = Lattice(from: ct, slice: k, to: geometry)
        let (ni, plane) = (geometry.dimensions.i, geometry.planeCount)
        for j in 0..<ct.dimensions.j {
            for i in 0..<ct.dimensions.i {
                let p = lattice.point(i, j)
                guard let (i0, i1, a) = neighbours(p.x, count: ni),
                    let (j0, j1, b) = neighbours(p.y, count: geometry.dimensions.j),
                    let (k0, k1, c) = neighbours(p.z, count: geometry.dimensions.k)
                else { continue }
                slice[i + ct.dimensions.i * j] = rule.label(scores.count) { channel in
                    let s = scores[channel]
                    func bilinear(_ base: Int) -> Float {
                        let top = s[base + i0 + ni * j0] * (1 - a) + s[base + i1 + ni * j0] * a
                        return top * (1 - b) + (s[base + i0 + ni * j1] * (1 - a) + s[base + i1 + ni * j1] * a) * b
                    }
                    return bilinear(k0 * plane) * (1 - c) + bilinear(k1 * plane) * c
                }
            }
        }
        // A slanting slice passes through all of the model's.
        touched(slices: geometry.dimensions.k)
    }

    /// The two samples around a position and the weight of the upper; nil more than one sample outside. (The
    /// model may leave out slices at the CT's ends and keeps the last score there, hence one and not a half.)
    @inline(__always)
    private func neighbours(_ position: Double, count: Int) -> (Int, Int, Float)? {
        guard position > -1, position < Double(count) else { return nil }
        let inside = min(max(position, 0), Double(count - 1))
        let lower = min(Int(inside), max(count - 2, 0))
        return (lower, min(lower + 1, count - 1), Float(inside - Double(lower)))
    }
}

/// The points of one slice of a grid as continuous indices of another.
struct Lattice {
    let origin: Vector3
    let stepI: Vector3
    let stepJ: Vector3

    init(from grid: VolumeGeometry, slice k: Int, to other: VolumeGeometry) {
        let origin = other.continuousIndex(of: grid.patientPoint(i: 0, j: 0, k: Double(k)))
        self.origin = origin
        stepI = other.continuousIndex(of: grid.patientPoint(i: 1, j: 0, k: Double(k))) - origin
        stepJ = other.continuousIndex(of: grid.patientPoint(i: 0, j: 1, k: Double(k))) - origin
    }

    @inline(__always)
    func point(_ i: Int, _ j: Int) -> Vector3 { origin + stepI * Double(i) + stepJ * Double(j) }

    /// How many slices of the other grid it passes through.
    func slices(columns: Int, rows: Int) -> Int {
        1 + Int(abs(stepI.z) * Double(columns) + abs(stepJ.z) * Double(rows))
    }
}

extension VolumeGeometry {
    /// Voxels of one slice.
    var planeCount: Int { dimensions.i * dimensions.j }
}
