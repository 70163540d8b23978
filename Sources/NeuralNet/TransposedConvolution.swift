import Platform

/// A transposed convolution: the map that carries gradients back through a convolution of the same kernel, stride
/// and padding. With a kernel equal to the stride it is the `deconv` upsampling of Keras-Unet. Weights
/// [in][out][D][H][W], bias [out], as PyTorch's.
package struct TransposedConvolution: Operator, Hashable {
    package var outChannels: Int
    package var kernel: Axes
    package var stride: Axes
    package var padding: Axes
    package var hasBias: Bool

    package init(outChannels: Int, kernel: Axes, stride: Axes, padding: Axes = .zero, hasBias: Bool = true) {
        self.outChannels = outChannels
        self.kernel = kernel
        self.stride = stride
        self.padding = padding
        self.hasBias = hasBias
    }

    /// Each place of the input writes a block of its own.
    package init(outChannels: Int, stride: Axes) {
        self.init(outChannels: outChannels, kernel: stride, stride: stride)
    }

    package func shape(of inputs: [FeatureShape]) throws(NetworkError) -> FeatureShape {
        guard let input = inputs.first else { throw .misfit("has no input") }
        guard (kernel.lengths + stride.lengths).allSatisfy({ $0 > 0 }), outChannels > 0 else {
            throw .misfit("kernel, stride and channels must be at least 1")
        }
        let reach = input.extent.combined(stride) { ($0 - 1) * $1 }.combined(kernel, +)
        return FeatureShape(channels: outChannels, extent: reach.combined(padding) { $0 - 2 * $1 })
    }

    package func parameters(of inputs: [FeatureShape], dimensions: Int) -> [Parameter] {
        // A place of the output sees about kernel / stride taps of every input channel.
        let fanIn = inputs[0].channels * max(1, kernel.count / stride.count)
        let weight = Parameter(
            "weight",
            [inputs[0].channels, outChannels] + kernel.lengths.suffix(dimensions),
            .heNormal(fanIn: fanIn)
        )
        return hasBias ? [weight, Parameter("bias", [outChannels], .constant(0))] : [weight]
    }

    /// The convolution from this one's output to its input.
    private func adjoint(_ pass: Pass) -> ColumnConvolution {
        ColumnConvolution(
            convolution: Convolution(
                outChannels: pass.inputs[0].channels,
                kernel: kernel,
                stride: stride,
                padding: padding
            ),
            input: pass.output,
            output: pass.inputs[0]
        )
    }

    package var replacesGradients: Bool { true }

    package func forward(_ pass: Pass) {
        if let upsampling = UpsamplingConvolution(self, input: pass.inputs[0], output: pass.output) {
            upsampling.forward(
                pass.x[0],
                weight: pass.weights[0],
                bias: hasBias ? pass.weights[1] : nil,
                pass.y,
                batch: pass.batch,
                threads: pass.threads
            )
            return
        }
        parallelFor(pass.batch * outChannels, threads: pass.threads) { planes in
            for plane in planes {
                (pass.y + plane * pass.output.plane)
                    .update(repeating: hasBias ? pass.weights[1][plane % outChannels] : 0, count: pass.output.plane)
            }
        }
        adjoint(pass).inputGradient(
            dOutput: pass.x[0],
            weight: pass.weights[0],
            dInput: pass.y,
            batch: pass.batch,
            threads: pass.threads
        )
    }

    package func backward(_ pass: Pass, _ gradients: Gradients) {
        if hasBias {
            biasGradient(
                gradients.dY,
                pass.output,
                batch: pass.batch,
                into: gradients.weights[1],
                threads: pass.threads
            )
        }
        if let upsampling = UpsamplingConvolution(self, input: pass.inputs[0], output: pass.output) {
            upsampling.backward(
                pass.x[0],
                weight: pass.weights[0],
                dY: gradients.dY,
                dWeight: gradients.weights[0],
                dX: gradients.dX[0],
                replacingX: gradients.isFirst[0],
                batch: pass.batch,
                threads: pass.threads
            )
            return
        }
        let adjoint = adjoint(pass)
        adjoint.weightGradient(
            gradients.dY,
            dOutput: pass.x[0],
            dWeight: gradients.weights[0],
            batch: pass.batch,
            threads: pass.threads
        )
        guard let dX = gradients.dX[0] else { return }
        let count = pass.batch * pass.inputs[0].count
        let result = gradients.isFirst[0] ? dX : pass.workspace.floats(count, for: .input)
        adjoint.forward(
            gradients.dY,
            weight: pass.weights[0],
            epilogue: ConvolutionEpilogue(),
            result,
            batch: pass.batch,
            threads: pass.threads
        )
        if result != dX { addValues(result, to: dX, count: count, threads: pass.threads) }
    }
}
