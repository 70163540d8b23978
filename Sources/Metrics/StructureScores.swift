import Imaging
import Platform

/// Volumetric Dice: twice the common volume over the sum of volumes; nil when both masks are empty.
package func dice(reference: Mask, prediction: Mask) -> Double? {
    precondition(reference.geometry.dimensions == prediction.geometry.dimensions, "masks on one grid")
    var (both, sum) = (0, 0)
    for n in reference.voxels.indices {
        let (r, p) = (reference.voxels[n] != 0, prediction.voxels[n] != 0)
        if r && p { both += 1 }
        sum += (r ? 1 : 0) + (p ? 1 : 0)
    }
    return sum == 0 ? nil : 2 * Double(both) / Double(sum)
}

/// Volume of the set voxels, millilitres.
package func volumeML(_ mask: Mask) -> Double {
    Double(mask.voxels.reduce(into: 0) { $0 += $1 != 0 ? 1 : 0 }) * mask.geometry.voxelVolumeMM3 / 1000
}

/// How well one structure agrees with its reference. Undefined is nil (null in JSON), never NaN:
/// everything but the volumes is nil when both masks are empty; distances are nil when one is.
package struct StructureScores: Codable, Sendable, Equatable {
    package var name: String
    package var dice: Double?
    /// By tolerance in mm, as text: "1", "2", "3".
    package var surfaceDice: [String: Double?]
    package var hausdorff95MM: Double?
    package var meanSurfaceDistanceMM: Double?
    package var volumeReferenceML: Double
    package var volumePredictionML: Double

    /// The definition behind the numbers, as it is printed beside them.
    package static let definition =
        "surface Dice, HD95 and mean surface distance as google-deepmind/surface-distance defines them "
        + "(surfel areas on the corner grid, tolerance inclusive), on the CT grid"

    private enum CodingKeys: String, CodingKey {
        case name, dice
        case surfaceDice = "surface_dice"
        case hausdorff95MM = "hausdorff_95_mm"
        case meanSurfaceDistanceMM = "mean_surface_distance_mm"
        case volumeReferenceML = "volume_reference_ml"
        case volumePredictionML = "volume_prediction_ml"
    }

    package init(
        name: String,
        reference: Mask,
        prediction: Mask,
        tolerancesMM: [Double] = [1, 2, 3],
        threads: Int = ProcessorCount.available
    ) {
        let distances = SurfaceDistances(reference: reference, prediction: prediction, threads: threads)
        self.name = name
        dice = Metrics.dice(reference: reference, prediction: prediction)
        surfaceDice = [:]
        for tolerance in tolerancesMM {
            let text = tolerance == tolerance.rounded() ? "\(Int(tolerance))" : "\(tolerance)"
            surfaceDice[text] = .some(distances.surfaceDice(toleranceMM: tolerance))
        }
        hausdorff95MM = distances.hausdorff(percentile: 95)
        meanSurfaceDistanceMM = distances.meanSurfaceDistance
        volumeReferenceML = volumeML(reference)
        volumePredictionML = volumeML(prediction)
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(name, forKey: .name)
        try container.encode(dice, forKey: .dice)
        try container.encode(surfaceDice, forKey: .surfaceDice)
        try container.encode(hausdorff95MM, forKey: .hausdorff95MM)
        try container.encode(meanSurfaceDistanceMM, forKey: .meanSurfaceDistanceMM)
        try container.encode(volumeReferenceML, forKey: .volumeReferenceML)
        try container.encode(volumePredictionML, forKey: .volumePredictionML)
    }
}
