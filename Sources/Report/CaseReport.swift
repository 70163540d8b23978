import Foundation
import Metrics

/// What `report.json` beside a result says; docs/schemas/report.schema.json is its schema.
///
/// It holds no patient data beyond the UIDs that the DICOM products hold too. Times of stages live in it, so two
/// runs of the same work differ in `stages` and `createdAt` alone.
package struct CaseReport: Codable, Sendable {
    package static let currentSchemaVersion = 1

    /// What a reader should do with the result.
    package enum Verdict: String, Codable, Sendable {
        /// Nothing suspicious was found. A person reviews the contours all the same.
        case delivered
        /// Something below is suspicious: look there first.
        case review
        /// There are no contours; `fault` says why.
        case refused
    }

    package var schemaVersion = CaseReport.currentSchemaVersion
    package var verdict: Verdict
    package var softwareVersion: String
    /// ISO 8601, UTC.
    package var createdAt: String
    /// Nil, as all of `series`, where files that belong to no Series were refused.
    package var revision: Int?
    package var series: SeriesSummary?
    package var model: ModelSummary?
    package var configurationDigest: String?
    /// Structures of the model in its order, derived ones after.
    package var structures: [StructureReport]
    /// Everything a reader must know, the gravest first.
    package var findings: [Finding]
    /// Scores against a reference; nil when there was none.
    package var evaluation: Evaluation?
    /// Of several references those that `evaluation` does not show, in the order in which they count; nil where there is none.
    package var otherEvaluations: [Evaluation]?
    package var fault: FaultSummary?
    /// Where the network was run; nil without contours, and in results kept from before there was cropping.
    package var crop: CropSummary?
    package var stages: [StageTime]
    /// SHA-256 of every delivered file but the report itself, by name.
    package var files: [String: String]

    package struct ModelSummary: Codable, Sendable {
        package var name: String
        package var version: String
        package var digest: String
        package var summary: String
        package var demonstration: Bool
        package var trainingCases: Int

        package init(
            name: String,
            version: String,
            digest: String,
            summary: String,
            demonstration: Bool,
            trainingCases: Int
        ) {
            self.name = name
            self.version = version
            self.digest = digest
            self.summary = summary
            self.demonstration = demonstration
            self.trainingCases = trainingCases
        }
    }

    package struct StructureReport: Codable, Sendable {
        package var name: String
        package var derived: Bool
        package var found: Bool
        /// 8-bit red, green, blue.
        package var color: [Int]
        package var volumeML: Double
        /// 0...1, see the model card; nil for derived structures.
        package var confidence: Double?
        /// Mean width of the band in which the network is unsure, mm; nil when not found, and for derived structures.
        package var edgeUncertaintyMM: Double?
        package var meanHU: Double?
        /// Part that its largest connected piece of plain air takes up; nil when not found, and for derived structures.
        package var airPocketFraction: Double?
        /// Part of it below -900 HU, of which emphysema makes much.
        package var lowAttenuationFraction: Double?
        package var components: Int
        /// Smallest and largest slice (0-based, ascending along the slice normal); nil when not found.
        package var firstSlice: Int?
        package var lastSlice: Int?
        /// Centre of mass, patient LPS mm.
        package var centroidMM: [Double]?
        /// From the lower end of the first slice to the upper end of the last.
        package var extentMM: Double?
        /// Standard deviation of the CT's own voxels inside; nil where the CT is gone, and for derived structures.
        package var spreadHU: Double?
        /// Closed cavities; nil when not found, and for derived structures.
        package var holes: Int?
        /// Whether it lies on the edge of the CT's picture, and whether it reaches the CT's first or last slice.
        package var touchesPictureEdge: Bool
        package var touchesFirstSlice: Bool
        package var touchesLastSlice: Bool
        package var checks: [PlausibilityCheck]
        /// Dice between our mask and the mask read back from the written objects, nil before export.
        package var rtStructureSetRoundTripDice: Double?
        package var segmentationRoundTripDice: Double?

        package init(
            name: String,
            derived: Bool,
            found: Bool,
            color: [Int],
            volumeML: Double,
            confidence: Double?,
            edgeUncertaintyMM: Double? = nil,
            meanHU: Double?,
            airPocketFraction: Double? = nil,
            lowAttenuationFraction: Double? = nil,
            components: Int,
            firstSlice: Int?,
            lastSlice: Int?,
            centroidMM: [Double]?,
            extentMM: Double?,
            spreadHU: Double?,
            holes: Int?,
            touchesPictureEdge: Bool,
            touchesFirstSlice: Bool,
            touchesLastSlice: Bool,
            checks: [PlausibilityCheck],
            rtStructureSetRoundTripDice: Double?,
            segmentationRoundTripDice: Double?
        ) {
            self.name = name
            self.derived = derived
            self.found = found
            self.color = color
            self.volumeML = volumeML
            self.confidence = confidence
            self.edgeUncertaintyMM = edgeUncertaintyMM
            self.meanHU = meanHU
            self.airPocketFraction = airPocketFraction
            self.lowAttenuationFraction = lowAttenuationFraction
            self.components = components
            self.firstSlice = firstSlice
            self.lastSlice = lastSlice
            self.centroidMM = centroidMM
            self.extentMM = extentMM
            self.spreadHU = spreadHU
            self.holes = holes
            self.touchesPictureEdge = touchesPictureEdge
            self.touchesFirstSlice = touchesFirstSlice
            self.touchesLastSlice = touchesLastSlice
            self.checks = checks
            self.rtStructureSetRoundTripDice = rtStructureSetRoundTripDice
            self.segmentationRoundTripDice = segmentationRoundTripDice
        }
    }

    /// One measured value beside the range it is judged by.
    package struct PlausibilityCheck: Codable, Sendable {
        package var name: String
        package var value: String
        package var expected: String
        package var passed: Bool

        package init(
            name: String,
            value: String,
            expected: String,
            passed: Bool
        ) {
            self.name = name
            self.value = value
            self.expected = expected
            self.passed = passed
        }
    }

    package struct Finding: Codable, Sendable, Equatable {
        package enum Severity: String, Codable, Sendable { case review, note }
        package var severity: Severity
        package var code: String
        package var structure: String?
        package var message: String
        package var hint: String
        package var details: [String]

        package init(
            severity: Severity,
            code: String,
            structure: String?,
            message: String,
            hint: String,
            details: [String]
        ) {
            self.severity = severity
            self.code = code
            self.structure = structure
            self.message = message
            self.hint = hint
            self.details = details
        }
    }

    package struct Evaluation: Codable, Sendable {
        /// `rtstruct`, `seg` or `nifti`.
        package var referenceKind: String
        package var referenceSOPInstanceUID: String?
        /// When a DICOM reference was made, as it says it: ISO 8601 without a zone.
        package var referenceMadeAt: String?
        /// Of an RT Structure Set: APPROVED, UNAPPROVED or REJECTED.
        package var approvalStatus: String?
        package var structures: [StructureScores]
        /// What became of each of our structures; nil for a reference that was there before our result.
        package var changes: [StructureChange]?
        /// Names in the reference that no structure of ours has, and the other way round.
        package var unmatchedReference: [String]
        package var unmatchedPrediction: [String]
        /// Structures that one side does not have, but their parts; nil where there is none.
        package var derived: [DerivedUnion]?
        /// Structures whose scores mean nothing, and that are no outcome: the findings say why. Nil where there is none.
        package var doubtful: [String]?
        package var findings: [String]

        package init(
            referenceKind: String,
            referenceSOPInstanceUID: String?,
            structures: [StructureScores],
            unmatchedReference: [String],
            unmatchedPrediction: [String],
            findings: [String]
        ) {
            self.referenceKind = referenceKind
            self.referenceSOPInstanceUID = referenceSOPInstanceUID
            self.structures = structures
            self.unmatchedReference = unmatchedReference
            self.unmatchedPrediction = unmatchedPrediction
            self.findings = findings
        }
    }

    package struct FaultSummary: Codable, Equatable, Sendable {
        package var code: String
        package var kind: String
        package var message: String
        package var hint: String
        package var details: [String]

        package init(
            code: String,
            kind: String,
            message: String,
            hint: String,
            details: [String]
        ) {
            self.code = code
            self.kind = kind
            self.message = message
            self.hint = hint
            self.details = details
        }
    }

    /// Which part of the model's grid the network was run on; indices from 0.
    package struct CropSummary: Codable, Sendable {
        /// Columns, rows and slices of the grid.
        package var grid: [Int]
        /// First and last of the region in which structures could be found.
        package var columns: [Int]
        package var rows: [Int]
        package var slices: [Int]
        /// Voxels that the network saw, in all passes, each as often as it saw it; and without cropping.
        package var computedVoxels: Int
        package var wholeGridVoxels: Int
        /// Slices that were run again on their whole picture, because a structure came near the edge of its crop.
        package var widenedSlices: Int
        /// Why it was the whole grid: `notAsked`, `noBody`, `nothingSuspected` or `leavesBody`; nil where it was not.
        package var wholeGrid: String?

        package init(
            grid: [Int],
            columns: [Int],
            rows: [Int],
            slices: [Int],
            computedVoxels: Int,
            wholeGridVoxels: Int,
            widenedSlices: Int,
            wholeGrid: String?
        ) {
            (self.grid, self.columns, self.rows, self.slices) = (grid, columns, rows, slices)
            (self.computedVoxels, self.wholeGridVoxels) = (computedVoxels, wholeGridVoxels)
            (self.widenedSlices, self.wholeGrid) = (widenedSlices, wholeGrid)
        }
    }

    package struct StageTime: Codable, Sendable {
        package var stage: String
        package var seconds: Double
        package var peakMemoryMB: Double

        package init(
            stage: String,
            seconds: Double,
            peakMemoryMB: Double
        ) {
            self.stage = stage
            self.seconds = seconds
            self.peakMemoryMB = peakMemoryMB
        }
    }

    package init(
        verdict: Verdict,
        softwareVersion: String,
        createdAt: String,
        revision: Int?,
        series: SeriesSummary?,
        model: ModelSummary?,
        configurationDigest: String?,
        structures: [StructureReport],
        findings: [Finding],
        evaluation: Evaluation?,
        fault: FaultSummary?,
        stages: [StageTime],
        files: [String: String]
    ) {
        self.verdict = verdict
        self.softwareVersion = softwareVersion
        self.createdAt = createdAt
        self.revision = revision
        self.series = series
        self.model = model
        self.configurationDigest = configurationDigest
        self.structures = structures
        self.findings = findings
        self.evaluation = evaluation
        self.fault = fault
        self.stages = stages
        self.files = files
    }
}
