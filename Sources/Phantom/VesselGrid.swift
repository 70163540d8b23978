import Imaging

/// Vessel segments in cubic cells, so that a voxel asks only its neighbours.
struct VesselGrid: Sendable {
    private static let cellMM = 10.0
    private let segments: [VesselSegment]
    private let cells: [SIMD3<Int32>: [Int32]]

    init(_ vessels: LungVessels) {
        segments = vessels.segments
        var cells: [SIMD3<Int32>: [Int32]] = [:]
        for (index, segment) in segments.enumerated() {
            let margin = Vector3(repeating: segment.radius + 1)
            let low = VesselGrid.cell(pointwiseMin(segment.start, segment.end) - margin)
            let high = VesselGrid.cell(pointwiseMax(segment.start, segment.end) + margin)
            for z in low.z...high.z {
                for y in low.y...high.y {
                    for x in low.x...high.x { cells[SIMD3(x, y, z), default: []].append(Int32(index)) }
                }
            }
        }
        self.cells = cells
    }

    private static func cell(_ point: Vector3) -> SIMD3<Int32> {
        let scaled = (point / cellMM).rounded(.down)
        return SIMD3(Int32(scaled.x), Int32(scaled.y), Int32(scaled.z))
    }

    /// The share of a voxel of about `voxelMM` at a point that is vessel, 0...1.
    func coverage(at point: Vector3, voxelMM: Double) -> Double {
        guard let near = cells[VesselGrid.cell(point)] else { return 0 }
        var best = 0.0
        for index in near {
            let segment = segments[Int(index)]
            let axis = segment.end - segment.start
            let along = ((point - segment.start) * axis).sum() / max(1e-9, (axis * axis).sum())
            let offset = point - (segment.start + axis * min(1, max(0, along)))
            let depth = segment.radius - (offset * offset).sum().squareRoot()
            best = max(best, min(1, depth / voxelMM + 0.5))
        }
        return best
    }
}
