/// Which part of the model's grid the network is run on (docs/decisions/0010-cropping.md). What it is not run on counts
/// as background.
package enum CropDescription: Sendable, Equatable {
    /// All of it.
    case none
    /// Where the structures are: a coarse pass over the body finds them.
    ///
    /// - Parameters:
    ///   - marginMM: how far beyond everything suspected the network is run, and beyond the body in the coarse pass.
    ///   - coarseMM: largest distance of the slices of the coarse pass; a structure that is shorter can be missed. A
    ///     network of patches takes the fewest patches that cover the body instead.
    case structures(marginMM: Double, coarseMM: Double)

    /// What packages have that say nothing.
    package static let standard = CropDescription.structures(marginMM: 48, coarseMM: 10)
}

/// In JSON: `"none"` or `{"marginMM": 48, "coarseMM": 10}`.
extension CropDescription: Codable {
    private struct Lengths: Codable {
        var marginMM: Double
        var coarseMM: Double
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let word = try? container.decode(String.self) {  // the other form is an object
            guard word == "none" else {
                throw DecodingError.dataCorruptedError(
                    in: container,
                    debugDescription: "expected \"none\" or {\"marginMM\": mm, \"coarseMM\": mm}"
                )
            }
            self = .none
        } else {
            let lengths = try container.decode(Lengths.self)
            self = .structures(marginMM: lengths.marginMM, coarseMM: lengths.coarseMM)
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .none: try container.encode("none")
        case .structures(let marginMM, let coarseMM):
            try container.encode(Lengths(marginMM: marginMM, coarseMM: coarseMM))
        }
    }
}
