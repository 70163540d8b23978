import Dicom
import Imaging
import Metrics
import Report

/// Scores a label map against a reference.
struct ReferenceEvaluation {
    let labels: LabelMap
    /// Names of unions with the names of their members.
    let unions: [(name: String, members: [String])]
    let tolerancesMM: [Double]
    let threads: Int

    /// - Parameter references: the files of one reference; a structure that is in several is scored once.
    /// - Throws: what reading a mask throws.
    func score(against references: [ReferenceMasks]) throws -> CaseReport.Evaluation {
        var evaluation = CaseReport.Evaluation(
            referenceKind: references[0].kind.rawValue,
            referenceSOPInstanceUID: references[0].sopInstanceUID,
            structures: [],
            unmatchedReference: [],
            unmatchedPrediction: [],
            findings: []
        )
        var scored: Set<StructureName> = []
        let geometry = labels.volume.geometry
        for reference in references {
            for (index, name) in reference.names.enumerated() {
                guard let own = prediction(for: name), scored.insert(StructureName(name)).inserted else {
                    evaluation.unmatchedReference.append(name)
                    continue
                }
                let (mask, outside) = try reference.mask(at: index, on: geometry)
                if outside > 0 {
                    evaluation.findings.append(
                        "\(name): \(outside) contours of the reference lie on no slice of the CT"
                    )
                }
                evaluation.structures.append(
                    StructureScores(
                        name: own.name,
                        reference: mask,
                        prediction: own.mask,
                        tolerancesMM: tolerancesMM,
                        threads: threads
                    )
                )
            }
        }
        evaluation.unmatchedPrediction = names.filter { !scored.contains(StructureName($0)) }
        return evaluation
    }

    private var names: [String] {
        labels.labels.sorted { $0.value < $1.value }.map(\.key) + unions.map(\.name)
    }

    private func prediction(for name: String) -> (name: String, mask: Mask)? {
        let wanted = StructureName(name)
        guard let own = names.first(where: { StructureName($0) == wanted }) else { return nil }
        if let union = unions.first(where: { $0.name == own }) {
            return (own, labels.mask(ofLabels: Set(union.members.compactMap { labels.labels[$0] })))
        }
        return labels.mask(of: own).map { (own, $0) }
    }
}
