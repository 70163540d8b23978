/// A training recipe: everything beside the data that decides what the weights become.
///
/// In a file, only what differs from the built-in `lungs` recipe has to be given; lists replace lists.
package struct TrainingConfiguration: Codable, Sendable, Equatable {
    package var name: String
    package var version: String
    package var summary: String
    /// Marks a package that must never be chosen by default.
    package var demonstration: Bool
    package var architecture: Architecture
    package var input: InputDescription
    package var output: OutputDescription
    package var rois: [TrainingROI]
    package var derivedROIs: [DerivedROI]
    package var split: SplitConfiguration
    package var optimisation: OptimisationConfiguration
    package var sampling: SamplingConfiguration
    package var augmentation: AugmentationConfiguration
    /// Synthetic patients beside the real ones.
    package var generator: GeneratorConfiguration
    /// Texts for MODEL_CARD.md.
    package var card: CardTexts
    /// Seed of the split, the weights, the sampling, the augmentation and the dropout.
    package var seed: UInt64
}

/// A structure and the names under which people's data hold it.
package struct TrainingROI: Codable, Sendable, Equatable {
    package var roi: ROIDescription
    /// Whole names, letter case and runs of blanks, `_` and `-` ignored; `*` stands for anything and `|` separates
    /// alternatives: `Lung_L|LUNG LEFT|lt lung`.
    package var patterns: [String]
    /// The value in label maps that say nothing about themselves (NIfTI); the label of the ROI when nil.
    package var sourceLabel: Int?

    package init(roi: ROIDescription, patterns: [String], sourceLabel: Int? = nil) {
        self.roi = roi
        self.patterns = patterns
        self.sourceLabel = sourceLabel
    }

    /// Its value in such label maps, 1 to 255 in a recipe that is valid.
    package var sourceValue: Int { sourceLabel ?? roi.label }
}

/// Which patients validate and test. Cases of one patient never part.
package struct SplitConfiguration: Codable, Sendable, Equatable {
    /// Part of all patients; with folds, part of those that do not test.
    package var validationFraction: Double
    /// Part of all patients; with folds, one part in `folds`, whatever this says.
    package var testFraction: Double
    /// Number of parts of a cross-validation: over all folds every patient tests once. 0 divides once.
    package var folds: Int
    /// The part that tests, from 1.
    package var fold: Int
    /// Patients (or cases) named here are taken for validation instead of drawn ones.
    package var validation: [String]
    /// Patients (or cases) that are neither trained nor validated on, whatever the draw says.
    package var exclude: [String]

    package init(
        validationFraction: Double = 0.1,
        testFraction: Double = 0.2,
        folds: Int = 0,
        fold: Int = 1,
        validation: [String] = [],
        exclude: [String] = []
    ) {
        self.validationFraction = validationFraction
        self.testFraction = testFraction
        (self.folds, self.fold) = (folds, fold)
        self.validation = validation
        self.exclude = exclude
    }
}

package struct SamplingConfiguration: Codable, Sendable, Equatable {
    /// Part of the samples that show a structure or lie within `borderMM` of its first or last slice.
    package var foregroundFraction: Double
    package var borderMM: Double
    /// How much more often a case is drawn than its number of slices would give, by case name pattern; others 1.
    package var caseWeights: [String: Double]

    package init(foregroundFraction: Double = 0.7, borderMM: Double = 15, caseWeights: [String: Double] = [:]) {
        self.foregroundFraction = foregroundFraction
        self.borderMM = borderMM
        self.caseWeights = caseWeights
    }
}

/// Patients that the phantom generator makes for a training: each from its own seed, with disease, scan and range by
/// chance and exact labels. Nothing has to be given by `--data` then.
package struct GeneratorConfiguration: Codable, Sendable, Equatable {
    /// Of each kind: far more than teach anything new, and no slip of the pen fills the memory with their names.
    static let mostPatients = 10_000

    /// Patients to train on; 0 is none.
    package var count: Int
    /// Patients to validate on beside `count`. When there are any, no real ones are drawn for validation.
    package var validationCount: Int
    /// Seed of the first patient; the others follow, those for validation last.
    package var firstSeed: UInt64
    /// Columns and rows of the generated pictures.
    package var columns: Int
    /// Longer scans are cropped at a random place: many patients are worth more than whole ones.
    package var maximumSlices: Int
    /// Times as many of each disease as departments see: what is rare there must still be learned.
    package var diseaseFactor: Double

    package init(
        count: Int = 0,
        validationCount: Int = 0,
        firstSeed: UInt64 = 10_000,
        columns: Int = 256,
        maximumSlices: Int = 72,
        diseaseFactor: Double = 1
    ) {
        self.count = count
        self.validationCount = validationCount
        self.firstSeed = firstSeed
        self.columns = columns
        self.maximumSlices = maximumSlices
        self.diseaseFactor = diseaseFactor
    }

    /// Names of the cases to train on, in the order of their seeds.
    package var trainingNames: [String] { (0..<count).map { name("training", $0) } }

    /// Names of the cases that only validate, in the order of their seeds.
    package var validationNames: [String] { (count..<count + validationCount).map { name("validation", $0) } }

    private func name(_ role: String, _ index: Int) -> String { "generated-\(role)-\(firstSeed &+ UInt64(index))" }
}

/// Each sample draws its own values; a probability decides whether a change happens at all. Left and right are
/// never exchanged.
package struct AugmentationConfiguration: Codable, Sendable, Equatable {
    package var geometryProbability: Double
    package var rotationDegrees: Double
    /// Factors are drawn between 1/s and s, both axes mostly alike.
    package var scale: Double
    package var shiftMM: Double
    /// Standard deviation of a smooth random displacement.
    package var elasticMM: Double
    package var intensityProbability: Double
    package var shiftHU: Double
    /// Factors of the contrast around 0 HU are drawn between 1 - c and 1 + c.
    package var contrast: Double
    package var gammaProbability: Double
    package var gamma: Double
    package var noiseProbability: Double
    package var noiseHU: Double
    package var blurProbability: Double
    package var blurMM: Double
    package var lowResolutionProbability: Double
    /// The picture as it is with pixels up to so many times as large (nnU-Net's "simulate low resolution").
    package var lowResolution: Double
    /// Field of view cut to a circle or a box, or the neighbours missing as at the first and last slice.
    package var truncationProbability: Double
    /// One side of the patient only, as in a small field of view around one lung.
    package var halfProbability: Double
    /// The distance of the neighbour slices is scaled between 1/s and s: thick and thin slices.
    package var neighbourScale: Double

    package init(
        geometryProbability: Double = 0.8,
        rotationDegrees: Double = 15,
        scale: Double = 1.25,
        shiftMM: Double = 30,
        elasticMM: Double = 3,
        intensityProbability: Double = 0.6,
        shiftHU: Double = 40,
        contrast: Double = 0.1,
        gammaProbability: Double = 0.2,
        gamma: Double = 1.4,
        noiseProbability: Double = 0.4,
        noiseHU: Double = 60,
        blurProbability: Double = 0.2,
        blurMM: Double = 3,
        lowResolutionProbability: Double = 0.1,
        lowResolution: Double = 2,
        truncationProbability: Double = 0.15,
        halfProbability: Double = 0.05,
        neighbourScale: Double = 1.8
    ) {
        self.geometryProbability = geometryProbability
        self.rotationDegrees = rotationDegrees
        self.scale = scale
        self.shiftMM = shiftMM
        self.elasticMM = elasticMM
        self.intensityProbability = intensityProbability
        self.shiftHU = shiftHU
        self.contrast = contrast
        self.gammaProbability = gammaProbability
        self.gamma = gamma
        self.noiseProbability = noiseProbability
        self.noiseHU = noiseHU
        self.blurProbability = blurProbability
        self.blurMM = blurMM
        self.lowResolutionProbability = lowResolutionProbability
        self.lowResolution = lowResolution
        self.truncationProbability = truncationProbability
        self.halfProbability = halfProbability
        self.neighbourScale = neighbourScale
    }

    /// Nothing is changed.
    package static let none = AugmentationConfiguration(
        geometryProbability: 0,
        intensityProbability: 0,
        gammaProbability: 0,
        noiseProbability: 0,
        blurProbability: 0,
        lowResolutionProbability: 0,
        truncationProbability: 0,
        halfProbability: 0,
        neighbourScale: 1
    )
}

/// Texts of the model card that no program can know.
package struct CardTexts: Codable, Sendable, Equatable {
    package var intendedUse: String
    package var labelling: String
    package var limits: [String]
    package var sources: [DataSource]

    /// A collection that training cases come from.
    package struct DataSource: Codable, Sendable, Equatable {
        /// Case names, `*` for anything, `|` between alternatives.
        package var cases: String
        package var title: String
        package var licence: String
        package var citation: String

        package init(cases: String, title: String, licence: String, citation: String) {
            self.cases = cases
            self.title = title
            self.licence = licence
            self.citation = citation
        }
    }

    package init(intendedUse: String, labelling: String, limits: [String], sources: [DataSource]) {
        self.intendedUse = intendedUse
        self.labelling = labelling
        self.limits = limits
        self.sources = sources
    }
}
