import Platform

/// Where the filters of a convolution lie, for Winograd's transform of them.
struct WinogradFilters {
    let weight: UnsafePointer<Float>
    /// Floats from the filter of one output or input channel to the next.
    let outStep: Int
    let inStep: Int
    /// Taps in reverse order: the convolution that carries gradients back.
    let isReversed: Bool

    /// One slice of the kernels of weights [out][in][depth][3][3].
    init(_ weight: UnsafePointer<Float>, inChannels: Int, slice: Int, of depth: Int) {
        self.weight = weight + slice * 9
        outStep = inChannels * depth * 9
        inStep = depth * 9
        isReversed = false
    }

    /// The same for the convolution that carries gradients from the results to the input: the channels change places,
    /// so that `inChannels` of the weights are what comes out, and slices and taps come in reverse order.
    init(reversing weight: UnsafePointer<Float>, inChannels: Int, slice: Int, of depth: Int) {
        self.weight = weight + (depth - 1 - slice) * 9
        outStep = depth * 9
        inStep = inChannels * depth * 9
        isReversed = true
    }

    /// G g G^T as [36][out / 16][depth][16]; `rows` are those of the input channels, the others and the output channels
    /// that fill up the last panel must be zero already.
    func pack(
        outChannels: Int,
        rows: [Int],
        depth: Int,
        scale: [Float]?,
        into target: UnsafeMutablePointer<Float>,
        threads: Int
    ) {
        let panel = OutputPanel.width
        let vector = ChannelBlocks.width
        nonisolated(unsafe) let target = target
        nonisolated(unsafe) let filters = self
        parallelFor(ChannelBlocks.blocks(of: outChannels), threads: threads) { blocks in
            for block in blocks {
                let first = block * vector
                let lanes = min(vector, outChannels - first)
                var factor = SIMD8<Float>()
                for lane in 0..<lanes { factor[lane] = scale?[first + lane] ?? 1 }
                let place = first / panel * depth * panel + first % panel
                for (channel, row) in rows.enumerated() {
                    let start = filters.weight + first * filters.outStep + channel * filters.inStep
                    WinogradTransform.transformFilters(
                        { tap in filters.gather(start, tap: tap, lanes: lanes) },
                        scale: factor,
                        into: target + place + row * panel,
                        placeStep: WinogradConvolution.weightStep(outChannels: outChannels, depth: depth)
                    )
                }
            }
        }
    }

    @inline(__always)
    private func gather(_ start: UnsafePointer<Float>, tap: Int, lanes: Int) -> SIMD8<Double> {
        let source = start + (isReversed ? 8 - tap : tap)
        var values = SIMD8<Double>()
        for lane in 0..<lanes { values[lane] = Double(source[lane * outStep]) }
        return values
    }
}
