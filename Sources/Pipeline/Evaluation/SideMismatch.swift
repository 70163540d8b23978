import Imaging
import Metrics
import Segmentation

/// A structure of a reference that lies where ours of the other side lies: in one of the two, left and right are mixed
/// up. No measure of the structure alone tells that from one that was missed.
package struct SideMismatch: Equatable, Sendable {
    /// As the reference calls it.
    package var reference: String
    /// Ours of that name, and ours of the other side.
    package var own: String
    package var other: String
    /// Dice of the reference with each of them.
    package var dice: Double
    package var otherDice: Double

    /// - Parameters:
    ///   - names: all structures of ours.
    ///   - dice: of the reference's structure with ours of the same name.
    ///   - prediction: ours by name.
    /// - Returns: nil where the reference fits its own side at least half as well as the other one, or neither.
    init?(
        _ reference: String,
        _ mask: Mask,
        own: String,
        among names: [String],
        dice ownDice: Double?,
        prediction: (String) -> Mask?
    ) {
        guard let wanted = StructureName(own).ofOtherSide,
            let other = names.first(where: { StructureName($0) == wanted }),
            let counterpart = prediction(other),
            let otherDice = Metrics.dice(reference: mask, prediction: counterpart),
            otherDice >= 0.5, ownDice ?? 0 <= otherDice / 2
        else { return nil }
        self.reference = reference
        self.own = own
        self.other = other
        self.dice = ownDice ?? 0
        self.otherDice = otherDice
    }
}
