/// Trains a network on batches of one shape. Not thread-safe: one owner at a time.
///
/// Memory is made once. Values are kept from the forward to the backward pass, activations that can lie where their
/// input lay do so, and gradients share memory as soon as they have been used. The same seed, batches and
/// configuration give the same weights to the last bit, on any number of threads.
package final class TrainingSession {
    let graph: Graph
    package var optimizer: Optimizer
    package let loss: Loss
    package let clipping: GradientClipping
    /// Updates made so far.
    package private(set) var step: Int
    let batch: Int
    let threads: Int
    let seed: UInt64
    let shapes: [FeatureShape]
    private let memory: TrainingMemory
    private let trained: [TrainedParameter]
    private let runningStatistics: [String: ValueMemory]
    private let passes: [Pass?]
    private let gradients: [Gradients?]
    private let saved: [ValueMemory]
    private let fusion: RectifierFusion

    /// - Parameter extent: size of an input; every pooling must divide it.
    package init(
        network: Network,
        batch: Int,
        extent: Axes,
        loss: Loss,
        optimizer: Optimizer,
        clipping: GradientClipping = .none,
        seed: UInt64,
        threads: Int
    ) throws(NetworkError) {
        let graph = network.graph
        self.graph = graph
        self.batch = batch
        self.threads = threads
        self.loss = loss
        self.optimizer = optimizer
        self.clipping = clipping
        self.seed = seed
        step = 0
        let shapes = try graph.shapes(extent: extent)
        self.shapes = shapes
        let memory = TrainingMemory(TrainingMemoryPlan(graph: graph, counts: shapes.map { batch * $0.count }))
        self.memory = memory
        let trained = network.parameters.sorted { $0.key < $1.key }.map {
            TrainedParameter(name: $0.key, tensor: $0.value, memories: optimizer.memories.count)
        }
        self.trained = trained
        let slots = Dictionary(uniqueKeysWithValues: trained.enumerated().map { ($1.name, $0) })
        let statistics = network.buffers.mapValues { ValueMemory(copying: $0.values) }
        runningStatistics = statistics
        let inputs = graph.nodes.map { node in node.inputs.map { shapes[$0] } }
        let saved = graph.nodes.indices.map {
            ValueMemory(count: graph.nodes[$0].operation.savedCount(inputs[$0], batch: batch))
        }
        self.saved = saved
        let parameters = try graph.parameters()
        let workspace = Workspace()
        let fusion = RectifierFusion(graph, memory.plan)
        self.fusion = fusion
        // The names come from the graph that made the parameters: a missing one is a defect of this file.
        passes = graph.nodes.indices.map { index in
            index == 0
                ? nil
                : Pass(
                    inputs: inputs[index],
                    output: shapes[index],
                    batch: batch,
                    threads: threads,
                    mode: .training,
                    x: graph.nodes[index].inputs.map { UnsafePointer(memory.value($0)) },
                    y: memory.value(index),
                    weights: parameters[index].filter(\.isTrained).map {
                        UnsafePointer(trained[slots[$0.name]!].value.pointer)
                    },
                    statistics: parameters[index].filter { !$0.isTrained }.map { statistics[$0.name]!.pointer },
                    saved: saved[index].pointer,
                    workspace: workspace,
                    rectifierSlope: fusion.convolutions[index] ?? 1
                )
        }
        gradients = graph.nodes.indices.map { index in
            let (node, firsts) = (graph.nodes[index], memory.plan.firstGradients[index])
            return index == 0
                ? nil
                : Gradients(
                    dY: UnsafePointer(memory.gradient(index)!),
                    dX: node.inputs.map { memory.gradient($0) },
                    isFirst: node.inputs.enumerated().map { position, input in
                        // An input that an operator has twice is written once and then added to.
                        node.operation.replacesGradients && firsts.contains(input)
                            && node.inputs.firstIndex(of: input) == position
                    },
                    weights: parameters[index].filter(\.isTrained).map { trained[slots[$0.name]!].gradient.pointer },
                    rectifierSlope: fusion.normalizations[index] ?? 1
                )
        }
    }

    /// Forward, loss, backward, update. `input` and `target` are N C [D] H W.
    /// - Returns: the loss before the update.
    /// - Throws: `notFinite` when the loss is no number; the weights are then those of the step before.
    package func step(input: Tensor, target: Tensor) throws(NetworkError) -> Float {
        forward(input)
        for parameter in trained { parameter.gradient.reset() }
        let loss = backward(target)
        guard loss.isFinite else { throw .notFinite(step: step) }
        step += 1
        clipping.apply(to: trained)
        for parameter in trained { optimizer.update(parameter, step: step, threads: threads) }
        return loss
    }

    private func forward(_ input: Tensor) {
        precondition(input.count == batch * shapes[0].count, "the batch has another shape than the session")
        memory.value(0).update(from: input.values, count: input.count)
        for index in graph.nodes.indices.dropFirst() where !fusion.doneForward.contains(index) {
            graph.nodes[index].operation.forward(pass(index))
        }
    }

    private func backward(_ target: Tensor) -> Float {
        var total: Float = 0
        for output in graph.outputs {
            let gradient = memory.gradient(output.value)!
            gradient.update(repeating: 0, count: batch * shapes[output.value].count)
            let target = averaged(target, to: shapes[output.value])
            total +=
                output.weight
                * loss.evaluate(
                    prediction: memory.value(output.value),
                    target: target.values,
                    shape: shapes[output.value],
                    batch: batch,
                    weight: output.weight,
                    gradient: gradient
                )
        }
        for index in graph.nodes.indices.dropFirst().reversed() where !fusion.doneBackward.contains(index) {
            let operation = graph.nodes[index].operation
            // The last reader of a value is the first to add to its gradient.
            for value in memory.plan.firstGradients[index] where !operation.replacesGradients {
                clearValues(memory.gradient(value)!, count: batch * shapes[value].count, threads: threads)
            }
            operation.backward(pass(index), gradients[index]!)
        }
        return total
    }

    private func pass(_ index: Int) -> Pass {
        var pass = passes[index]!
        pass.random = RandomSource(seed: seed, stream: UInt64(step) << 20 | UInt64(index))
        return pass
    }

    /// Targets for an output of lower resolution: the mean over what each place covers.
    private func averaged(_ target: Tensor, to shape: FeatureShape) -> Tensor {
        let full = shapes[graph.output]
        precondition(target.count == batch * full.count, "the target has another shape than the output")
        guard shape != full else { return target }
        let factor = full.extent.combined(shape.extent, /)
        var result = Tensor(shape: [batch, shape.channels, shape.depth, shape.height, shape.width])
        target.values.withUnsafeBufferPointer { source in
            result.values.withUnsafeMutableBufferPointer { result in
                AveragePool(size: factor).forward(
                    Pass(
                        inputs: [full],
                        output: shape,
                        batch: batch,
                        threads: 1,
                        mode: .training,
                        x: [source.baseAddress!],
                        y: result.baseAddress!,
                        weights: [],
                        statistics: [],
                        saved: result.baseAddress!
                    )
                )
            }
        }
        return result
    }

    /// The main prediction of the last forward pass, N C [D] H W.
    package var prediction: Tensor {
        let shape = shapes[graph.output]
        let values = UnsafeBufferPointer(start: memory.value(graph.output), count: batch * shape.count)
        return Tensor(shape: shape.tensorShape(batch: batch, dimensions: graph.dimensions), values: Array(values))
    }

    /// The weights as they stand.
    package var network: Network {
        get throws(NetworkError) { try Network(graph: graph, tensors: tensors) }
    }

    /// Gradients of the last step by parameter name.
    package var parameterGradients: [String: Tensor] {
        Dictionary(uniqueKeysWithValues: trained.map { ($0.name, Tensor(shape: $0.shape, values: $0.gradient.array)) })
    }

    private var tensors: [String: Tensor] {
        var tensors = runningStatistics.mapValues { Tensor(shape: [$0.count], values: $0.array) }
        for parameter in trained {
            tensors[parameter.name] = Tensor(shape: parameter.shape, values: parameter.value.array)
        }
        return tensors
    }

    /// Everything that a resumed training needs to go on as if it had never stopped.
    package var snapshot: [String: Tensor] {
        var tensors = tensors
        for parameter in trained {
            for (name, memory) in zip(optimizer.memories, parameter.memories) {
                tensors["\(name).\(parameter.name)"] = Tensor(shape: parameter.shape, values: memory.array)
            }
        }
        return tensors
    }

    /// - Throws: `missingParameter` or `parameterShape` when the snapshot belongs to another network or optimizer.
    package func restore(_ snapshot: [String: Tensor], step: Int) throws(NetworkError) {
        let restored = try Network(graph: graph, tensors: snapshot)
        for parameter in trained {
            for name in optimizer.memories where snapshot["\(name).\(parameter.name)"]?.shape != parameter.shape {
                throw .missingParameter("\(name).\(parameter.name)")
            }
        }
        for parameter in trained {
            parameter.value.copy(restored.parameters[parameter.name]!.values)
            for (name, memory) in zip(optimizer.memories, parameter.memories) {
                memory.copy(snapshot["\(name).\(parameter.name)"]!.values)
            }
        }
        for (name, memory) in runningStatistics { memory.copy(restored.buffers[name]!.values) }
        self.step = step
    }
}
