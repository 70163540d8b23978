/// 3 x 3 convolutions with stride 1 and padding 1 in channel blocks, by Winograd's F(4 x 4, 3 x 3).
///
/// Patches of six by six places are transformed; at each of the 36 transformed places one matrix product over the
/// input channels gives all output channels; the transform back writes 4 x 4 results.
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

    /// Weights [out][in][3][3] of concatenated sources as [36][out / 16][in][16]; channels that fill up blocks are zero.
    package static func packed(_ weight: [Float], outChannels: Int, sources: [Int], scale: [Float]?) -> [Float] {
        let depth = sources.reduce(0) { $0 + ChannelBlocks.blocks(of: $1) } * ChannelBlocks.width
        var rows: [Int] = []
        var first = 0
        for source in sources {
            rows += first..<first + source
            first += ChannelBlocks.blocks(of: source) * ChannelBlocks.width
        }
        let blocking = WinogradBlocking(places: WinogradTransform.places, outChannels: outChannels, depth: depth)
        var result = [Float](repeating: 0, count: blocking.weightCount)
        weight.withUnsafeBufferPointer { weight in
            result.withUnsafeMutableBufferPointer { result in
                WinogradFilters(weight.baseAddress!, inChannels: rows.count, kernelDepth: 1)
                    .pack(rows: rows, blocking, scale: scale, into: result.baseAddress!, threads: 1)
            }
        }
        return result
    }

    package func forward(
        _ sources: [Source],
        weights: UnsafePointer<Float>,
        epilogue: BlockEpilogue,
        _ target: Target,
        threads: Int
    ) {
        let steps = Steps(
            sources: sources,
            epilogue: epilogue,
            target: target,
            grid: WinogradTiles(height: height, width: width, batch: batch),
            depth: inBlocks * ChannelBlocks.width,
            outChannels: outChannels
        )
        WinogradBlocking(places: WinogradTransform.places, outChannels: outChannels, depth: steps.depth)
            .run(steps, tiles: steps.grid.count, weights: weights, threads: threads)
    }

    private struct Steps: WinogradSteps, @unchecked Sendable {
        let sources: [Source]
        let epilogue: BlockEpilogue
        let target: Target
        let grid: WinogradTiles
        let depth: Int
        let outChannels: Int

        var scratchCount: Int { WinogradTiles.scratchCount }

        func transform(
            _ blocks: Range<Int>,
            _ range: Range<Int>,
            into patches: UnsafeMutablePointer<Float>,
            placeStep: Int,
            _ scratch: UnsafeMutablePointer<Float>
        ) {
            let blockCount = grid.plane * ChannelBlocks.width
            for block in blocks {
                var (source, channelBlock) = (0, block)
                while channelBlock >= sources[source].blocks {
                    channelBlock -= sources[source].blocks
                    source += 1
                }
                grid.transformPatches(
                    sources[source].values + channelBlock * blockCount,
                    sampleStep: sources[source].blocks * blockCount,
                    tiles: range,
                    into: patches + block * ChannelBlocks.width,
                    tileStep: depth,
                    placeStep: placeStep,
                    scratch
                )
            }
        }

        func finish(
            _ panel: Int,
            _ range: Range<Int>,
            _ products: UnsafePointer<Float>,
            placeStep: Int,
            _ scratch: UnsafeMutablePointer<Float>
        ) {
            let vector = ChannelBlocks.width
            let half = scratch + WinogradTransform.places * vector
            let outBlocks = ChannelBlocks.blocks(of: outChannels)
            for block in OutputPanel.blocks(panel, of: outChannels) {
                let after = BlockEpilogueVector(epilogue, channel: block * vector)
                for tile in range {
                    let (sample, row, column) = grid.place(of: tile)
                    WinogradTransform.transformProducts(
                        products + (tile - range.lowerBound) * OutputPanel.width + block % 2 * vector,
                        placeStep: placeStep,
                        half: half,
                        epilogue: after,
                        into: scratch
                    )
                    let plane = (sample * outBlocks + block) * grid.plane
                    grid.store(scratch, row, column, to: target.values + plane * vector)
                    if let pooled = target.pooled {
                        grid.storePooled(scratch, row, column, to: pooled + plane / 4 * vector)
                    }
                }
            }
        }
    }
}
