/// Trains a network on batches of one shape. Not thread-safe: one owner at a time.
///
/// Every value of the graph and its gradient has memory of its own, made once. The same seed, batches and
/// configuration give the same weights to the last bit, on any number of threads.
package final class TrainingSession {
    let graph: Graph
    package var optimizer: Adam
    package let loss: Loss
    /// Updates made so far.
    package private(set) var step: Int
    let batch: Int
    let threads: Int
    let seed: UInt64
    let shapes: [FeatureShape]
    let values: [ValueMemory]
    let gradients: [ValueMemory]
    /// Mean and 1 / deviation of the batch, a batch norm.
    var statistics: [Int: (mean: [Float], inverse: [Float])] = [:]
    private let trained: [TrainedParameter]
    private let slots: [String: Int]
    private let runningStatistics: [String: ValueMemory]

    /// - Parameter height, width: size of an input; every pooling must divide it.
    package init(
        network: Network,
        batch: Int,
        height: Int,
        width: Int,
        loss: Loss,
        optimizer: Adam,
        seed: UInt64,
        threads: Int
    ) throws(NetworkError) {
        _ = BLAS.singleThreaded
        graph = network.graph
        self.batch = batch
        self.loss = loss
        self.optimizer = optimizer
        self.seed = seed
        self.threads = threads
        step = 0
        shapes = try network.graph.shapes(height: height, width: width)
        values = shapes.map { ValueMemory(count: batch * $0.count) }
        gradients = shapes.map { ValueMemory(count: batch * $0.count) }
        trained = network.parameters.sorted { $0.key < $1.key }.map { TrainedParameter(name: $0.key, tensor: $0.value) }
        slots = Dictionary(uniqueKeysWithValues: trained.enumerated().map { ($1.name, $0) })
        runningStatistics = network.buffers.mapValues { ValueMemory(copying: $0.values) }
    }

    /// Forward, loss, backward, update. `input` and `target` are N C H W.
    /// - Returns: the loss before the update.
    /// - Throws: `notFinite` when the loss is no number; the weights are then those of the step before.
    package func step(input: Tensor, target: Tensor) throws(NetworkError) -> Float {
        let loss = gradient(input: input, target: target)
        guard loss.isFinite else { throw .notFinite(step: step) }
        step += 1
        for parameter in trained { optimizer.update(parameter, step: step) }
        return loss
    }

    /// Loss and gradients without an update.
    func gradient(input: Tensor, target: Tensor) -> Float {
        forward(input)
        for parameter in trained { parameter.gradient.reset() }
        for buffer in gradients { buffer.reset() }
        let loss = target.values.withUnsafeBufferPointer { target in
            self.loss.evaluate(
                prediction: values.last!.pointer,
                target: target.baseAddress!,
                shape: shapes.last!,
                batch: batch,
                gradient: gradients.last!.pointer
            )
        }
        for index in graph.nodes.indices.reversed() { backward(index) }
        return loss
    }

    /// The prediction of the last forward pass, N C H W.
    package var prediction: Tensor {
        let shape = shapes.last!
        return Tensor(shape: [batch, shape.channels, shape.height, shape.width], values: values.last!.array)
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
            tensors["adam.first." + parameter.name] = Tensor(
                shape: parameter.shape,
                values: parameter.firstMoment.array
            )
            tensors["adam.second." + parameter.name] = Tensor(
                shape: parameter.shape,
                values: parameter.secondMoment.array
            )
        }
        return tensors
    }

    /// - Throws: `missingParameter` or `parameterShape` when the snapshot belongs to another network.
    package func restore(_ snapshot: [String: Tensor], step: Int) throws(NetworkError) {
        let restored = try Network(graph: graph, tensors: snapshot)
        for parameter in trained {
            for prefix in ["adam.first.", "adam.second."]
            where snapshot[prefix + parameter.name]?.shape != parameter.shape {
                throw .missingParameter(prefix + parameter.name)
            }
        }
        for parameter in trained {
            parameter.value.copy(restored.parameters[parameter.name]!.values)
            parameter.firstMoment.copy(snapshot["adam.first." + parameter.name]!.values)
            parameter.secondMoment.copy(snapshot["adam.second." + parameter.name]!.values)
        }
        for (name, memory) in runningStatistics { memory.copy(restored.buffers[name]!.values) }
        self.step = step
    }

    // The names come from the graph that made the parameters: a missing one is a defect of this file.
    func parameter(_ name: String) -> UnsafePointer<Float> { UnsafePointer(trained[slots[name]!].value.pointer) }

    func parameterGradient(_ name: String) -> UnsafeMutablePointer<Float> { trained[slots[name]!].gradient.pointer }

    func runningStatistic(_ name: String) -> UnsafeMutablePointer<Float> { runningStatistics[name]!.pointer }
}

/// A parameter with its gradient and Adam's moments.
struct TrainedParameter {
    let name: String
    let shape: [Int]
    let value: ValueMemory
    let gradient: ValueMemory
    let firstMoment: ValueMemory
    let secondMoment: ValueMemory

    init(name: String, tensor: Tensor) {
        self.name = name
        shape = tensor.shape
        value = ValueMemory(copying: tensor.values)
        gradient = ValueMemory(count: tensor.count)
        firstMoment = ValueMemory(count: tensor.count)
        secondMoment = ValueMemory(count: tensor.count)
    }
}

/// Memory of one value for the life of a session, with room behind it for whole vectors.
final class ValueMemory {
    let pointer: UnsafeMutablePointer<Float>
    let count: Int

    init(count: Int) {
        self.count = count
        pointer = alignedFloats(count + 32)
    }

    convenience init(copying values: [Float]) {
        self.init(count: values.count)
        copy(values)
    }

    deinit { pointer.deallocate() }

    var array: [Float] { Array(UnsafeBufferPointer(start: pointer, count: count)) }

    func reset() { pointer.update(repeating: 0, count: count) }

    func copy(_ values: [Float]) { pointer.update(from: values, count: count) }
}
