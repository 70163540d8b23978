internal import CProcessor

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

    /// The columns of the patch around one tile of one plane; `scratch` has room for a patch.
    @inline(__always)
    func transformColumns(
        _ image: UnsafePointer<Float>,
        _ row: Int,
        _ column: Int,
        into half: UnsafeMutablePointer<Float>,
        _ scratch: UnsafeMutablePointer<Float>
    ) {
        let (patch, vector) = (WinogradTransform.patch, ChannelBlocks.width)
        let (top, left) = (row - 1, column - 1)
        let inside = top >= 0 && left >= 0 && top + patch <= height && left + patch <= width
        if !inside { copy(image, top, left, side: patch, into: scratch) }
        WinogradTransform.transformColumns(
            inside ? image + (top * width + left) * vector : UnsafePointer(scratch),
            rowStep: (inside ? width : patch) * vector,
            into: half
        )
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
    func copy(
        _ image: UnsafePointer<Float>,
        _ top: Int,
        _ left: Int,
        side: Int,
        into target: UnsafeMutablePointer<Float>
    ) {
        let vector = ChannelBlocks.width
        let inside = max(0, -left)..<max(0, -left, min(side, width - left))
        for i in 0..<side {
            let line = target + i * side * vector
            guard (0..<height).contains(top + i) else {
                for j in 0..<side { store8(SIMD8(), line + j * vector) }
                continue
            }
            let source = image + ((top + i) * width + left) * vector
            for j in 0..<inside.lowerBound { store8(SIMD8(), line + j * vector) }
            for j in inside { store8(load8(source + j * vector), line + j * vector) }
            for j in inside.upperBound..<side { store8(SIMD8(), line + j * vector) }
        }
    }

    /// Asks for the lines of the cache that a square lies in, as far as it is inside: a processor finds rows of consecutive slices
    /// too late by itself.
    @inline(__always)
    func prefetch(_ image: UnsafePointer<Float>, _ top: Int, _ left: Int, side: Int) {
        let (vector, line) = (ChannelBlocks.width, 16)
        let count = (min(left + side, width) - max(left, 0)) * vector
        for row in max(top, 0)..<min(top + side, height) {
            let start = image + (row * width + max(left, 0)) * vector
            for offset in stride(from: 0, to: count, by: line) { processor_prefetch(start + offset) }
            processor_prefetch(start + count - 1)
        }
    }

    /// The results of a tile, as far as they lie in the image.
    @inline(__always)
    func store(
        _ results: UnsafePointer<Float>,
        _ row: Int,
        _ column: Int,
        to plane: UnsafeMutablePointer<Float>
    ) {
        let (tile, vector) = (WinogradTransform.tile, ChannelBlocks.width)
        let columns = min(tile, width - column) * vector
        for i in 0..<min(tile, height - row) {
            let line = plane + ((row + i) * width + column) * vector
            if columns == tile * vector {
                store8(load8(results + i * 32), line)
                store8(load8(results + i * 32 + 8), line + 8)
                store8(load8(results + i * 32 + 16), line + 16)
                store8(load8(results + i * 32 + 24), line + 24)
            } else {
                line.update(from: results + i * 32, count: columns)
            }
        }
    }

    /// The same after max pooling by two.
    @inline(__always)
    func storePooled(
        _ results: UnsafePointer<Float>,
        _ row: Int,
        _ column: Int,
        to plane: UnsafeMutablePointer<Float>
    ) {
        let vector = ChannelBlocks.width
        for i in 0..<2 where row + 2 * i < height {
            for j in 0..<2 where column + 2 * j < width {
                let corner = results + i * 64 + j * 16
                let largest = maximum(
                    maximum(load8(corner), load8(corner + 8)),
                    maximum(load8(corner + 32), load8(corner + 40))
                )
                store8(largest, plane + ((row / 2 + i) * (width / 2) + column / 2 + j) * vector)
            }
        }
    }
}
