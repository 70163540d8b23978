/// Runs a network on inputs of one size. Memory is planned once from the lifetimes of the values and reused; bias,
/// ReLU and batch norm that follow a convolution run in its own pass. Networks whose operators all have fast kernels
/// run in channel blocks, others operator by operator in N C H W. Not thread-safe: one owner at a time.
package final class InferenceSession {
    private let plan: InferencePlan
    private let network: Network
    private let batch: Int
    private let threads: Int
    private let blocked: BlockedInference?
    private let arena: ValueMemory
    /// Packed weights of direct convolutions by node.
    private var packed: [Int: [Float]] = [:]
    private var epilogues: [Int: ConvolutionEpilogue] = [:]

    /// Shape of the result of one sample.
    package var outputShape: FeatureShape { plan.shapes.last! }

    /// Bytes of the planned memory.
    package var memoryBytes: Int { blocked?.memoryBytes ?? arena.count * MemoryLayout<Float>.size }

    /// - Parameter usesChannelBlocks: false runs operator by operator even where fast kernels exist: the reference that
    ///   they are checked against.
    package init(
        network: Network,
        batch: Int,
        height: Int,
        width: Int,
        threads: Int,
        usesChannelBlocks: Bool = true
    ) throws(NetworkError) {
        _ = BLAS.singleThreaded
        self.network = network
        self.batch = batch
        self.threads = threads
        plan = try InferencePlan(graph: network.graph, batch: batch, height: height, width: width)
        blocked =
            usesChannelBlocks
            ? BlockedInference(network: network, batch: batch, shapes: plan.shapes, threads: threads) : nil
        arena = ValueMemory(count: blocked == nil ? plan.arenaCount : 0)
        if blocked == nil { for step in plan.steps { prepare(step) } }
    }

    /// `input` N C H W; returns N C H W of the last operator.
    package func run(_ input: Tensor) -> Tensor {
        let first = plan.shapes[0]
        precondition(input.shape == [batch, first.channels, first.height, first.width], "another shape than planned")
        let shape = outputShape
        let count = batch * shape.count
        let values = [Float](unsafeUninitializedCapacity: count) { result, initialized in
            if let blocked {
                blocked.run(input.values, result.baseAddress!)
            } else {
                memory(0).update(from: input.values, count: input.count)
                for step in plan.steps { execute(step) }
                _ = result.update(
                    fromContentsOf: UnsafeBufferPointer(start: memory(plan.shapes.count - 1), count: count)
                )
            }
            initialized = count
        }
        return Tensor(shape: [batch, shape.channels, shape.height, shape.width], values: values)
    }

    private func memory(_ value: Int) -> UnsafeMutablePointer<Float> { arena.pointer + plan.offsets[value] }

    private func parameter(_ name: String) -> [Float] { network.parameters[name]!.values }

    private func prepare(_ step: InferencePlan.Step) {
        let node = network.graph.nodes[step.node]
        guard case .convolution(let convolution) = node.operation else { return }
        var epilogue = ConvolutionEpilogue(
            bias: convolution.hasBias ? parameter(node.name + ".bias") : nil,
            relu: step.fusesReLU
        )
        if let norm = step.fusedNorm { (epilogue.scale, epilogue.shift) = network.normMap(norm) }
        epilogues[step.node] = epilogue
        if let direct = convolution.direct(input: plan.shapes[node.inputs[0]]) {
            packed[step.node] = parameter(node.name + ".weight").withUnsafeBufferPointer {
                direct.packed($0.baseAddress!)
            }
        }
    }

    private func execute(_ step: InferencePlan.Step) {
        let node = network.graph.nodes[step.node]
        let input = plan.shapes[node.inputs[0]]
        let x = UnsafePointer(memory(node.inputs[0]))
        let y = memory(step.result)
        let shape = plan.shapes[step.result]
        let count = batch * shape.count
        switch node.operation {
        case .input: break
        case .convolution(let convolution): execute(step, convolution, input, shape, x, y)
        case .transposedConvolution(let outChannels, let stride):
            TransposedConvolution(input: input, outChannels: outChannels, stride: stride).forward(
                x,
                weight: parameter(node.name + ".weight"),
                bias: parameter(node.name + ".bias"),
                y,
                batch: batch,
                threads: threads
            )
        case .batchNorm:
            let map = network.normMap(step.node)
            for sample in 0..<batch {
                (y + sample * shape.count).update(from: x + sample * shape.count, count: shape.count)
                ConvolutionEpilogue(scale: map.scale, shift: map.shift)
                    .apply(toSample: y + sample * shape.count, shape: shape)
            }
        case .relu: Elementwise.relu(x, slope: 0, y, count: count, threads: threads)
        case .leakyReLU(let slope): Elementwise.relu(x, slope: slope, y, count: count, threads: threads)
        case .sigmoid: Elementwise.sigmoid(x, y, count: count, threads: threads)
        case .softmax: Elementwise.softmax(x, shape: shape, y, batch: batch, threads: threads)
        case .maxPool(let size): Elementwise.maxPool(x, input: input, size: size, y, batch: batch, threads: threads)
        case .nearestUpsample(let factor):
            Elementwise.nearestUpsample(x, input: input, factor: factor, y, batch: batch, threads: threads)
        case .concatenation: concatenate(node.inputs, to: y, whole: shape.count)
        case .addition:
            y.update(from: x, count: count)
            for other in node.inputs.dropFirst() {
                Elementwise.add(memory(other), to: y, count: count, threads: threads)
            }
        case .dropout: y.update(from: x, count: count)
        }
    }

    private func execute(
        _ step: InferencePlan.Step,
        _ convolution: Convolution,
        _ input: FeatureShape,
        _ output: FeatureShape,
        _ x: UnsafePointer<Float>,
        _ y: UnsafeMutablePointer<Float>
    ) {
        let epilogue = epilogues[step.node]!
        if let direct = convolution.direct(input: input), let weights = packed[step.node] {
            direct.forward(
                input: x,
                packedWeight: weights,
                epilogue: epilogue,
                output: y,
                batch: batch,
                threads: threads
            )
        } else {
            GeneralConvolution(convolution: convolution, input: input, output: output).forward(
                x,
                weight: parameter(network.graph.nodes[step.node].name + ".weight"),
                epilogue: epilogue,
                y,
                batch: batch,
                threads: threads
            )
        }
    }

    private func concatenate(_ inputs: [Int], to y: UnsafeMutablePointer<Float>, whole: Int) {
        for sample in 0..<batch {
            var offset = sample * whole
            for input in inputs {
                let count = plan.shapes[input].count
                (y + offset).update(from: memory(input) + sample * count, count: count)
                offset += count
            }
        }
    }
}
