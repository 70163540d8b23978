import Metrics

/// A structure that one side of a comparison does not have, but its parts: it is compared with their union. The other
/// way round there is nothing to compare: no part can be told from a union.
package struct DerivedUnion: Codable, Sendable, Equatable {
    /// As the side names it that has it.
    package var name: String
    /// The side that has only the parts.
    package var side: ComparedSide
    /// The parts, as that side names them.
    package var members: [String]

    package init(name: String, side: ComparedSide, members: [String]) {
        self.name = name
        self.side = side
        self.members = members
    }

    package var finding: String {
        "\(name): the \(side.rawValue) has no such structure; it is compared with the union of its "
            + members.joined(separator: " and ")
    }
}
