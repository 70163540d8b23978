import Imaging

/// What the network found in a CT.
package struct SegmentationResult: Sendable {
    /// On the CT grid; structures that were not found have no voxel in it.
    package var labelMap: LabelMap
    /// One for each ROI of the model, in its order.
    package var structures: [StructureResult]
    package var findings: [SegmentationFinding]
    package var crop: CropUse

    package init(
        labelMap: LabelMap,
        structures: [StructureResult],
        findings: [SegmentationFinding],
        crop: CropUse
    ) {
        self.labelMap = labelMap
        self.structures = structures
        self.findings = findings
        self.crop = crop
    }

    /// Whether at least one structure was found.
    package var foundAnything: Bool { structures.contains(where: \.found) }
}

/// What is known about one structure.
package struct StructureResult: Codable, Sendable, Equatable {
    package var name: String
    package var label: UInt8
    /// False: the structure has no voxel in the label map, and a finding says why.
    package var found: Bool
    /// On the CT grid, after clean-up.
    package var voxelCount: Int
    package var volumeML: Double
    /// Mean of the network's scores inside the structure; nil when nothing was left to measure.
    package var meanScore: Double?
    /// 0...1: the Dice that is to be expected. Of a calibrated model it is what its calibration makes of 1 less what
    /// is expected to be wrong, as a part of the structure (`Measurement.certainty`; `ConfidenceCalibration`). Of others the Dice that the
    /// scores promise, `2 * sum(score in mask) / (sum(score) + size of mask)`. Scores outside the mask count against both, so that
    /// a lung whose consolidated half was only suspected has a low confidence. 0 when nothing was found.
    package var confidence: Double
    /// Mean HU inside, on the network's input.
    package var meanHU: Double?
    /// Part of the structure that lies in padding or plain air (below -980 HU on the network's input).
    package var airFraction: Double?
    /// Part of the structure that its largest connected piece of plain air takes up, see `airPockets`.
    package var airPocketFraction: Double?
    /// Part of the structure below -900 HU on the network's input, of which emphysema makes much.
    package var lowAttenuationFraction: Double?
    /// Mean width of the band in which the network is unsure, mm: the sum of `score * (1 - score)` over the CT, times
    /// the volume of a pixel, over the area of the structure's surface. nil when nothing was left to measure.
    package var edgeUncertaintyMM: Double?
    /// Connected pieces that were kept, small ends of the structure aside.
    package var components: Int
    /// Volume that the clean-up dropped, mL.
    package var droppedML: Double
}

/// Something that a reader of the result must know.
package struct SegmentationFinding: Codable, Sendable, Equatable {
    /// Stable code: `W_NOTHING_FOUND`, `W_STRUCTURE_NOT_FOUND`, `W_CROPPED`, `W_LOW_CONFIDENCE`,
    /// `W_OUTSIDE_PATIENT`, `W_BESIDE_PICTURE`.
    package var code: String
    /// The structure concerned; nil when it concerns all.
    package var structure: String?
    package var message: String
    package var hint: String

    package init(code: String, structure: String? = nil, message: String, hint: String) {
        self.code = code
        self.structure = structure
        self.message = message
        self.hint = hint
    }
}
