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
    ///   - show: is called with the name, our mask and the reference's of each structure that is scored.
    /// - Returns: the scores, structures whose side is not that of ours, and what of the reference cannot be used.
    /// - Throws: what reading a mask throws.
    func score(
        against references: [ReferenceMasks],
        leavingOutUnedited leavesOutUnedited: Bool = false,
        show: (String, Mask, Mask) throws -> Void = { _, _, _ in }
    ) throws -> (CaseReport.Evaluation, [SideMismatch], [UnusableStructure]) {
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
        var scored: [String: StructureScores] = [:]
        var mismatches: [SideMismatch] = []
        let geometry = labels.volume.geometry
        let theirs = references.flatMap { reference in reference.names.indices.map { (reference, $0) } }
        let pairing = StructurePairing(reference: theirs.map { $0.names[$1] }, prediction: names, unions: unions)
        var told: Set<Int> = []
        var missing = pairing.unmatchedPrediction
        var unusable: [UnusableStructure] = []
        for pair in pairing.pairs {
            if leavesOutUnedited, isOurs(pair, changes) {
                missing.append(pair.prediction[0])
                continue
            }
            if let defect = pair.reference.lazy.compactMap({ theirs[$0].0.defects[theirs[$0].1] }).first {
                // A union of structures that cannot be used is told by them.
                guard pair.reference.count == 1 else { continue }
                unusable += pair.prediction.map { UnusableStructure(name: names[$0], defect: defect) }
                // What somebody emptied was removed.
                if defect == .noContours { missing += pair.prediction }
                continue
            }
            let (partner, derived) = comparedName(of: pair, theirs.map { $0.names[$1] }, names)
            if let derived { evaluation.derived = (evaluation.derived ?? []) + [derived] }
            // Ours where we have a name for it.
            let name = pair.prediction.count == 1 ? names[pair.prediction[0]] : partner
            var reference = Mask(geometry: geometry, repeating: 0)
            var isOffGrid = false
            for index in pair.reference {
                let (file, place) = theirs[index]
                let placed = try file.mask(at: place, on: geometry)
                if told.insert(index).inserted {
                    evaluation.findings += placed.findings(file.names[place], of: .reference, on: "CT")
                }
                isOffGrid = isOffGrid || placed.isOffGrid
                reference.formUnion(placed.mask)
            }
            let prediction = labels.mask(ofLabels: pair.prediction.reduce(into: []) { $0.formUnion(values(of: $1)) })
            if let told = partialReference(name, reference: reference, prediction: prediction) {
                evaluation.findings.append(told)
            }
            var scores = StructureScores(
                name: name,
                reference: reference,
                prediction: prediction,
                tolerancesMM: tolerancesMM,
                threads: threads
            )
            if isOffGrid, !reference.voxels.contains(where: { $0 != 0 }) {
                scores.forgetVolume(of: .reference)
                let grid = ComparisonGridSource.ct.words
                evaluation.findings.append(PlacedMask.offGrid(name, of: .reference, on: grid))
            }
            if derived == nil {
                mismatches += [
                    SideMismatch(
                        theirs[pair.reference[0]].0.names[theirs[pair.reference[0]].1],
                        reference,
                        own: name,
                        among: names,
                        dice: scores.dice,
                        prediction: { name in
                            names.firstIndex(of: name).map { labels.mask(ofLabels: values(of: $0)) }
                        }
                    )
                ].compactMap(\.self)
            }
            let change = StructureChange(scores, on: geometry)
            changes.append(change)
            scored[name] = scores
            if !leavesOutUnedited || change.status != .unedited {
                evaluation.structures.append(scores)
                try show(name, prediction, reference)
            }
        }
        evaluation.unmatchedReference = pairing.unmatchedReference.map { theirs[$0].0.names[theirs[$0].1] }
        evaluation.unmatchedPrediction = missing.map { names[$0] }
        // Of a reference that has only the union the parts are in it, and nobody removed them.
        let merged = merged(pairing)
        if !merged.isEmpty {
            evaluation.findings.append(
                "\(merged.joined(separator: " and ")): the reference has only their union, from which parts cannot be told"
            )
        }
        if leavesOutUnedited {
            let removed = missing.filter { index in
                let wanted = values(of: index)
                return !merged.contains(names[index]) && labels.volume.voxels.contains { wanted.contains($0) }
            }
            judgeUnions(&changes, scored, &evaluation)
            evaluation.changes = changes + removed.map { StructureChange(removed: names[$0]) }
        }
        return (evaluation, mismatches, unusable)
    }

    /// Whether the reference of a union would be made from parts of which somebody left one as it was: it would agree with
    /// itself there, and who edited the parts took the union away.
    private func isOurs(_ pair: StructurePairing.Pair, _ changes: [StructureChange]) -> Bool {
        guard pair.reference.count > 1 else { return false }
        let members = unions.first { $0.name == names[pair.prediction[0]] }?.members ?? []
        return changes.contains { $0.status == .unedited && members.contains($0.name) }
    }

    /// A union that looks unedited beside an edited part. Where it changed about as much as its parts, it was edited with
    /// them, and only little for its size. Where it did not, nobody brought it up to date: it says nothing about ours, and is
    /// not counted.
    private func judgeUnions(
        _ changes: inout [StructureChange],
        _ scored: [String: StructureScores],
        _ evaluation: inout CaseReport.Evaluation
    ) {
        func changed(_ change: StructureChange) -> Double { (change.addedML ?? 0) + (change.removedML ?? 0) }
        for union in unions {
            guard let index = changes.firstIndex(where: { $0.name == union.name && $0.status == .unedited }) else {
                continue
            }
            let edited = changes.filter { union.members.contains($0.name) && $0.status == .edited }
            guard !edited.isEmpty else { continue }
            if changed(changes[index]) >= edited.map(changed).reduce(0, +) / 2, let scores = scored[union.name] {
                changes[index].status = .edited
                evaluation.structures.append(scores)
            } else {
                changes.remove(at: index)
                evaluation.findings.append(
                    """
                    \(union.name) came back as it was delivered, although \(edited.map(\.name).joined(separator: " and ")) \
                    \(edited.count == 1 ? "was" : "were") edited: it is out of date in the reference, and not counted
                    """
                )
            }
        }
    }

    /// Structures of ours that the reference has in a union alone.
    private func merged(_ pairing: StructurePairing) -> [String] {
        let missing = Set(pairing.unmatchedPrediction.map { names[$0] })
        let used = Set(pairing.pairs.flatMap(\.prediction).map { names[$0] })
        return unions.filter { used.contains($0.name) && missing.isSuperset(of: $0.members) }.flatMap(\.members)
    }

    private var names: [String] {
        labels.labels.sorted { $0.value < $1.value }.map(\.key) + unions.map(\.name)
    }

    /// The values in the label map of one of `names`.
    private func values(of index: Int) -> Set<UInt8> {
        let name = names[index]
        let members = unions.first { $0.name == name }?.members ?? [name]
        return Set(members.compactMap { labels.labels[$0] })
    }
}

extension Mask {
    /// Adds what another mask on the same grid has.
    mutating func formUnion(_ other: Mask) {
        for n in voxels.indices where other.voxels[n] != 0 { voxels[n] = 1 }
    }
}

/// A structure of a reference that is named as one of ours and is none.
struct UnusableStructure: Sendable, Hashable {
    /// As we call it.
    var name: String
    var defect: RTStructureDefect
}
