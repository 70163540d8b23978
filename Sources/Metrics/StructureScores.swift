import Imaging
import Platform

/// How well one structure agrees with its reference. Undefined is nil (null in JSON), never NaN: with both masks empty
/// everything but volumes and path length is nil; with one empty, overlaps are 0 and distances nil. A side that lies wholly
/// outside of the grid has no known volume.
package struct StructureScores: Codable, Sendable, Equatable {
    package var name: String
    package var dice: Double?
    package var jaccard: Double?
    /// By tolerance in mm, as text: "1", "2", "3".
    package var surfaceDice: [String: Double?]
    /// Share of the reference's surface within the tolerance of ours, and of ours within that of the reference.
    package var surfaceOverlapReference: [String: Double?]
    package var surfaceOverlapPrediction: [String: Double?]
    /// Hausdorff distance at the 95th and the 100th percentile.
    package var hausdorff95MM: Double?
    package var hausdorffMM: Double?
    package var meanSurfaceDistanceMM: Double?
    package var averageReferenceToPredictionMM: Double?
    package var averagePredictionToReferenceMM: Double?
    /// By tolerance; see `AddedPathLength`.
    package var addedPathLengthMM: [String: Double?]
    package var volumeReferenceML: Double?
    package var volumePredictionML: Double?
    /// Prediction minus reference.
    package var volumeDifferenceML: Double?
    /// Of the reference; nil when it is empty.
    package var volumeDifferencePercent: Double?
    package var falsePositiveML: Double?
    package var falseNegativeML: Double?
    /// From the reference's centre of mass to the prediction's: length, and patient LPS vector.
    package var centreShiftMM: Double?
    package var centreShiftLPSMM: [Double]?
    package var sliceDice: SliceDice
    /// Each slice in its plane; nil where nobody asked.
    package var slices: [SliceScores]?

    /// Dice of the slices from the first to the last that either mask reaches; empty without any.
    package struct SliceDice: Codable, Sendable, Equatable {
        /// Index along the slice normal, from 0; nil without any slice.
        package var firstSlice: Int?
        /// nil where both masks have no voxel.
        package var dice: [Double?]

        /// The slice with the lowest Dice; nil without any.
        package var worst: (slice: Int, dice: Double)? {
            guard let firstSlice else { return nil }
            let defined = dice.enumerated().compactMap { n, value in value.map { (slice: firstSlice + n, dice: $0) } }
            return defined.min { $0.dice < $1.dice }
        }

        private enum CodingKeys: String, CodingKey {
            case firstSlice = "first_slice"
            case dice
        }

        init(_ counts: VoxelCounts) {
            let slices = counts.slices
            guard let first = slices.firstIndex(where: { !$0.isEmpty }),
                let last = slices.lastIndex(where: { !$0.isEmpty })
            else {
                (firstSlice, dice) = (nil, [])
                return
            }
            firstSlice = first
            dice = slices[first...last].map(\.dice)
        }
    }

    /// The definition behind the numbers, as it is printed beside them.
    ///
    /// - Parameter grid: where both masks lie, for example `the grid of the CT`.
    package static func definition(on grid: String) -> String {
        "surface Dice, HD95 and mean surface distance as google-deepmind/surface-distance defines them "
            + "(surfel areas on the corner grid, tolerance inclusive), on \(grid)"
    }

    private enum CodingKeys: String, CodingKey {
        case name, dice, jaccard, slices
        case surfaceDice = "surface_dice"
        case surfaceOverlapReference = "surface_overlap_reference"
        case surfaceOverlapPrediction = "surface_overlap_prediction"
        case hausdorff95MM = "hausdorff_95_mm"
        case hausdorffMM = "hausdorff_100_mm"
        case meanSurfaceDistanceMM = "mean_surface_distance_mm"
        case averageReferenceToPredictionMM = "average_distance_reference_to_prediction_mm"
        case averagePredictionToReferenceMM = "average_distance_prediction_to_reference_mm"
        case addedPathLengthMM = "added_path_length_mm"
        case volumeReferenceML = "volume_reference_ml"
        case volumePredictionML = "volume_prediction_ml"
        case volumeDifferenceML = "volume_difference_ml"
        case volumeDifferencePercent = "volume_difference_percent"
        case falsePositiveML = "false_positive_ml"
        case falseNegativeML = "false_negative_ml"
        case centreShiftMM = "centre_shift_mm"
        case centreShiftLPSMM = "centre_shift_lps_mm"
        case sliceDice = "slice_dice"
    }

    package init(
        name: String,
        reference: Mask,
        prediction: Mask,
        tolerancesMM: [Double] = [1, 2, 3],
        withSlices: Bool = false,
        threads: Int = ProcessorCount.available
    ) {
        let distances = SurfaceDistances(reference: reference, prediction: prediction, threads: threads)
        let path = AddedPathLength(reference: reference, prediction: prediction, threads: threads)
        let counts = VoxelCounts(reference: reference, prediction: prediction)
        let total = counts.total
        func millilitres(_ voxels: Int) -> Double { Double(voxels) * reference.geometry.voxelVolumeMM3 / 1000 }
        self.name = name
        dice = total.dice
        jaccard = total.jaccard
        (surfaceDice, surfaceOverlapReference, surfaceOverlapPrediction, addedPathLengthMM) = ([:], [:], [:], [:])
        for tolerance in tolerancesMM {
            let text = Self.text(ofTolerance: tolerance)
            let overlap = distances.surfaceOverlap(toleranceMM: tolerance)
            surfaceDice[text] = .some(distances.surfaceDice(toleranceMM: tolerance))
            surfaceOverlapReference[text] = .some(overlap.reference)
            surfaceOverlapPrediction[text] = .some(overlap.prediction)
            addedPathLengthMM[text] = .some(path.millimetres(toleranceMM: tolerance))
        }
        hausdorff95MM = distances.hausdorff(percentile: 95)
        hausdorffMM = distances.hausdorff(percentile: 100)
        meanSurfaceDistanceMM = distances.meanSurfaceDistance
        (averageReferenceToPredictionMM, averagePredictionToReferenceMM) = distances.averageSurfaceDistances
        volumeReferenceML = millilitres(total.reference)
        volumePredictionML = millilitres(total.prediction)
        volumeDifferenceML = millilitres(total.prediction - total.reference)
        volumeDifferencePercent =
            total.reference > 0
            ? 100 * Double(total.prediction - total.reference) / Double(total.reference) : nil
        falsePositiveML = millilitres(total.predictionOnly)
        falseNegativeML = millilitres(total.referenceOnly)
        centreShiftMM = counts.centreShift.map { dot($0, $0).squareRoot() }
        centreShiftLPSMM = counts.centreShift.map { [$0.x, $0.y, $0.z] }
        sliceDice = SliceDice(counts)
        guard withSlices else { return }
        slices = SliceScores.of(reference: reference, prediction: prediction, tolerancesMM: tolerancesMM)
    }

    /// Takes back what is not known of a side that lies wholly outside of the grid: its volume, and what follows from that.
    /// Overlaps stay: they are 0 on any grid.
    package mutating func forgetVolume(of side: ComparedSide) {
        (volumeDifferenceML, volumeDifferencePercent) = (nil, nil)
        switch side {
        case .reference:
            (volumeReferenceML, falseNegativeML) = (nil, nil)
            for tolerance in addedPathLengthMM.keys { addedPathLengthMM[tolerance] = .some(nil) }
        case .prediction: (volumePredictionML, falsePositiveML) = (nil, nil)
        }
    }

    /// Whether scores can be asked at a tolerance in mm. Smaller ones than a thousandth are those of no contour, and as text
    /// they would be no plain number.
    package static func isTolerance(_ millimetres: Double) -> Bool {
        millimetres == 0 || (0.001...100).contains(millimetres)
    }

    /// "2" for 2 mm, "2.5" for 2.5 mm. It must be a tolerance.
    package static func text(ofTolerance millimetres: Double) -> String {
        millimetres == millimetres.rounded() ? "\(Int(millimetres))" : "\(millimetres)"
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(name, forKey: .name)
        // `encode` of an optional writes null, where the compiler's own encoding would leave the key out.
        let numbers: [(Double?, CodingKeys)] = [
            (dice, .dice), (jaccard, .jaccard), (hausdorff95MM, .hausdorff95MM), (hausdorffMM, .hausdorffMM),
            (meanSurfaceDistanceMM, .meanSurfaceDistanceMM),
            (averageReferenceToPredictionMM, .averageReferenceToPredictionMM),
            (averagePredictionToReferenceMM, .averagePredictionToReferenceMM),
            (volumeReferenceML, .volumeReferenceML), (volumePredictionML, .volumePredictionML),
            (volumeDifferenceML, .volumeDifferenceML), (volumeDifferencePercent, .volumeDifferencePercent),
            (falsePositiveML, .falsePositiveML), (falseNegativeML, .falseNegativeML), (centreShiftMM, .centreShiftMM),
        ]
        for (value, key) in numbers { try container.encode(value, forKey: key) }
        try container.encode(surfaceDice, forKey: .surfaceDice)
        try container.encode(surfaceOverlapReference, forKey: .surfaceOverlapReference)
        try container.encode(surfaceOverlapPrediction, forKey: .surfaceOverlapPrediction)
        try container.encode(addedPathLengthMM, forKey: .addedPathLengthMM)
        try container.encode(centreShiftLPSMM, forKey: .centreShiftLPSMM)
        try container.encode(sliceDice, forKey: .sliceDice)
        try container.encodeIfPresent(slices, forKey: .slices)
    }
}

/// Scores of one slice in its plane: contours instead of surfaces.
package struct SliceScores: Codable, Sendable, Equatable {
    /// Index along the slice normal, from 0.
    package var slice: Int
    package var dice: Double?
    /// Of contours, by tolerance in mm.
    package var surfaceDice: [String: Double?]
    package var hausdorff95MM: Double?
    package var meanSurfaceDistanceMM: Double?

    private enum CodingKeys: String, CodingKey {
        case slice, dice
        case surfaceDice = "surface_dice"
        case hausdorff95MM = "hausdorff_95_mm"
        case meanSurfaceDistanceMM = "mean_surface_distance_mm"
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(slice, forKey: .slice)
        try container.encode(dice, forKey: .dice)
        try container.encode(surfaceDice, forKey: .surfaceDice)
        try container.encode(hausdorff95MM, forKey: .hausdorff95MM)
        try container.encode(meanSurfaceDistanceMM, forKey: .meanSurfaceDistanceMM)
    }

    private init(slice: Int, reference: Mask, prediction: Mask, tolerancesMM: [Double]) {
        let distances = SurfaceDistances(referenceSlice: reference, predictionSlice: prediction)
        self.slice = slice
        dice = Metrics.dice(reference: reference, prediction: prediction)
        surfaceDice = [:]
        for tolerance in tolerancesMM {
            surfaceDice[StructureScores.text(ofTolerance: tolerance)] =
                .some(distances.surfaceDice(toleranceMM: tolerance))
        }
        hausdorff95MM = distances.hausdorff(percentile: 95)
        meanSurfaceDistanceMM = distances.meanSurfaceDistance
    }

    /// The slices that either mask reaches, ascending.
    package static func of(reference: Mask, prediction: Mask, tolerancesMM: [Double]) -> [SliceScores] {
        precondition(reference.geometry.dimensions == prediction.geometry.dimensions, "masks on one grid")
        return (0..<reference.geometry.dimensions.k).compactMap { k in
            let (a, b) = (reference.slice(k), prediction.slice(k))
            guard a.voxels.contains(where: { $0 != 0 }) || b.voxels.contains(where: { $0 != 0 }) else { return nil }
            return SliceScores(slice: k, reference: a, prediction: b, tolerancesMM: tolerancesMM)
        }
    }
}

extension Volume {
    /// One slice as a volume of its own.
    fileprivate func slice(_ k: Int) -> Volume {
        var geometry = geometry
        let plane = geometry.dimensions.i * geometry.dimensions.j
        geometry.origin = geometry.patientPoint(i: 0, j: 0, k: Double(k))
        geometry.dimensions.k = 1
        return Volume(geometry: geometry, voxels: Array(voxels[k * plane..<(k + 1) * plane]))
    }
}
