import Foundation
import Imaging
import Metrics

/// Surface distances by looking around every corner of a surface, from near to far, for one of the other.
struct NaiveSurfaces {
    private let dimensions: Dimensions
    private let areas: [Double]
    /// Steps to corners with their lengths, mm, by length.
    private let steps: [(i: Int, j: Int, k: Int, length: Double)]

    /// - Parameter reachMM: how far is looked.
    init(_ geometry: VolumeGeometry, reachMM: Double) {
        dimensions = Dimensions(
            i: geometry.dimensions.i + 1,
            j: geometry.dimensions.j + 1,
            k: geometry.dimensions.k + 1
        )
        let spacing = geometry.spacing
        areas = SurfelTable(spacing: Vector3(spacing.z, spacing.y, spacing.x)).areas
        func range(_ spacing: Double) -> ClosedRange<Int> { -Int(reachMM / spacing)...Int(reachMM / spacing) }
        var steps: [(i: Int, j: Int, k: Int, length: Double)] = []
        for k in range(spacing.z) {
            for j in range(spacing.y) {
                for i in range(spacing.x) {
                    let step = Vector3(Double(i), Double(j), Double(k)) * spacing
                    let length = dot(step, step).squareRoot()
                    if length <= reachMM { steps.append((i, j, k, length)) }
                }
            }
        }
        self.steps = steps.sorted { $0.length < $1.length }
    }

    /// The neighbour code of every corner; 0 and 255 are no surface.
    private func codes(_ mask: Mask) -> [UInt8] {
        let d = mask.geometry.dimensions
        var codes = [UInt8](repeating: 0, count: dimensions.voxelCount)
        for k in 0..<d.k {
            for j in 0..<d.j {
                for i in 0..<d.i where mask[i, j, k] != 0 {
                    // The voxel is one of the eight around each of its corners.
                    for (a, b, c) in Self.cell {
                        let corner = i + 1 - c + dimensions.i * (j + 1 - b + dimensions.j * (k + 1 - a))
                        codes[corner] |= SurfelTable.bit(a, b, c)
                    }
                }
            }
        }
        return codes
    }

    private static let cell = (0..<8).map { ($0 / 4, $0 / 2 % 2, $0 % 2) }

    /// Distance and area of every corner of a surface; infinite beyond the reach.
    private func distances(from: [UInt8], to: [UInt8], threads: Int) -> [(distance: Double, area: Double)] {
        let corners = from.indices.filter { from[$0] != 0 && from[$0] != 255 }
        let found = NaiveVolumes.results(corners.count, threads) { n in
            let corner = corners[n]
            let (i, j, k) = (
                corner % dimensions.i, corner / dimensions.i % dimensions.j, corner / (dimensions.i * dimensions.j)
            )
            for step in steps {
                let (x, y, z) = (i + step.i, j + step.j, k + step.k)
                guard x >= 0, y >= 0, z >= 0, x < dimensions.i, y < dimensions.j, z < dimensions.k else { continue }
                let code = to[x + dimensions.i * (y + dimensions.j * z)]
                if code != 0, code != 255 { return step.length }
            }
            return .infinity
        }
        return zip(corners, found).map { ($1, areas[Int(from[$0])]) }
    }

    /// Surface Dice and the 95th percentile of distances, mm.
    func scores(_ a: Mask, _ b: Mask, toleranceMM: Double, threads: Int) -> (surfaceDice: Double, hausdorff95: Double) {
        let (codesA, codesB) = (codes(a), codes(b))
        let both = [
            distances(from: codesA, to: codesB, threads: threads),
            distances(from: codesB, to: codesA, threads: threads),
        ]
        func area(_ surface: [(distance: Double, area: Double)]) -> Double { surface.reduce(0) { $0 + $1.area } }
        let within = both.reduce(0) { $0 + area($1.filter { $0.distance <= toleranceMM }) }
        let percentiles = both.map { surface in
            var rest = 0.95 * area(surface)
            return surface.sorted { $0.distance < $1.distance }.first {
                rest -= $0.area
                return rest <= 0
            }?.distance ?? .infinity
        }
        return (within / (area(both[0]) + area(both[1])), percentiles.max() ?? .infinity)
    }
}
