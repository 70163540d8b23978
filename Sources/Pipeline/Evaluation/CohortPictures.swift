import Dicom
import Imaging
import Metrics
import Platform
import Report
import Segmentation

/// Pictures of the worst cases of a cohort: of each structure the case with the lowest surface Dice, in the slice where
/// both sides differ most, on the CT where `--ct` has it. Of more structures than `mostPictured` those with the lowest.
///
/// A case that cannot be drawn is left out: it was scored, and its numbers are there.
package func cohortPictures(_ cohort: CohortReport, _ request: ComparisonRequest) throws -> [CasePicture] {
    let scan = request.ct.isEmpty ? nil : try SeriesScan(paths: request.ct, limits: AdmissionLimits())
    let pairs = try CohortPairs(of: request)
    var pictures: [CasePicture] = []
    for worst in pictured(cohort) {
        guard let pair = pairs.pairs.first(where: { pairs.name(of: $0) == worst.name })
        else { continue }
        do {
            if let picture = try draw(worst, pair, request, scan) { pictures.append(picture) }
        } catch {
            let fault = classify(error)
            guard fault.kind == .permanent else { throw fault }
        }
    }
    return pictures
}

/// A page of more pictures takes long to make and to open.
package let mostPictured = 12

/// The worst case of each structure that is drawn, by the name of the structure.
private func pictured(_ cohort: CohortReport) -> [CohortReport.WorstCase] {
    let worst = cohort.summary.compactMap { summary in
        cohort.worst.first { $0.structure == summary.name && $0.dice ?? 0 < 1 }
    }
    func isWorse(_ a: CohortReport.WorstCase, _ b: CohortReport.WorstCase) -> Bool {
        (a.surfaceDice ?? 2, a.structure) < (b.surfaceDice ?? 2, b.structure)
    }
    return worst.sorted(by: isWorse).prefix(mostPictured).sorted { $0.structure < $1.structure }
}

private func draw(
    _ worst: CohortReport.WorstCase,
    _ pair: (reference: CohortCase, prediction: CohortCase),
    _ request: ComparisonRequest,
    _ scan: SeriesScan?
) throws -> CasePicture? {
    let theirs = try StructureSource(pair.reference.path, labels: request.labelsOfCases(.reference))
    let ours = try StructureSource(pair.prediction.path, labels: request.labelsOfCases(.prediction))
    let stack = try scan.map { try ctStack($0, theirs, ours) }
    let (reference, prediction) = placed(theirs, ours, on: stack)
    let geometry = try comparisonGrid(stack, reference, prediction).geometry
    let pairing = StructurePairing(reference: reference.names, prediction: prediction.names)
    // As the prediction calls it, or as it is called in other cases.
    func name(_ pair: StructurePairing.Pair) -> String {
        pair.prediction.count == 1
            ? prediction.names[pair.prediction[0]] : comparedName(of: pair, reference.names, prediction.names).name
    }
    let compared =
        pairing.pairs.first { name($0) == worst.structure }
        ?? pairing.pairs.first { StructureName(name($0)) == StructureName(worst.structure) }
    guard let compared else { return nil }
    let truth = try reference.union(of: compared.reference, on: geometry)
    let mask = try prediction.union(of: compared.prediction, on: geometry)
    var ct: Volume<Int16>?
    if let stack {
        let series = try loadCTSeries(files: stack.files, threads: request.threads)
        if series.volume.geometry.dimensions == geometry.dimensions { ct = series.volume }
    }
    let name = "\(worst.name), \(worst.structure)"
    var picture = try worstPicture(name, ct: ct, prediction: mask, reference: truth)
    if ct == nil { picture?.caption += " (outlines alone: no CT was named, see --ct)" }
    return picture
}
