import Platform

/// The affine map from continuous indices of a target grid to continuous indices of a source grid.
///
/// Both grids lie in patient coordinates (LPS mm), so any relative orientation, spacing and origin works.
package struct GridMap: Sendable {
    /// Source index of target voxel (0, 0, 0).
    package let start: Vector3
    /// Source index steps for one step along the target's i, j and k.
    package let stepI: Vector3
    package let stepJ: Vector3
    package let stepK: Vector3

    package init(from target: VolumeGeometry, to source: VolumeGeometry) {
        let origin = source.continuousIndex(of: target.origin)
        start = origin
        stepI = source.continuousIndex(of: target.patientPoint(i: 1, j: 0, k: 0)) - origin
        stepJ = source.continuousIndex(of: target.patientPoint(i: 0, j: 1, k: 0)) - origin
        stepK = source.continuousIndex(of: target.patientPoint(i: 0, j: 0, k: 1)) - origin
    }

    @inline(__always)
    package func source(i: Int, j: Int, k: Int) -> Vector3 {
        start + stepI * Double(i) + stepJ * Double(j) + stepK * Double(k)
    }
}

/// Voxels that image interpolation can read.
package protocol Intensity: BitwiseCopyable, Sendable {
    /// The value as a number.
    var intensity: Float { get }
}

extension Int16: Intensity {
    @inline(__always) package var intensity: Float { Float(self) }
}
extension UInt8: Intensity {
    @inline(__always) package var intensity: Float { Float(self) }
}
extension Float: Intensity {
    @inline(__always) package var intensity: Float { self }
}

extension Volume where Element: Intensity {
    /// Trilinear interpolation at the voxel centres of `target`.
    ///
    /// A point within half a voxel of the outer voxel centres takes the nearest edge value, as the voxel there
    /// really extends so far; a point beyond that takes `outside`.
    @specialized(where Element == Int16)
    @specialized(where Element == UInt8)
    @specialized(where Element == Float)
    package func resampledLinear(
        to target: VolumeGeometry,
        outside: Float,
        threads: Int = ProcessorCount.available
    ) -> Volume<Float> {
        let map = GridMap(from: target, to: geometry)
        if let aligned = AlignedSampling(map, from: target.dimensions, to: geometry.dimensions) {
            return Volume<Float>(geometry: target, voxels: aligned.linear(voxels, outside: outside, threads: threads))
        }
        var result = Volume<Float>(geometry: target, repeating: outside)
        resampleLinear(into: &result, outside: outside, threads: threads)
        return result
    }

    /// The same for grids of any orientation into a volume at hand, all of which is written.
    @specialized(where Element == Int16)
    @specialized(where Element == UInt8)
    @specialized(where Element == Float)
    package func resampleLinear(into result: inout Volume<Float>, outside: Float, threads: Int) {
        let map = GridMap(from: result.geometry, to: geometry)
        let count = geometry.dimensions
        let target = result.geometry.dimensions
        let (own, pages) = (voxels.pages, result.voxels.pages)
        // A slanting slice has a little of every slice of the source.
        let touched = touchedAcross
        voxels.withUnsafeBufferPointer { source in
            result.voxels.withUnsafeMutableBufferPointer { buffer in
                // Each row of the target is written by one thread only.
                nonisolated(unsafe) let (source, output) = (source.baseAddress!, buffer.baseAddress!)
                parallelFor(target.j * target.k, threads: threads) { rows in
                    for row in rows {
                        for i in 0..<target.i {
                            let at = map.source(i: i, j: row % target.j, k: row / target.j)
                            output[row * target.i + i] = linear(source, count, at) ?? outside
                        }
                        guard row % target.j == target.j - 1 else { continue }
                        own.touched(touched)
                        pages.touched(target.i * target.j)
                    }
                }
            }
        }
    }

    @inline(__always)
    private func linear(_ source: UnsafePointer<Element>, _ count: Dimensions, _ at: Vector3) -> Float? {
        guard let (i0, i1, fi) = neighbours(at.x, count.i), let (j0, j1, fj) = neighbours(at.y, count.j),
            let (k0, k1, fk) = neighbours(at.z, count.k)
        else { return nil }
        let row00 = source + count.i * (j0 + count.j * k0)
        let row10 = source + count.i * (j1 + count.j * k0)
        let row01 = source + count.i * (j0 + count.j * k1)
        let row11 = source + count.i * (j1 + count.j * k1)
        let a = blend(
            blend(row00[i0].intensity, row00[i1].intensity, fi),
            blend(row10[i0].intensity, row10[i1].intensity, fi),
            fj
        )
        let b = blend(
            blend(row01[i0].intensity, row01[i1].intensity, fi),
            blend(row11[i0].intensity, row11[i1].intensity, fi),
            fj
        )
        return blend(a, b, fk)
    }
}

@inline(__always)
func blend(_ a: Float, _ b: Float, _ t: Float) -> Float { a + (b - a) * t }

/// Lower and upper sample and the weight of the upper one; nil more than half a voxel outside.
@inline(__always)
package func neighbours(_ x: Double, _ count: Int) -> (Int, Int, Float)? {
    // A tolerance of a millionth of a voxel keeps edges that are equal on paper.
    guard x >= -0.500001, x <= Double(count) - 0.499999 else { return nil }
    let clamped = min(max(x, 0), Double(count - 1))
    let lower = min(Int(clamped), max(0, count - 2))
    return (lower, min(lower + 1, count - 1), Float(clamped - Double(lower)))
}

extension Volume {
    /// The voxel of the source whose box holds the centre of each target voxel; `outside` where there is none.
    @specialized(where Element == UInt8)
    @specialized(where Element == Int16)
    package func resampledNearest(
        to target: VolumeGeometry,
        outside: Element,
        threads: Int = ProcessorCount.available
    ) -> Volume<Element> {
        let map = GridMap(from: target, to: geometry)
        if let aligned = AlignedSampling(map, from: target.dimensions, to: geometry.dimensions) {
            return Volume<Element>(
                geometry: target,
                voxels: aligned.nearest(voxels, outside: outside, threads: threads)
            )
        }
        let count = geometry.dimensions
        let ni = target.dimensions.i
        let nj = target.dimensions.j
        var result = Voxels<Element>(repeating: outside, count: target.dimensions.voxelCount)
        voxels.withUnsafeBufferPointer { source in
            result.withUnsafeMutableBufferPointer { buffer in
                nonisolated(unsafe) let (source, output) = (source.baseAddress!, buffer.baseAddress!)
                parallelFor(nj * target.dimensions.k, threads: threads) { rows in
                    for row in rows {
                        for i in 0..<ni {
                            let at = map.source(i: i, j: row % nj, k: row / nj)
                            guard let x = nearest(at.x, count.i), let y = nearest(at.y, count.j),
                                let z = nearest(at.z, count.k)
                            else { continue }
                            output[row * ni + i] = source[x + count.i * (y + count.j * z)]
                        }
                    }
                }
            }
        }
        return Volume<Element>(geometry: target, voxels: result)
    }
}

@inline(__always)
func nearest(_ x: Double, _ count: Int) -> Int? {
    // Half a voxel rounds down, so that a point on a shared face always belongs to the lower voxel.
    let index = Int((x - 0.5).rounded(.up))
    if index == -1, x >= -0.500001 { return 0 }
    return index >= 0 && index < count ? index : nil
}
