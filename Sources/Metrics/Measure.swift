/// One number of `StructureScores`, for tables, summaries and plots.
package struct Measure: Sendable {
    /// As in comma-separated values and summaries.
    package let key: String
    /// As in the head of a table.
    package let title: String
    /// Digits behind the point.
    package let digits: Int
    package let isBetterWhenHigher: Bool
    package let value: @Sendable (StructureScores) -> Double?

    private init(
        _ key: String,
        _ title: String,
        _ digits: Int,
        higherIsBetter: Bool = false,
        _ value: @escaping @Sendable (StructureScores) -> Double?
    ) {
        (self.key, self.title, self.digits, isBetterWhenHigher) = (key, title, digits, higherIsBetter)
        self.value = value
    }

    package static let dice = Measure("dice", "Dice", 4, higherIsBetter: true) { $0.dice }

    package static func surfaceDice(_ tolerance: String) -> Measure {
        Measure("surface_dice_\(tolerance)_mm", "Surface Dice \(tolerance) mm", 4, higherIsBetter: true) {
            $0.surfaceDice[tolerance] ?? nil
        }
    }

    package static func addedPathLength(_ tolerance: String) -> Measure {
        Measure("added_path_length_\(tolerance)_mm", "Added path length beyond \(tolerance) mm, mm", 0) {
            $0.addedPathLengthMM[tolerance] ?? nil
        }
    }

    package static let hausdorff95 = Measure("hausdorff_95_mm", "HD95, mm", 2) { $0.hausdorff95MM }
    package static let meanSurfaceDistance = Measure("mean_surface_distance_mm", "Mean surface distance, mm", 3) {
        $0.meanSurfaceDistanceMM
    }
    package static let volumeDifferencePercent = Measure("volume_difference_percent", "Volume difference, %", 2) {
        $0.volumeDifferencePercent
    }
    package static let centreShift = Measure("centre_shift_mm", "Centre shift, mm", 2) { $0.centreShiftMM }
    package static let volumes = [
        Measure("volume_reference_ml", "Reference, mL", 1) { $0.volumeReferenceML },
        Measure("volume_prediction_ml", "Prediction, mL", 1) { $0.volumePredictionML },
    ]

    /// What cohorts are summarised by.
    package static func summarised(tolerances: [String]) -> [Measure] {
        [dice] + tolerances.map(surfaceDice) + [hausdorff95, meanSurfaceDistance] + tolerances.map(addedPathLength)
            + [volumeDifferencePercent, centreShift]
    }

    /// Every number, in the order of the columns of comma-separated values.
    package static func all(tolerances: [String]) -> [Measure] {
        let overlaps = tolerances.flatMap { tolerance in
            [
                Measure("surface_overlap_reference_\(tolerance)_mm", "Reference's surface within \(tolerance) mm", 4) {
                    $0.surfaceOverlapReference[tolerance] ?? nil
                },
                Measure("surface_overlap_prediction_\(tolerance)_mm", "Our surface within \(tolerance) mm", 4) {
                    $0.surfaceOverlapPrediction[tolerance] ?? nil
                },
            ]
        }
        return [dice] + tolerances.map(surfaceDice) + [hausdorff95, meanSurfaceDistance] + volumes
            + [
                Measure("jaccard", "Jaccard", 4, higherIsBetter: true) { $0.jaccard },
                Measure("hausdorff_100_mm", "Hausdorff, mm", 2) { $0.hausdorffMM },
                Measure("average_distance_reference_to_prediction_mm", "Reference to prediction, mm", 3) {
                    $0.averageReferenceToPredictionMM
                },
                Measure("average_distance_prediction_to_reference_mm", "Prediction to reference, mm", 3) {
                    $0.averagePredictionToReferenceMM
                },
            ] + overlaps + tolerances.map(addedPathLength)
            + [
                Measure("volume_difference_ml", "Volume difference, mL", 1) { $0.volumeDifferenceML },
                volumeDifferencePercent,
                Measure("false_positive_ml", "Only ours, mL", 1) { $0.falsePositiveML },
                Measure("false_negative_ml", "Only the reference's, mL", 1) { $0.falseNegativeML }, centreShift,
            ]
    }

    /// Tolerances that some scores have, ascending.
    package static func tolerances(of scores: some Sequence<StructureScores>) -> [String] {
        Set(scores.flatMap(\.surfaceDice.keys)).sorted { (Double($0) ?? 0) < (Double($1) ?? 0) }
    }
}
