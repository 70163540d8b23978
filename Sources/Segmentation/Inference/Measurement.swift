import Imaging

/// Sums over one structure.
struct Measurement: Sendable, Equatable {
    /// Voxels of the CT grid.
    var voxels = 0
    /// Pixels of the model's grid whose centre lies in the structure.
    var samples = 0
    var scoreInside = 0.0
    /// Scores of all pixels of the model's grid.
    var scoreSum = 0.0
    var huSum = 0.0
    var airSamples = 0
    /// Pixels in its largest connected piece of plain air, see `airPockets`.
    var pocketSamples = 0
    /// Sum of `p * (1 - p)` over all pixels of the model's grid, times the volume of one, mm^3.
    var doubtMM3 = 0.0
    /// Area of the structure's surface, mm^2; see `surfaceAreas`.
    var surfaceMM2 = 0.0

    /// Below this a pixel of the model is plain air, HU: even emphysema averages higher over a model's pixel.
    static let airHU: Float = -980

    var meanScore: Double? { samples > 0 ? scoreInside / Double(samples) : nil }
    var meanHU: Double? { samples > 0 ? huSum / Double(samples) : nil }
    var airFraction: Double? { samples > 0 ? Double(airSamples) / Double(samples) : nil }
    var airPocketFraction: Double? { samples > 0 ? Double(pocketSamples) / Double(samples) : nil }

    /// The Dice that the scores promise when they are taken as probabilities.
    var expectedDice: Double {
        let sum = scoreSum + Double(samples)
        return sum > 0 ? 2 * scoreInside / sum : 0
    }

    /// Mean width of the band in which the network is unsure, mm. Across a sharp edge `p` leaps and the sum is small;
    /// across one where `p` falls like a logistic curve it is the scale of that curve. Unlike the expected Dice it does
    /// not depend on how large the structure is.
    var edgeUncertaintyMM: Double? { surfaceMM2 > 0 ? doubtMM3 / surfaceMM2 : nil }
}

/// Measures every structure of a label map against the scores and the HU of the network's input.
///
/// HU and scores are read on the model's grid at the pixels whose nearest CT voxel has the label.
func measureStructures(
    in labels: Volume<UInt8>,
    scores: ScoreVolume,
    input: Volume<Float>,
    count: Int
) -> [Measurement] {
    var result = [Measurement](repeating: Measurement(), count: count)
    let plane = labels.geometry.planeCount
    for k in 0..<labels.geometry.dimensions.k {
        labels.voxels.withUnsafeBufferPointer { voxels in
            for n in k * plane..<(k + 1) * plane where voxels[n] > 0 { result[Int(voxels[n]) - 1].voxels += 1 }
        }
        labels.touched()
    }
    let model = scores.geometry
    let ct = labels.geometry
    var onModel = Volume<UInt8>(geometry: model, repeating: 0)
    for k in 0..<model.dimensions.k {
        let lattice = Lattice(from: model, slice: k, to: ct)
        for j in 0..<model.dimensions.j {
            for i in 0..<model.dimensions.i {
                let n = i + model.dimensions.i * (j + model.dimensions.j * k)
                for channel in 0..<count {
                    let score = Double(scores.scores[channel][n])
                    result[channel].scoreSum += score
                    result[channel].doubtMM3 += score * (1 - score)
                }
                let label = nearestLabel(labels, lattice.point(i, j))
                guard label > 0 else { continue }
                onModel.voxels[n] = label
                let channel = Int(label) - 1
                result[channel].samples += 1
                result[channel].scoreInside += Double(scores.scores[channel][n])
                result[channel].huSum += Double(input.voxels[n])
                if input.voxels[n] < Measurement.airHU { result[channel].airSamples += 1 }
            }
        }
        scores.touched(slices: 1)
        input.touched()
        labels.touched(slices: lattice.slices(columns: model.dimensions.i, rows: model.dimensions.j))
    }
    let areas = surfaceAreas(of: labels, count: count)
    let pockets = airPockets(in: onModel, input: input, count: count)
    for channel in 0..<count {
        result[channel].pocketSamples = pockets[channel]
        result[channel].doubtMM3 *= model.voxelVolumeMM3
        result[channel].surfaceMM2 = areas[channel]
    }
    return result
}

/// Area of the faces between the voxels of each structure and those of others, mm^2; label 1 comes first.
///
/// A face on the edge of the grid is none: where the scan cuts a structure, the network decided no edge.
func surfaceAreas(of labels: Volume<UInt8>, count: Int) -> [Double] {
    let d = labels.geometry.dimensions
    let spacing = labels.geometry.spacing
    var areas = [Double](repeating: 0, count: 256)
    labels.voxels.withUnsafeBufferPointer { voxels in
        for (step, first, area) in [
            (1, SIMD3(1, 0, 0), spacing.y * spacing.z), (d.i, SIMD3(0, 1, 0), spacing.x * spacing.z),
            (d.i * d.j, SIMD3(0, 0, 1), spacing.x * spacing.y),
        ] {
            var faces = [Int](repeating: 0, count: 256)
            for k in first.z..<d.k {
                for j in first.y..<d.j {
                    let row = d.i * (j + d.j * k)
                    for n in row + first.x..<row + d.i where voxels[n] != voxels[n - step] {
                        faces[Int(voxels[n])] += 1
                        faces[Int(voxels[n - step])] += 1
                    }
                }
            }
            for label in faces.indices { areas[label] += Double(faces[label]) * area }
        }
    }
    return Array(areas[1..<count + 1])
}

@inline(__always)
private func nearestLabel(_ labels: Volume<UInt8>, _ point: Vector3) -> UInt8 {
    let d = labels.geometry.dimensions
    let index = point.rounded(.toNearestOrAwayFromZero)
    guard index.x >= 0, index.y >= 0, index.z >= 0, index.x < Double(d.i), index.y < Double(d.j),
        index.z < Double(d.k)
    else { return 0 }
    return labels[Int(index.x), Int(index.y), Int(index.z)]
}

/// A finding for each structure that touches the in-plane border of the model's grid where the CT goes on.
///
/// - Parameter labels: on the CT's grid, after clean-up: what that took away was not cropped.
func croppedFindings(
    scores: ScoreVolume,
    labels: Volume<UInt8>,
    structures: [StructureResult]
) -> [SegmentationFinding] {
    let d = scores.geometry.dimensions
    // One sample further out than the border: is there still CT?
    let borders: [(index: (Int) -> (Int, Int), length: Int, outward: (Int, Int))] = [
        ({ (0, $0) }, d.j, (-1, 0)), ({ (d.i - 1, $0) }, d.j, (1, 0)),
        ({ ($0, 0) }, d.i, (0, -1)), ({ ($0, d.j - 1) }, d.i, (0, 1)),
    ]
    var touches = Set<Int>()
    for k in 0..<d.k {
        for border in borders {
            for position in 0..<border.length {
                let (i, j) = border.index(position)
                let n = i + d.i * (j + d.j * k)
                let label = scores.rule.label(scores.scores.count) { scores.scores[$0][n] }
                guard label > 0, !touches.contains(Int(label)) else { continue }
                let beyond = scores.geometry.patientPoint(
                    i: Double(i + border.outward.0),
                    j: Double(j + border.outward.1),
                    k: Double(k)
                )
                let here = scores.geometry.patientPoint(i: Double(i), j: Double(j), k: Double(k))
                if labels.geometry.contains(beyond),
                    nearestLabel(labels, labels.geometry.continuousIndex(of: here)) == UInt8(label)
                {
                    touches.insert(Int(label))
                }
            }
        }
        scores.touched(slices: 1)
        labels.touched()
    }
    return structures.filter { $0.found && touches.contains(Int($0.label)) }.map { .cropped($0.name) }
}

extension VolumeGeometry {
    /// Whether a point lies within the outer edges of the voxels.
    func contains(_ point: PatientPoint) -> Bool {
        let p = continuousIndex(of: point)
        return p.x >= -0.5 && p.y >= -0.5 && p.z >= -0.5 && p.x <= Double(dimensions.i) - 0.5
            && p.y <= Double(dimensions.j) - 0.5 && p.z <= Double(dimensions.k) - 0.5
    }
}
