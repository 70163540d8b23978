import NeuralNet

extension Benchmark {
    /// Single 3 x 3 (x 3) layers as U-Nets have them, by our own kernel and by im2col with OpenBLAS: what decides which
    /// of the two the engine takes.
    static let layers: [Benchmark] = [
        (4, Axes(height: 256, width: 256)), (8, Axes(height: 256, width: 256)), (16, Axes(height: 256, width: 256)),
        (32, Axes(height: 128, width: 128)), (64, Axes(height: 64, width: 64)),
        (128, Axes(height: 32, width: 32)), (256, Axes(height: 16, width: 16)), (512, Axes(height: 8, width: 8)),
        (4, .cube(64)), (8, .cube(48)), (16, .cube(48)), (32, .cube(32)), (64, .cube(16)), (128, .cube(8)),
        (256, .cube(4)),
    ].flatMap { channels, extent in
        LayerKernel.allCases.map { kernel in layer(channels, extent, kernel) }
    }

    private enum LayerKernel: String, CaseIterable {
        case own, blas
        case ownWeights = "own-dw"
        case winograd
        case winogradWeights = "winograd-dw"
        case blasWeights = "blas-dw"
    }

    private static func layer(_ channels: Int, _ extent: Axes, _ kernel: LayerKernel) -> Benchmark {
        let dimensions = extent.depth == 1 ? 2 : 3
        let name = "layer\(dimensions)d-\(channels)x\(extent.width)-\(kernel.rawValue)"
        return Benchmark(name: name, work: "\(channels) to \(channels) channels") { settings in
            let size = dimensions == 3 ? Axes.cube(3) : .plane(3)
            let convolution = Convolution.same(outChannels: channels, kernel: size, hasBias: false)
            let shape = FeatureShape(channels: channels, extent: extent)
            let direct = DirectConvolution(
                inChannels: channels,
                outChannels: channels,
                kernelDepth: size.depth,
                input: extent,
                padding: convolution.padding
            )
            let winograd = WinogradLayer(
                inChannels: channels,
                outChannels: channels,
                kernelDepth: size.depth,
                extent: extent
            )
            let workspace = Workspace()
            let columns = ColumnConvolution(convolution: convolution, input: shape, output: shape)
            let x = randomTensor([1, channels] + extent.lengths).values
            let weight = randomTensor([channels, channels] + size.lengths).values
            let packed = direct.packed(weight)
            let result = Scratch(count: max(shape.count, weight.count))
            let target = result.pointer
            // The workload keeps the memory: it is asked for one run after the other.
            let filters = Scratch(count: winograd.packedCount)
            winograd.pack(weight, into: filters.pointer, threads: 1)
            let transformed = filters.pointer
            let owners = [Owner(result), Owner(filters)]
            return Workload(operations: 2 * Double(shape.count) * Double(channels * size.count)) {
                defer { withExtendedLifetime(owners) {} }
                switch kernel {
                case .own:
                    direct.forward(
                        input: x,
                        packedWeight: packed,
                        epilogue: ConvolutionEpilogue(),
                        output: target,
                        batch: 1,
                        threads: settings.threads
                    )
                case .blas:
                    columns.forward(
                        x,
                        weight: weight,
                        epilogue: ConvolutionEpilogue(),
                        target,
                        batch: 1,
                        threads: settings.threads
                    )
                case .ownWeights:
                    direct.weightGradient(
                        input: x,
                        dOutput: x,
                        dWeight: target,
                        batch: 1,
                        threads: settings.threads
                    )
                case .winograd:
                    winograd.forward(
                        x,
                        packedWeight: transformed,
                        epilogue: BlockEpilogue(channels: channels, bias: nil, slope: 1, scale: nil, shift: nil),
                        target,
                        batch: 1,
                        workspace: workspace,
                        threads: settings.threads
                    )
                case .winogradWeights:
                    winograd.backward(
                        x,
                        weight: weight,
                        dY: x,
                        dWeight: target,
                        dX: nil,
                        replacingX: true,
                        batch: 1,
                        workspace: workspace,
                        threads: settings.threads
                    )
                case .blasWeights:
                    columns.weightGradient(x, dOutput: x, dWeight: target, batch: 1, threads: settings.threads)
                }
            }
        }
    }

    private final class Owner {
        private let memory: Scratch
        init(_ memory: consuming Scratch) { self.memory = memory }
    }
}
