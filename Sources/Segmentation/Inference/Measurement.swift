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

    /// Below this a pixel of the model is plain air, HU: even emphysema averages higher over a model's pixel.
    static let airHU: Float = -980

    var meanScore: Double? { samples > 0 ? scoreInside / Double(samples) : nil }
    var meanHU: Double? { samples > 0 ? huSum / Double(samples) : nil }
    var airFraction: Double? { samples > 0 ? Double(airSamples) / Double(samples) : nil }

    /// The Dice that the scores promise when they are taken as probabilities.
    var expectedDice: Double {
        let sum = scoreSum + Double(samples)
        return sum > 0 ? 2 * scoreInside / sum : 0
    }
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
    for k in 0..<model.dimensions.k {
        let lattice = Lattice(from: model, slice: k, to: ct)
        for j in 0..<model.dimensions.j {
            for i in 0..<model.dimensions.i {
                let n = i + model.dimensions.i * (j + model.dimensions.j * k)
                for channel in 0..<count { result[channel].scoreSum += Double(scores.scores[channel][n]) }
                let label = nearestLabel(labels, lattice.point(i, j))
                guard label > 0 else { continue }
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
    return result
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
