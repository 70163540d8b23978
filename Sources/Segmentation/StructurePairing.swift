/// Which structures of two lists are compared: those whose names mean the same, and unions that one side has with the
/// union of their parts on the other side.
///
/// A part has no partner where the other side has only the union: nobody can tell which of its voxels are meant.
package struct StructurePairing: Sendable {
    package struct Pair: Sendable, Equatable {
        /// Indices into both lists; several are the parts of a union.
        package var reference: [Int]
        package var prediction: [Int]

        package init(reference: [Int], prediction: [Int]) {
            self.reference = reference
            self.prediction = prediction
        }
    }

    /// Those of equal names in the order of the reference, unions after.
    package private(set) var pairs: [Pair] = []
    package private(set) var unmatchedReference: [Int] = []
    package private(set) var unmatchedPrediction: [Int] = []

    /// - Parameter unions: names of the prediction that stand for the union of others of the prediction. Beside these
    ///   a name like `Lungs` stands for the union of `Lung_L` and `Lung_R`.
    package init(
        reference: [String],
        prediction: [String],
        unions: [(name: String, members: [String])] = []
    ) {
        let partners = StructureName.partners(of: reference, in: prediction)
        pairs = partners.sorted { $0.key < $1.key }.map { Pair(reference: [$0.key], prediction: [$0.value]) }
        let taken = Set(partners.values)
        for (index, name) in prediction.enumerated() where !taken.contains(index) {
            let members = unions.first { $0.name == name }?.members
            let named = members.map { $0.map { Self.index(of: $0, in: reference) } }
            if let parts = Self.complete(named) ?? Self.sides(of: name, in: reference) {
                pairs.append(Pair(reference: parts, prediction: [index]))
            } else {
                unmatchedPrediction.append(index)
            }
        }
        for (index, name) in reference.enumerated() where partners[index] == nil {
            if let parts = Self.sides(of: name, in: prediction) {
                pairs.append(Pair(reference: [index], prediction: parts))
            } else {
                unmatchedReference.append(index)
            }
        }
    }

    private static func index(of name: String, in names: [String]) -> Int? {
        StructureName.partners(of: [name], in: names)[0]
    }

    private static func complete(_ parts: [Int?]?) -> [Int]? {
        guard let parts, !parts.isEmpty else { return nil }
        let found = parts.compactMap { $0 }
        return found.count == parts.count && Set(found).count == found.count ? found : nil
    }

    private static func sides(of name: String, in names: [String]) -> [Int]? {
        let meanings = names.map(StructureName.init)
        for (left, right) in StructureName(name).sides {
            if let l = meanings.firstIndex(of: left), let r = meanings.firstIndex(of: right) { return [l, r] }
        }
        return nil
    }
}
