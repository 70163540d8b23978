import Platform

/// One structure that a model contours.
package struct ROIDescription: Codable, Sendable, Equatable {
    /// TG-263 name, at most 16 characters.
    package var name: String
    /// Value in label maps, from 1; also the network's channel (see `OutputDescription.Activation`).
    package var label: Int
    /// Red, green and blue, 0...255.
    package var color: [Int]
    /// RT ROI Interpreted Type (PS3.3 C.8.8.8), for example `ORGAN`.
    package var interpretedType: String
    package var codes: ROICodes
    package var postprocessing: Postprocessing
    /// Conditions without which the structure counts as not found.
    package var acceptance: Acceptance
    /// Ranges outside of which a person should look twice; they remove nothing.
    package var plausibility: Plausibility
    /// What makes the confidence; nil: the Dice that the scores promise, see `StructureResult.confidence`.
    package var confidence: ConfidenceCalibration?

    /// Whether it lies in the patient; a couch, a bolus or the body's outline need not (PS3.3 C.8.8.8.1).
    package var isOrgan: Bool { interpretedType == "ORGAN" }

    package init(
        name: String,
        label: Int,
        color: [Int],
        interpretedType: String = "ORGAN",
        codes: ROICodes,
        postprocessing: Postprocessing = Postprocessing(),
        acceptance: Acceptance = Acceptance(),
        plausibility: Plausibility = Plausibility(),
        confidence: ConfidenceCalibration? = nil
    ) {
        self.name = name
        self.label = label
        self.color = color
        self.interpretedType = interpretedType
        self.codes = codes
        self.postprocessing = postprocessing
        self.acceptance = acceptance
        self.plausibility = plausibility
        self.confidence = confidence
    }
}

/// A coded concept (PS3.3 section 8.8).
package struct CodedTerm: Codable, Sendable, Hashable {
    package var value: String
    package var scheme: String
    package var meaning: String

    package init(value: String, scheme: String, meaning: String) {
        self.value = value
        self.scheme = scheme
        self.meaning = meaning
    }
}

/// Coded terms of a structure for the Segmentation object (PS3.3 C.8.20.4).
package struct ROICodes: Codable, Sendable, Equatable {
    package var category: CodedTerm
    package var type: CodedTerm
    /// For example left or right.
    package var modifier: CodedTerm?

    package init(category: CodedTerm, type: CodedTerm, modifier: CodedTerm? = nil) {
        self.category = category
        self.type = type
        self.modifier = modifier
    }
}

/// Clean-up of one structure on the CT grid.
package struct Postprocessing: Codable, Sendable, Equatable {
    /// Number of connected pieces (6 neighbours) to keep, the largest first; 0 keeps all.
    package var largestComponents: Int
    /// Pieces at least this fraction of the largest are kept as well: a lung that a tumour or the crop divides
    /// is not halved.
    package var keepFraction: Double
    /// Pieces below this are dropped, but the largest never is: it can only be judged by `Acceptance`. Nor is what a slice
    /// shows of the structure alone, within 10 mm of what is kept.
    package var minimumVolumeML: Double
    /// A dropped piece that lies mostly against one of these structures becomes part of it: a spot of the
    /// other side's label inside a lung is a spot of that lung. So does the whole structure where it is less than `keepFraction`
    /// of the other one and lies against it with much of its surface.
    package var joins: [String]
    /// Holes in a slice up to this area are filled, mm2; nil fills none.
    package var fillHolesMM2: Double?

    package init(
        largestComponents: Int = 0,
        keepFraction: Double = 0.2,
        minimumVolumeML: Double = 0,
        joins: [String] = [],
        fillHolesMM2: Double? = nil
    ) {
        self.largestComponents = largestComponents
        self.keepFraction = keepFraction
        self.minimumVolumeML = minimumVolumeML
        self.joins = joins
        self.fillHolesMM2 = fillHolesMM2
    }
}

/// When a structure counts as found. The conditions judge what the network found; none of them adds a voxel.
package struct Acceptance: Codable, Sendable, Equatable {
    /// Volume after clean-up, mL.
    package var minimumVolumeML: Double
    /// Volume of one that neither the CT nor the network's picture cuts, mL: a part may be smaller than the whole. nil = not tested,
    /// as where the model's pixels are larger than 3 mm or the picture shows no patient.
    package var minimumWholeVolumeML: Double?
    /// Larger than any: a network that sees it everywhere has not seen it. nil = not tested.
    package var maximumVolumeML: Double?
    /// Confidence (see `StructureResult.confidence`).
    package var minimumConfidence: Double
    /// Mean HU inside, measured on the network's input; nil = not tested.
    package var meanHU: ClosedInterval?
    /// Largest part of the structure that may lie where the picture was padded or the scanner shows plain air
    /// (below -980 HU on the network's input, which is averaged over a pixel of the model).
    package var maximumAirFraction: Double?

    package init(
        minimumVolumeML: Double = 0,
        minimumWholeVolumeML: Double? = nil,
        maximumVolumeML: Double? = nil,
        minimumConfidence: Double = 0,
        meanHU: ClosedInterval? = nil,
        maximumAirFraction: Double? = nil
    ) {
        self.minimumVolumeML = minimumVolumeML
        self.minimumWholeVolumeML = minimumWholeVolumeML
        self.maximumVolumeML = maximumVolumeML
        self.minimumConfidence = minimumConfidence
        self.meanHU = meanHU
        self.maximumAirFraction = maximumAirFraction
    }
}

/// Population ranges for warnings in the report.
package struct Plausibility: Codable, Sendable, Equatable {
    package enum Side: String, NamedChoice, Sendable { case left, right, midline }

    package var volumeML: ClosedInterval?
    package var meanHU: ClosedInterval?
    /// Standard deviation of the CT's own voxels inside.
    package var spreadHU: ClosedInterval?
    /// From the lower end of the first slice to the upper end of the last.
    package var extentMM: ClosedInterval?
    package var maximumComponents: Int?
    /// Closed cavities.
    package var maximumHoles: Int?
    /// Side of the patient on which the centroid is expected, relative to the body's centre.
    package var side: Side?
    /// Distance of the centroid from the body's centre, left or right.
    package var lateralOffsetMM: ClosedInterval?
    package var symmetry: Symmetry?
    /// Slices without a voxel between the first and the last; 0 if nothing is said.
    package var maximumSkippedSlices: Int?
    /// Area that may lie on the edge of the picture; 0 if nothing is said.
    package var maximumEdgeContactMM2: Double?
    /// Confidence below this asks for review.
    package var reviewConfidence: Double?
    /// `StructureResult.edgeUncertaintyMM` above this asks for review.
    package var maximumEdgeUncertaintyMM: Double?
    /// Part of the structure that its largest connected piece of plain air may take up.
    package var maximumAirPocketFraction: Double?
    /// The same where at most a tenth of the structure lies below -900 HU: in emphysema pockets are usual, elsewhere they are air
    /// beside the lung or a bulla.
    package var maximumAirPocketFractionWithoutEmphysema: Double?

    /// Part of a structure below -900 HU above which it counts as emphysematous.
    package static let emphysemaFraction = 0.1

    /// How large a structure is in comparison with its counterpart on the other side.
    package struct Symmetry: Codable, Sendable, Equatable {
        /// Name of the counterpart.
        package var to: String
        /// Volume over the volume of the counterpart.
        package var volumeRatio: ClosedInterval

        package init(to: String, volumeRatio: ClosedInterval) {
            self.to = to
            self.volumeRatio = volumeRatio
        }
    }

    package init(
        volumeML: ClosedInterval? = nil,
        meanHU: ClosedInterval? = nil,
        spreadHU: ClosedInterval? = nil,
        extentMM: ClosedInterval? = nil,
        maximumComponents: Int? = nil,
        maximumHoles: Int? = nil,
        side: Side? = nil,
        lateralOffsetMM: ClosedInterval? = nil,
        symmetry: Symmetry? = nil,
        maximumSkippedSlices: Int? = nil,
        maximumEdgeContactMM2: Double? = nil,
        reviewConfidence: Double? = nil,
        maximumEdgeUncertaintyMM: Double? = nil,
        maximumAirPocketFraction: Double? = nil,
        maximumAirPocketFractionWithoutEmphysema: Double? = nil
    ) {
        self.volumeML = volumeML
        self.meanHU = meanHU
        self.spreadHU = spreadHU
        self.extentMM = extentMM
        self.maximumComponents = maximumComponents
        self.maximumHoles = maximumHoles
        self.side = side
        self.lateralOffsetMM = lateralOffsetMM
        self.symmetry = symmetry
        self.maximumSkippedSlices = maximumSkippedSlices
        self.maximumEdgeContactMM2 = maximumEdgeContactMM2
        self.reviewConfidence = reviewConfidence
        self.maximumEdgeUncertaintyMM = maximumEdgeUncertaintyMM
        self.maximumAirPocketFraction = maximumAirPocketFraction
        self.maximumAirPocketFractionWithoutEmphysema = maximumAirPocketFractionWithoutEmphysema
    }
}

/// Piecewise linear map to the Dice of held-out cases, from 1 less what is expected to be wrong, as a part of the structure: pixels in
/// regions of doubt that are wider than an edge, and a layer of 0.1 mm along the surface (`Measurement.certainty`).
package struct ConfidenceCalibration: Codable, Sendable, Equatable {
    package struct Knot: Codable, Sendable, Equatable {
        package var raw: Double
        package var calibrated: Double
        package init(raw: Double, calibrated: Double) {
            self.raw = raw
            self.calibrated = calibrated
        }
    }

    /// Rising in `raw`; constant outside.
    package var knots: [Knot]

    package init(knots: [Knot]) { self.knots = knots }

    package func callAsFunction(_ raw: Double) -> Double {
        guard let first = knots.first, let last = knots.last else { return raw }
        if raw <= first.raw { return first.calibrated }
        for (a, b) in zip(knots, knots.dropFirst()) where raw <= b.raw {
            return a.calibrated + (b.calibrated - a.calibrated) * (raw - a.raw) / (b.raw - a.raw)
        }
        return last.calibrated
    }
}

/// A structure that is the union of others, for example `Lungs`.
package struct DerivedROI: Codable, Sendable, Equatable {
    package var name: String
    package var union: [String]
    package var color: [Int]
    package var interpretedType: String
    package var codes: ROICodes

    package init(name: String, union: [String], color: [Int], interpretedType: String = "ORGAN", codes: ROICodes) {
        self.name = name
        self.union = union
        self.color = color
        self.interpretedType = interpretedType
        self.codes = codes
    }
}

/// What a package says about its own training.
package struct TrainingSummary: Codable, Sendable, Equatable {
    package var softwareVersion: String
    package var seed: UInt64
    package var epochs: Int
    package var steps: Int
    /// SHA-256 over the training cases' voxels and labels, in order of their names.
    package var dataDigest: String
    package var trainingCases: [String]
    package var validationCases: [String]
    /// Mean validation Dice by structure at the chosen epoch.
    package var validationDice: [String: Double]
    /// True when the package must never be chosen by default.
    package var demonstration: Bool

    package init(
        softwareVersion: String,
        seed: UInt64,
        epochs: Int,
        steps: Int,
        dataDigest: String,
        trainingCases: [String],
        validationCases: [String],
        validationDice: [String: Double],
        demonstration: Bool = false
    ) {
        self.softwareVersion = softwareVersion
        self.seed = seed
        self.epochs = epochs
        self.steps = steps
        self.dataDigest = dataDigest
        self.trainingCases = trainingCases
        self.validationCases = validationCases
        self.validationDice = validationDice
        self.demonstration = demonstration
    }
}
