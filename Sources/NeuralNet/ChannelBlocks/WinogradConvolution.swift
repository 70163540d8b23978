import Platform

/// 3 x 3 convolutions with stride 1 and padding 1 in channel blocks, by Winograd's F(4 x 4, 3 x 3).
///
/// Patches of six by six places are transformed; at each of the 36 transformed places one matrix product over the
/// input channels gives all output channels; the transform back writes 4 x 4 results. Two ways to share the work:
/// - *by tiles*: a thread takes a block of tiles through all three steps, so that nothing leaves its second-level cache;
/// - *by panels*, where there are fewer tiles than a block wants: all patches are transformed first, then each thread
///   takes sixteen output channels at a time, and the weights are read once.
///
/// Each result is one sum over the channels in order, so it depends neither on the way nor on the number of threads.
package struct WinogradConvolution: Sendable {
    /// A feature map that is read; several stand for their concatenation.
    package struct Source {
        let values: UnsafePointer<Float>
        let blocks: Int

        package init(values: UnsafePointer<Float>, blocks: Int) {
            self.values = values
            self.blocks = blocks
        }
    }

    /// Where results go.
    package struct Target {
        let values: UnsafeMutablePointer<Float>
        /// The same after max pooling by two, for even heights and widths.
        let pooled: UnsafeMutablePointer<Float>?

        package init(values: UnsafeMutablePointer<Float>, pooled: UnsafeMutablePointer<Float>?) {
            self.values = values
            self.pooled = pooled
        }
    }

    let inBlocks: Int
    let outChannels: Int
    let height: Int
    let width: Int
    let batch: Int

    package init(inBlocks: Int, outChannels: Int, height: Int, width: Int, batch: Int) {
        self.inBlocks = inBlocks
        self.outChannels = outChannels
        self.height = height
        self.width = width
        self.batch = batch
    }

    private var depth: Int { inBlocks * ChannelBlocks.width }
    private var grid: WinogradTiles { WinogradTiles(height: height, width: width, batch: batch) }
    private var tiles: Int { grid.count }
    private var panels: Int { OutputPanel.panels(of: outChannels) }

    /// Weights [out][in][3][3] of concatenated sources as [out / 16][36][in][16]; channels that fill up blocks are zero.
    package static func packed(_ weight: [Float], outChannels: Int, sources: [Int], scale: [Float]?) -> [Float] {
        let depth = sources.reduce(0) { $0 + ChannelBlocks.blocks(of: $1) } * ChannelBlocks.width
        var rows: [Int] = []
        var first = 0
        for source in sources {
            rows += first..<first + source
            first += ChannelBlocks.blocks(of: source) * ChannelBlocks.width
        }
        var result = [Float](repeating: 0, count: packedCount(outChannels: outChannels, depth: depth))
        weight.withUnsafeBufferPointer { weight in
            result.withUnsafeMutableBufferPointer { result in
                WinogradFilters(weight.baseAddress!, inChannels: rows.count, slice: 0, of: 1)
                    .pack(
                        outChannels: outChannels,
                        rows: rows,
                        depth: depth,
                        scale: scale,
                        into: result.baseAddress!,
                        threads: 1
                    )
            }
        }
        return result
    }

    /// Floats of packed weights; `depth` are the input channels in whole blocks.
    static func packedCount(outChannels: Int, depth: Int) -> Int {
        OutputPanel.padded(outChannels) * WinogradTransform.places * depth
    }

    package func forward(
        _ sources: [Source],
        weights: UnsafePointer<Float>,
        epilogue: BlockEpilogue,
        _ target: Target,
        threads: Int
    ) {
        let blockTiles = tilesOfBlock(threads: threads)
        nonisolated(unsafe) let (sources, weights, target) = (sources, weights, target)
        if tiles >= threads * blockTiles || threads == 1 {
            forwardByTiles(sources, weights, epilogue, target, blockTiles: blockTiles, threads: threads)
        } else {
            forwardByPanels(sources, weights, epilogue, target, threads: threads)
        }
    }

    // MARK: - By tiles

    /// What of the second-level cache patches and products of a block of tiles may fill.
    private static let cacheFloats = 92_160

    /// A multiple of the rows of a panel, such that every thread gets the same number of blocks.
    private func tilesOfBlock(threads: Int) -> Int {
        let rows = OutputPanel.rows
        let fitting = max(2 * rows, WinogradConvolution.cacheFloats / (WinogradTransform.places * (depth + 16)))
        let most = min(96, fitting / rows * rows)
        let rounds = (tiles + most * threads - 1) / (most * threads)
        let share = (tiles + rounds * threads - 1) / (rounds * threads)
        return max(2 * rows, (share + rows - 1) / rows * rows)
    }

    private func forwardByTiles(
        _ sources: [Source],
        _ weights: UnsafePointer<Float>,
        _ epilogue: BlockEpilogue,
        _ target: Target,
        blockTiles: Int,
        threads: Int
    ) {
        nonisolated(unsafe) let (sources, weights, target) = (sources, weights, target)
        let places = WinogradTransform.places
        parallelFor((tiles + blockTiles - 1) / blockTiles, threads: threads) { blocks in
            let patches = Scratch(count: places * blockTiles * depth)
            let products = Scratch(count: places * blockTiles * OutputPanel.width)
            let scratch = Scratch(count: WinogradTiles.scratchCount)
            for block in blocks {
                let range = block * blockTiles..<min((block + 1) * blockTiles, tiles)
                var firstBlock = 0
                for source in sources {
                    for channelBlock in 0..<source.blocks {
                        transform(
                            source,
                            channelBlock,
                            tiles: range,
                            into: patches.pointer + (firstBlock + channelBlock) * ChannelBlocks.width,
                            placeStep: blockTiles * depth,
                            scratch.pointer
                        )
                    }
                    firstBlock += source.blocks
                }
                for panel in 0..<panels {
                    multiply(patches.pointer, weights, panel, range.count, rowsOfPlace: blockTiles, products.pointer)
                    finish(products.pointer, panel, range, rowsOfPlace: blockTiles, epilogue, target, scratch.pointer)
                }
            }
        }
    }

    // MARK: - By panels

    private func forwardByPanels(
        _ sources: [Source],
        _ weights: UnsafePointer<Float>,
        _ epilogue: BlockEpilogue,
        _ target: Target,
        threads: Int
    ) {
        let places = WinogradTransform.places
        let rows = (tiles + OutputPanel.rows - 1) / OutputPanel.rows * OutputPanel.rows
        let patches = Scratch(count: places * rows * depth)
        nonisolated(unsafe) let (sources, weights, target) = (sources, weights, target)
        nonisolated(unsafe) let transformed = patches.pointer
        parallelFor(inBlocks, threads: threads) { blocks in
            let scratch = Scratch(count: WinogradTiles.scratchCount)
            for block in blocks {
                var (source, channelBlock) = (0, block)
                while channelBlock >= sources[source].blocks {
                    channelBlock -= sources[source].blocks
                    source += 1
                }
                transform(
                    sources[source],
                    channelBlock,
                    tiles: 0..<tiles,
                    into: transformed + block * ChannelBlocks.width,
                    placeStep: rows * depth,
                    scratch.pointer
                )
            }
        }
        parallelFor(panels, threads: threads) { range in
            let products = Scratch(count: places * rows * OutputPanel.width)
            let scratch = Scratch(count: WinogradTiles.scratchCount)
            for panel in range {
                multiply(transformed, weights, panel, tiles, rowsOfPlace: rows, products.pointer)
                finish(products.pointer, panel, 0..<tiles, rowsOfPlace: rows, epilogue, target, scratch.pointer)
            }
        }
    }

    // MARK: - The three steps

    /// One channel block of a range of tiles: patch t to `target + t * depth`.
    private func transform(
        _ source: Source,
        _ channelBlock: Int,
        tiles range: Range<Int>,
        into target: UnsafeMutablePointer<Float>,
        placeStep: Int,
        _ scratch: UnsafeMutablePointer<Float>
    ) {
        let blockCount = grid.plane * ChannelBlocks.width
        grid.transformPatches(
            source.values + channelBlock * blockCount,
            sampleStep: source.blocks * blockCount,
            tiles: range,
            into: target,
            tileStep: depth,
            placeStep: placeStep,
            scratch
        )
    }

    /// The products of one panel at all places: products[place][tile][16].
    private func multiply(
        _ patches: UnsafePointer<Float>,
        _ weights: UnsafePointer<Float>,
        _ panel: Int,
        _ count: Int,
        rowsOfPlace: Int,
        _ products: UnsafeMutablePointer<Float>
    ) {
        let places = WinogradTransform.places
        for place in 0..<places {
            let u = weights + (panel * places + place) * depth * OutputPanel.width
            let v = patches + place * rowsOfPlace * depth
            let m = products + place * rowsOfPlace * OutputPanel.width
            for tile in stride(from: 0, to: count, by: OutputPanel.rows) {
                // Rows beyond the last tile are computed from whatever lies there, and not read.
                OutputPanel.product(v + tile * depth, u, depth: depth, into: m + tile * OutputPanel.width)
            }
        }
    }

    /// Back from products to results of one panel.
    private func finish(
        _ products: UnsafePointer<Float>,
        _ panel: Int,
        _ range: Range<Int>,
        rowsOfPlace: Int,
        _ epilogue: BlockEpilogue,
        _ target: Target,
        _ scratch: UnsafeMutablePointer<Float>
    ) {
        let vector = ChannelBlocks.width
        let half = scratch + WinogradTransform.places * vector
        let outBlocks = ChannelBlocks.blocks(of: outChannels)
        for part in 0..<2 where panel * 2 + part < outBlocks {
            let block = panel * 2 + part
            let after = BlockEpilogueVector(epilogue, channel: block * vector)
            for tile in range {
                let (sample, row, column) = grid.place(of: tile)
                WinogradTransform.transformProducts(
                    products + (tile - range.lowerBound) * OutputPanel.width + part * vector,
                    placeStep: rowsOfPlace * OutputPanel.width,
                    half: half,
                    epilogue: after,
                    into: scratch
                )
                let plane = (sample * outBlocks + block) * height * width
                store(scratch, row, column, to: target.values + plane * vector)
                if let pooled = target.pooled {
                    storePooled(scratch, row, column, to: pooled + plane / 4 * vector)
                }
            }
        }
    }

    @inline(__always)
    private func store(
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

    @inline(__always)
    private func storePooled(
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
