/// The tiles of a batch of images in channel blocks: samples one after the other, row by row.
struct WinogradTiles {
    let height: Int
    let width: Int
    let batch: Int

    var rows: Int { (height + WinogradTransform.tile - 1) / WinogradTransform.tile }
    var columns: Int { (width + WinogradTransform.tile - 1) / WinogradTransform.tile }
    var count: Int { batch * rows * columns }
    var plane: Int { height * width }

    /// Sample, first row and first column of a tile.
    @inline(__always)
    func place(of tile: Int) -> (Int, Int, Int) {
        let (rows, columns) = (rows, columns)
        let line = tile / columns
        return (line / rows, line % rows * WinogradTransform.tile, tile % columns * WinogradTransform.tile)
    }

    /// Floats that the transforms work in.
    static let scratchCount = 2 * WinogradTransform.places * ChannelBlocks.width

    /// One channel block of the patches that a range of tiles needs (a tile and one place around it): place p of the
    /// n-th patch goes to `target + p * placeStep + n * tileStep`. `plane` is the block of the first sample;
    /// those of the others lie `sampleStep` apart.
    @inline(__always)
    func transformPatches(
        _ plane: UnsafePointer<Float>,
        sampleStep: Int,
        tiles range: Range<Int>,
        into target: UnsafeMutablePointer<Float>,
        tileStep: Int,
        placeStep: Int,
        _ scratch: UnsafeMutablePointer<Float>
    ) {
        let (patch, vector) = (WinogradTransform.patch, ChannelBlocks.width)
        let half = scratch + WinogradTransform.places * vector
        for tile in range {
            let (sample, row, column) = place(of: tile)
            let (top, left) = (row - 1, column - 1)
            let inside = top >= 0 && left >= 0 && top + patch <= height && left + patch <= width
            let image = plane + sample * sampleStep
            if !inside { copy(image, top, left, side: patch, into: scratch) }
            WinogradTransform.transformPatch(
                inside ? image + (top * width + left) * vector : UnsafePointer(scratch),
                rowStep: (inside ? width : patch) * vector,
                half: half,
                into: target + (tile - range.lowerBound) * tileStep,
                placeStep: placeStep
            )
        }
    }

    /// The same for gradients of the results: A dY A^T of each tile.
    @inline(__always)
    func transformGradients(
        _ plane: UnsafePointer<Float>,
        sampleStep: Int,
        tiles range: Range<Int>,
        into target: UnsafeMutablePointer<Float>,
        tileStep: Int,
        placeStep: Int,
        _ scratch: UnsafeMutablePointer<Float>
    ) {
        let (side, vector) = (WinogradTransform.tile, ChannelBlocks.width)
        let half = scratch + WinogradTransform.places * vector
        for tile in range {
            let (sample, row, column) = place(of: tile)
            let inside = row + side <= height && column + side <= width
            let image = plane + sample * sampleStep
            if !inside { copy(image, row, column, side: side, into: scratch) }
            WinogradTransform.transformGradient(
                inside ? image + (row * width + column) * vector : UnsafePointer(scratch),
                rowStep: (inside ? width : side) * vector,
                half: half,
                into: target + (tile - range.lowerBound) * tileStep,
                placeStep: placeStep
            )
        }
    }

    /// A square that reaches beyond the image, with zeros there.
    private func copy(
        _ image: UnsafePointer<Float>,
        _ top: Int,
        _ left: Int,
        side: Int,
        into target: UnsafeMutablePointer<Float>
    ) {
        let vector = ChannelBlocks.width
        for i in 0..<side {
            for j in 0..<side {
                let (row, column) = (top + i, left + j)
                let inside = row >= 0 && row < height && column >= 0 && column < width
                let value = inside ? load8(image + (row * width + column) * vector) : SIMD8<Float>()
                store8(value, target + (i * side + j) * vector)
            }
        }
    }
}
