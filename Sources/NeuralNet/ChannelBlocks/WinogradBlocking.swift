import Platform

/// What Winograd's filtering does with some tiles before and after the products.
protocol WinogradSteps: Sendable {
    /// Floats that the steps work in, zero at first.
    var scratchCount: Int { get }

    /// Some blocks of input channels of the patches of some tiles, transformed: place p of block b of the n-th tile goes to
    /// `patches + p * placeStep + n * depth + b * 8`.
    func transform(
        _ blocks: Range<Int>,
        _ range: Range<Int>,
        into patches: UnsafeMutablePointer<Float>,
        placeStep: Int,
        _ scratch: UnsafeMutablePointer<Float>
    )

    /// A panel of output channels of the results of some tiles, or what there is of it; place p of the n-th tile lies at
    /// `products + p * placeStep + n * 16`.
    func finish(
        _ panel: Int,
        _ range: Range<Int>,
        _ products: UnsafePointer<Float>,
        placeStep: Int,
        _ scratch: UnsafeMutablePointer<Float>
    )
}

/// The products of Winograd's filtering, and how blocks of tiles and of output channels are shared out. At each transformed
/// place one matrix product over the input channels gives all output channels. Two ways to share the work:
/// - *by tiles*: a thread takes a block of tiles through all three steps, and reads all weights for each block;
/// - *by panels*, where a thread would have too few tiles for that: all patches are transformed first, then each thread
///   takes some of the output channels, sixteen at a time, and the weights are read once.
///
/// Each product is one sum over the channels in order, so it depends neither on the way nor on the number of threads.
struct WinogradBlocking: Sendable {
    /// Transformed places of a tile.
    let places: Int
    let outChannels: Int
    /// Input channels in whole blocks.
    let depth: Int

    private var inBlocks: Int { depth / ChannelBlocks.width }
    private var panels: Int { OutputPanel.panels(of: outChannels) }

    /// Floats from the weights of one place to those of the next, and of all: [place][out / 16][in][16].
    var weightStep: Int { WinogradBlocking.step(OutputPanel.padded(outChannels) * depth) }
    var weightCount: Int { places * weightStep }

    func run(_ steps: some WinogradSteps, tiles: Int, weights: UnsafePointer<Float>, threads: Int) {
        let work = Work(steps: steps, tiles: tiles, weights: weights)
        if tiles >= threads * fewestTiles || threads == 1 {
            runByTiles(work, threads: threads)
        } else {
            runByPanels(work, threads: threads)
        }
    }

    /// What all steps and threads have in common.
    private struct Work<Steps: WinogradSteps>: @unchecked Sendable {
        let steps: Steps
        let tiles: Int
        let weights: UnsafePointer<Float>
    }

    // MARK: - Sizes of blocks

    /// What of the second-level cache patches and products of a block of tiles may fill: 360 KiB of 1 MiB, where the weights of
    /// shallow layers stay, too. Xeons have that since 2017 and EPYC since its fourth generation; the 256 or 512 KiB of earlier ones
    /// are too few, and patches come from the third cache there (not measured).
    private static let cacheFloats = 92_160

    /// Weights that a third-level cache shared with others keeps from one block to the next: 8 MiB.
    private static let cachedWeights = 2 << 20

    /// A weight is used once for each tile of a block. Read from the second or third cache, a dozen tiles keep the
    /// multipliers busy; weights that come from memory want four times as many, although the patches then lie in the
    /// third cache.
    private var fewestTiles: Int {
        OutputPanel.rows * (weightCount > WinogradBlocking.cachedWeights ? 8 : 2)
    }

    /// Tiles of a block at most: with more, threads find fewer blocks to share.
    private static let mostTiles = 96

    private var mostTiles: Int {
        let floats = places * (depth + OutputPanel.padded(outChannels))
        return min(WinogradBlocking.mostTiles, max(fewestTiles, WinogradBlocking.cacheFloats / floats))
    }

    /// Tiles whose patches lie in memory together when the work is shared by panels: as many as two threads would have in blocks of
    /// their own. In three dimensions, with more places, half as many, which is still all there are when two threads share weights
    /// that come from memory.
    private var sharedTiles: Int { (places == WinogradTransform.places ? 2 : 1) * WinogradBlocking.mostTiles }

    /// Floats between places that lie `count` apart or more: an odd number of cache lines, because a transform reads
    /// or writes all places of a tile, and those a power of two apart would share one set of the first-level cache.
    private static func step(_ count: Int) -> Int {
        let line = 16
        return ((count + line - 1) / line | 1) * line
    }

    // MARK: - By tiles

    private func runByTiles(_ work: Work<some WinogradSteps>, threads: Int) {
        let (tiles, rows) = (work.tiles, OutputPanel.rows)
        // Whole groups of rows, as many blocks for each thread, and no block with more than one group above another.
        let groups = (tiles + rows - 1) / rows
        let blocks = min(groups, (tiles + mostTiles * threads - 1) / (mostTiles * threads) * threads)
        let blockTiles = (groups + blocks - 1) / blocks * rows
        let patchStep = WinogradBlocking.step(blockTiles * depth)
        let productStep = WinogradBlocking.step(blockTiles * panels * OutputPanel.width)
        parallelFor(blocks, threads: threads, rangesPerThread: rangesPerThread) { some in
            let patches = Scratch(uninitialized: places * patchStep)
            let products = Scratch(uninitialized: places * productStep)
            let scratch = Scratch(count: work.steps.scratchCount)
            for block in some {
                let range = groups * block / blocks * rows..<min(groups * (block + 1) / blocks * rows, tiles)
                work.steps.transform(
                    0..<inBlocks,
                    range,
                    into: patches.pointer,
                    placeStep: patchStep,
                    scratch.pointer
                )
                multiply(
                    work.weights,
                    patches.pointer,
                    patchStep,
                    0..<panels,
                    range.count,
                    products.pointer,
                    productStep
                )
                finish(work, products.pointer, productStep, 0..<panels, range, scratch.pointer)
            }
        }
    }

    // MARK: - By panels

    private func runByPanels(_ work: Work<some WinogradSteps>, threads: Int) {
        let tiles = work.tiles
        let rounds = (tiles + sharedTiles - 1) / sharedTiles
        let most = (tiles + rounds - 1) / rounds
        let patchStep = WinogradBlocking.step(padded(most) * depth)
        let patches = Scratch(uninitialized: places * patchStep)
        nonisolated(unsafe) let transformed = patches.pointer
        for first in stride(from: 0, to: tiles, by: most) {
            let range = first..<min(first + most, tiles)
            parallelFor(inBlocks, threads: threads, rangesPerThread: rangesPerThread) { blocks in
                let scratch = Scratch(count: work.steps.scratchCount)
                work.steps.transform(
                    blocks,
                    range,
                    into: transformed,
                    placeStep: patchStep,
                    scratch.pointer
                )
            }
            parallelFor(panels, threads: threads, rangesPerThread: rangesPerThread) { some in
                let productStep = WinogradBlocking.step(padded(most) * some.count * OutputPanel.width)
                let products = Scratch(uninitialized: places * productStep)
                let scratch = Scratch(count: work.steps.scratchCount)
                multiply(work.weights, transformed, patchStep, some, range.count, products.pointer, productStep)
                finish(work, products.pointer, productStep, some, range, scratch.pointer)
            }
        }
    }

    /// Tiles filled up to whole groups of rows.
    private func padded(_ tiles: Int) -> Int { (tiles + OutputPanel.rows - 1) / OutputPanel.rows * OutputPanel.rows }

    // MARK: - Products and results

    /// The products of some panels: products[place][panel][tile][16].
    private func multiply(
        _ weights: UnsafePointer<Float>,
        _ patches: UnsafePointer<Float>,
        _ patchStep: Int,
        _ some: Range<Int>,
        _ count: Int,
        _ products: UnsafeMutablePointer<Float>,
        _ productStep: Int
    ) {
        let weightStep = weightStep
        for place in 0..<places {
            let v = patches + place * patchStep
            for panel in some {
                let u = weights + place * weightStep + panel * depth * OutputPanel.width
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
        _ work: Work<some WinogradSteps>,
        _ products: UnsafePointer<Float>,
        _ productStep: Int,
        _ some: Range<Int>,
        _ range: Range<Int>,
        _ scratch: UnsafeMutablePointer<Float>
    ) {
        for panel in some {
            work.steps.finish(
                panel,
                range,
                products + (panel - some.lowerBound) * padded(range.count) * OutputPanel.width,
                placeStep: productStep,
                scratch
            )
        }
    }
}
