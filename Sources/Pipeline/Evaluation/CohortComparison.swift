import Dicom
import Foundation
import Metrics
import Platform
import Report
import Segmentation

/// Whether a comparison is one of two folders of cases.
package func comparesCohorts(_ request: ComparisonRequest) throws -> Bool {
    guard Directory.isFolder(request.reference), Directory.isFolder(request.prediction) else { return false }
    if request.everyFileIsACase { return true }
    return try CohortCases.holdsCases(request.reference) || CohortCases.holdsCases(request.prediction)
}

/// Scores every case that both folders have. A case that cannot be scored is told and costs no other.
///
/// - Parameter progress: cases done, cases to do.
/// - Throws: `SystemError` when a folder cannot be listed; `Fault` when no case has a partner; `UnknownNames` when no case
///   has a structure that the request names.
package func compareCohorts(
    _ request: ComparisonRequest,
    progress: (Int, Int) -> Void = { _, _ in }
) throws -> CohortReport {
    let matched = try CohortPairs(of: request)
    guard !matched.pairs.isEmpty else {
        throw Fault(
            .permanent,
            "E_NO_CASES",
            "No case of the reference has a partner: \(list(matched.onlyReference)) and \(list(matched.onlyPrediction)).",
            hint: "Cases are matched by the series that they contour, or by the name of their folder or file.",
            details: matched.differences
        )
    }
    try checkNames(request, matched)
    let scan = request.ct.isEmpty ? nil : try SeriesScan(paths: request.ct, limits: AdmissionLimits())
    var cases: [CohortReport.Case] = []
    var traits: [Set<CohortPatients.Trait>] = []
    for (index, pair) in matched.pairs.enumerated() {
        progress(index, matched.pairs.count)
        let scored = score(pair, matched.name(of: pair), request, scan)
        cases.append(scored.case)
        traits.append(scored.traits)
    }
    progress(matched.pairs.count, matched.pairs.count)
    nameAlike(&cases)
    let patients = CohortPatients(traits)
    for (index, number) in patients.numbers.enumerated() { cases[index].patient = number }
    let grids = Set(cases.compactMap(\.gridSource))
    let isPublished = matched.pairs.allSatisfy { PublicCollection(of: $0.reference.path) == .lctsc }
    return CohortReport(
        cases: cases,
        onlyReference: matched.onlyReference,
        onlyPrediction: matched.onlyPrediction,
        findings: matched.findings + matched.differences + [patients.finding, rejected(cases)].compactMap(\.self),
        grids: grids.isEmpty ? Set(ComparisonGridSource.allCases) : grids,
        publishedStructures: isPublished ? lungs(of: cases) : []
    )
}

private func score(
    _ pair: (reference: CohortCase, prediction: CohortCase),
    _ name: String,
    _ request: ComparisonRequest,
    _ scan: SeriesScan?
) -> (case: CohortReport.Case, traits: Set<CohortPatients.Trait>) {
    var traits: Set<CohortPatients.Trait> = [.prediction(pair.prediction.path)]
    traits.formUnion((pair.reference.seriesInstanceUIDs + pair.prediction.seriesInstanceUIDs).map { .series($0) })
    var request = request
    request.reference = pair.reference.path
    request.prediction = pair.prediction.path
    do {
        let reference = try StructureSource(request.reference, labels: request.labelsOfCases(.reference))
        let prediction = try StructureSource(request.prediction, labels: request.labelsOfCases(.prediction))
        traits.formUnion(reference.patients.union(prediction.patients).map { .patient($0) })
        let comparison = try compareStructures(request, reference, prediction, scan: scan)
        var scored = CohortReport.Case(
            name: name,
            time: reference.madeAt,
            structures: comparison.structuresByPrediction,
            unmatchedReference: comparison.unmatchedReference,
            unmatchedPrediction: comparison.unmatchedPrediction,
            warnings: comparison.warnings,
            findings: comparison.findings,
            fault: comparison.fault
        )
        scored.gridSource = comparison.gridSource
        scored.referenceWasRejected = reference.isRejected ? true : nil
        return (scored, traits)
    } catch {
        let fault = classify(error)
        return (CohortReport.Case(name: name, fault: "\(fault.code): \(fault.message) \(fault.hint)"), traits)
    }
}

/// What is told of cases whose reference somebody responsible found wrong: they say nothing about the prediction.
private func rejected(_ cases: [CohortReport.Case]) -> String? {
    let names = cases.filter { $0.referenceWasRejected == true && !$0.structures.isEmpty }.map(\.name)
    guard !names.isEmpty else { return nil }
    return """
        \(names.count == 1 ? "1 case has a rejected reference" : "\(names.count) cases have a rejected reference"), scored but in no \
        mean, plot or list of the worst: \(names.joined(separator: ", "))
        """
}

/// Gives structures that mean the same one name in all cases, the one that most have: every observer spells them anew, and
/// each would be summed up alone. Where a case has two of one meaning they stay as they are called.
private func nameAlike(_ cases: inout [CohortReport.Case]) {
    var counts: [StructureName: [String: Int]] = [:]
    for name in cases.flatMap(\.structures).map(\.name) {
        counts[StructureName(name), default: [:]][name, default: 0] += 1
    }
    let names = counts.mapValues { $0.max { ($0.value, $1.key) < ($1.value, $0.key) }?.key ?? "" }
    for index in cases.indices {
        let meanings = cases[index].structures.map { StructureName($0.name) }
        for (n, meaning) in meanings.enumerated() where meanings.count(where: { $0 == meaning }) == 1 {
            cases[index].structures[n].name = names[meaning] ?? cases[index].structures[n].name
        }
    }
}

/// Before anything is scored, as that may take hours. Names that are right are found in the first cases.
private func checkNames(_ request: ComparisonRequest, _ matched: CohortPairs) throws(UnknownNames) {
    var names = NamesAskedFor(request)
    for pair in matched.pairs {
        for (side, path) in [(ComparedSide.reference, pair.reference.path), (.prediction, pair.prediction.path)] {
            if names.areAllFound { return }
            // One that cannot be read is told when its case is scored.
            if let source = try? StructureSource(path, labels: request.labelsOfCases(side)) {
                names.find(in: source, side)
            }
        }
    }
    try names.check()
}

private func list(_ names: [String]) -> String {
    names.isEmpty
        ? "none" : names.prefix(3).joined(separator: ", ") + (names.count > 3 ? " and \(names.count - 3) more" : "")
}

extension ComparisonRequest {
    /// A file that is named after its case does not say what its structures are called.
    func labelsOfCases(_ side: ComparedSide) -> [String: UInt16] {
        let labels = labels(of: side)
        return everyFileIsACase && labels.isEmpty ? ["label 1": 1] : labels
    }
}
