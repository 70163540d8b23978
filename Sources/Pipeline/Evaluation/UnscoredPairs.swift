import Segmentation

extension StructureComparison {
    /// Why nothing was scored, of each pair of structures; nil where something was.
    package var fault: String? {
        guard structures.isEmpty else { return nil }
        guard unscored.isEmpty else {
            return "no structure that both sides have can be compared: \(unscored.joined(separator: "; "))"
        }
        func list(_ names: [String]) -> String { names.isEmpty ? "nothing" : names.joined(separator: ", ") }
        return """
            no structure has one name on both sides; the reference has \(list(unmatchedReference)); \
            the prediction has \(list(unmatchedPrediction))
            """
    }
}

/// Structures of a pair that cannot be compared, one sentence each. What a prediction leaves empty it missed; an empty
/// reference says nothing.
func unusable(
    _ pair: StructurePairing.Pair,
    _ reference: StructureSource,
    _ prediction: StructureSource
) -> [String] {
    let theirs = pair.reference.compactMap { index in
        reference.defect(at: index).map { "\(reference.names[index]): the reference cannot be used: \($0.text)" }
    }
    let ours = pair.prediction.compactMap { index -> String? in
        guard let defect = prediction.defect(at: index), defect != .noContours else { return nil }
        return "\(prediction.names[index]): the prediction cannot be used: \(defect.text)"
    }
    return theirs + ours
}

/// A pair of names that both sides have several times: which belongs to which nobody can tell.
func ambiguous(
    _ pair: StructurePairing.Pair,
    _ pairing: StructurePairing,
    _ reference: [String],
    _ prediction: [String]
) -> [String] {
    let (theirs, ours) = (pair.reference.map { reference[$0] }, pair.prediction.map { prediction[$0] })
    guard theirs.count == 1, ours.count == 1 else { return [] }
    let count = pairing.pairs.count { other in
        other.reference.map { reference[$0] } == theirs && other.prediction.map { prediction[$0] } == ours
    }
    return count < 2
        ? []
        : [
            "\(theirs[0]): is there \(count) times on both sides; which belongs to which nobody can tell, none is scored"
        ]
}

/// What is told of a union of parts that are not all usable. The parts themselves are told by their own names.
func unusableUnion(_ name: String) -> String { "\(name): not compared, as a part of it cannot be used" }
