import Platform

/// Weights as the kernels read them, by node; they do not depend on the size of the input.
package struct PackedWeights {
    fileprivate var weights: [Int: ValueMemory] = [:]
    fileprivate var epilogues: [Int: BlockEpilogue] = [:]
}

/// Runs a network whose operators all have fast kernels. Values lie in channel blocks between the first convolution
/// and the head; concatenations are never made. Not thread-safe: one owner at a time.
final class BlockedInference {
    private let plan: BlockedPlan
    private let network: Network
    private let batch: Int
    private let threads: Int
    private let arena: ValueMemory
    private(set) var packed: PackedWeights

    /// Bytes of the planned memory.
    var memoryBytes: Int { arena.count * MemoryLayout<Float>.size }

    /// nil where an operator of the network has no fast kernel.
    ///
    /// - Parameter packed: the weights of the same network from a plan for inputs of another size.
    init?(
        network: Network,
        batch: Int,
        shapes: [FeatureShape],
        threads: Int,
        packed: PackedWeights? = nil
    ) {
        guard let plan = BlockedPlan(graph: network.graph, batch: batch, shapes: shapes) else { return nil }
        self.plan = plan
        self.network = network
        self.batch = batch
        self.threads = threads
        // The kernels read whole groups of places: at the end of the last value too.
        arena = ValueMemory(count: plan.arenaCount + OutputPanel.rows * ChannelBlocks.width)
        self.packed = packed ?? PackedWeights()
        if packed == nil {
            for step in plan.steps { prepare(step) }
        }
    }

    /// Both N C H W.
    func run(_ input: UnsafePointer<Float>, _ output: UnsafeMutablePointer<Float>) {
        for step in plan.steps { execute(step, input, output) }
    }

    private func memory(_ value: Int) -> UnsafeMutablePointer<Float> { arena.pointer + plan.offsets[value] }

    // MARK: - Preparation

    private func prepare(_ step: BlockedPlan.Step) {
        let node: Int
        switch step.kernel {
        case .first(let index), .winograd(let index, _, _), .pointwise(let index, _, _), .head(let index, _, _):
            node = index
        case .maxPool, .nearestUpsample: return
        }
        let name = network.graph.nodes[node].name
        let channels = plan.shapes[node].channels
        let weight = network.parameters[name + ".weight"]!.values
        let before = step.normBefore.map { network.normMap($0) }
        let after = step.normAfter.map { network.normMap($0) }
        var bias = network.parameters[name + ".bias"]?.values
        if let before { bias = before.shift.indices.map { before.shift[$0] + (bias?[$0] ?? 0) * before.scale[$0] } }
        packed.epilogues[node] = BlockEpilogue(
            channels: channels,
            bias: bias,
            slope: step.slope,
            scale: after?.scale,
            shift: after?.shift
        )
        packed.weights[node] = ValueMemory(
            copying: pack(step.kernel, weight, outChannels: channels, scale: before?.scale)
        )
    }

    private func pack(
        _ kernel: BlockedPlan.Kernel,
        _ weight: [Float],
        outChannels: Int,
        scale: [Float]?
    ) -> [Float] {
        switch kernel {
        case .first:
            return FirstConvolution.packed(
                weight,
                inChannels: plan.shapes[0].channels,
                outChannels: outChannels,
                scale: scale
            )
        case .winograd(_, let sources, _):
            let channels = sources.map { plan.shapes[$0].channels }
            return WinogradConvolution.packed(weight, outChannels: outChannels, sources: channels, scale: scale)
        case .pointwise(let node, let source, let stride):
            let inChannels = plan.shapes[source].channels
            if network.graph.nodes[node].operation is TransposedConvolution {
                return PointwiseBlocks.packed(
                    transposed: weight,
                    inChannels: inChannels,
                    outChannels: outChannels,
                    stride: stride
                )
            }
            let scaled = scale.map { scale in weight.indices.map { weight[$0] * scale[$0 / inChannels] } } ?? weight
            return PointwiseBlocks.packed(scaled, inChannels: inChannels, outChannels: outChannels)
        case .head(_, let source, _):
            return BlockedHead.packed(weight, inChannels: plan.shapes[source].channels, outChannels: outChannels)
        case .maxPool, .nearestUpsample: return []
        }
    }

    // MARK: - Execution

    private func execute(
        _ step: BlockedPlan.Step,
        _ input: UnsafePointer<Float>,
        _ output: UnsafeMutablePointer<Float>
    ) {
        let shape = plan.shapes[step.result]
        switch step.kernel {
        case .first(let node):
            FirstConvolution(
                inChannels: plan.shapes[0].channels,
                outChannels: shape.channels,
                height: shape.height,
                width: shape.width,
                batch: batch
            ).forward(
                input,
                weights: packed.weights[node]!.pointer,
                epilogue: packed.epilogues[node]!,
                memory(step.result),
                threads: threads
            )
        case .winograd(let node, let sources, let pooled):
            let sources = sources.map {
                WinogradConvolution.Source(values: memory($0), blocks: ChannelBlocks(plan.shapes[$0]).blocks)
            }
            WinogradConvolution(
                inBlocks: sources.reduce(0) { $0 + $1.blocks },
                outChannels: shape.channels,
                height: shape.height,
                width: shape.width,
                batch: batch
            ).forward(
                sources,
                weights: packed.weights[node]!.pointer,
                epilogue: packed.epilogues[node]!,
                .init(values: memory(step.result), pooled: pooled.map(memory)),
                threads: threads
            )
        case .pointwise(let node, let source, let stride):
            PointwiseBlocks(
                inBlocks: ChannelBlocks(plan.shapes[source]).blocks,
                outChannels: shape.channels,
                stride: stride,
                height: plan.shapes[source].height,
                width: plan.shapes[source].width,
                batch: batch
            ).forward(
                memory(source),
                weights: packed.weights[node]!.pointer,
                epilogue: packed.epilogues[node]!,
                memory(step.result),
                threads: threads
            )
        case .maxPool(let source):
            BlockedResizing(input: ChannelBlocks(plan.shapes[source]), batch: batch)
                .maxPool(memory(source), memory(step.result), threads: threads)
        case .nearestUpsample(let source):
            BlockedResizing(input: ChannelBlocks(plan.shapes[source]), batch: batch)
                .nearestUpsample(memory(source), memory(step.result), threads: threads)
        case .head(let node, let source, let activation):
            BlockedHead(
                inBlocks: ChannelBlocks(plan.shapes[source]).blocks,
                outChannels: shape.channels,
                plane: shape.plane,
                batch: batch,
                activation: activation
            ).forward(
                memory(source),
                weights: packed.weights[node]!.pointer,
                bias: packed.epilogues[node]!.bias,
                output,
                threads: threads
            )
        }
    }
}
