import Dicom
import Imaging
import Metrics
import Report
import Segmentation

/// Scores a label map against a reference.
struct ReferenceEvaluation {
    let labels: LabelMap
    /// Names of unions with the names of their members.
    let unions: [(name: String, members: [String])]
    let tolerancesMM: [Double]
    let threads: Int

    /// - Parameters:
    ///   - references: the files of one reference; a structure that is in several is scored once.
    ///   - leavesOutUnedited: the reference may have been made from our result: structures that nobody changed are
    ///     counted, not scored.
    /// - Returns: the scores, and structures whose side is not that of ours.
    /// - Throws: what reading a mask throws.
    func score(
        against references: [ReferenceMasks],
        leavingOutUnedited leavesOutUnedited: Bool = false
    ) throws -> (CaseReport.Evaluation, [SideMismatch]) {
        var evaluation = CaseReport.Evaluation(
            referenceKind: references[0].kind.rawValue,
            referenceSOPInstanceUID: references[0].sopInstanceUID,
            structures: [],
            unmatchedReference: [],
            unmatchedPrediction: [],
            findings: []
        )
        evaluation.approvalStatus = references[0].approvalStatus
        var changes: [StructureChange] = []
        var mismatches: [SideMismatch] = []
        let geometry = labels.volume.geometry
        let theirs = references.flatMap { reference in reference.names.indices.map { (reference, $0) } }
        let partners = StructureName.partners(of: theirs.map { $0.names[$1] }, in: names)
        for (index, (reference, place)) in theirs.enumerated() {
            let name = reference.names[place]
            guard let own = partners[index].map({ names[$0] }), let prediction = prediction(of: own) else {
                evaluation.unmatchedReference.append(name)
                continue
            }
            let placed = try reference.mask(at: place, on: geometry)
            evaluation.findings += placed.findings(name, of: "reference", on: "CT")
            let scores = StructureScores(
                name: own,
                reference: placed.mask,
                prediction: prediction,
                tolerancesMM: tolerancesMM,
                threads: threads
            )
            mismatches += [
                SideMismatch(
                    name,
                    placed.mask,
                    own: own,
                    among: names,
                    dice: scores.dice,
                    prediction: prediction(of:)
                )
            ].compactMap(\.self)
            let change = StructureChange(scores, on: geometry)
            changes.append(change)
            if !leavesOutUnedited || change.status != .unedited { evaluation.structures.append(scores) }
        }
        let scored = Set(partners.values)
        evaluation.unmatchedPrediction = names.indices.filter { !scored.contains($0) }.map { names[$0] }
        if leavesOutUnedited {
            let removed = evaluation.unmatchedPrediction.filter { name in
                prediction(of: name)?.voxels.contains { $0 != 0 } ?? false
            }
            evaluation.changes = changes + removed.map(StructureChange.init(removed:))
        }
        return (evaluation, mismatches)
    }

    private var names: [String] {
        labels.labels.sorted { $0.value < $1.value }.map(\.key) + unions.map(\.name)
    }

    private func prediction(of own: String) -> Mask? {
        if let union = unions.first(where: { $0.name == own }) {
            return labels.mask(ofLabels: Set(union.members.compactMap { labels.labels[$0] }))
        }
        return labels.mask(of: own)
    }
}
