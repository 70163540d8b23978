/// Feature maps for the fast inference kernels: N [C / 8] H W [8]. The eight channels of a block lie side by side, so
/// that a place is one vector and every kernel works on whole vectors whatever the width of the image. Channels that
/// fill the last block are zero.
package struct ChannelBlocks: Sendable, Hashable {
    static let width = 8

    let channels: Int
    let height: Int
    let width: Int

    init(_ shape: FeatureShape) {
        channels = shape.channels
        height = shape.height
        width = shape.width
    }

    var blocks: Int { ChannelBlocks.blocks(of: channels) }
    var plane: Int { height * width }
    /// Floats of one block of one sample.
    var blockCount: Int { plane * ChannelBlocks.width }
    /// Floats of one sample.
    var count: Int { blocks * blockCount }

    package static func blocks(of channels: Int) -> Int { (channels + width - 1) / width }
}

/// Into how many ranges the kernels cut the work of a thread: few enough that what they read again for each does not count,
/// and a processor that is busy otherwise holds up a layer by one range only.
let rangesPerThread = 4

/// What follows a convolution in the same pass, as vectors: y = activation(x + bias) * scale + shift.
///
/// A batch norm before the activation is folded into the weights instead. `slope` is that of the activation below
/// zero: 0 for ReLU, 1 for none.
package struct BlockEpilogue: Sendable {
    let bias: [Float]
    let scale: [Float]
    let shift: [Float]
    let slope: Float

    /// - Parameters: one value an output channel each; they are filled up with zeros to whole panels.
    package init(channels: Int, bias: [Float]?, slope: Float, scale: [Float]?, shift: [Float]?) {
        let padded = OutputPanel.padded(channels)
        func filled(_ values: [Float]?, _ constant: Float) -> [Float] {
            let values = values ?? Array(repeating: constant, count: channels)
            return values + Array(repeating: 0, count: padded - channels)
        }
        self.bias = filled(bias, 0)
        self.scale = filled(scale, 1)
        self.shift = filled(shift, 0)
        self.slope = slope
    }

    init(_ epilogue: ConvolutionEpilogue, channels: Int) {
        self.init(
            channels: channels,
            bias: epilogue.bias,
            slope: epilogue.slope,
            scale: epilogue.scale,
            shift: epilogue.shift
        )
    }
}

/// The epilogue of eight channels in registers.
struct BlockEpilogueVector {
    let bias: SIMD8<Float>
    let scale: SIMD8<Float>
    let shift: SIMD8<Float>
    let slope: SIMD8<Float>

    @inline(__always)
    init(_ epilogue: BlockEpilogue, channel: Int) {
        bias = epilogue.bias.withUnsafeBufferPointer { load8($0.baseAddress! + channel) }
        scale = epilogue.scale.withUnsafeBufferPointer { load8($0.baseAddress! + channel) }
        shift = epilogue.shift.withUnsafeBufferPointer { load8($0.baseAddress! + channel) }
        slope = SIMD8(repeating: epilogue.slope)
    }

    @inline(__always)
    func callAsFunction(_ sum: SIMD8<Float>) -> SIMD8<Float> {
        let x = sum + bias
        return shift.addingProduct(maximum(x, x * slope), scale)
    }
}
