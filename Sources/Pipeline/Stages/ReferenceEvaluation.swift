import Dicom
import Imaging
import Metrics
import Report
import Segmentation

/// What a reference says about our structures.
struct ReferenceScoring {
    var evaluation: CaseReport.Evaluation
    /// Structures whose side is not that of ours.
    var mismatches: [SideMismatch] = []
    /// What of the reference cannot be used.
    var unusable: [UnusableStructure] = []
    /// Sentences about structures, by our name, that lie between the slices of the CT.
    var displaced: [(name: String, sentence: String)] = []
    /// Sentences about structures, by our name, whose contours cancel each other out.
    var overdrawn: [(name: String, sentence: String)] = []
    /// Contours of other results of ours, by their name in the reference; they are not scored.
    var returned: [(name: String, own: OwnContour)] = []

    /// Sentences about structures, by our name, that came back edited under names that mean something else.
    var renamed: [(name: String, sentence: String)] = []
    /// Sentences about structures, by our name, of which the reference does not say what is meant.
    var doubts: [(name: String, sentence: String)] = []

    /// Whether nothing of it is on this CT: what is named as ours lies on another part of the series.
    var liesElsewhere: Bool {
        evaluation.structures.isEmpty && (evaluation.changes ?? []).isEmpty && mismatches.isEmpty && returned.isEmpty
            && renamed.isEmpty && doubts.isEmpty && !unusable.isEmpty
            && unusable.allSatisfy { $0.defect == .drawnElsewhere }
    }

    init(_ evaluation: CaseReport.Evaluation) { self.evaluation = evaluation }
}

/// Scores a label map against a reference.
struct ReferenceEvaluation {
    let ours: OwnStructures
    let tolerancesMM: [Double]
    let threads: Int
    /// The reference may have been made from our result: structures that nobody changed are counted, not scored.
    let leavesOutUnedited: Bool
    /// Of the result that is scored.
    let revision: Int
    let model: String
    /// The CT is one of several stacks of its series: what lies wholly outside of it may be drawn on another one.
    let isPart: Bool

    /// What is found on the way, while structures are scored one after the other.
    struct Course {
        var result: ReferenceScoring
        var changes: [StructureChange] = []
        var scored: [String: StructureScores] = [:]
        /// Indices into our names.
        var missing: [Int]
        /// Indices of structures of the reference that something was told about.
        var told: Set<Int> = []
        /// Structures of the reference, by their place, that are contours of ours.
        var returned: [Int: OwnContour]
        /// Structures of the reference, by their place, that lie wholly on another stack.
        var drawnElsewhere: Set<Int> = []
        /// By place in the reference: Dice with the structure of another model's result that it agrees best with.
        var agreement: () throws -> [Int: Double]
    }

    /// - Parameters:
    ///   - references: the files of one reference; a structure that is in several is scored once.
    ///   - returned: structures of it, by their place, that are contours of other results of ours.
    ///   - agreement: finds Dice of structures of it, by their place, with what results of other models have there.
    ///   - show: is called with the name, our mask and the reference's of each structure that is scored.
    /// - Throws: what reading a mask throws.
    func score(
        against references: [ReferenceMasks],
        returned: [Int: OwnContour] = [:],
        agreement: @escaping () throws -> [Int: Double] = { [:] },
        show: (String, Mask, Mask) throws -> Void = { _, _, _ in }
    ) throws -> ReferenceScoring {
        var evaluation = CaseReport.Evaluation(
            referenceKind: references[0].kind.rawValue,
            referenceSOPInstanceUID: references[0].sopInstanceUID,
            structures: [],
            unmatchedReference: [],
            unmatchedPrediction: [],
            findings: []
        )
        evaluation.referenceMadeAt = references[0].madeAt
        evaluation.approvalStatus = references[0].approvalStatus
        let theirs = Theirs(references)
        let pairing = StructurePairing(reference: theirs.names, prediction: ours.names, unions: ours.unions)
        if references.contains(where: \.hasForeignApprovalStatus) {
            evaluation.findings.append(
                "its Approval Status is none of APPROVED, UNAPPROVED and REJECTED, and counts as not given"
            )
        }
        let elsewhere = references.reduce(0) { $0 + $1.contoursElsewhere }
        if elsewhere > 0 {
            evaluation.findings.append(
                "\(elsewhere) of its contours name images of another part of the series, or of another series, and are left out"
            )
        }
        evaluation.findings += pairing.repeatedNames(theirs.names)
        var course = Course(
            result: ReferenceScoring(evaluation),
            missing: pairing.unmatchedPrediction,
            returned: returned,
            agreement: agreement
        )
        course.result.doubts = pairing.ambiguous(theirs.names, ours: ours.names)
        for pair in pairing.pairs { try score(pair, theirs, &course, show) }
        course.result.evaluation.unmatchedReference = pairing.unmatchedReference.map { theirs.names[$0] }
        course.result.evaluation.unmatchedPrediction = course.missing.map { ours.names[$0] }
        // Of a reference that has only the union the parts are in it, and nobody removed them.
        let merged = merged(pairing)
        if !merged.isEmpty {
            course.result.evaluation.findings.append(
                "\(merged.joined(separator: " and ")): the reference has only their union, from which parts cannot be told"
            )
        }
        if leavesOutUnedited { try judgeChanges(pairing, theirs, merged: merged, &course) }
        return course.result
    }

    private func score(
        _ pair: StructurePairing.Pair,
        _ theirs: Theirs,
        _ course: inout Course,
        _ show: (String, Mask, Mask) throws -> Void
    ) throws {
        let geometry = ours.labels.volume.geometry
        let hasReturned = pair.reference.count > 1 && pair.reference.contains { course.returned[$0] != nil }
        if hasReturned || isOurs(pair, course.changes) {
            course.missing.append(pair.prediction[0])
            return
        }
        if let defect = pair.reference.lazy.compactMap(theirs.defect).first {
            if defect == .drawnElsewhere { course.drawnElsewhere.formUnion(pair.reference) }
            // A union of structures that cannot be used is told by them.
            guard pair.reference.count == 1 else { return }
            course.result.unusable += pair.prediction.map { UnusableStructure(name: ours.names[$0], defect: defect) }
            // What somebody emptied was removed.
            if defect == .noContours { course.missing += pair.prediction }
            return
        }
        let own = course.returned[pair.reference[0]]
        if let own, !leavesOutUnedited {
            course.result.returned.append((theirs.names[pair.reference[0]], own))
            return
        }
        let (partner, derived) = comparedName(of: pair, theirs.names, ours.names)
        // Ours where we have a name for it.
        let name = pair.prediction.count == 1 ? ours.names[pair.prediction[0]] : partner
        var reference = Mask(geometry: geometry, repeating: 0)
        var (isOffGrid, isIntact) = (false, true)
        var findings: [String] = []
        var displaced: [(name: String, sentence: String)] = []
        var overdrawn: [(name: String, sentence: String)] = []
        var doubts: [(name: String, sentence: String)] = []
        for index in pair.reference {
            let placed = try theirs.mask(index, on: geometry)
            if course.told.insert(index).inserted {
                findings += placed.findings(theirs.names[index], of: .reference, on: "CT")
            }
            if placed.isDisplaced {
                displaced.append((name, placed.displacement(theirs.names[index], of: .reference, on: "CT")))
            }
            if let told = placed.overdrawing(theirs.names[index], of: .reference) { overdrawn.append((name, told)) }
            // A union hides what its parts lack.
            if pair.reference.count > 1, let told = incompletePart(theirs.names[index], placed.mask) {
                doubts.append((name, told))
            }
            isOffGrid = isOffGrid || placed.isOffGrid
            isIntact = isIntact && placed.isIntact
            reference.formUnion(placed.mask)
        }
        if isPart, isOffGrid, !reference.voxels.contains(where: { $0 != 0 }) {
            course.drawnElsewhere.formUnion(pair.reference)
            // A union is told by its parts.
            guard pair.reference.count == 1 else { return }
            course.result.unusable += pair.prediction.map {
                UnusableStructure(name: ours.names[$0], defect: .drawnElsewhere)
            }
            return
        }
        let prediction = labelsMask(of: pair)
        var scores = StructureScores(
            name: name,
            reference: reference,
            prediction: prediction,
            tolerancesMM: tolerancesMM,
            threads: threads
        )
        let change = StructureChange(scores, on: geometry, isIntact: isIntact)
        if let own, change.status != .unedited {
            course.result.returned.append((theirs.names[pair.reference[0]], own))
            return
        }
        // Nobody draws the same twice: what came with the CT and agrees to the voxel was made in the same way.
        if !leavesOutUnedited, change.status == .unedited, scores.dice != nil {
            let own = OwnContour(name: name, revision: revision, model: model)
            for index in pair.reference { course.returned[index] = own }
            course.result.returned += pair.reference.map { (theirs.names[$0], own) }
            return
        }
        course.result.evaluation.findings += findings
        course.result.displaced += displaced
        course.result.overdrawn += overdrawn
        if let derived {
            course.result.evaluation.derived = (course.result.evaluation.derived ?? []) + [derived]
        }
        if let told = partialReference(name, reference: reference, prediction: prediction) {
            course.result.evaluation.findings.append(told)
        }
        if let doubt = incompleteReference(name, reference: reference, prediction: prediction) {
            doubts.append((name, doubt))
        }
        course.result.doubts += doubts
        if isOffGrid, !reference.voxels.contains(where: { $0 != 0 }) {
            scores.forgetVolume(of: .reference)
            let grid = ComparisonGridSource.ct.words
            course.result.evaluation.findings.append(PlacedMask.offGrid(name, of: .reference, on: grid))
        }
        if derived == nil {
            let mismatch = SideMismatch(
                theirs.names[pair.reference[0]],
                reference,
                own: name,
                among: ours.names,
                dice: scores.dice,
                prediction: { name in ours.names.firstIndex(of: name).map(ours.mask) }
            )
            course.result.mismatches += [mismatch].compactMap(\.self)
        }
        course.changes.append(change)
        course.scored[name] = scores
        if !leavesOutUnedited || change.status != .unedited {
            course.result.evaluation.structures.append(scores)
            try show(name, prediction, reference)
        }
    }

    /// What a part of a union of the reference lacks of ours with its name; nil where that is nothing, or we have none.
    private func incompletePart(_ name: String, _ reference: Mask) -> String? {
        guard let own = ours.names.firstIndex(where: { StructureName($0) == StructureName(name) }) else { return nil }
        return incompleteReference(name, reference: reference, prediction: ours.mask(own))
    }

    private func labelsMask(of pair: StructurePairing.Pair) -> Mask {
        ours.labels.mask(ofLabels: pair.prediction.reduce(into: []) { $0.formUnion(ours.values(of: $1)) })
    }

    /// Whether the reference of a union would be made from parts of which somebody left one as it was: it would agree with
    /// itself there, and who edited the parts took the union away.
    private func isOurs(_ pair: StructurePairing.Pair, _ changes: [StructureChange]) -> Bool {
        guard leavesOutUnedited, pair.reference.count > 1 else { return false }
        let members = ours.unions.first { $0.name == ours.names[pair.prediction[0]] }?.members ?? []
        return changes.contains { $0.status == .unedited && members.contains($0.name) }
    }

    /// Structures of ours that the reference has in a union alone.
    private func merged(_ pairing: StructurePairing) -> [String] {
        let missing = Set(pairing.unmatchedPrediction.map { ours.names[$0] })
        let used = Set(pairing.pairs.flatMap(\.prediction).map { ours.names[$0] })
        return ours.unions.filter { used.contains($0.name) && missing.isSuperset(of: $0.members) }.flatMap(\.members)
    }
}

/// The structures of all files of one reference.
struct Theirs {
    private let places: [(file: ReferenceMasks, place: Int)]
    let names: [String]

    init(_ references: [ReferenceMasks]) {
        places = references.flatMap { reference in reference.names.indices.map { (reference, $0) } }
        names = places.map { $0.file.names[$0.place] }
    }

    func defect(_ index: Int) -> RTStructureDefect? { places[index].file.defects[places[index].place] }

    func mask(_ index: Int, on geometry: VolumeGeometry) throws -> PlacedMask {
        try places[index].file.mask(at: places[index].place, on: geometry)
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
