import Foundation
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
    ///   - reference: name of the reference's structure, with its mask.
    ///   - own: our structure of that name, and the Dice of the two.
    ///   - names: all structures of ours.
    ///   - prediction: the mask of one of ours; on the grid of `mask`.
    /// - Returns: nil where the reference fits its own side more than half as well as the other one, or neither.
    init?(
        _ reference: String,
        _ mask: Mask,
        own: String,
        among names: [String],
        dice ownDice: Double?,
        prediction: (String) throws -> Mask?
    ) rethrows {
        let ownDice = ownDice ?? 0
        // No other side can fit twice as well.
        guard ownDice <= 0.5, let wanted = StructureName(own).ofOtherSide,
            let other = names.first(where: { StructureName($0) == wanted }),
            let counterpart = try prediction(other),
            let otherDice = Metrics.dice(reference: mask, prediction: counterpart),
            otherDice >= 0.5, ownDice <= otherDice / 2
        else { return nil }
        self.reference = reference
        self.own = own
        self.other = other
        self.dice = ownDice
        self.otherDice = otherDice
    }

    /// - Parameter ours: what our structures are called in the sentence, `the prediction` for example; nil: nothing.
    func sentence(ours: String? = nil) -> String {
        func text(_ dice: Double) -> String { String(format: "%.2f", dice) }
        let place = ours.map { " of \($0)" } ?? ""
        return """
            \(reference) of the reference lies where \(other)\(place) lies: Dice \(text(otherDice)), and \(text(dice)) \
            with \(own)
            """
    }
}
