import Foundation
import Report
import Segmentation

extension CaseReport.Evaluation {
    /// How far Dice with an approved reference may lie below what the network expects of itself.
    private static let margin = 0.1
    /// What is expected of a structure without a confidence, a union for example.
    private static let usualDice = 0.95
    /// An unsure network excuses no more than this.
    private static let leastDice = 0.7

    /// A finding for each scored structure that an approved reference differs from by far more than the network expected:
    /// somebody responsible has corrected it much, or drawn something else.
    ///
    /// - Parameters:
    ///   - structures: ours, with their confidence.
    ///   - told: structures about which there is a graver finding already.
    func disagreements(with structures: [CaseReport.StructureReport], except told: Set<String>) -> [CaseReport.Finding]
    {
        guard approvalStatus == "APPROVED" else { return [] }
        return self.structures.compactMap { scores in
            let confidence = structures.first { $0.name == scores.name }?.confidence
            let least = max(Self.leastDice, (confidence ?? Self.usualDice) - Self.margin)
            guard let dice = scores.dice, dice < least, !told.contains(scores.name) else { return nil }
            let text = DistinctText(dice, beside: [least], digits: 2)
            let expected = confidence.map { "; the network expected \(String(format: "%.2f", $0)) of itself" } ?? ""
            return CaseReport.Finding(
                severity: .review,
                code: "W_REFERENCE_DISAGREES",
                structure: scores.name,
                message: """
                    \(scores.name) agrees with the approved reference by a Dice of \(text.value) alone, less than \
                    \(text.limits[0])\(expected).
                    """,
                hint: """
                    Look at both on the CT: the contours were wrong there, or the reference follows another rule, was drawn on a \
                    part of the scan, or on another one.
                    """,
                details: []
            )
        }
    }
}
