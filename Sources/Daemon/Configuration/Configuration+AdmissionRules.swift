import Dicom

extension Configuration {
    /// What a CT may be like. Limits that no CT could keep, or that would let everything through that the test behind
    /// them is for, are mistakes.
    var admissionRules: [(Bool, String, String)] {
        let (limits, standard) = (admission, AdmissionLimits())
        func text(_ value: Double) -> String { value == value.rounded() ? "\(Int(value))" : "\(value)" }
        // A range contains no number that is none.
        func within(_ value: Double, _ range: ClosedRange<Double>, _ key: String) -> (Bool, String, String) {
            (range.contains(value), "admission.\(key)", "\(text(range.lowerBound)) to \(text(range.upperBound))")
        }
        // Where the upper limit has its default, the lower one is what somebody wrote.
        func above(
            _ value: Double,
            _ least: Double,
            _ most: Double,
            standard: Double,
            _ key: String,
            _ other: String
        ) -> [(Bool, String, String)] {
            [
                (
                    value >= least || value != standard, "admission.\(other)",
                    "at most admission.\(key), which is \(text(value))"
                ),
                (
                    value >= least && value <= most, "admission.\(key)",
                    "at least admission.\(other) and at most \(text(most))"
                ),
            ]
        }
        func inside(_ value: ClosedRange<Double>, _ range: ClosedRange<Double>, _ key: String)
            -> (Bool, String, String)
        {
            (
                range.lowerBound <= value.lowerBound && value.upperBound <= range.upperBound, "admission.\(key)",
                "within \(text(range.lowerBound)) to \(text(range.upperBound))"
            )
        }
        let pairs = [
            above(
                Double(limits.maximumMatrix),
                Double(limits.minimumMatrix),
                8192,
                standard: Double(standard.maximumMatrix),
                "maximum_matrix",
                "minimum_matrix"
            ),
            above(
                limits.maximumSliceSpacingMM,
                limits.minimumSliceSpacingMM,
                20,
                standard: standard.maximumSliceSpacingMM,
                "maximum_slice_spacing_mm",
                "minimum_slice_spacing_mm"
            ),
            above(
                limits.maximumPixelSpacingMM,
                limits.minimumPixelSpacingMM,
                10,
                standard: standard.maximumPixelSpacingMM,
                "maximum_pixel_spacing_mm",
                "minimum_pixel_spacing_mm"
            ),
            above(
                limits.maximumPixelRatio,
                limits.squarePixelRatio,
                3,
                standard: standard.maximumPixelRatio,
                "maximum_pixel_ratio",
                "square_pixel_ratio"
            ),
        ]
        let singles = [
            within(Double(limits.minimumSlices), 2...1000, "minimum_slices"),
            within(Double(limits.minimumMatrix), 16...8192, "minimum_matrix"),
            within(Double(limits.maximumVoxels), 1_000_000...10_000_000_000, "maximum_voxels"),
            within(limits.minimumSliceSpacingMM, 0.01...20, "minimum_slice_spacing_mm"),
            within(limits.spacingToleranceMM, 0...0.5, "spacing_tolerance_mm"),
            within(limits.spacingToleranceFraction, 0...0.2, "spacing_tolerance_fraction"),
            within(limits.gridToleranceMM, 0...2, "grid_tolerance_mm"),
            within(limits.duplicatePositionToleranceMM, 0...0.5, "duplicate_position_tolerance_mm"),
            within(limits.thickSliceRatio, 1...100, "thick_slice_ratio"),
            within(limits.lateralShiftToleranceMM, 0...5, "lateral_shift_tolerance_mm"),
            within(limits.tiltToleranceDegrees, 0...5, "tilt_tolerance_degrees"),
            within(limits.orientationToleranceDegrees, 0...5, "orientation_tolerance_degrees"),
            within(limits.minimumPixelSpacingMM, 0.01...10, "minimum_pixel_spacing_mm"),
            within(limits.pixelSpacingToleranceFraction, 0...0.1, "pixel_spacing_tolerance_fraction"),
            within(limits.squarePixelRatio, 1...3, "square_pixel_ratio"),
            within(Double(limits.maximumMissingLeadingNumbers), 0...10_000, "maximum_missing_leading_numbers"),
            inside(limits.possibleHU, -4096...65_536, "possible_hu"),
            within(limits.maximumImpossibleFraction, 0...0.5, "maximum_impossible_fraction"),
            inside(limits.airHU, -10_000...0, "air_hu"),
            within(limits.minimumAirFraction, 0.0001...0.9, "minimum_air_fraction"),
            inside(limits.softTissueHU, -500...500, "soft_tissue_hu"),
            within(limits.minimumSoftTissueFraction, 0.0001...0.9, "minimum_soft_tissue_fraction"),
            within(limits.undeclaredPaddingHU, -100_000...(-1024), "undeclared_padding_hu"),
            within(limits.maximumLostRowsFraction, 0...0.5, "maximum_lost_rows_fraction"),
            inside(limits.paddingMayNotBeHU, -10_000...100_000, "padding_may_not_be_hu"),
        ]
        return singles + pairs.flatMap(\.self)
    }
}
