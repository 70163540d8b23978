import Dicom
import Imaging
import Metrics
import Report
import Segmentation

/// What became of our structures in a reference that may have been made from them.
extension ReferenceEvaluation {
    /// From this Dice on a structure of another name lies where ours lies, so that ours was renamed and edited, not removed.
    private static let renamedDice = 0.8

    /// From this Dice on a structure of another name lies enough where a part of a union lay to doubt that the union, alone
    /// kept, still says what the set does.
    private static let doubtfulDice = 0.3

    func judgeChanges(
        _ pairing: StructurePairing,
        _ theirs: Theirs,
        merged: [String],
        _ course: inout Course
    ) throws {
        // What cannot be judged was not edited, either.
        let doubts = Set((course.result.doubts + course.result.overdrawn).map(\.name))
        let swapped = Set(course.result.mismatches.map(\.own))
        course.changes.removeAll { doubts.contains($0.name) || swapped.contains($0.name) }
        let absent = course.missing.filter { !ours.isEmpty($0) }
        let (renamed, isWhole) = try renamed(absent, pairing, theirs, &course)
        let replaced = try replaced(merged.filter { !renamed.contains($0) }, pairing, theirs)
        // A set that has none of ours is about something else: whoever drew a tumour alone removed no organ.
        let isAboutOurs =
            isWhole || pairing.pairs.contains { !course.drawnElsewhere.isSuperset(of: $0.reference) }
        var removed = absent.map { ours.names[$0] }.filter { name in
            let members = ours.unions.first { $0.name == name }?.members ?? []
            let hasMembers = !members.isEmpty && members.allSatisfy(renamed.contains)
            return isAboutOurs && !merged.contains(name) && !renamed.contains(name) && !hasMembers
        }
        if !removed.isEmpty, try mayBeMadeFromAnotherModel(pairing, renamed: renamed, theirs, course) { removed = [] }
        let gone = doubts.union(course.result.renamed.map(\.name) + replaced.map(\.name) + removed)
        judgeUnions(gone: gone, &course)
        course.result.renamed += replaced
        course.result.evaluation.changes = course.changes + removed.map { StructureChange(removed: $0) }
        course.result.evaluation.unmatchedPrediction = course.missing.map { ours.names[$0] }
            .filter { !renamed.contains($0) }
    }

    /// Whether the reference may have begun as the result of another model: nothing of it is unedited ours, and it has something
    /// of that model's unedited, or everything that it has of ours lies where that model's result has something, too. What ours
    /// alone draws was never in it. Which of two results an edited structure is nearer to does not tell where it began.
    private func mayBeMadeFromAnotherModel(
        _ pairing: StructurePairing,
        renamed: Set<String>,
        _ theirs: Theirs,
        _ course: Course
    ) throws -> Bool {
        guard !course.changes.contains(where: { $0.status == .unedited }) else { return false }
        if course.returned.values.contains(where: { $0.model != model }) { return true }
        let agreement = try course.agreement()
        guard !agreement.isEmpty else { return false }
        let geometry = ours.labels.volume.geometry
        let others = try pairing.unmatchedReference.filter { index in
            guard !renamed.isEmpty, theirs.defect(index) == nil else { return false }
            let mask = try theirs.mask(index, on: geometry).mask
            return ours.closest(to: mask, leastDice: Self.renamedDice) != nil
        }
        return (pairing.pairs.flatMap(\.reference) + others).allSatisfy { index in
            theirs.defect(index) != nil || agreement[index] ?? 0 >= Self.renamedDice
        }
    }

    /// Parts of a union that the reference kept, in whose place lies something of another name.
    private func replaced(
        _ parts: [String],
        _ pairing: StructurePairing,
        _ theirs: Theirs
    ) throws -> [(name: String, sentence: String)] {
        guard !parts.isEmpty else { return [] }
        var replaced: [(name: String, sentence: String)] = []
        for index in pairing.unmatchedReference where theirs.defect(index) == nil {
            let mask = try theirs.mask(index, on: ours.labels.volume.geometry).mask
            for part in parts where !replaced.contains(where: { $0.name == part }) {
                guard let own = ours.names.firstIndex(of: part),
                    let dice = Metrics.dice(reference: mask, prediction: ours.mask(own)), dice >= Self.doubtfulDice
                else { continue }
                let sentence = """
                    \(part) is not in the reference, and \(theirs.names[index]) lies in its place \
                    (Dice \(String(format: "%.2f", dice))). If that is what became of it, it is neither scored nor counted.
                    """
                replaced.append((part, sentence))
            }
        }
        return replaced
    }

    /// Ours that the reference has under names that mean something else, told by where they lie.
    ///
    /// - Returns: their names, and whether one of them at least lies there as a whole: a few slices that agree may be anything.
    private func renamed(
        _ absent: [Int],
        _ pairing: StructurePairing,
        _ theirs: Theirs,
        _ course: inout Course
    ) throws -> (names: Set<String>, isWhole: Bool) {
        var (renamed, isWhole): (Set<String>, Bool) = ([], false)
        guard !absent.isEmpty else { return (renamed, isWhole) }
        for index in pairing.unmatchedReference where theirs.defect(index) == nil {
            let placed = try theirs.mask(index, on: ours.labels.volume.geometry)
            let whole = ours.closest(to: placed.mask, leastDice: Self.renamedDice)
            let found = whole ?? ours.closest(onSlicesOf: placed.mask, among: absent, leastDice: Self.renamedDice)
            guard let (own, dice) = found, absent.contains(own), !renamed.contains(ours.names[own]) else { continue }
            let name = ours.names[own]
            renamed.insert(name)
            isWhole = isWhole || whole != nil
            if ours.unedited(placed, threads: threads) == name {
                course.changes.append(StructureChange(unedited: name))
                course.result.evaluation.findings.append(
                    "\(name) came back unedited, under the name \(theirs.names[index])"
                )
            } else {
                let text = String(format: "%.2f", dice) + (whole == nil ? " on the slices that it was drawn on" : "")
                let sentence = """
                    \(name): \(theirs.names[index]) of the reference lies there (Dice \(text)). It is taken for another name of it \
                    after an edit: not scored, and not counted as removed.
                    """
                course.result.renamed.append((name, sentence))
            }
        }
        return (renamed, isWhole)
    }

    /// A union that looks unedited beside an edited part. Where it changed about as much as its parts, it was edited with
    /// them, and only little for its size. Where it did not, nobody brought it up to date: it says nothing about ours, and is
    /// not counted.
    ///
    /// - Parameter gone: parts that the reference has under other names and edited, not any more, or in a way that nobody can
    ///   tell what is meant.
    private func judgeUnions(gone: Set<String>, _ course: inout Course) {
        func changed(_ change: StructureChange) -> Double { (change.addedML ?? 0) + (change.removedML ?? 0) }
        for union in ours.unions {
            guard
                let index = course.changes.firstIndex(where: { $0.name == union.name && $0.status == .unedited })
            else { continue }
            let edited = course.changes.filter { union.members.contains($0.name) && $0.status == .edited }
            let goneParts = union.members.filter(gone.contains)
            guard !edited.isEmpty || !goneParts.isEmpty else { continue }
            if goneParts.isEmpty, changed(course.changes[index]) >= edited.map(changed).reduce(0, +) / 2,
                let scores = course.scored[union.name]
            {
                course.changes[index] = StructureChange(scores, on: ours.labels.volume.geometry, isIntact: false)
                course.result.evaluation.structures.append(scores)
            } else {
                let parts = edited.map(\.name) + goneParts
                func what(_ count: Int) -> String {
                    goneParts.isEmpty ? (count == 1 ? "was edited" : "were edited") : "did not"
                }
                course.changes.remove(at: index)
                course.result.evaluation.findings.append(
                    """
                    \(union.name) came back as it was delivered, although \(parts.joined(separator: " and ")) \
                    \(what(parts.count)): it is out of date in the reference, and not counted
                    """
                )
            }
        }
    }
}

extension StructurePairing {
    /// Sentences about compared structures, by our name, whose name is there again.
    ///
    /// - Parameters:
    ///   - names: of the reference.
    ///   - ours: names of ours.
    func ambiguous(_ names: [String], ours: [String]) -> [(name: String, sentence: String)] {
        pairs.compactMap { pair in
            guard pair.reference.count == 1, pair.prediction.count == 1 else { return nil }
            let meant = StructureName(names[pair.reference[0]])
            let count = unmatchedReference.count { StructureName(names[$0]) == meant }
            guard count > 0 else { return nil }
            let own = ours[pair.prediction[0]]
            return (own, "\(own) is there \(count + 1) times in the reference; which of them is meant nobody can tell")
        }
    }

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
