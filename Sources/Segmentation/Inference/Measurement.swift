import Imaging
import Platform

/// Sums over one structure.
struct Measurement: Sendable, Equatable {
    /// Voxels of the CT grid.
    var voxels = 0
    /// Pixels of the model's grid whose centre lies in the structure.
    var samples = 0
    var scoreInside = 0.0
    /// Scores of all pixels of the model's grid; of an organ, but for those around the patient (`ScoresAround`).
    var scoreSum = 0.0
    /// Volume of a pixel of the model's grid, mm^3.
    var sampleMM3 = 0.0
    /// Pixels that are expected to be wrong, see `WideDoubt`.
    var expectedErrors = 0.0
    var huSum = 0.0
    var airSamples = 0
    var lowAttenuationSamples = 0
    /// Pixels in its largest connected piece of plain air, see `airPockets`.
    var pocketSamples = 0
    /// Sum of `p * (1 - p)` over the same pixels, times the volume of one, mm^3.
    var doubtMM3 = 0.0
    /// Area of the structure's surface, mm^2; see `extents`.
    var surfaceMM2 = 0.0

    /// Below this a pixel of the model is plain air, HU. Lungs average higher; of one with severe emphysema, on a scanner whose
    /// values are 20 HU low, a third of the pixels lies below.
    static let airHU: Float = -980
    /// Below this a pixel of the model counts for `lowAttenuationFraction`, HU. Chosen on generated patients, see docs/decisions/0007; on
    /// scans of 1 mm, emphysema is commonly told from -950 HU downwards.
    static let lowAttenuationHU: Float = -900

    /// How far each edge is taken to lie from where it belongs, mm: chosen on generated patients, see docs/decisions/0007.
    static let edgeErrorMM = 0.1

    var meanScore: Double? { samples > 0 ? scoreInside / Double(samples) : nil }
    var meanHU: Double? { samples > 0 ? huSum / Double(samples) : nil }
    var airFraction: Double? { samples > 0 ? Double(airSamples) / Double(samples) : nil }
    /// The part that lies below `lowAttenuationHU`: much of a lung with emphysema, little of others.
    var lowAttenuationFraction: Double? { samples > 0 ? Double(lowAttenuationSamples) / Double(samples) : nil }
    var airPocketFraction: Double? { samples > 0 ? Double(pocketSamples) / Double(samples) : nil }

    /// The Dice that the scores promise when they are taken as probabilities.
    var promisedDice: Double {
        let sum = scoreSum + Double(samples)
        return sum > 0 ? 2 * scoreInside / sum : 0
    }

    /// 1 less what is expected to be wrong, as a part of the structure; 0 where that is as much as it has.
    ///
    /// Expected to be wrong are pixels in wide regions of doubt (`WideDoubt`) and a thin layer along the whole surface: of a slip of
    /// lung, of which a picture shows no more, edges take a larger part than of a whole one. It follows the Dice better than the
    /// promised one does, but on a scale of its own: see `ConfidenceCalibration`.
    var certainty: Double {
        guard samples > 0, sampleMM3 > 0 else { return 0 }
        let layer = Self.edgeErrorMM * surfaceMM2 / sampleMM3
        return max(0, 1 - (expectedErrors + layer) / Double(samples))
    }

    /// Mean width of the band in which the network is unsure, mm. Across a sharp edge `p` leaps and the sum is small;
    /// across one where `p` falls like a logistic curve it is the scale of that curve. Unlike the promised Dice it does
    /// not depend on how large the structure is.
    var edgeUncertaintyMM: Double? { surfaceMM2 > 0 ? doubtMM3 / surfaceMM2 : nil }
}

/// Measures every structure of a label map against the scores and the HU of the network's input.
///
/// HU and scores are read on the model's grid at the pixels whose nearest CT voxel has the label. Sums are made slice by slice and
/// then added in their order, so that they do not depend on the number of threads.
func measureStructures(
    _ rois: [ROIDescription],
    in labels: Volume<UInt8>,
    scores: ScoreVolume,
    input: Volume<Float>,
    outline: PatientOutline?,
    threads: Int
) -> [Measurement] {
    let model = scores.geometry
    let count = rois.count
    let around = rois.indices.map {
        ScoresAround(scores, channel: $0, outline: rois[$0].isOrgan ? outline : nil, input: input)
    }
    var onModel = Volume<UInt8>(geometry: model, repeating: 0)
    let slices = onModel.voxels.withUnsafeMutableBufferPointer { buffer in
        // Each slice is written by one thread only.
        nonisolated(unsafe) let onModel = buffer
        return parallelMap(model.dimensions.k, threads: threads) { k in
            let slice = UnsafeMutableBufferPointer(rebasing: onModel[k * model.planeCount..<(k + 1) * model.planeCount])
            return measure(slice: k, labels, scores, input, around, onModel: slice)
        }
    }
    var result = slices.reduce(into: [Measurement](repeating: Measurement(), count: count)) { sums, slice in
        for channel in 0..<count { sums[channel].add(slice[channel]) }
    }
    let (voxels, areas) = extents(of: labels, count: count, threads: threads)
    let pockets = airPockets(in: onModel, input: input, count: count, threads: threads)
    for channel in 0..<count {
        result[channel].voxels = voxels[channel]
        result[channel].pocketSamples = pockets[channel]
        result[channel].sampleMM3 = model.voxelVolumeMM3
        result[channel].doubtMM3 *= model.voxelVolumeMM3
        result[channel].surfaceMM2 = areas[channel]
    }
    return result
}

extension Measurement {
    /// The sums over pixels of the model's grid.
    fileprivate mutating func add(_ other: Measurement) {
        samples += other.samples
        scoreInside += other.scoreInside
        scoreSum += other.scoreSum
        expectedErrors += other.expectedErrors
        huSum += other.huSum
        airSamples += other.airSamples
        lowAttenuationSamples += other.lowAttenuationSamples
        doubtMM3 += other.doubtMM3
    }
}

/// Sums over one slice of the model's grid, and its labels.
private func measure(
    slice k: Int,
    _ labels: Volume<UInt8>,
    _ scores: ScoreVolume,
    _ input: Volume<Float>,
    _ around: [ScoresAround],
    onModel: UnsafeMutableBufferPointer<UInt8>
) -> [Measurement] {
    let d = scores.geometry.dimensions
    let lattice = Lattice(from: scores.geometry, slice: k, to: labels.geometry)
    for j in 0..<d.j {
        for i in 0..<d.i { onModel[i + d.i * j] = nearestLabel(labels, lattice.point(i, j)) }
    }
    let start = scores.geometry.planeCount * k
    var doubt = WideDoubt(columns: d.i, rows: d.j)
    let result = around.indices.map { channel in
        var sums = Measurement()
        let ignored = around[channel].ignored(slice: k, columns: d.i, pixels: onModel.count)
        scores.scores[channel].withUnsafeBufferPointer { all in
            func score(_ n: Int) -> Float { ignored?[n] == true && onModel[n] == 0 ? 0 : all[start + n] }
            sums.expectedErrors = doubt.expectedErrors(score: score)
            for n in onModel.indices {
                let score = Double(score(n))
                sums.scoreSum += score
                sums.doubtMM3 += score * (1 - score)
                guard Int(onModel[n]) == channel + 1 else { continue }
                sums.samples += 1
                sums.scoreInside += score
                sums.huSum += Double(input.voxels[start + n])
                if input.voxels[start + n] < Measurement.airHU { sums.airSamples += 1 }
                if input.voxels[start + n] < Measurement.lowAttenuationHU { sums.lowAttenuationSamples += 1 }
            }
        }
        return sums
    }
    scores.touched(slices: 1)
    input.touched()
    labels.touched(slices: lattice.slices(columns: d.i, rows: d.j))
    return result
}

/// The voxels of each structure, and the area of the faces between them and those of others, mm^2; label 1 comes first.
///
/// A face on the edge of the grid is none: where the scan cuts a structure, the network decided no edge.
func extents(of labels: Volume<UInt8>, count: Int, threads: Int) -> (voxels: [Int], areasMM2: [Double]) {
    let spacing = labels.geometry.spacing
    let slices = parallelMap(labels.geometry.dimensions.k, threads: threads) { k in
        defer { labels.touched() }
        return SliceExtents(labels, k)
    }
    let labels = 1...count
    func sum(_ counts: KeyPath<SliceExtents, [Int]>, _ label: Int) -> Int {
        slices.reduce(0) { $0 + $1[keyPath: counts][label] }
    }
    let areas = labels.map { label in
        Double(sum(\.facesI, label)) * (spacing.y * spacing.z) + Double(sum(\.facesJ, label)) * (spacing.x * spacing.z)
            + Double(sum(\.facesK, label)) * (spacing.x * spacing.y)
    }
    return (labels.map { sum(\.voxels, $0) }, areas)
}

/// Counts in one slice, by label.
private struct SliceExtents: Sendable {
    var voxels = [Int](repeating: 0, count: 256)
    /// Faces to the voxels before, along each index.
    var facesI = [Int](repeating: 0, count: 256)
    var facesJ = [Int](repeating: 0, count: 256)
    var facesK = [Int](repeating: 0, count: 256)

    init(_ labels: Volume<UInt8>, _ k: Int) {
        let d = labels.geometry.dimensions
        labels.voxels.withUnsafeBufferPointer { all in
            for j in 0..<d.j {
                let row = d.i * (j + d.j * k)
                for n in row..<row + d.i where all[n] > 0 { voxels[Int(all[n])] += 1 }
                Self.count(all, row + 1..<row + d.i, 1, &facesI)
                if j > 0 { Self.count(all, row..<row + d.i, d.i, &facesJ) }
                if k > 0 { Self.count(all, row..<row + d.i, d.i * d.j, &facesK) }
            }
        }
    }

    private static func count(
        _ all: UnsafeBufferPointer<UInt8>,
        _ row: Range<Int>,
        _ step: Int,
        _ faces: inout [Int]
    ) {
        for n in row where all[n] != all[n - step] {
            faces[Int(all[n])] += 1
            faces[Int(all[n - step])] += 1
        }
    }
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
