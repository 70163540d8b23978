/// Runs a network on inputs of one size. Memory is planned once from the lifetimes of the values and reused; bias,
/// rectifier and batch norm that follow a convolution run in its own pass. Networks whose operators all have fast
/// kernels run in channel blocks, others operator by operator in N C [D] H W, their 3 x 3 (x 3) convolutions through
/// channel blocks and back. Not thread-safe: one owner at a time.
package final class InferenceSession {
    private enum Work {
        case convolution(
            PreparedConvolution,
            ConvolutionEpilogue,
            x: UnsafePointer<Float>,
            y: UnsafeMutablePointer<Float>
        )
        case other(any Operator, Pass)
    }

    private let plan: InferencePlan
    private let graph: Graph
    private let batch: Int
    private let threads: Int
    private let blocked: BlockedInference?
    private let arena: ValueMemory
    /// Keeps what the pointers in `work` lead to.
    private let tensors: [ValueMemory]
    private let work: [Work]

    /// Shape of the result of one sample.
    package var outputShape: FeatureShape { plan.shapes[graph.output] }

    /// For sessions of other sizes; nil where the network runs operator by operator.
    package var packedWeights: PackedWeights? { blocked?.packed }

    /// Bytes of the planned memory.
    package var memoryBytes: Int { blocked?.memoryBytes ?? arena.count * MemoryLayout<Float>.size }

    /// - Parameters:
    ///   - usesChannelBlocks: false runs operator by operator even where fast kernels exist: the reference that they
    ///     are checked against.
    ///   - packed: `packedWeights` of a session of the same network for inputs of another size.
    package init(
        network: Network,
        batch: Int,
        extent: Axes,
        threads: Int,
        usesChannelBlocks: Bool = true,
        packed: PackedWeights? = nil
    ) throws(NetworkError) {
        graph = network.graph
        self.batch = batch
        self.threads = threads
        plan = try InferencePlan(graph: network.graph, batch: batch, extent: extent)
        blocked =
            usesChannelBlocks
            ? BlockedInference(
                network: network,
                batch: batch,
                shapes: plan.shapes,
                threads: threads,
                packed: packed
            ) : nil
        arena = ValueMemory(count: blocked == nil ? plan.arenaCount : 0)
        guard blocked == nil else {
            (work, tensors) = ([], [])
            return
        }
        var builder = WorkBuilder(
            network: network,
            parameters: try network.graph.parameters(),
            plan: plan,
            arena: arena,
            batch: batch,
            threads: threads,
            workspace: usesChannelBlocks ? Workspace() : nil
        )
        work = plan.steps.map { builder.work($0) }
        tensors = builder.tensors
    }

    /// For a network of two dimensions.
    package convenience init(
        network: Network,
        batch: Int,
        height: Int,
        width: Int,
        threads: Int,
        usesChannelBlocks: Bool = true
    ) throws(NetworkError) {
        try self.init(
            network: network,
            batch: batch,
            extent: Axes(height: height, width: width),
            threads: threads,
            usesChannelBlocks: usesChannelBlocks
        )
    }

    /// `input` N C [D] H W; returns the result of the network in the same form.
    package func run(_ input: Tensor) -> Tensor {
        let expected = plan.shapes[0].tensorShape(batch: batch, dimensions: graph.dimensions)
        precondition(input.shape == expected, "another shape than planned")
        let shape = outputShape
        let count = batch * shape.count
        let values = [Float](unsafeUninitializedCapacity: count) { result, initialized in
            if let blocked {
                blocked.run(input.values, result.baseAddress!)
            } else {
                runOperators(input)
                let output = arena.pointer + plan.offsets[graph.output]
                _ = result.update(fromContentsOf: UnsafeBufferPointer(start: output, count: count))
            }
            initialized = count
        }
        return Tensor(shape: shape.tensorShape(batch: batch, dimensions: graph.dimensions), values: values)
    }

    private func runOperators(_ input: Tensor) {
        (arena.pointer + plan.offsets[0]).update(from: input.values, count: input.count)
        for item in work {
            switch item {
            case .convolution(let convolution, let epilogue, let x, let y):
                convolution.run(x, epilogue: epilogue, y, batch: batch, threads: threads)
            case .other(let operation, let pass): operation.forward(pass)
            }
        }
    }

    /// Turns steps of the plan into work with pointers.
    private struct WorkBuilder {
        let network: Network
        let parameters: [[Parameter]]
        let plan: InferencePlan
        let arena: ValueMemory
        let batch: Int
        let threads: Int
        /// nil: no kernels in channel blocks.
        let workspace: Workspace?
        var tensors: [ValueMemory] = []

        mutating func work(_ step: InferencePlan.Step) -> Work {
            let node = network.graph.nodes[step.node]
            let inputs = node.inputs.map { plan.shapes[$0] }
            let x = node.inputs.map { UnsafePointer(arena.pointer + plan.offsets[$0]) }
            let y = arena.pointer + plan.offsets[step.result]
            if let convolution = node.operation as? Convolution {
                let (weight, epilogue) = convolutionWeights(step, convolution, node.name)
                let prepared = PreparedConvolution(
                    convolution,
                    input: inputs[0],
                    output: plan.shapes[step.result],
                    weight: keep(weight),
                    workspace: workspace
                )
                return .convolution(prepared, epilogue, x: x[0], y: y)
            }
            // The names come from the graph that made the parameters: a missing one is a defect of this file.
            var pass = Pass(
                inputs: inputs,
                output: plan.shapes[step.result],
                batch: batch,
                threads: threads,
                mode: .inference,
                x: x,
                y: y,
                weights: parameters[step.node].filter(\.isTrained).map { keep(network.parameters[$0.name]!.values) },
                statistics: parameters[step.node].filter { !$0.isTrained }.map {
                    UnsafeMutablePointer(mutating: keep(network.buffers[$0.name]!.values))
                },
                saved: UnsafeMutablePointer(
                    mutating: keep([Float](repeating: 0, count: node.operation.savedCount(inputs, batch: batch)))
                )
            )
            pass.rectifierSlope = slope(step)
            return .other(node.operation, pass)
        }

        /// Of the rectifier that is done in the same pass; 1 for none.
        private func slope(_ step: InferencePlan.Step) -> Float {
            guard let rectifier = step.rectifier else { return 1 }
            return (network.graph.nodes[rectifier].operation as? any Rectifier)?.negativeSlope ?? 1
        }

        private mutating func keep(_ values: [Float]) -> UnsafePointer<Float> {
            let memory = ValueMemory(copying: values)
            tensors.append(memory)
            return UnsafePointer(memory.pointer)
        }

        /// Weights with a directly following batch norm in them, and what happens to the results.
        private func convolutionWeights(
            _ step: InferencePlan.Step,
            _ convolution: Convolution,
            _ name: String
        ) -> ([Float], ConvolutionEpilogue) {
            var weight = network.parameters[name + ".weight"]!.values
            var epilogue = ConvolutionEpilogue()
            if convolution.hasBias { epilogue.bias = network.parameters[name + ".bias"]!.values }
            if let norm = step.foldedNorm {
                let (scale, shift) = network.normMap(norm)
                let size = weight.count / convolution.outChannels
                for n in weight.indices { weight[n] *= scale[n / size] }
                epilogue.bias = shift.indices.map { (epilogue.bias?[$0] ?? 0) * scale[$0] + shift[$0] }
            }
            epilogue.slope = slope(step)
            if let norm = step.fusedNorm { (epilogue.scale, epilogue.shift) = network.normMap(norm) }
            return (weight, epilogue)
        }
    }
}
