import Platform

/// Every number that decides whether a CT is taken as one trustworthy volume. The defaults are meant for
/// clinical CT of the trunk; `etc/contourd.toml` can change each of them.
package struct AdmissionLimits: Codable, Sendable, Equatable, Hashable {
    /// Fewer slices are refused: three-dimensional plausibility needs neighbours. Default 8.
    package var minimumSlices = 8
    /// Columns and rows, at least and at most. Default 64 and 2048.
    package var minimumMatrix = 64
    package var maximumMatrix = 2048
    /// Voxels in all, at most; bounds memory (2 bytes each). Default 600 million, 512 x 512 x 2288.
    package var maximumVoxels = 600_000_000

    /// Distance of neighbouring slices in mm, at least and at most. Default 0.2 and 10.
    package var minimumSliceSpacingMM = 0.2
    package var maximumSliceSpacingMM = 10.0
    /// A distance may differ from the median distance by this much: the larger of mm and fraction. Default
    /// 0.1 mm and 0.02. A distance near a whole multiple of the median is a missing slice. Where the median is
    /// no step because most slices are missing, the largest step of which all distances are whole multiples takes
    /// its place. Anything else is uneven spacing.
    package var spacingToleranceMM = 0.1
    package var spacingToleranceFraction = 0.02
    /// A slice may lie this far, in mm, from its place on the even grid between the first and the last slice:
    /// small differences must not add up. A quarter of the spacing where that is less. Default 0.5.
    package var gridToleranceMM = 0.5
    /// Slices closer than this are at one position. Default 0.01 mm.
    package var duplicatePositionToleranceMM = 0.01
    /// Slices that are more than this many times as thick as they lie apart are warned about. Default 3.
    package var thickSliceRatio = 3.0
    /// Sideways shift of a slice against a straight stack along the normal, at most. Default 0.5 mm.
    package var lateralShiftToleranceMM = 0.5
    /// Angle between the stack's direction and the slices' normal from which a shift is called gantry tilt,
    /// and the largest Gantry/Detector Tilt taken as zero. Default 0.5 degrees.
    package var tiltToleranceDegrees = 0.5
    /// Angle between the orientations of two slices of one stack, at most. Default 0.1 degrees.
    package var orientationToleranceDegrees = 0.1

    /// Pixel spacing in mm, at least and at most. Default 0.1 and 5.
    package var minimumPixelSpacingMM = 0.1
    package var maximumPixelSpacingMM = 5.0
    /// Relative difference of pixel spacing between slices, at most. Default 0.001.
    package var pixelSpacingToleranceFraction = 0.001
    /// Ratio of the two pixel spacings: above the first a warning, above the second a refusal. Default 1.01
    /// and 1.5: no scanner makes such pixels, a reformat does.
    package var squarePixelRatio = 1.01
    package var maximumPixelRatio = 1.5

    /// Missing leading Instance Numbers that still mean missing slices (numbers that begin at 4: three slices).
    /// With more, the numbering is taken to continue from another series. 0 turns the test off. Default 10.
    package var maximumMissingLeadingNumbers = 10
    /// Refuse when Images in Acquisition or Number of Series Related Instances promise more than arrived; off:
    /// warn. Default on.
    package var refuseUnkeptCounts = true

    /// HU that a voxel of a CT can have; at most `maximumImpossibleFraction` may lie outside. Default
    /// -1200 to 32000 and 0.01.
    package var possibleHU: ClosedRange<Double> = -1200...32000
    package var maximumImpossibleFraction = 0.01
    /// At least this fraction of the voxels must be air. Default -1200 to -600 HU and 0.001.
    package var airHU: ClosedRange<Double> = -1200...(-600)
    package var minimumAirFraction = 0.001
    /// At least this fraction of the voxels must be soft tissue. Default -200 to 200 HU and 0.01.
    package var softTissueHU: ClosedRange<Double> = -200...200
    package var minimumSoftTissueFraction = 0.01
    /// Up to this a voxel is padding that the header does not declare; it becomes air. Default -2000 HU, the value with which many
    /// scanners fill what lies outside of their circle.
    package var undeclaredPaddingHU = -2000.0
    /// Declared padding that means an HU in this range would cut holes into the patient: refused where it
    /// occurs. Default -500 to 3000 HU.
    package var paddingMayNotBeHU: ClosedRange<Double> = -500...3000

    /// Rows of a slice that may have one value in all pixels where the slices beside it show the patient. More: a file that was
    /// filled up with zeros. Default 0.02 of the rows.
    package var maximumLostRowsFraction = 0.02

    package init() {}

    /// Allowed difference from the median distance of neighbouring slices. The differences of decimal positions are no decimals,
    /// so that one of exactly the tolerance may come out a little larger.
    package func spacingTolerance(medianMM: Double) -> Double {
        max(spacingToleranceMM, spacingToleranceFraction * medianMM) + 1e-9
    }
}

extension AdmissionLimits {
    /// What an earlier version wrote lacks the limits that came later: those have their defaults. A reference that comes years
    /// after the contours is scored with the request of these.
    package init(from decoder: any Decoder) throws {
        self.init()
        let values = try decoder.container(keyedBy: CodingKeys.self)
        try values.read(.minimumSlices, into: &minimumSlices)
        try values.read(.minimumMatrix, into: &minimumMatrix)
        try values.read(.maximumMatrix, into: &maximumMatrix)
        try values.read(.maximumVoxels, into: &maximumVoxels)
        try values.read(.minimumSliceSpacingMM, into: &minimumSliceSpacingMM)
        try values.read(.maximumSliceSpacingMM, into: &maximumSliceSpacingMM)
        try values.read(.spacingToleranceMM, into: &spacingToleranceMM)
        try values.read(.spacingToleranceFraction, into: &spacingToleranceFraction)
        try values.read(.gridToleranceMM, into: &gridToleranceMM)
        try values.read(.duplicatePositionToleranceMM, into: &duplicatePositionToleranceMM)
        try values.read(.thickSliceRatio, into: &thickSliceRatio)
        try values.read(.lateralShiftToleranceMM, into: &lateralShiftToleranceMM)
        try values.read(.tiltToleranceDegrees, into: &tiltToleranceDegrees)
        try values.read(.orientationToleranceDegrees, into: &orientationToleranceDegrees)
        try values.read(.minimumPixelSpacingMM, into: &minimumPixelSpacingMM)
        try values.read(.maximumPixelSpacingMM, into: &maximumPixelSpacingMM)
        try values.read(.pixelSpacingToleranceFraction, into: &pixelSpacingToleranceFraction)
        try values.read(.squarePixelRatio, into: &squarePixelRatio)
        try values.read(.maximumPixelRatio, into: &maximumPixelRatio)
        try values.read(.maximumMissingLeadingNumbers, into: &maximumMissingLeadingNumbers)
        try values.read(.refuseUnkeptCounts, into: &refuseUnkeptCounts)
        try values.read(.possibleHU, into: &possibleHU)
        try values.read(.maximumImpossibleFraction, into: &maximumImpossibleFraction)
        try values.read(.airHU, into: &airHU)
        try values.read(.minimumAirFraction, into: &minimumAirFraction)
        try values.read(.softTissueHU, into: &softTissueHU)
        try values.read(.minimumSoftTissueFraction, into: &minimumSoftTissueFraction)
        try values.read(.undeclaredPaddingHU, into: &undeclaredPaddingHU)
        try values.read(.paddingMayNotBeHU, into: &paddingMayNotBeHU)
        try values.read(.maximumLostRowsFraction, into: &maximumLostRowsFraction)
    }
}
