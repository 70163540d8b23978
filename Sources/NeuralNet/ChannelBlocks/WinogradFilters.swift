import Platform

/// Where the filters of a convolution lie, for Winograd's transform of them.
struct WinogradFilters {
    let weight: UnsafePointer<Float>
    /// Slices of a filter: 1 or 3.
    let kernelDepth: Int
    /// Of the convolution: 1, or with three slices 2.
    let stride: Int
    /// Floats from the filter of one output or input channel to the next.
    let outStep: Int
    let inStep: Int
    /// Taps in reverse order: the convolution that carries gradients back.
    let isReversed: Bool

    /// Weights [out][in][depth][3][3].
    init(_ weight: UnsafePointer<Float>, inChannels: Int, kernelDepth: Int, stride: Int = 1) {
        self.weight = weight
        self.kernelDepth = kernelDepth
        self.stride = stride
        outStep = inChannels * kernelDepth * 9
        inStep = kernelDepth * 9
        isReversed = false
    }

    /// The same for the convolution that carries gradients from the results to the input: the channels change places,
    /// so that `inChannels` of the weights are what comes out, and taps come in reverse order.
    init(reversing weight: UnsafePointer<Float>, inChannels: Int, kernelDepth: Int) {
        self.weight = weight
        self.kernelDepth = kernelDepth
        stride = 1
        outStep = kernelDepth * 9
        inStep = inChannels * kernelDepth * 9
        isReversed = true
    }

    /// G g G^T as [place][out / 16][in][16]; of three slices with the transform along the depth, of stride 2 with those of all axes.
    ///
    /// - Parameters:
    ///   - rows: those of the input channels.
    ///   - target: the other rows, and the output channels that fill up the last panel, must be zero already.
    func pack(
        rows: [Int],
        _ blocking: WinogradBlocking,
        scale: [Float]?,
        into target: UnsafeMutablePointer<Float>,
        threads: Int
    ) {
        let (panel, vector) = (OutputPanel.width, ChannelBlocks.width)
        nonisolated(unsafe) let target = target
        nonisolated(unsafe) let filters = self
        parallelFor(ChannelBlocks.blocks(of: blocking.outChannels), threads: threads) { blocks in
            for block in blocks {
                let first = block * vector
                let lanes = min(vector, blocking.outChannels - first)
                var factor = SIMD8<Float>()
                for lane in 0..<lanes { factor[lane] = scale?[first + lane] ?? 1 }
                let place = first / panel * blocking.depth * panel + first % panel
                for (channel, row) in rows.enumerated() {
                    filters.transform(
                        filters.weight + first * filters.outStep + channel * filters.inStep,
                        lanes: lanes,
                        scale: factor,
                        into: target + place + row * panel,
                        placeStep: blocking.weightStep
                    )
                }
            }
        }
    }

    /// The filters of eight output channels for one input channel.
    private func transform(
        _ start: UnsafePointer<Float>,
        lanes: Int,
        scale: SIMD8<Float>,
        into target: UnsafeMutablePointer<Float>,
        placeStep: Int
    ) {
        if stride == 2 {
            WinogradTransform.transformStrideFilters(
                { gather(start, tap: $0, lanes: lanes) * SIMD8<Double>(scale) },
                into: target,
                placeStep: placeStep
            )
            return
        }
        guard kernelDepth == 3 else {
            WinogradTransform.transformFilters(
                { gather(start, tap: $0, lanes: lanes) },
                scale: scale,
                into: target,
                placeStep: placeStep
            )
            return
        }
        for place in 0..<WinogradTransform.depthPlaces {
            WinogradTransform.transformFilters(
                { tap in
                    WinogradTransform.depthFilter(
                        place,
                        gather(start, tap: tap, lanes: lanes),
                        gather(start, tap: 9 + tap, lanes: lanes),
                        gather(start, tap: 18 + tap, lanes: lanes)
                    )
                },
                scale: scale,
                into: target + place * WinogradTransform.places * placeStep,
                placeStep: placeStep
            )
        }
    }

    @inline(__always)
    private func gather(_ start: UnsafePointer<Float>, tap: Int, lanes: Int) -> SIMD8<Double> {
        let source = start + (isReversed ? kernelDepth * 9 - 1 - tap : tap)
        var values = SIMD8<Double>()
        for lane in 0..<lanes { values[lane] = Double(source[lane * outStep]) }
        return values
    }
}
