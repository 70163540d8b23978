/// Winograd's convolution for feature maps as training keeps them, N C [D] H W: to channel blocks, through the fast
/// kernels, and back, some slices at a time, so that the blocks stay small beside the values of the network.
///
/// A kernel of three slices takes two slices of results from four of the input (`WinogradVolume`).
package struct WinogradLayer: Sendable {
    let inChannels: Int
    let outChannels: Int
    /// 1 or 3.
    let kernelDepth: Int
    let extent: Axes

    /// nil unless it is a convolution of 3 x 3 in the plane and 1 or 3 in depth, with stride and dilation 1, as much
    /// padding as keeps the extent, and no fewer channels than fill a block.
    init?(_ convolution: Convolution, input: FeatureShape) {
        let block = ChannelBlocks.width
        let depth = convolution.kernel.depth
        guard depth == 1 || depth == 3, convolution.kernel == .plane(3, depth: depth), convolution.stride == .one,
            convolution.dilation == .one, convolution.padding == .plane(1, depth: (depth - 1) / 2),
            input.channels >= block, convolution.outChannels >= block
        else { return nil }
        self.init(
            inChannels: input.channels,
            outChannels: convolution.outChannels,
            kernelDepth: depth,
            extent: input.extent
        )
    }

    package init(inChannels: Int, outChannels: Int, kernelDepth: Int, extent: Axes) {
        self.inChannels = inChannels
        self.outChannels = outChannels
        self.kernelDepth = kernelDepth
        self.extent = extent
    }

    /// Floats of both feature maps of a group of slices, 4 MiB: a part of the third-level cache, so that blocks are still there
    /// when they are read.
    private static let groupFloats = 1 << 20

    private var groupFloats: Int { halo == 0 ? WinogradLayer.groupFloats : WinogradVolume.groupFloats }

    private var halo: Int { (kernelDepth - 1) / 2 }
    private var input: BlockLayout { layout(inChannels) }
    private var output: BlockLayout { layout(outChannels) }

    private func layout(_ channels: Int) -> BlockLayout {
        BlockLayout(channels: channels, depth: extent.depth, plane: extent.height * extent.width)
    }

    /// Calls `body` with the slices of each group, numbered through all samples; with a halo, pairs of one sample.
    private func forEachGroup(_ batch: Int, _ body: (Range<Int>) -> Void) {
        let unit = halo == 0 ? 1 : WinogradTransform.slices
        let most = max(1, groupFloats / (input.sliceCount + output.sliceCount) / unit)
        let stretch = halo == 0 ? batch * extent.depth : extent.depth
        let units = (stretch + unit - 1) / unit
        let groups = (units + most - 1) / most
        for start in stride(from: 0, to: batch * extent.depth, by: stretch) {
            for group in 0..<groups {
                let end = min(stretch, units * (group + 1) / groups * unit)
                body(start + units * group / groups * unit..<start + end)
            }
        }
    }

    /// Floats of `packed` weights.
    package var packedCount: Int { blocking(from: inChannels, to: outChannels).weightCount }

    private func blocking(from channels: Int, to outChannels: Int) -> WinogradBlocking {
        WinogradBlocking(
            places: kernelDepth == 3 ? WinogradTransform.volumePlaces : WinogradTransform.places,
            outChannels: outChannels,
            depth: ChannelBlocks.blocks(of: channels) * ChannelBlocks.width
        )
    }

    /// Weights [out][in][D][3][3] as `forward` reads them.
    package func pack(_ weight: UnsafePointer<Float>, into packed: UnsafeMutablePointer<Float>, threads: Int) {
        pack(
            WinogradFilters(weight, inChannels: inChannels, kernelDepth: kernelDepth),
            from: inChannels,
            to: outChannels,
            into: packed,
            threads: threads
        )
    }

    private func pack(
        _ filters: WinogradFilters,
        from channels: Int,
        to outChannels: Int,
        into packed: UnsafeMutablePointer<Float>,
        threads: Int
    ) {
        let blocking = blocking(from: channels, to: outChannels)
        packed.update(repeating: 0, count: blocking.weightCount)
        filters.pack(rows: Array(0..<channels), blocking, scale: nil, into: packed, threads: threads)
    }

    /// `count` slices of results from the slices at `values` and their halo.
    private func convolve(
        _ values: UnsafePointer<Float>,
        _ layout: BlockLayout,
        count: Int,
        weights: UnsafePointer<Float>,
        epilogue: BlockEpilogue,
        outChannels: Int,
        into result: UnsafeMutablePointer<Float>,
        threads: Int
    ) {
        guard kernelDepth == 1 else {
            WinogradVolume(
                inChannels: layout.channels,
                outChannels: outChannels,
                height: extent.height,
                width: extent.width,
                count: count
            ).forward(values, weights: weights, epilogue: epilogue, into: result, threads: threads)
            return
        }
        let blocks = ChannelBlocks.blocks(of: layout.channels)
        WinogradConvolution(
            inBlocks: blocks,
            outChannels: outChannels,
            height: extent.height,
            width: extent.width,
            batch: count
        ).forward(
            [.init(values: values, blocks: blocks)],
            weights: weights,
            epilogue: epilogue,
            .init(values: result, pooled: nil),
            threads: threads
        )
    }

    /// y = epilogue(sum weight * x), all N C [D] H W.
    package func forward(
        _ x: UnsafePointer<Float>,
        packedWeight: UnsafePointer<Float>,
        epilogue: BlockEpilogue,
        _ y: UnsafeMutablePointer<Float>,
        batch: Int,
        workspace: Workspace,
        threads: Int
    ) {
        forEachGroup(batch) { slices in
            let source = workspace.floats((slices.count + 2 * halo) * input.sliceCount, for: .input)
            let result = workspace.floats(slices.count * output.sliceCount, for: .output)
            input.blocks(x, slices: slices, halo: halo, into: source, threads: threads)
            convolve(
                source,
                input,
                count: slices.count,
                weights: packedWeight,
                epilogue: epilogue,
                outChannels: outChannels,
                into: result,
                threads: threads
            )
            output.planes(result, slices: slices, .replacing, into: y, threads: threads)
        }
    }

    /// Whether its gradient of the weights takes less time than im2col and OpenBLAS. With fewer places than channels,
    /// transforming the filters takes longer than the products (`contour-bench layers`).
    func isFasterForWeights(batch: Int) -> Bool { batch * extent.count >= outChannels }

    /// Adds to the gradients of the weights [out][in][D][3][3] and of the input, where somebody asks for them; that of the input
    /// is written with `replacingX`.
    package func backward(
        _ x: UnsafePointer<Float>,
        weight: UnsafePointer<Float>,
        dY: UnsafePointer<Float>,
        dWeight: UnsafeMutablePointer<Float>?,
        dX: UnsafeMutablePointer<Float>?,
        replacingX: Bool,
        batch: Int,
        workspace: Workspace,
        threads: Int
    ) {
        let reversed = dX.map { _ in
            let packed = workspace.floats(blocking(from: outChannels, to: inChannels).weightCount, for: .weights)
            pack(
                WinogradFilters(reversing: weight, inChannels: inChannels, kernelDepth: kernelDepth),
                from: outChannels,
                to: inChannels,
                into: packed,
                threads: threads
            )
            return packed
        }
        let identity = BlockEpilogue(channels: inChannels, bias: nil, slope: 1, scale: nil, shift: nil)
        guard dWeight != nil || dX != nil else { return }
        let weightGradient = WinogradWeightGradient(
            inChannels: inChannels,
            outChannels: outChannels,
            height: extent.height,
            width: extent.width,
            slices: batch * extent.depth
        )
        let sums = dWeight.map { _ in workspace.floats(kernelDepth * weightGradient.sumCount, for: .sums) }
        forEachGroup(batch) { slices in
            let source = workspace.floats((slices.count + 2 * halo) * input.sliceCount, for: .input)
            let gradient = workspace.floats((slices.count + 2 * halo) * output.sliceCount, for: .output)
            output.blocks(dY, slices: slices, halo: halo, into: gradient, threads: threads)
            if let sums {
                input.blocks(x, slices: slices, halo: halo, into: source, threads: threads)
                for slice in 0..<kernelDepth {
                    weightGradient.add(
                        input: source + slice * input.sliceCount,
                        dOutput: gradient + halo * output.sliceCount,
                        count: slices.count,
                        isFirst: slices.lowerBound == 0,
                        to: sums + slice * weightGradient.sumCount,
                        threads: threads
                    )
                }
            }
            guard let dX, let reversed else { return }
            // The input in blocks is no longer needed: its gradient has the same shape.
            convolve(
                gradient,
                output,
                count: slices.count,
                weights: reversed,
                epilogue: identity,
                outChannels: inChannels,
                into: source,
                threads: threads
            )
            input.planes(source, slices: slices, replacingX ? .replacing : .adding, into: dX, threads: threads)
        }
        guard let dWeight, let sums else { return }
        for slice in 0..<kernelDepth {
            weightGradient.addFilters(
                sums + slice * weightGradient.sumCount,
                to: dWeight + slice * 9,
                filterStep: kernelDepth * 9,
                threads: threads
            )
        }
    }
}
