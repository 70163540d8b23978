import Dicom
import Foundation
import Imaging
import Metrics
import Platform
import Report
import Segmentation

/// What `contourctl evaluate` is asked: how well a set of contours agrees with a reference.
package struct ComparisonRequest: Sendable {
    /// An RT Structure Set, a Segmentation, a NIfTI file, or a folder with one NIfTI file for each structure.
    package var reference: String
    package var prediction: String
    /// CT images, needed when neither side has a grid of its own.
    package var ct: [String]
    /// Names of the values of NIfTI label maps.
    package var labels: [String: UInt16]
    /// Those of one side, in the place of `labels`; empty: there are none of its own.
    package var referenceLabels: [String: UInt16] = [:]
    package var predictionLabels: [String: UInt16] = [:]
    package var tolerancesMM: [Double]
    /// Tolerances of single structures, instead of `tolerancesMM`.
    package var toleranceByStructure: [String: Double]
    /// Scores every slice in its plane, too.
    package var withSlices = false
    /// In folders of cases every NIfTI file is a case of its own.
    package var everyFileIsACase = false
    package var threads: Int

    package init(
        reference: String,
        prediction: String,
        ct: [String],
        labels: [String: UInt16],
        tolerancesMM: [Double],
        toleranceByStructure: [String: Double],
        threads: Int
    ) {
        self.reference = reference
        self.prediction = prediction
        self.ct = ct
        self.labels = labels
        self.tolerancesMM = tolerancesMM
        self.toleranceByStructure = toleranceByStructure
        self.threads = threads
    }

    func labels(of side: ComparedSide) -> [String: UInt16] {
        let own = side == .reference ? referenceLabels : predictionLabels
        return own.isEmpty ? labels : own
    }
}

/// The scores of one case.
package struct StructureComparison: Codable, Sendable {
    package var structures: [StructureScores]
    /// What the prediction calls each of them; a union that it has only the parts of, what the reference calls it.
    var predictedNames: [String] = []
    /// Why structures that both sides have were not scored, one sentence each; findings say it, too.
    var unscored: [String] = []
    /// Names that only one side has.
    package var unmatchedReference: [String]
    package var unmatchedPrediction: [String]
    /// Structures that one side does not have, but their parts; nil where there is none.
    package var derived: [DerivedUnion]?
    /// What makes the scores doubtful as a whole: another patient, another scan, a side that lies outside of the grid.
    package var warnings: [String]
    /// What a reader of the scores must know.
    package var findings: [String]
    /// Whose grid both were compared on.
    package var gridSource: ComparisonGridSource
    /// Columns, rows and slices of that grid, and its spacing in mm.
    package var gridDimensions: [Int]
    package var gridSpacingMM: [Double]
    package var definition: String

    private enum CodingKeys: String, CodingKey {
        case structures, derived, warnings, findings, definition
        case gridSource = "grid_source"
        case unmatchedReference = "unmatched_reference"
        case unmatchedPrediction = "unmatched_prediction"
        case gridDimensions = "grid_dimensions"
        case gridSpacingMM = "grid_spacing_mm"
    }
}

extension StructureComparison {
    /// The scores under the names that the prediction has for them.
    var structuresByPrediction: [StructureScores] {
        zip(structures, predictedNames).map { scores, name in
            var scores = scores
            scores.name = name
            return scores
        }
    }
}

/// Scores every structure that both sides have.
///
/// Both are laid on one grid: that of the CT when it is named, otherwise that of the reference, otherwise that of
/// the prediction. Contours are filled once by the even-odd rule at voxel centres.
///
/// - Throws: `Fault` with the file and what is wrong with it, or where the sides lie in different Frames of Reference;
///   `UnknownNames`; `DicomError`, `SystemError`.
package func compareStructures(_ request: ComparisonRequest) throws -> StructureComparison {
    let scan = request.ct.isEmpty ? nil : try SeriesScan(paths: request.ct, limits: AdmissionLimits())
    let reference = try StructureSource(request.reference, labels: request.labels(of: .reference))
    let prediction = try StructureSource(request.prediction, labels: request.labels(of: .prediction))
    var names = NamesAskedFor(request)
    names.find(in: reference, .reference)
    names.find(in: prediction, .prediction)
    try names.check()
    return try compareStructures(request, reference, prediction, scan: scan)
}

/// The same with both sides and the CT headers at hand.
func compareStructures(
    _ request: ComparisonRequest,
    _ reference: StructureSource,
    _ prediction: StructureSource,
    scan: SeriesScan?
) throws -> StructureComparison {
    let ct = try scan.map { try ctStack($0, reference, prediction) }
    let identity = try ComparedIdentity(reference: reference, prediction: prediction, ct: ct)
    let (reference, prediction) = placed(reference, prediction, on: ct)
    let (geometry, source) = try comparisonGrid(ct, reference, prediction)
    var result = StructureComparison(
        structures: [],
        unmatchedReference: [],
        unmatchedPrediction: [],
        warnings: identity.warnings,
        findings: identity.findings,
        gridSource: source,
        gridDimensions: [geometry.dimensions.i, geometry.dimensions.j, geometry.dimensions.k],
        gridSpacingMM: [geometry.spacing.x, geometry.spacing.y, geometry.spacing.z],
        definition: StructureScores.definition(on: source.words)
    )
    let tolerances = Dictionary(
        request.toleranceByStructure.map { (StructureName($0.key), $0.value) },
        uniquingKeysWith: { first, _ in first }
    )
    let pairing = StructurePairing(reference: reference.names, prediction: prediction.names)
    result.warnings += doubts(request, reference, prediction, pairing, on: geometry, source)
    result.warnings += pairing.repeatedNames(reference.names)
    result.warnings += pairing.repeatedNames(prediction.names, of: .prediction)
    result.findings +=
        (reference.placeNotes + reference.frameNotes + reference.leftOut).map { "reference: \($0)" }
        + (prediction.placeNotes + prediction.frameNotes + prediction.leftOut).map { "prediction: \($0)" }
    var told: Set<String> = []
    var same: [String] = []
    for pair in pairing.pairs {
        let (name, derived) = comparedName(of: pair, reference.names, prediction.names)
        var unusable =
            unusable(pair, reference, prediction) + ambiguous(pair, pairing, reference.names, prediction.names)
        guard unusable.isEmpty else {
            if derived != nil { unusable.append(unusableUnion(name)) }
            unusable.removeAll(where: result.unscored.contains)
            result.unscored += unusable
            result.findings += unusable
            continue
        }
        if let derived { result.derived = (result.derived ?? []) + [derived] }
        var masks: [Mask] = []
        var offGrid: [ComparedSide] = []
        for (side, source, indices) in [
            (ComparedSide.reference, reference, pair.reference), (.prediction, prediction, pair.prediction),
        ] {
            var isOffGrid = false
            let mask = try source.union(of: indices, on: geometry) { index, placed in
                isOffGrid = isOffGrid || placed.isOffGrid
                guard told.insert("\(side.rawValue) \(index)").inserted else { return }
                let words = derived == nil ? name : source.names[index]
                result.findings += placed.findings(words, of: side, on: "grid")
                result.warnings += [placed.overdrawing(words, of: side)].compactMap(\.self)
                if side == .reference, derived != nil, !pairing.pairs.contains(where: { $0.reference == [index] }) {
                    // A union hides what its parts lack.
                    let told = sparseReference(words, reference: placed.mask, prediction: placed.mask)
                    result.warnings += [told].compactMap(\.self)
                }
                if placed.isDisplaced { result.warnings.append(placed.displacement(words, of: side, on: "grid")) }
            }
            masks.append(mask)
            if isOffGrid, !mask.voxels.contains(where: { $0 != 0 }) {
                offGrid.append(side)
                result.warnings.append(PlacedMask.offGrid(name, of: side, on: result.gridSource.words))
            }
        }
        if let told = sparseReference(name, reference: masks[0], prediction: masks[1]) {
            result.warnings.append(told + ": what lies between counts as wrong in these scores")
        }
        if let told = partialReference(name, reference: masks[0], prediction: masks[1]) { result.findings.append(told) }
        var scores = StructureScores(
            name: name,
            reference: masks[0],
            prediction: masks[1],
            tolerancesMM: tolerances[StructureName(name)].map { [$0] } ?? request.tolerancesMM,
            withSlices: request.withSlices,
            threads: request.threads
        )
        for side in offGrid { scores.forgetVolume(of: side) }
        if scores.dice != nil, StructureChange(scores, on: geometry).status == .unedited { same.append(name) }
        result.structures.append(scores)
        result.predictedNames.append(pair.prediction.count == 1 ? prediction.names[pair.prediction[0]] : name)
        guard derived == nil else { continue }
        let mismatch = try SideMismatch(
            name,
            masks[0],
            own: prediction.names[pair.prediction[0]],
            among: prediction.names,
            dice: scores.dice
        ) { other in
            try prediction.names.firstIndex(of: other).map { try prediction.mask(at: $0, on: geometry).mask }
        }
        if let mismatch {
            result.findings.append(mismatch.sentence(ours: "the prediction") + ": left and right are mixed up")
        }
    }
    result.findings = (result.derived ?? []).map(\.finding) + result.findings + sameContours(same)
    result.unmatchedReference = pairing.unmatchedReference.map { reference.names[$0] }
    result.unmatchedPrediction = pairing.unmatchedPrediction.map { prediction.names[$0] }
    return result
}

/// Nobody draws the same twice: one side was made from the other, as an approved set from our result.
private func sameContours(_ names: [String]) -> [String] {
    names.isEmpty
        ? []
        : [
            """
            \(names.joined(separator: ", ")): both sides have the same contours, as if nobody had edited them. If one was made from \
            the other, these scores say nothing about agreement
            """
        ]
}

/// Both sides without the structures that lie in another Frame of Reference than the CT; where none is named, than the other
/// side.
func placed(
    _ reference: StructureSource,
    _ prediction: StructureSource,
    on ct: SeriesScan.Stack?
) -> (reference: StructureSource, prediction: StructureSource) {
    var sides = (reference: reference, prediction: prediction)
    sides.reference.place(on: ct?.identity ?? prediction.identity)
    sides.prediction.place(on: ct?.identity ?? reference.identity)
    return sides
}

extension SeriesScan.Stack {
    var identity: ScanIdentity {
        ScanIdentity(
            frameOfReferenceUIDs: Set(headers.compactMap(\.frameOfReferenceUID)),
            seriesInstanceUIDs: [key.seriesInstanceUID],
            imageUIDs: Set(headers.map(\.sopInstanceUID))
        )
    }
}

/// What makes scores doubtful before anything is scored: grids that differ, values that nobody named or that are not there,
/// a reference that was rejected.
private func doubts(
    _ request: ComparisonRequest,
    _ reference: StructureSource,
    _ prediction: StructureSource,
    _ pairing: StructurePairing,
    on geometry: VolumeGeometry,
    _ source: ComparisonGridSource
) -> [String] {
    var doubts: [String] = []
    let gridMayLackSlices =
        switch source {
        case .ct: false
        case .reference: reference.mayLackSlices
        case .prediction: prediction.mayLackSlices
        }
    for (side, contours) in [(ComparedSide.reference, reference), (.prediction, prediction)] {
        doubts += contours.grids.compactMap { grid in
            GridDifference(
                grid.geometry,
                readOn: geometry,
                mayLackSlices: grid.mayLackSlices,
                otherMayLackSlices: gridMayLackSlices
            )?
            .sentence(side, on: source.words)
        }
        doubts += contours.absentLabels(of: side)
    }
    if reference.isRejected { doubts.append("the reference was rejected (Approval Status REJECTED)") }
    let named = Set(request.labels(of: .reference).keys).union(request.labels(of: .prediction).keys)
    // A file that is a case of its own is a mask, and 1 is its structure.
    let unnamed =
        request.everyFileIsACase
        ? []
        : pairing.pairs.compactMap { $0.reference.first.map { reference.names[$0] } }
            .filter { $0.hasPrefix("label ") && !named.contains($0) }
    if !unnamed.isEmpty {
        doubts.append(
            """
            \(unnamed.joined(separator: ", ")): nobody said what these values are; they were compared as if both label maps had one \
            code. Name them: --label, --reference-label, --prediction-label
            """
        )
    }
    return doubts
}

/// What a pair is called, after the reference where it has a name for it, and what is told of a union that one side has
/// only the parts of.
func comparedName(
    of pair: StructurePairing.Pair,
    _ reference: [String],
    _ prediction: [String]
) -> (name: String, derived: DerivedUnion?) {
    if pair.reference.count > 1 {
        let name = prediction[pair.prediction[0]]
        return (name, DerivedUnion(name: name, side: .reference, members: pair.reference.map { reference[$0] }))
    }
    let name = reference[pair.reference[0]]
    guard pair.prediction.count > 1 else { return (name, nil) }
    return (name, DerivedUnion(name: name, side: .prediction, members: pair.prediction.map { prediction[$0] }))
}
