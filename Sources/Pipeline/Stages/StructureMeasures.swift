import Imaging

/// What one label of a label map looks like.
struct LabelMeasures: Sendable {
    var voxels = 0
    /// Sum of continuous indices of its voxels.
    var indexSum = Vector3.zero
    /// Voxels in each slice.
    var perSlice: [Int]
    /// Faces of voxels on the edge of the picture: on its first and last column, and on its first and last row.
    var columnEdgeFaces = 0
    var rowEdgeFaces = 0
    /// Sums over the CT's voxels; nil where the CT is gone.
    var hu: HUSums?
    /// Bounding box of its voxels; empty without one.
    var low = SIMD3<Int>(repeating: .max)
    var high = SIMD3<Int>(repeating: .min)

    struct HUSums: Sendable {
        var sum = 0
        var squares = 0
    }

    init(slices: Int) { perSlice = Array(repeating: 0, count: slices) }

    var firstSlice: Int? { perSlice.firstIndex { $0 > 0 } }
    var lastSlice: Int? { perSlice.lastIndex { $0 > 0 } }
    var touchesPictureEdge: Bool { columnEdgeFaces + rowEdgeFaces > 0 }

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

    /// From the lower end of the first slice to the upper end of the last, mm.
    func extentMM(on geometry: VolumeGeometry) -> Double? {
        guard let first = firstSlice, let last = lastSlice else { return nil }
        return Double(last - first + 1) * geometry.spacing.z
    }

    /// Area on the edge of the picture, mm^2.
    func edgeContactMM2(on geometry: VolumeGeometry) -> Double {
        Double(columnEdgeFaces) * geometry.spacing.y * geometry.spacing.z
            + Double(rowEdgeFaces) * geometry.spacing.x * geometry.spacing.z
    }

    /// Standard deviation of the CT inside, HU.
    var spreadHU: Double? {
        guard let hu, voxels > 1 else { return nil }
        let mean = Double(hu.sum) / Double(voxels)
        return max(0, Double(hu.squares) / Double(voxels) - mean * mean).squareRoot()
    }

    static func + (a: LabelMeasures, b: LabelMeasures) -> LabelMeasures {
        var sum = a
        sum.voxels += b.voxels
        sum.indexSum += b.indexSum
        for k in sum.perSlice.indices { sum.perSlice[k] += b.perSlice[k] }
        sum.columnEdgeFaces += b.columnEdgeFaces
        sum.rowEdgeFaces += b.rowEdgeFaces
        sum.low = pointwiseMin(a.low, b.low)
        sum.high = pointwiseMax(a.high, b.high)
        return sum
    }
}

/// Measures every label of a map in one pass; index is the label.
///
/// - Parameter ct: on the grid of the labels; nil where it is gone.
func measureLabels(_ labels: Volume<UInt8>, ct: Volume<Int16>?) -> [LabelMeasures] {
    let d = labels.geometry.dimensions
    precondition(ct.map { $0.geometry.dimensions == d } ?? true, "labels on the grid of the CT")
    var measures = Array(repeating: LabelMeasures(slices: d.k), count: 256)
    labels.voxels.withUnsafeBufferPointer { voxels in
        for k in 0..<d.k {
            for j in 0..<d.j {
                let row = d.i * (j + d.j * k)
                let isEdgeRow = j == 0 || j == d.j - 1
                for i in 0..<d.i where voxels[row + i] != 0 {
                    let label = Int(voxels[row + i])
                    measures[label].voxels += 1
                    measures[label].indexSum += Vector3(Double(i), Double(j), Double(k))
                    measures[label].perSlice[k] += 1
                    measures[label].low = pointwiseMin(measures[label].low, SIMD3(i, j, k))
                    measures[label].high = pointwiseMax(measures[label].high, SIMD3(i, j, k))
                    if i == 0 || i == d.i - 1 { measures[label].columnEdgeFaces += 1 }
                    if isEdgeRow { measures[label].rowEdgeFaces += 1 }
                }
            }
            labels.touched()
        }
    }
    if let ct { measureHU(ct, labels, &measures) }
    return measures
}

private func measureHU(_ ct: Volume<Int16>, _ labels: Volume<UInt8>, _ measures: inout [LabelMeasures]) {
    var sums = Array(repeating: LabelMeasures.HUSums(), count: 256)
    let plane = labels.geometry.dimensions.i * labels.geometry.dimensions.j
    labels.voxels.withUnsafeBufferPointer { voxels in
        ct.voxels.withUnsafeBufferPointer { values in
            for k in 0..<labels.geometry.dimensions.k {
                for n in k * plane..<(k + 1) * plane where voxels[n] != 0 {
                    let (label, hu) = (Int(voxels[n]), Int(values[n]))
                    sums[label].sum += hu
                    sums[label].squares += hu * hu
                }
                labels.touched()
                ct.touched()
            }
        }
    }
    for label in measures.indices { measures[label].hu = sums[label] }
}

/// Closed cavities of a label: pieces of what is not the label (6 neighbours) that it encloses wholly.
func holes(of label: Int, _ measured: LabelMeasures, in labels: Volume<UInt8>) -> Int {
    guard measured.voxels > 0 else { return 0 }
    // One voxel more on each side, so that all that is outside is one piece.
    let size = measured.high &- measured.low &+ SIMD3(repeating: 3)
    let box = Dimensions(i: size.x, j: size.y, k: size.z)
    let d = labels.geometry.dimensions
    let outside = labels.voxels.withUnsafeBufferPointer { voxels in
        ConnectedComponents(in: box, connectivity: .faces) { j, k, row in
            for i in row.indices { row[i] = 1 }
            guard (1..<size.y - 1).contains(j), (1..<size.z - 1).contains(k) else { return }
            let start = measured.low.x + d.i * (measured.low.y + j - 1 + d.j * (measured.low.z + k - 1)) - 1
            for i in 1..<size.x - 1 where Int(voxels[start + i]) == label { row[i] = 0 }
            if j == size.y - 2 { labels.touched() }
        }
    }
    return outside.sizes.count - 1
}
