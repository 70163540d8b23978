import Platform

/// 3 x 3 convolutions with stride 1 and padding 1 in channel blocks, by Winograd's F(4 x 4, 3 x 3).
///
/// Patches of six by six places are transformed; at each of the 36 transformed places one matrix product over the
/// input channels gives all output channels; the transform back writes 4 x 4 results. Two ways to share the work:
/// - *by tiles*: a thread takes a block of tiles through all three steps, and reads all weights for each block;
/// - *by panels*, where a thread would have too few tiles for that: all patches are transformed first, then each thread
///   takes some of the output channels, sixteen at a time, and the weights are read once.
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

    /// Weights [out][in][3][3] of concatenated sources as [36][out / 16][in][16]; channels that fill up blocks are zero.
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

    /// Floats from the weights of one place to those of the next.
    static func weightStep(outChannels: Int, depth: Int) -> Int { step(OutputPanel.padded(outChannels) * depth) }

    /// Floats of packed weights; `depth` are the input channels in whole blocks.
    static func packedCount(outChannels: Int, depth: Int) -> Int {
        WinogradTransform.places * weightStep(outChannels: outChannels, depth: depth)
    }

    package func forward(
        _ sources: [Source],
        weights: UnsafePointer<Float>,
        epilogue: BlockEpilogue,
        _ target: Target,
        threads: Int
    ) {
        let work = Work(sources: sources, weights: weights, epilogue: epilogue, target: target)
        if tiles >= threads * fewestTiles || threads == 1 {
            forwardByTiles(work, threads: threads)
        } else {
            forwardByPanels(work, threads: threads)
        }
    }

    /// What all steps and threads have in common.
    private struct Work: @unchecked Sendable {
        let sources: [Source]
        let weights: UnsafePointer<Float>
        let epilogue: BlockEpilogue
        let target: Target
    }

    // MARK: - Sizes of blocks

    /// What of the second-level cache patches and products of a block of tiles may fill: 360 KiB. The smallest that
    /// servers have is 1 MiB, and the weights of shallow layers stay there too.
    private static let cacheFloats = 92_160

    /// Weights that a third-level cache shared with others keeps from one block to the next: 8 MiB.
    private static let cachedWeights = 2 << 20

    /// A weight is used once for each tile of a block. Read from the second or third cache, a dozen tiles keep the
    /// multipliers busy; weights that come from memory want four times as many, although the patches then lie in the
    /// third cache.
    private var fewestTiles: Int {
        let weights = WinogradConvolution.packedCount(outChannels: outChannels, depth: depth)
        return OutputPanel.rows * (weights > WinogradConvolution.cachedWeights ? 8 : 2)
    }

    private var mostTiles: Int {
        let floats = WinogradTransform.places * (depth + OutputPanel.padded(outChannels))
        return min(96, max(fewestTiles, WinogradConvolution.cacheFloats / floats))
    }

    /// Tiles whose patches lie in memory together when the work is shared by panels.
    private static let sharedTiles = 192

    /// Floats between places that lie `count` apart or more: an odd number of cache lines, because a transform reads
    /// or writes all 36 places of a tile, and those a power of two apart would share one set of the first-level cache.
    private static func step(_ count: Int) -> Int {
        let line = 16
        return ((count + line - 1) / line | 1) * line
    }

    // MARK: - By tiles

    private func forwardByTiles(_ work: Work, threads: Int) {
        let rows = OutputPanel.rows
        // Whole groups of rows, as many blocks for each thread, and no block with more than one group above another.
        let groups = (tiles + rows - 1) / rows
        let blocks = min(groups, (tiles + mostTiles * threads - 1) / (mostTiles * threads) * threads)
        let blockTiles = (groups + blocks - 1) / blocks * rows
        let patchStep = WinogradConvolution.step(blockTiles * depth)
        let productStep = WinogradConvolution.step(blockTiles * panels * OutputPanel.width)
        parallelFor(blocks, threads: threads, rangesPerThread: rangesPerThread) { some in
            let patches = Scratch(uninitialized: WinogradTransform.places * patchStep)
            let products = Scratch(uninitialized: WinogradTransform.places * productStep)
            let scratch = Scratch(count: WinogradTiles.scratchCount)
            for block in some {
                let range = groups * block / blocks * rows..<min(groups * (block + 1) / blocks * rows, tiles)
                for block in 0..<inBlocks {
                    transform(work, block, range, into: patches.pointer, patchStep, scratch.pointer)
                }
                multiply(work, patches.pointer, patchStep, 0..<panels, range.count, products.pointer, productStep)
                finish(work, products.pointer, productStep, 0..<panels, range, scratch.pointer)
            }
        }
    }

    // MARK: - By panels

    private func forwardByPanels(_ work: Work, threads: Int) {
        let rounds = (tiles + WinogradConvolution.sharedTiles - 1) / WinogradConvolution.sharedTiles
        let most = (tiles + rounds - 1) / rounds
        let patchStep = WinogradConvolution.step(padded(most) * depth)
        let patches = Scratch(uninitialized: WinogradTransform.places * patchStep)
        nonisolated(unsafe) let transformed = patches.pointer
        for first in stride(from: 0, to: tiles, by: most) {
            let range = first..<min(first + most, tiles)
            parallelFor(inBlocks, threads: threads, rangesPerThread: rangesPerThread) { blocks in
                let scratch = Scratch(count: WinogradTiles.scratchCount)
                for block in blocks { transform(work, block, range, into: transformed, patchStep, scratch.pointer) }
            }
            parallelFor(panels, threads: threads, rangesPerThread: rangesPerThread) { some in
                let productStep = WinogradConvolution.step(padded(most) * some.count * OutputPanel.width)
                let products = Scratch(uninitialized: WinogradTransform.places * productStep)
                let scratch = Scratch(count: WinogradTiles.scratchCount)
                multiply(work, transformed, patchStep, some, range.count, products.pointer, productStep)
                finish(work, products.pointer, productStep, some, range, scratch.pointer)
            }
        }
    }

    /// Tiles filled up to whole groups of rows.
    private func padded(_ tiles: Int) -> Int { (tiles + OutputPanel.rows - 1) / OutputPanel.rows * OutputPanel.rows }

    // MARK: - The three steps

    /// One channel block of all sources together, for a range of tiles: patches[place][tile][channel].
    private func transform(
        _ work: Work,
        _ block: Int,
        _ range: Range<Int>,
        into patches: UnsafeMutablePointer<Float>,
        _ placeStep: Int,
        _ scratch: UnsafeMutablePointer<Float>
    ) {
        var (source, channelBlock) = (0, block)
        while channelBlock >= work.sources[source].blocks {
            channelBlock -= work.sources[source].blocks
            source += 1
        }
        let blockCount = grid.plane * ChannelBlocks.width
        grid.transformPatches(
            work.sources[source].values + channelBlock * blockCount,
            sampleStep: work.sources[source].blocks * blockCount,
            tiles: range,
            into: patches + block * ChannelBlocks.width,
            tileStep: depth,
            placeStep: placeStep,
            scratch
        )
    }

    /// The products of some panels: products[place][panel][tile][16].
    private func multiply(
        _ work: Work,
        _ patches: UnsafePointer<Float>,
        _ patchStep: Int,
        _ some: Range<Int>,
        _ count: Int,
        _ products: UnsafeMutablePointer<Float>,
        _ productStep: Int
    ) {
        let weightStep = WinogradConvolution.weightStep(outChannels: outChannels, depth: depth)
        for place in 0..<WinogradTransform.places {
            let v = patches + place * patchStep
            for panel in some {
                let u = work.weights + place * weightStep + panel * depth * OutputPanel.width
                let m =
                    products + place * productStep + (panel - some.lowerBound) * padded(count) * OutputPanel.width
                for tile in stride(from: 0, to: count, by: OutputPanel.rows) {
                    // Rows beyond the last tile are computed from whatever lies there, and not read.
                    OutputPanel.product(v + tile * depth, u, depth: depth, into: m + tile * OutputPanel.width)
                }
            }
        }
    }

    /// Back from products to results.
    private func finish(
        _ work: Work,
        _ products: UnsafePointer<Float>,
        _ productStep: Int,
        _ some: Range<Int>,
        _ range: Range<Int>,
        _ scratch: UnsafeMutablePointer<Float>
    ) {
        let vector = ChannelBlocks.width
        let half = scratch + WinogradTransform.places * vector
        let outBlocks = ChannelBlocks.blocks(of: outChannels)
        for block in some.lowerBound * 2..<min(some.upperBound * 2, outBlocks) {
            let panel = block / 2 - some.lowerBound
            let m = products + panel * padded(range.count) * OutputPanel.width + block % 2 * vector
            let after = BlockEpilogueVector(work.epilogue, channel: block * vector)
            for tile in range {
                let (sample, row, column) = grid.place(of: tile)
                WinogradTransform.transformProducts(
                    m + (tile - range.lowerBound) * OutputPanel.width,
                    placeStep: productStep,
                    half: half,
                    epilogue: after,
                    into: scratch
                )
                let plane = (sample * outBlocks + block) * height * width
                store(scratch, row, column, to: work.target.values + plane * vector)
                if let pooled = work.target.pooled {
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
