import Imaging

/// What part of the model's grid the network was run on.
package struct CropUse: Codable, Sendable, Equatable {
    /// Why nothing was cropped.
    package enum WholeGrid: String, Codable, Sendable {
        /// The package asks for no crop.
        case notAsked
        /// The grid shows no patient.
        case noBody
        /// The coarse pass saw nothing, which the full one has to confirm.
        case nothingSuspected
        /// A structure goes on beyond the slices that show the body.
        case leavesBody
    }

    /// Columns, rows and slices of the model's grid.
    package var grid: [Int]
    /// Where structures could be found.
    package var region: GridBox
    /// Voxels that the network saw, in all passes, each as often as it saw it.
    package var computedVoxels: Int
    /// The same without cropping.
    package var wholeGridVoxels: Int
    /// Slices that were run again on their whole picture, because a structure came near the edge of its crop.
    package var widenedSlices = 0
    /// nil where the region was enough.
    package var wholeGrid: WholeGrid?

    package init(
        _ dimensions: Dimensions,
        region: GridBox,
        computedVoxels: Int,
        wholeGridVoxels: Int,
        wholeGrid: WholeGrid?
    ) {
        grid = [dimensions.i, dimensions.j, dimensions.k]
        self.region = region
        self.computedVoxels = computedVoxels
        self.wholeGridVoxels = wholeGridVoxels
        self.wholeGrid = wholeGrid
    }

    /// Everything, once.
    package init(_ dimensions: Dimensions) {
        self.init(
            dimensions,
            region: GridBox(of: dimensions),
            computedVoxels: dimensions.voxelCount,
            wholeGridVoxels: dimensions.voxelCount,
            wholeGrid: .notAsked
        )
    }
}
