/// A side of a comparison.
package enum ComparedSide: String, Codable, Sendable, CaseIterable { case reference, prediction }

/// Whose grid two masks are compared on.
package enum ComparisonGridSource: String, Codable, Sendable, Hashable, CaseIterable {
    case ct, reference, prediction

    /// `the grid of the CT`, for texts.
    package var words: String {
        switch self {
        case .ct: "the grid of the CT"
        case .reference: "the grid of the reference"
        case .prediction: "the grid of the prediction"
        }
    }

    /// The same of several comparisons.
    package static func words(_ sources: Set<ComparisonGridSource>) -> String {
        allCases.filter(sources.contains).map(\.words).joined(separator: " or ")
    }
}
