/// 3 x 3 x 3 convolutions with stride 1 in channel blocks, by Winograd's F(2 x 4 x 4, 3 x 3 x 3). In the plane the padding is 1;
/// along the depth the input brings its neighbours along.
struct WinogradVolume: Sendable {
    let inChannels: Int
    let outChannels: Int
    let height: Int
    let width: Int
    /// Slices of results.
    let count: Int

    /// Floats of both feature maps of a group of slices: 16 MiB, half of a third-level cache. With fewer, more slices go to
    /// channel blocks twice, as neighbours of two groups; with more, results are in memory before they go back.
    static let groupFloats = 4 << 20

    /// - Parameters:
    ///   - values: `count` slices of channel blocks with one more before and one behind.
    ///   - result: `count` slices of channel blocks.
    func forward(
        _ values: UnsafePointer<Float>,
        weights: UnsafePointer<Float>,
        epilogue: BlockEpilogue,
        into result: UnsafeMutablePointer<Float>,
        threads: Int
    ) {
        let steps = Steps(
            values: values,
            result: result,
            epilogue: epilogue,
            grid: WinogradTiles(height: height, width: width, batch: 1),
            inBlocks: ChannelBlocks.blocks(of: inChannels),
            outChannels: outChannels,
            count: count
        )
        WinogradBlocking(places: WinogradTransform.volumePlaces, outChannels: outChannels, depth: steps.depth)
            .run(steps, tiles: steps.grid.count * steps.pairs, weights: weights, threads: threads)
    }

    /// Tiles are pairs of slices, all of one place in the plane one after the other: the patches of a pair and the next one
    /// share two slices, whose columns are transformed once.
    private struct Steps: WinogradSteps, @unchecked Sendable {
        let values: UnsafePointer<Float>
        let result: UnsafeMutablePointer<Float>
        let epilogue: BlockEpilogue
        let grid: WinogradTiles
        let inBlocks: Int
        let outChannels: Int
        let count: Int

        var depth: Int { inBlocks * ChannelBlocks.width }
        var pairs: Int { (count + 1) / 2 }
        /// Columns of four slices, of two blocks, and a patch or results.
        var scratchCount: Int { (2 * WinogradTransform.depthPlaces + 1) * WinogradTransform.halfCount }

        /// Tiles from the one that is worked on to the one whose lines are asked for.
        private static let ahead = 2

        /// Two blocks together fill lines of the cache.
        func transform(
            _ blocks: Range<Int>,
            _ range: Range<Int>,
            into patches: UnsafeMutablePointer<Float>,
            placeStep: Int,
            _ scratch: UnsafeMutablePointer<Float>
        ) {
            let items = (blocks.count + 1) / 2 * range.count
            func item(_ index: Int) -> (Range<Int>, Int) {
                let (couple, tile) = index.quotientAndRemainder(dividingBy: range.count)
                let first = blocks.lowerBound + 2 * couple
                return (first..<min(first + 2, blocks.upperBound), range.lowerBound + tile)
            }
            for index in 0..<items {
                if index + Steps.ahead < items {
                    let (blocks, tile) = item(index + Steps.ahead)
                    let (_, row, column) = grid.place(of: tile / pairs)
                    for block in blocks {
                        for slice in newSlices(tile, range) {
                            grid.prefetch(plane(slice, block), row - 1, column - 1, side: WinogradTransform.patch)
                        }
                    }
                }
                let (blocks, tile) = item(index)
                for block in blocks {
                    let columns = (1 + (block - blocks.lowerBound) * WinogradTransform.depthPlaces)
                    transform(
                        block,
                        tile,
                        newSlices(tile, range),
                        columns: scratch + columns * WinogradTransform.halfCount,
                        into: patches + (tile - range.lowerBound) * depth + block * ChannelBlocks.width,
                        placeStep: placeStep,
                        scratch
                    )
                }
            }
        }

        /// Slices of a tile's patch that the tile before it has not.
        @inline(__always)
        private func newSlices(_ tile: Int, _ range: Range<Int>) -> Range<Int> {
            let pair = tile % pairs
            return 2 * pair + (pair == 0 || tile == range.lowerBound ? 0 : 2)..<2 * pair + 4
        }

        /// Of an odd number of slices, the second result of the last pair is not kept.
        @inline(__always)
        private func plane(_ slice: Int, _ block: Int) -> UnsafePointer<Float> {
            values + (min(slice, count + 1) * inBlocks + block) * grid.plane * ChannelBlocks.width
        }

        /// - Parameter columns: of four slices; slice n lies in place n modulo 4.
        @inline(__always)
        private func transform(
            _ block: Int,
            _ tile: Int,
            _ slices: Range<Int>,
            columns: UnsafeMutablePointer<Float>,
            into patch: UnsafeMutablePointer<Float>,
            placeStep: Int,
            _ scratch: UnsafeMutablePointer<Float>
        ) {
            let (place, pair) = tile.quotientAndRemainder(dividingBy: pairs)
            let (_, row, column) = grid.place(of: place)
            func slot(_ slice: Int) -> UnsafeMutablePointer<Float> {
                columns + slice % WinogradTransform.depthPlaces * WinogradTransform.halfCount
            }
            for slice in slices { grid.transformColumns(plane(slice, block), row, column, into: slot(slice), scratch) }
            WinogradTransform.transformSlices(
                slot(2 * pair),
                slot(2 * pair + 1),
                slot(2 * pair + 2),
                slot(2 * pair + 3),
                into: patch,
                placeStep: placeStep
            )
        }

        func finish(
            _ panel: Int,
            _ range: Range<Int>,
            _ products: UnsafePointer<Float>,
            placeStep: Int,
            _ scratch: UnsafeMutablePointer<Float>
        ) {
            let (half, vector) = (WinogradTransform.halfCount, ChannelBlocks.width)
            let own = OutputPanel.blocks(panel, of: outChannels)
            for tile in range {
                if tile + 1 < range.upperBound {
                    let (_, row, column) = grid.place(of: (tile + 1) / pairs)
                    for slice in resultSlices(tile + 1) {
                        for block in own {
                            let plane = UnsafePointer(target(slice, block))
                            grid.prefetch(plane, row, column, side: WinogradTransform.tile)
                        }
                    }
                }
                let (_, row, column) = grid.place(of: tile / pairs)
                for block in own {
                    let after = BlockEpilogueVector(epilogue, channel: block * vector)
                    WinogradTransform.transformVolumeProducts(
                        products + (tile - range.lowerBound) * OutputPanel.width + block % 2 * vector,
                        placeStep: placeStep,
                        into: scratch + half,
                        scratch + 2 * half
                    )
                    for (n, slice) in resultSlices(tile).enumerated() {
                        WinogradTransform.transformResults(scratch + (1 + n) * half, epilogue: after, into: scratch)
                        grid.store(scratch, row, column, to: target(slice, block))
                    }
                }
            }
        }

        @inline(__always)
        private func resultSlices(_ tile: Int) -> Range<Int> {
            let first = tile % pairs * WinogradTransform.slices
            return first..<min(first + WinogradTransform.slices, count)
        }

        @inline(__always)
        private func target(_ slice: Int, _ block: Int) -> UnsafeMutablePointer<Float> {
            result + (slice * ChannelBlocks.blocks(of: outChannels) + block) * grid.plane * ChannelBlocks.width
        }
    }
}
