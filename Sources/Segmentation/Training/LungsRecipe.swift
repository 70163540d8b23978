extension TrainingConfiguration {
    /// The built-in recipe: both lungs, which every other recipe starts from.
    package static let lungs = TrainingConfiguration(
        name: "lungs",
        // Not that of the model that contourd comes with, whose recipe names its own.
        version: "0.1.0",
        summary: "Left and right lung on CT of adults.",
        demonstration: false,
        architecture: .customUNet(CustomUNet(filters: 12, layers: 4, dropout: 0.1)),
        input: InputDescription(
            columns: 192,
            rows: 192,
            pixelSpacingMM: 2,
            sliceSpacing: .nativeUpTo(millimetres: 2.5),
            neighbourSlices: 1,
            neighbourDistanceMM: 6,
            centre: .body,
            windowHU: ClosedInterval(-1000, 400)
        ),
        output: OutputDescription(activation: .softmax, emptyMessage: "no lung found"),
        rois: [
            TrainingROI(
                roi: lung("Lung_L", label: 1, side: .left, color: [64, 128, 255], other: "Lung_R"),
                patterns: ["Lung_L|Lung Left|Left Lung|lt lung|lung lt|L Lung|Lunge links|linke Lunge"]
            ),
            TrainingROI(
                roi: lung("Lung_R", label: 2, side: .right, color: [255, 144, 32], other: "Lung_L"),
                patterns: ["Lung_R|Lung Right|Right Lung|rt lung|lung rt|R Lung|Lunge rechts|rechte Lunge"]
            ),
        ],
        derivedROIs: [
            DerivedROI(
                name: "Lungs",
                union: ["Lung_L", "Lung_R"],
                color: [96, 200, 160],
                codes: ROICodes(category: anatomy, type: lungCode, modifier: ROICodes.rightAndLeft)
            )
        ],
        split: SplitConfiguration(),
        optimisation: OptimisationConfiguration(),
        sampling: SamplingConfiguration(),
        augmentation: AugmentationConfiguration(),
        generator: GeneratorConfiguration(),
        card: CardTexts(intendedUse: "", labelling: "", limits: [], sources: []),
        seed: 1
    )

    private static let anatomy = CodedTerm(value: "123037004", scheme: "SCT", meaning: "Anatomical Structure")
    private static let lungCode = CodedTerm(value: "39607008", scheme: "SCT", meaning: "Lung")

    private static func lung(
        _ name: String,
        label: Int,
        side: Plausibility.Side,
        color: [Int],
        other: String
    ) -> ROIDescription {
        ROIDescription(
            name: name,
            label: label,
            color: color,
            codes: ROICodes(
                category: anatomy,
                type: lungCode,
                modifier: side == .left ? ROICodes.left : ROICodes.right
            ),
            postprocessing: Postprocessing(
                largestComponents: 1,
                keepFraction: 0.1,
                minimumVolumeML: 5,
                joins: [other],
                // A vessel nearly 6 mm wide: a wider hole is mostly one of the hilum, which stays out.
                fillHolesMM2: 25
            ),
            // What is refused is lost to whoever looks at the result, so only what no lung can be: nothing to speak of, less than a
            // newborn's that nothing cuts (sinuses and throat, in a scan of a head), more than both lungs of a very large person
            // hold, three quarters below -980 HU (of severe emphysema, 20 HU too low, a third is), brighter than any collapsed
            // lung, or expected to be more wrong than right. The rest is delivered, and judged by its plausibility.
            acceptance: Acceptance(
                minimumVolumeML: 3,
                minimumWholeVolumeML: 25,
                maximumVolumeML: 8000,
                minimumConfidence: 0.5,
                meanHU: ClosedInterval(-990, 100),
                maximumAirFraction: 0.75
            ),
            plausibility: Plausibility(
                volumeML: ClosedInterval(700, 4500),
                meanHU: ClosedInterval(-920, -500),
                spreadHU: ClosedInterval(60, 400),
                extentMM: ClosedInterval(140, 360),
                maximumComponents: 1,
                maximumHoles: 20,
                side: side,
                lateralOffsetMM: ClosedInterval(35, 130),
                // The heart takes its room from the left lung.
                symmetry: .init(
                    to: other,
                    volumeRatio: side == .left ? ClosedInterval(0.5, 1.25) : ClosedInterval(0.8, 2)
                ),
                // No section through a lung is larger: the picture may cut one anywhere, which is told as a note.
                maximumEdgeContactMM2: 30_000,
                reviewConfidence: 0.9,
                // Bullae of emphysema take up less; a pneumothorax that the network took for lung more.
                maximumAirPocketFraction: 0.03,
                maximumAirPocketFractionWithoutEmphysema: 0.01
            )
        )
    }
}
