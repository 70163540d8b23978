import Metrics
import Segmentation

/// Names of structures that a question holds and nothing compared has: most likely a slip of the pen, which would change
/// the answer unseen.
package struct UnknownNames: Error, Sendable, Equatable {
    /// Of labels that no label map was read with.
    package var labels: [String]
    /// Of structures with a tolerance of their own.
    package var tolerances: [String]
    /// What there is instead.
    package var known: [String]
}

/// Looks for the names of a question in what is compared.
struct NamesAskedFor {
    /// Of labels, by the sides that they are meant for: a name that either of them has is found.
    private var labels: [(sides: Set<ComparedSide>, names: Set<String>)]
    private var tolerances: Set<String>
    private var known: Set<String> = []

    init(_ request: ComparisonRequest) {
        var shared: Set<ComparedSide> = [.reference, .prediction]
        labels = []
        for (side, own) in [(ComparedSide.reference, request.referenceLabels), (.prediction, request.predictionLabels)]
        where !own.isEmpty {
            shared.remove(side)
            labels.append(([side], Set(own.keys)))
        }
        labels.append((shared, Set(request.labels.keys)))
        tolerances = Set(request.toleranceByStructure.keys)
    }

    var areAllFound: Bool { labels.allSatisfy(\.names.isEmpty) && tolerances.isEmpty }

    mutating func find(in source: StructureSource, _ side: ComparedSide) {
        for index in labels.indices where labels[index].sides.contains(side) {
            labels[index].names.subtract(source.labelsUsed)
        }
        let names = Set(source.names.map(StructureName.init))
        tolerances = tolerances.filter { !names.contains(StructureName($0)) }
        known.formUnion(source.names)
    }

    /// - Throws: `UnknownNames` with those that were not found.
    func check() throws(UnknownNames) {
        guard areAllFound else {
            throw UnknownNames(
                labels: Set(labels.flatMap(\.names)).sorted(),
                tolerances: tolerances.sorted(),
                known: known.sorted()
            )
        }
    }
}
