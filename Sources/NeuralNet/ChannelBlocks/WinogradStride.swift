/// 3 x 3 x 3 convolutions with stride 2 and padding 1 for feature maps N C D H W: to channel blocks, through minimal filtering
/// (`WinogradTransform+Stride.swift`), and back, some slices at a time.
package struct WinogradStride: Sendable {
    let inChannels: Int
    let outChannels: Int
    let input: Axes

    /// nil where the convolution is another one, has fewer channels than fill a block, or has fewer places than channels, where
    /// reading 125 weights instead of 27 takes longer than the products that they save.
    init?(_ convolution: Convolution, input: FeatureShape) {
        let wanted = Convolution.same(
            outChannels: convolution.outChannels,
            kernel: .cube(3),
            stride: .cube(2),
            hasBias: convolution.hasBias
        )
        let block = ChannelBlocks.width
        guard convolution == wanted, input.channels >= block, convolution.outChannels >= block else { return nil }
        self.init(inChannels: input.channels, outChannels: convolution.outChannels, input: input.extent)
        guard output.count >= outChannels else { return nil }
    }

    package init(inChannels: Int, outChannels: Int, input: Axes) {
        self.inChannels = inChannels
        self.outChannels = outChannels
        self.input = input
    }

    private var output: Axes { input.map { ($0 + 1) / 2 } }
    private var inBlocks: Int { ChannelBlocks.blocks(of: inChannels) }

    private var blocking: WinogradBlocking {
        WinogradBlocking(
            places: WinogradTransform.strideVolume,
            outChannels: outChannels,
            depth: inBlocks * ChannelBlocks.width
        )
    }

    /// Floats of `packed` weights.
    package var packedCount: Int { blocking.weightCount }

    /// Weights [out][in][3][3][3] as `forward` reads them.
    package func pack(_ weight: UnsafePointer<Float>, into packed: UnsafeMutablePointer<Float>, threads: Int) {
        packed.update(repeating: 0, count: packedCount)
        WinogradFilters(weight, inChannels: inChannels, kernelDepth: 3, stride: 2)
            .pack(rows: Array(0..<inChannels), blocking, scale: nil, into: packed, threads: threads)
    }

    /// y = epilogue(sum weight * x), both N C D H W.
    package func forward(
        _ x: UnsafePointer<Float>,
        packedWeight: UnsafePointer<Float>,
        epilogue: BlockEpilogue,
        _ y: UnsafeMutablePointer<Float>,
        batch: Int,
        workspace: Workspace,
        threads: Int
    ) {
        let from = BlockLayout(channels: inChannels, depth: input.depth, plane: input.height * input.width)
        let to = BlockLayout(channels: outChannels, depth: output.depth, plane: output.height * output.width)
        let pairs = (output.depth + 1) / 2
        let most = max(1, WinogradVolume.groupFloats / (4 * from.sliceCount + 2 * to.sliceCount))
        let groups = (pairs + most - 1) / most
        for item in 0..<batch * groups {
            let (sample, group) = (item / groups, item % groups)
            let first = pairs * group / groups * 2
            let slices = first..<min(output.depth, pairs * (group + 1) / groups * 2)
            let start = sample * input.depth
            let source = workspace.floats((2 * slices.count + 2) * from.sliceCount, for: .input)
            let result = workspace.floats(slices.count * to.sliceCount, for: .output)
            from.blocks(
                x,
                slices: start + 2 * slices.lowerBound..<start + 2 * slices.upperBound,
                halo: 1,
                into: source,
                threads: threads
            )
            let steps = Steps(
                values: source,
                result: result,
                epilogue: epilogue,
                input: WinogradTiles(height: input.height, width: input.width, batch: 1),
                height: output.height,
                width: output.width,
                inBlocks: inBlocks,
                outChannels: outChannels,
                count: slices.count
            )
            blocking.run(steps, tiles: steps.tiles, weights: packedWeight, threads: threads)
            let sampleSlices = sample * output.depth + slices.lowerBound..<sample * output.depth + slices.upperBound
            to.planes(result, slices: sampleSlices, .replacing, into: y, threads: threads)
        }
    }

    /// Tiles are cubes of 2 x 2 x 2 results, pair of slices by pair of slices, row by row.
    private struct Steps: WinogradSteps, @unchecked Sendable {
        /// From the slice before the first on.
        let values: UnsafePointer<Float>
        let result: UnsafeMutablePointer<Float>
        let epilogue: BlockEpilogue
        let input: WinogradTiles
        /// Of the results.
        let height: Int
        let width: Int
        let inBlocks: Int
        let outChannels: Int
        /// Slices of results.
        let count: Int

        var depth: Int { inBlocks * ChannelBlocks.width }
        var rows: Int { (height + 1) / 2 }
        var columns: Int { (width + 1) / 2 }
        var tiles: Int { (count + 1) / 2 * rows * columns }
        /// Half-transformed slices, and a slice of a patch.
        var scratchCount: Int { (WinogradTransform.strideVolume + WinogradTransform.stridePlane) * ChannelBlocks.width }

        /// First slice, row and column of a tile among the results.
        @inline(__always)
        private func place(of tile: Int) -> (Int, Int, Int) {
            let (line, column) = tile.quotientAndRemainder(dividingBy: columns)
            return (line / rows * 2, line % rows * 2, column * 2)
        }

        /// Two blocks together fill lines of the cache.
        func transform(
            _ blocks: Range<Int>,
            _ range: Range<Int>,
            into patches: UnsafeMutablePointer<Float>,
            placeStep: Int,
            _ scratch: UnsafeMutablePointer<Float>
        ) {
            for first in stride(from: blocks.lowerBound, to: blocks.upperBound, by: 2) {
                for tile in range {
                    let patch = patches + (tile - range.lowerBound) * depth
                    for block in first..<min(first + 2, blocks.upperBound) {
                        transformSlices(block, tile, into: scratch)
                        WinogradTransform.transformStrideSlices(
                            scratch,
                            into: patch + block * ChannelBlocks.width,
                            placeStep: placeStep
                        )
                    }
                }
            }
        }

        @inline(__always)
        private func transformSlices(_ block: Int, _ tile: Int, into half: UnsafeMutablePointer<Float>) {
            let (side, vector) = (WinogradTransform.stridePatch, ChannelBlocks.width)
            let (slice, row, column) = place(of: tile)
            let (top, left) = (2 * row - 1, 2 * column - 1)
            let inside = top >= 0 && left >= 0 && top + side <= input.height && left + side <= input.width
            let square = half + WinogradTransform.strideVolume * vector
            for n in 0..<side {
                // Of an odd number of slices, the second result of the last pair is not kept.
                let image = values + (min(2 * slice + n, 2 * count + 1) * inBlocks + block) * input.plane * vector
                if !inside { input.copy(image, top, left, side: side, into: square) }
                WinogradTransform.transformStridePlane(
                    inside ? image + (top * input.width + left) * vector : UnsafePointer(square),
                    rowStep: (inside ? input.width : side) * vector,
                    into: half + n * WinogradTransform.stridePlane * vector
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
            let outBlocks = ChannelBlocks.blocks(of: outChannels)
            for tile in range {
                let (slice, row, column) = place(of: tile)
                for block in OutputPanel.blocks(panel, of: outChannels) {
                    let after = BlockEpilogueVector(epilogue, channel: block * vector)
                    WinogradTransform.transformStrideProducts(
                        products + (tile - range.lowerBound) * OutputPanel.width + block % 2 * vector,
                        placeStep: placeStep,
                        into: scratch
                    )
                    for n in 0..<min(2, count - slice) {
                        let values = WinogradTransform.transformStrideResults(
                            scratch + n * WinogradTransform.stridePlane * vector
                        )
                        let plane = result + ((slice + n) * outBlocks + block) * height * width * vector
                        let corner = plane + (row * width + column) * vector
                        let (hasRight, hasLower) = (column + 1 < width, row + 1 < height)
                        store8(after(values.0), corner)
                        if hasRight { store8(after(values.1), corner + vector) }
                        if hasLower { store8(after(values.2), corner + width * vector) }
                        if hasRight, hasLower { store8(after(values.3), corner + (width + 1) * vector) }
                    }
                }
            }
        }
    }
}
