import Foundation
import Imaging
import NeuralNet
import Platform

/// The plainest ways to what `VolumeBenchmarks` measures.
enum NaiveVolumes {
    /// The largest difference, HU, to trilinear interpolation voxel by voxel in double precision.
    static func linearError(_ result: Volume<Float>, of source: Volume<Int16>, outside: Double, threads: Int) -> Double
    {
        let (d, t) = (source.geometry.dimensions, result.geometry.dimensions)
        func corners(_ x: Double, _ count: Int) -> (Int, Int, Double)? {
            guard x > -0.5 - tie, x < Double(count) - 0.5 + tie else { return nil }
            let inside = min(max(x, 0), Double(count - 1))
            let low = min(Int(inside), count - 2)
            return (low, low + 1, inside - Double(low))
        }
        return largest(over: t.k, threads: threads) { k in
            var error = 0.0
            for j in 0..<t.j {
                for i in 0..<t.i {
                    let at = place(i, j, k, result.geometry, source.geometry)
                    var expected = outside
                    if let x = corners(at.x, d.i), let y = corners(at.y, d.j), let z = corners(at.z, d.k) {
                        expected = 0
                        for (k, wz) in [(z.0, 1 - z.2), (z.1, z.2)] {
                            for (j, wy) in [(y.0, 1 - y.2), (y.1, y.2)] {
                                for (i, wx) in [(x.0, 1 - x.2), (x.1, x.2)] {
                                    expected += wx * wy * wz * Double(source[i, j, k])
                                }
                            }
                        }
                    }
                    error = worst(error, abs(Double(result[i, j, k]) - expected))
                }
            }
            return error
        }
    }

    /// Voxels that are not the nearest one of the source. Within a millionth of a voxel between two, either may be.
    static func nearestErrors(_ result: Mask, of source: Mask, threads: Int) -> Double {
        let (d, t) = (source.geometry.dimensions, result.geometry.dimensions)
        func candidates(_ x: Double, _ count: Int) -> [Int] {
            Set([x - tie, x + tie].map { Int($0.rounded()) }).filter { $0 >= 0 && $0 < count }
        }
        return sum(over: t.k, threads: threads) { k in
            var errors = 0
            for j in 0..<t.j {
                for i in 0..<t.i {
                    let at = place(i, j, k, result.geometry, source.geometry)
                    let (x, y, z) = (candidates(at.x, d.i), candidates(at.y, d.j), candidates(at.z, d.k))
                    let found = result[i, j, k]
                    let isRight =
                        x.isEmpty || y.isEmpty || z.isEmpty
                        ? found == 0
                        : x.contains { i in y.contains { j in z.contains { k in source[i, j, k] == found } } }
                    if !isRight { errors += 1 }
                }
            }
            return errors
        }
    }

    /// The largest difference, mm, to the distances of some places to all features, one by one.
    static func distanceError(
        _ distances: [Double],
        to features: [UInt8],
        _ dimensions: Dimensions,
        _ spacing: Vector3,
        places: Int,
        threads: Int
    ) -> Double {
        let random = RandomSource(seed: 9, stream: 0)
        return largest(over: places, threads: threads) { n in
            let place = Int(random.uniform(n) * Double(features.count))
            func index(_ n: Int) -> Vector3 {
                let row = n / dimensions.i
                return Vector3(Double(n % dimensions.i), Double(row % dimensions.j), Double(row / dimensions.j))
            }
            let own = index(place)
            var least = Double.infinity
            for (n, feature) in features.enumerated() where feature != 0 {
                let offset = (index(n) - own) * spacing
                least = min(least, dot(offset, offset))
            }
            return abs(distances[place] - least.squareRoot())
        }
    }

    /// Voxels that differ from the largest pieces that a flood fill over faces, edges and corners finds.
    static func componentErrors(_ result: Mask, of mask: Mask, largest count: Int) -> Double {
        let d = mask.geometry.dimensions
        var piece = [Int32](repeating: 0, count: mask.voxels.count)
        var sizes: [Int] = []
        for start in piece.indices where mask.voxels[start] != 0 && piece[start] == 0 {
            let number = Int32(sizes.count + 1)
            var front = [start]
            piece[start] = number
            sizes.append(0)
            while let at = front.popLast() {
                sizes[sizes.count - 1] += 1
                let (i, j, k) = (at % d.i, at / d.i % d.j, at / (d.i * d.j))
                for z in max(0, k - 1)...min(d.k - 1, k + 1) {
                    for y in max(0, j - 1)...min(d.j - 1, j + 1) {
                        for x in max(0, i - 1)...min(d.i - 1, i + 1) {
                            let next = mask.offset(x, y, z)
                            guard mask.voxels[next] != 0, piece[next] == 0 else { continue }
                            piece[next] = number
                            front.append(next)
                        }
                    }
                }
            }
        }
        let kept = Set(sizes.indices.sorted { (sizes[$1], $0) < (sizes[$0], $1) }.prefix(count).map { Int32($0 + 1) })
        return Double(piece.indices.count { kept.contains(piece[$0]) != (result.voxels[$0] != 0) })
    }

    /// What makes up for rounding at the faces between voxels, in voxels.
    private static let tie = 1e-6

    private static func place(_ i: Int, _ j: Int, _ k: Int, _ from: VolumeGeometry, _ to: VolumeGeometry) -> Vector3 {
        to.continuousIndex(of: from.patientPoint(i: Double(i), j: Double(j), k: Double(k)))
    }

    private static func largest(over count: Int, threads: Int, _ error: @escaping (Int) -> Double) -> Double {
        results(count, threads, error).reduce(0, worst)
    }

    private static func sum(over count: Int, threads: Int, _ errors: @escaping (Int) -> Int) -> Double {
        results(count, threads) { Double(errors($0)) }.reduce(0, +)
    }

    static func results(_ count: Int, _ threads: Int, _ result: @escaping (Int) -> Double) -> [Double] {
        [Double](unsafeUninitializedCapacity: count) { buffer, initialized in
            nonisolated(unsafe) let (start, result) = (buffer.baseAddress!, result)
            parallelFor(count, threads: threads) { own in for n in own { start[n] = result(n) } }
            initialized = count
        }
    }
}
