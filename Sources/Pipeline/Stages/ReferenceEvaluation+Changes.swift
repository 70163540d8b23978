import Dicom
import Imaging
import Metrics
import Report
import Segmentation

/// What became of our structures in a reference that may have been made from them.
extension ReferenceEvaluation {
    /// From this Dice on a structure of another name lies where ours lies, so that ours was renamed and edited, not removed.
    private static let renamedDice = 0.8

    func judgeChanges(
        _ pairing: StructurePairing,
        _ theirs: Theirs,
        merged: [String],
        _ course: inout Course
    ) throws {
        judgeUnions(&course)
        let absent = course.missing.filter { !merged.contains(ours.names[$0]) && !ours.isEmpty($0) }
        let renamed = try renamed(absent, pairing, theirs, &course)
        // A set that has none of ours is about something else: whoever drew a tumour alone removed no organ.
        let isAboutOurs = !pairing.pairs.isEmpty || !renamed.isEmpty
        let removed = absent.filter { index in
            let members = ours.unions.first { $0.name == ours.names[index] }?.members ?? []
            let hasMembers = !members.isEmpty && members.allSatisfy(renamed.contains)
            return isAboutOurs && !renamed.contains(ours.names[index]) && !hasMembers
        }
        course.result.evaluation.changes = course.changes + removed.map { StructureChange(removed: ours.names[$0]) }
        course.result.evaluation.unmatchedPrediction = course.missing.map { ours.names[$0] }
            .filter { !renamed.contains($0) }
    }

    /// Ours that the reference has under names that mean something else, told by where they lie.
    ///
    /// - Returns: their names.
    private func renamed(
        _ absent: [Int],
        _ pairing: StructurePairing,
        _ theirs: Theirs,
        _ course: inout Course
    ) throws -> Set<String> {
        var renamed: Set<String> = []
        guard !absent.isEmpty else { return renamed }
        for index in pairing.unmatchedReference where theirs.defect(index) == nil {
            let placed = try theirs.mask(index, on: ours.labels.volume.geometry)
            guard let (own, dice) = ours.closest(to: placed.mask, leastDice: Self.renamedDice), absent.contains(own),
                !renamed.contains(ours.names[own])
            else { continue }
            let name = ours.names[own]
            renamed.insert(name)
            if ours.unedited(placed, threads: threads) == name {
                course.changes.append(StructureChange(unedited: name))
                course.result.evaluation.findings.append(
                    "\(name) came back unedited, under the name \(theirs.names[index])"
                )
            } else {
                let text = String(format: "%.2f", dice)
                let sentence = """
                    \(name): \(theirs.names[index]) of the reference lies there (Dice \(text)). It is taken for another name of it \
                    after an edit: not scored, and not counted as removed.
                    """
                course.result.renamed.append((name, sentence))
            }
        }
        return renamed
    }

    /// A union that looks unedited beside an edited part. Where it changed about as much as its parts, it was edited with
    /// them, and only little for its size. Where it did not, nobody brought it up to date: it says nothing about ours, and is
    /// not counted.
    private func judgeUnions(_ course: inout Course) {
        func changed(_ change: StructureChange) -> Double { (change.addedML ?? 0) + (change.removedML ?? 0) }
        for union in ours.unions {
            guard
                let index = course.changes.firstIndex(where: { $0.name == union.name && $0.status == .unedited })
            else { continue }
            let edited = course.changes.filter { union.members.contains($0.name) && $0.status == .edited }
            guard !edited.isEmpty else { continue }
            if changed(course.changes[index]) >= edited.map(changed).reduce(0, +) / 2,
                let scores = course.scored[union.name]
            {
                course.changes[index] = StructureChange(scores, on: ours.labels.volume.geometry, isIntact: false)
                course.result.evaluation.structures.append(scores)
            } else {
                course.changes.remove(at: index)
                course.result.evaluation.findings.append(
                    """
                    \(union.name) came back as it was delivered, although \(edited.map(\.name).joined(separator: " and ")) \
                    \(edited.count == 1 ? "was" : "were") edited: it is out of date in the reference, and not counted
                    """
                )
            }
        }
    }
}

extension StructurePairing {
    /// Structures that are left over although their name means that of a compared one: which of the two is meant nobody can
    /// tell.
    ///
    /// - Parameter names: of that side.
    func repeatedNames(_ names: [String], of side: ComparedSide = .reference) -> [String] {
        let used = pairs.map { side == .reference ? $0.reference : $0.prediction }
        let unmatched = side == .reference ? unmatchedReference : unmatchedPrediction
        let compared = Set(used.filter { $0.count == 1 }.map { StructureName(names[$0[0]]) })
        let repeated = unmatched.filter { compared.contains(StructureName(names[$0])) }.map { names[$0] }
        return Set(repeated).sorted().map { name in
            """
            \(name): this name, or one that means the same, is there \(repeated.count { $0 == name } + 1) times in the \
            \(side.rawValue); one of them is compared, the others are not
            """
        }
    }
}
