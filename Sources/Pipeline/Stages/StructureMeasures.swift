import Imaging

/// Where one label lies in a label map.
struct LabelMeasures: Sendable {
    var voxels = 0
    /// Sum of continuous indices of its voxels.
    var indexSum = Vector3.zero
    /// Voxels in each slice.
    var perSlice: [Int]
    var touchesPictureEdge = false

    init(slices: Int) { perSlice = Array(repeating: 0, count: slices) }

    var firstSlice: Int? { perSlice.firstIndex { $0 > 0 } }
    var lastSlice: Int? { perSlice.lastIndex { $0 > 0 } }

    /// Slices without a voxel between the first and the last that have one.
    var skippedSlices: Int {
        guard let first = firstSlice, let last = lastSlice else { return 0 }
        return perSlice[first...last].count { $0 == 0 }
    }

    func centroid(on geometry: VolumeGeometry) -> PatientPoint? {
        guard voxels > 0 else { return nil }
        let middle = indexSum / Double(voxels)
        return geometry.patientPoint(i: middle.x, j: middle.y, k: middle.z)
    }

    static func + (a: LabelMeasures, b: LabelMeasures) -> LabelMeasures {
        var sum = a
        sum.voxels += b.voxels
        sum.indexSum += b.indexSum
        for k in sum.perSlice.indices { sum.perSlice[k] += b.perSlice[k] }
        sum.touchesPictureEdge = a.touchesPictureEdge || b.touchesPictureEdge
        return sum
    }
}

/// Measures every label of a map in one pass; index is the label.
func measureLabels(_ labels: Volume<UInt8>) -> [LabelMeasures] {
    let d = labels.geometry.dimensions
    var measures = Array(repeating: LabelMeasures(slices: d.k), count: 256)
    labels.voxels.withUnsafeBufferPointer { voxels in
        for k in 0..<d.k {
            for j in 0..<d.j {
                let row = d.i * (j + d.j * k)
                let edgeRow = j == 0 || j == d.j - 1
                for i in 0..<d.i where voxels[row + i] != 0 {
                    let label = Int(voxels[row + i])
                    measures[label].voxels += 1
                    measures[label].indexSum += Vector3(Double(i), Double(j), Double(k))
                    measures[label].perSlice[k] += 1
                    if edgeRow || i == 0 || i == d.i - 1 { measures[label].touchesPictureEdge = true }
                }
            }
        }
    }
    return measures
}
