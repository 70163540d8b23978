import Imaging
import Metrics

/// What became of one of our structures in a reference that may have been made from our result.
package struct StructureChange: Codable, Sendable, Equatable {
    package enum Status: String, Codable, Sendable {
        /// Ours, up to what a planning system does to points when it writes them again.
        case unedited
        case edited
        /// The reference does not have it, and we had.
        case removed
    }

    package var name: String
    package var status: Status
    /// Volume that was added to ours, and that was taken away, mL.
    package var addedML: Double?
    package var removedML: Double?
    /// Contour that had to be drawn anew, mm, beyond the smallest tolerance.
    package var drawnMM: Double?
    /// Slices that differ by more than half a percent of their area; nil unless it was edited.
    package var slicesChanged: Int?

    /// Systems that write contours again round their points: fewer voxels than this differ.
    package static let uneditedDice = 0.998

    /// - Parameters:
    ///   - scores: of our structure against the reference.
    ///   - geometry: the grid of the scores.
    ///   - isIntact: all of the reference was used, at its own place: no contour was left out, or taken to another slice.
    package init(_ scores: StructureScores, on geometry: VolumeGeometry, isIntact: Bool = true) {
        let spacing = geometry.spacing
        // Along a row and a column by one pixel, and with a little room for rounding.
        let pixel = 1.001 * (spacing.x * spacing.x + spacing.y * spacing.y).squareRoot()
        let isSame =
            isIntact
            && scores.dice.map { dice in
                dice >= Self.uneditedDice && scores.hausdorffMM ?? .infinity <= pixel
                    && scores.sliceDice.dice.allSatisfy { $0.map { $0 > 0 } ?? true }
            } ?? true  // both are empty
        name = scores.name
        status = isSame ? .unedited : .edited
        addedML = scores.falseNegativeML
        removedML = scores.falsePositiveML
        let smallest = Measure.tolerances(of: [scores]).first ?? ""
        drawnMM = scores.addedPathLengthMM[smallest] ?? nil
        slicesChanged = isSame ? nil : scores.sliceDice.dice.count { $0.map { $0 < 0.995 } ?? false }
    }

    package init(removed name: String) {
        self.name = name
        status = .removed
    }

    /// Ours, under another name.
    package init(unedited name: String) {
        self.name = name
        status = .unedited
    }
}
