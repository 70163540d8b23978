import Platform

/// A convolution of any kernel, stride, padding and dilation along each axis. Weights [out][in][D][H][W] (without
/// the depth in networks of two dimensions), bias [out].
package struct Convolution: Operator, Hashable {
    package var outChannels: Int
    package var kernel: Axes
    package var stride: Axes
    package var padding: Axes
    package var dilation: Axes
    package var hasBias: Bool

    package init(
        outChannels: Int,
        kernel: Axes,
        stride: Axes = .one,
        padding: Axes = .zero,
        dilation: Axes = .one,
        hasBias: Bool = true
    ) {
        self.outChannels = outChannels
        self.kernel = kernel
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.hasBias = hasBias
    }

    /// The same along rows and columns, for networks of two dimensions.
    package init(
        outChannels: Int,
        kernel: Int,
        stride: Int = 1,
        padding: Int = 0,
        dilation: Int = 1,
        hasBias: Bool = true
    ) {
        self.init(
            outChannels: outChannels,
            kernel: .plane(kernel),
            stride: .plane(stride),
            padding: .plane(padding, depth: 0),
            dilation: .plane(dilation),
            hasBias: hasBias
        )
    }

    /// Kernel of odd lengths with as much padding as keeps the extent at stride 1.
    package static func same(
        outChannels: Int,
        kernel: Axes,
        stride: Axes = .one,
        hasBias: Bool = true
    ) -> Convolution {
        Convolution(
            outChannels: outChannels,
            kernel: kernel,
            stride: stride,
            padding: kernel.map { ($0 - 1) / 2 },
            hasBias: hasBias
        )
    }

    package func shape(of inputs: [FeatureShape]) throws(NetworkError) -> FeatureShape {
        guard let input = inputs.first else { throw .misfit("has no input") }
        guard (kernel.lengths + stride.lengths + dilation.lengths).allSatisfy({ $0 > 0 }), outChannels > 0 else {
            throw .misfit("kernel, stride, dilation and channels must be at least 1")
        }
        let reach = kernel.combined(dilation) { $1 * ($0 - 1) + 1 }
        let room = input.extent.combined(padding) { $0 + 2 * $1 }.combined(reach, -)
        guard room.lengths.allSatisfy({ $0 >= 0 }) else { throw .misfit("the input is smaller than the kernel") }
        return FeatureShape(channels: outChannels, extent: room.combined(stride) { $0 / $1 + 1 })
    }

    package func parameters(of inputs: [FeatureShape], dimensions: Int) -> [Parameter] {
        let channels = inputs[0].channels
        let weight = Parameter(
            "weight",
            [outChannels, channels] + kernel.lengths.suffix(dimensions),
            .heNormal(fanIn: channels * kernel.count)
        )
        return hasBias ? [weight, Parameter("bias", [outChannels], .constant(0))] : [weight]
    }

    package var replacesGradients: Bool { true }

    package func forward(_ pass: Pass) {
        if let winograd = WinogradLayer(self, input: pass.inputs[0]) { return forward(pass, winograd) }
        let epilogue = epilogue(pass)
        PreparedConvolution(self, input: pass.inputs[0], output: pass.output, weight: pass.weights[0])
            .run(pass.x[0], epilogue: epilogue, pass.y, batch: pass.batch, threads: pass.threads)
    }

    private func forward(_ pass: Pass, _ winograd: WinogradLayer) {
        let packed = pass.workspace.floats(winograd.packedCount, for: .weights)
        winograd.pack(pass.weights[0], into: packed, threads: pass.threads)
        winograd.forward(
            pass.x[0],
            packedWeight: packed,
            epilogue: BlockEpilogue(epilogue(pass), channels: outChannels),
            pass.y,
            batch: pass.batch,
            workspace: pass.workspace,
            threads: pass.threads
        )
    }

    package func backward(_ pass: Pass, _ gradients: Gradients) {
        let (input, output) = (pass.inputs[0], pass.output)
        if hasBias {
            biasGradient(
                gradients.dY,
                output,
                batch: pass.batch,
                into: gradients.weights[1],
                threads: pass.threads
            )
        }
        let winograd = WinogradLayer(self, input: input)
        let givesWeights = winograd?.isFasterForWeights(batch: pass.batch) ?? false
        if !givesWeights { addWeightGradient(pass, gradients) }
        if let winograd {
            winograd.backward(
                pass.x[0],
                weight: pass.weights[0],
                dY: gradients.dY,
                dWeight: givesWeights ? gradients.weights[0] : nil,
                dX: gradients.dX[0],
                replacingX: gradients.isFirst[0],
                batch: pass.batch,
                workspace: pass.workspace,
                threads: pass.threads
            )
            return
        }
        guard let dX = gradients.dX[0] else { return }
        let count = pass.batch * input.count
        guard let back = adjoint(inChannels: input.channels) else {
            if gradients.isFirst[0] { clearValues(dX, count: count, threads: pass.threads) }
            ColumnConvolution(convolution: self, input: input, output: output).inputGradient(
                dOutput: gradients.dY,
                weight: pass.weights[0],
                dInput: dX,
                batch: pass.batch,
                threads: pass.threads
            )
            return
        }
        let result = gradients.isFirst[0] ? dX : pass.workspace.floats(count, for: .input)
        let weight = Scratch(reversed(pass.weights[0], inChannels: input.channels))
        PreparedConvolution(back, input: output, output: input, weight: weight.pointer)
            .run(gradients.dY, epilogue: .init(), result, batch: pass.batch, threads: pass.threads)
        if result != dX { addValues(result, to: dX, count: count, threads: pass.threads) }
    }

    /// By the direct kernel where that is fast and Winograd's does not fit, else by OpenBLAS.
    private func addWeightGradient(_ pass: Pass, _ gradients: Gradients) {
        let input = pass.inputs[0]
        if WinogradLayer(self, input: input) == nil, let direct = direct(input: input), direct.isFaster {
            direct.weightGradient(
                input: pass.x[0],
                dOutput: gradients.dY,
                dWeight: gradients.weights[0],
                batch: pass.batch,
                threads: pass.threads
            )
        } else {
            ColumnConvolution(convolution: self, input: input, output: pass.output).weightGradient(
                pass.x[0],
                dOutput: gradients.dY,
                dWeight: gradients.weights[0],
                batch: pass.batch,
                threads: pass.threads
            )
        }
    }

    /// The convolution that carries gradients back to the input, where that is one: at stride 1.
    private func adjoint(inChannels: Int) -> Convolution? {
        let reach = kernel.combined(dilation) { $1 * ($0 - 1) }
        let padding = reach.combined(padding, -)
        guard stride == .one, padding.lengths.allSatisfy({ $0 >= 0 }) else { return nil }
        return Convolution(
            outChannels: inChannels,
            kernel: kernel,
            padding: padding,
            dilation: dilation,
            hasBias: false
        )
    }

    /// Its weights: channels swapped and taps in reverse order.
    private func reversed(_ weight: UnsafePointer<Float>, inChannels: Int) -> [Float] {
        let taps = kernel.count
        return [Float](unsafeUninitializedCapacity: outChannels * inChannels * taps) { result, count in
            for out in 0..<outChannels {
                for channel in 0..<inChannels {
                    let (from, to) = ((out * inChannels + channel) * taps, (channel * outChannels + out) * taps)
                    for tap in 0..<taps { result[to + tap] = weight[from + taps - 1 - tap] }
                }
            }
            count = outChannels * inChannels * taps
        }
    }

    private func epilogue(_ pass: Pass) -> ConvolutionEpilogue {
        ConvolutionEpilogue(
            bias: hasBias ? Array(UnsafeBufferPointer(start: pass.weights[1], count: outChannels)) : nil,
            slope: pass.rectifierSlope
        )
    }
}

func biasGradient(
    _ dY: UnsafePointer<Float>,
    _ shape: FeatureShape,
    batch: Int,
    into target: UnsafeMutablePointer<Float>,
    threads: Int
) {
    nonisolated(unsafe) let (dY, target) = (dY, target)
    parallelFor(shape.channels, threads: threads) { channels in
        for channel in channels {
            var total = 0.0
            for sample in 0..<batch {
                total += sum(dY + sample * shape.count + channel * shape.plane, count: shape.plane)
            }
            target[channel] += Float(total)
        }
    }
}

extension Convolution {
    /// The direct kernel, where it fits: 3 x 3 in the plane, 1 or 3 in depth, stride and dilation 1.
    func direct(input: FeatureShape) -> DirectConvolution? {
        guard kernel.height == 3, kernel.width == 3, kernel.depth == 1 || kernel.depth == 3, stride == .one,
            dilation == .one, padding.height == padding.width, (0...2).contains(padding.height),
            (0..<kernel.depth).contains(padding.depth)
        else { return nil }
        return DirectConvolution(
            inChannels: input.channels,
            outChannels: outChannels,
            kernelDepth: kernel.depth,
            input: input.extent,
            padding: padding
        )
    }
}

/// A convolution with its weights in the layout of the kernel that is the fastest for its shape.
struct PreparedConvolution {
    private enum Kernel {
        case direct(DirectConvolution, packed: [Float])
        case columns(ColumnConvolution, weight: UnsafePointer<Float>)
        case winograd(WinogradLayer, packed: ValueMemory, Workspace)
        case stride(WinogradStride, packed: ValueMemory, Workspace)
    }

    private let kernel: Kernel

    /// - Parameters:
    ///   - weight: must outlive this.
    ///   - workspace: for the kernels in channel blocks; nil does without them.
    init(
        _ convolution: Convolution,
        input: FeatureShape,
        output: FeatureShape,
        weight: UnsafePointer<Float>,
        workspace: Workspace? = nil
    ) {
        if let workspace, let winograd = WinogradLayer(convolution, input: input) {
            let packed = ValueMemory(count: winograd.packedCount)
            winograd.pack(weight, into: packed.pointer, threads: 1)
            kernel = .winograd(winograd, packed: packed, workspace)
        } else if let workspace, let stride = WinogradStride(convolution, input: input) {
            let packed = ValueMemory(count: stride.packedCount)
            stride.pack(weight, into: packed.pointer, threads: 1)
            kernel = .stride(stride, packed: packed, workspace)
        } else if let direct = convolution.direct(input: input), direct.isFaster {
            kernel = .direct(direct, packed: direct.packed(weight))
        } else {
            kernel = .columns(
                ColumnConvolution(convolution: convolution, input: input, output: output),
                weight: weight
            )
        }
    }

    func run(
        _ x: UnsafePointer<Float>,
        epilogue: ConvolutionEpilogue,
        _ y: UnsafeMutablePointer<Float>,
        batch: Int,
        threads: Int
    ) {
        switch kernel {
        case .direct(let direct, let packed):
            direct.forward(
                input: x,
                packedWeight: packed,
                epilogue: epilogue,
                output: y,
                batch: batch,
                threads: threads
            )
        case .columns(let columns, let weight):
            columns.forward(x, weight: weight, epilogue: epilogue, y, batch: batch, threads: threads)
        case .winograd(let winograd, let packed, let workspace):
            winograd.forward(
                x,
                packedWeight: packed.pointer,
                epilogue: BlockEpilogue(epilogue, channels: winograd.outChannels),
                y,
                batch: batch,
                workspace: workspace,
                threads: threads
            )
        case .stride(let stride, let packed, let workspace):
            stride.forward(
                x,
                packedWeight: packed.pointer,
                epilogue: BlockEpilogue(epilogue, channels: stride.outChannels),
                y,
                batch: batch,
                workspace: workspace,
                threads: threads
            )
        }
    }
}

/// What follows a convolution in the same pass: bias, rectification, and the affine map of an inference batch norm.
package struct ConvolutionEpilogue: Sendable {
    var bias: [Float]?
    /// Slope for negative values; 1 leaves them alone, 0 is ReLU.
    var slope: Float
    var scale: [Float]?
    var shift: [Float]?

    /// One value an output channel each; `scale` and `shift` go together.
    package init(bias: [Float]? = nil, slope: Float = 1, scale: [Float]? = nil, shift: [Float]? = nil) {
        self.bias = bias
        self.slope = slope
        self.scale = scale
        self.shift = shift
    }

    @inline(__always)
    func apply(_ tile: inout Tile, channel: Int, parameter: Int) {
        let offset = SIMD8<Float>(repeating: bias?[parameter] ?? 0)
        tile.update(channel) { value in
            var value = value + offset
            // Zero and not a product: minus infinity times zero is no number.
            if slope == 0 { value = maximum(value, SIMD8()) }
            if slope != 0, slope != 1 { value.replace(with: value * slope, where: value .< 0) }
            if let scale, let shift { value = SIMD8(repeating: shift[parameter]) + value * scale[parameter] }
            return value
        }
    }

    /// The same map on `count` places of every channel in memory; channels lie `plane` apart.
    func apply(_ values: UnsafeMutablePointer<Float>, channels: Int, plane: Int, count: Int) {
        for channel in 0..<channels {
            let offset = bias?[channel] ?? 0
            let factor = scale?[channel] ?? 1
            let end = shift?[channel] ?? 0
            let line = values + channel * plane
            for n in 0..<count {
                let value = line[n] + offset
                line[n] = (value < 0 ? (slope == 0 ? 0 : value * slope) : value) * factor + end
            }
        }
    }
}
