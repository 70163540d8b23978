import Dicom
import Imaging
import Metrics
import Platform
import Report
import Segmentation

/// A structure of a reference that is, up to what a planning system does to points, a contour of another result of ours.
struct OwnContour: Equatable {
    /// As we call it.
    var name: String
    /// Of the result that it was delivered in.
    var revision: Int
    var model: String
}

/// Finds contours of ours among the structures of a reference, by where they lie and whatever they are called: those of
/// earlier revisions and of other models say nothing about this result, and would agree with it as two of our own do.
struct OwnContours {
    /// Run folders of the other results of the CT.
    let runs: [RunFolder]

    /// Whether a result can still be compared with: label maps are deleted after their time.
    func isKept(revision: Int, modelDigest: String) -> Bool {
        runs.contains { run in
            guard Self.isKept(run), let request = try? run.request() else { return false }
            return request.revision == revision && request.modelDigest == modelDigest
        }
    }

    private static func isKept(_ run: RunFolder) -> Bool {
        Directory.exists(run.directory(of: .segment) + "/labels.raw")
    }

    /// - Parameter references: the files of one reference.
    /// - Returns: by place in the list of all its structures.
    /// - Throws: what reading label maps and masks throws.
    func find(in references: [ReferenceMasks], threads: Int) throws -> [Int: OwnContour] {
        let theirs = references.flatMap { reference in reference.names.indices.map { (reference, $0) } }
        var found: [Int: OwnContour] = [:]
        // One label map at a time: they are large. Those whose time has ended are gone.
        for run in runs where Self.isKept(run) {
            let segmentation = try run.decode(SegmentationFacts.self, stage: .segment, "segmentation.json")
            let model = try run.modelDescription()
            let ours = OwnStructures(
                LabelMap(
                    volume: try Volume<UInt8>(contentsOfBase: run.directory(of: .segment) + "/labels"),
                    labels: segmentation.labels
                ),
                unions: model.unions
            )
            let revision = try run.request().revision
            for (index, (reference, place)) in theirs.enumerated()
            where found[index] == nil && reference.defects[place] == nil {
                let placed = try reference.mask(at: place, on: ours.labels.volume.geometry)
                guard let name = ours.unedited(placed, threads: threads) else { continue }
                found[index] = OwnContour(name: name, revision: revision, model: model.name)
            }
        }
        return found
    }
}

extension OwnContours {
    /// How well structures of a reference agree with what results of other models have in their place.
    ///
    /// - Returns: by place in the list of all its structures the largest Dice.
    /// - Throws: what reading label maps and masks throws.
    func agreement(of references: [ReferenceMasks], exceptModel model: String) throws -> [Int: Double] {
        let theirs = references.flatMap { reference in reference.names.indices.map { (reference, $0) } }
        var found: [Int: Double] = [:]
        for run in runs where Self.isKept(run) {
            let description = try run.modelDescription()
            guard description.name != model else { continue }
            let segmentation = try run.decode(SegmentationFacts.self, stage: .segment, "segmentation.json")
            let volume = try Volume<UInt8>(contentsOfBase: run.directory(of: .segment) + "/labels")
            let ours = OwnStructures(
                LabelMap(volume: volume, labels: segmentation.labels),
                unions: description.unions
            )
            for (index, (reference, place)) in theirs.enumerated() where reference.defects[place] == nil {
                let mask = try reference.mask(at: place, on: volume.geometry).mask
                guard let closest = ours.closest(to: mask, leastDice: found[index] ?? 0) else { continue }
                found[index] = closest.dice
            }
        }
        return found
    }
}

/// The structures of a label map, unions among them.
struct OwnStructures {
    let labels: LabelMap
    /// Names of unions with the names of their members.
    let unions: [(name: String, members: [String])]
    /// Those of the label map in the order of their values, unions after.
    let names: [String]
    /// Voxels of each of `names`.
    private let sizes: [Int]

    init(_ labels: LabelMap, unions: [(name: String, members: [String])]) {
        self.labels = labels
        self.unions = unions
        let names = labels.labels.sorted { $0.value < $1.value }.map(\.key) + unions.map(\.name)
        var counts = [Int](repeating: 0, count: 256)
        labels.volume.voxels.withUnsafeBufferPointer { for value in $0 { counts[Int(value)] += 1 } }
        self.names = names
        sizes = names.map { name in
            Self.values(of: name, labels, unions).reduce(0) { $0 + counts[Int($1)] }
        }
    }

    /// The values in the label map of one of `names`.
    func values(of index: Int) -> Set<UInt8> { Self.values(of: names[index], labels, unions) }

    func isEmpty(_ index: Int) -> Bool { sizes[index] == 0 }

    func mask(_ index: Int) -> Mask { labels.mask(ofLabels: values(of: index)) }

    /// The one of ours that agrees best with a mask; nil where none does by so much.
    func closest(to mask: Mask, leastDice: Double) -> (index: Int, dice: Double)? {
        let size = mask.voxels.count { $0 != 0 }
        var best: (index: Int, dice: Double)?
        for index in names.indices where !isEmpty(index) {
            // Dice of the smaller one within the larger: no other place gives more.
            let most = 2 * Double(min(size, sizes[index])) / Double(size + sizes[index])
            guard most >= max(leastDice, best?.dice ?? 0),
                let dice = Metrics.dice(reference: mask, prediction: self.mask(index)), dice >= leastDice,
                dice > best?.dice ?? 0
            else { continue }
            best = (index, dice)
        }
        return best
    }

    /// The one of some of ours that agrees best with a mask that was drawn on a part of its slices, on these slices; nil where
    /// none does by so much, or the mask is whole.
    func closest(onSlicesOf mask: Mask, among indices: [Int], leastDice: Double) -> (index: Int, dice: Double)? {
        let slices = mask.usedSlices
        return indices.compactMap { index -> (index: Int, dice: Double)? in
            let own = self.mask(index)
            guard incompleteReference(names[index], reference: mask, prediction: own) != nil,
                let dice = Metrics.dice(reference: mask, prediction: own.keeping(slices: slices)), dice >= leastDice
            else { return nil }
            return (index, dice)
        }.max { $0.dice < $1.dice }
    }

    /// The one of ours that a structure of a reference is, unedited.
    func unedited(_ placed: PlacedMask, threads: Int) -> String? {
        guard placed.isIntact, let (index, _) = closest(to: placed.mask, leastDice: StructureChange.uneditedDice) else {
            return nil
        }
        let scores = StructureScores(
            name: names[index],
            reference: placed.mask,
            prediction: mask(index),
            tolerancesMM: [1],
            threads: threads
        )
        return StructureChange(scores, on: labels.volume.geometry).status == .unedited ? names[index] : nil
    }

    private static func values(
        of name: String,
        _ labels: LabelMap,
        _ unions: [(name: String, members: [String])]
    ) -> Set<UInt8> {
        let members = unions.first { $0.name == name }?.members ?? [name]
        return Set(members.compactMap { labels.labels[$0] })
    }
}
