import Imaging
import Metrics
import Report
import Segmentation

extension ReferenceMasks {
    /// Whether this RT Structure Set says the same as a Segmentation in another format: the same structures, each unedited
    /// (`StructureChange`). One that somebody found wrong says something else.
    ///
    /// - Throws: what reading a mask throws.
    func isSame(as segmentation: ReferenceMasks) throws -> Bool {
        guard approvalStatus != "REJECTED", let grid = segmentation.grid else { return false }
        let meanings = names.map(StructureName.init)
        let segments = segmentation.names.map(StructureName.init)
        guard Set(meanings).count == meanings.count, Set(segments).count == segments.count else { return false }
        let drawn = meanings.indices.filter { defects[$0] != .noContours }
        guard drawn.allSatisfy({ defects[$0] == nil && segments.contains(meanings[$0]) }) else { return false }
        return try segments.indices.allSatisfy { segment in
            let mask = try segmentation.mask(at: segment, on: grid).mask
            guard let index = drawn.first(where: { meanings[$0] == segments[segment] }) else {
                return mask.usedSlices.isEmpty
            }
            let placed = try self.mask(at: index, on: grid)
            let scores = StructureScores(
                name: names[index],
                reference: placed.mask,
                prediction: mask,
                tolerancesMM: [1]
            )
            return StructureChange(scores, on: grid, isIntact: placed.isIntact).status == .unedited
        }
    }
}
