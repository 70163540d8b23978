/// One operator by itself on given tensors: what the checks against references and goldens run.
package final class OperatorTrial {
    package let operation: any Operator
    package let dimensions: Int
    private let inputs: [Tensor]
    private let parameters: [Parameter]
    private let memory: [ValueMemory]
    private let statistics: [ValueMemory]
    private let result: ValueMemory
    private let saved: ValueMemory
    private let shapes: [FeatureShape]
    private let outputShape: FeatureShape
    private let threads: Int
    private let random: RandomSource
    private let sources: [ValueMemory]

    /// - Parameters:
    ///   - inputs: N C [D] H W.
    ///   - tensors: the operator's parameters by name.
    package init(
        _ operation: any Operator,
        inputs: [Tensor],
        tensors: [String: Tensor] = [:],
        threads: Int = 2,
        random: RandomSource = RandomSource(seed: 1, stream: 1)
    ) throws(NetworkError) {
        self.operation = operation
        self.inputs = inputs
        self.threads = threads
        self.random = random
        dimensions = inputs[0].shape.count - 2
        shapes = inputs.map { FeatureShape(channels: $0.shape[1], extent: Axes(spatial: Array($0.shape.dropFirst(2)))) }
        outputShape = try operation.shape(of: shapes)
        parameters = operation.parameters(of: shapes, dimensions: dimensions)
        for parameter in parameters where tensors[parameter.name]?.shape != parameter.shape {
            throw .missingParameter(parameter.name)
        }
        memory = parameters.filter(\.isTrained).map { ValueMemory(copying: tensors[$0.name]!.values) }
        statistics = parameters.filter { !$0.isTrained }.map { ValueMemory(copying: tensors[$0.name]!.values) }
        sources = inputs.map { ValueMemory(copying: $0.values) }
        let batch = inputs[0].shape[0]
        result = ValueMemory(count: batch * outputShape.count)
        saved = ValueMemory(count: operation.savedCount(shapes, batch: batch))
    }

    private func pass(_ mode: Pass.Mode) -> Pass {
        Pass(
            inputs: shapes,
            output: outputShape,
            batch: inputs[0].shape[0],
            threads: threads,
            mode: mode,
            x: sources.map { UnsafePointer($0.pointer) },
            y: result.pointer,
            weights: memory.map { UnsafePointer($0.pointer) },
            statistics: statistics.map(\.pointer),
            saved: saved.pointer,
            random: random
        )
    }

    package func forward(_ mode: Pass.Mode) -> Tensor {
        operation.forward(pass(mode))
        return Tensor(
            shape: outputShape.tensorShape(batch: inputs[0].shape[0], dimensions: dimensions),
            values: result.array
        )
    }

    /// After `forward(.training)`: gradients of the inputs and, by name, of the trained parameters.
    ///
    /// - Parameter start: what lies in the gradients of the inputs before. The operator is the first to give them unless this
    ///   is nil, which stands for zeros that it adds to.
    package func backward(
        _ dOutput: Tensor,
        over start: Float? = nil
    ) -> (inputs: [Tensor], parameters: [String: Tensor]) {
        let dX = sources.map { ValueMemory(count: $0.count) }
        let isFirst = start != nil && operation.replacesGradients
        if let start, isFirst { for memory in dX { memory.pointer.update(repeating: start, count: memory.count) } }
        let dW = memory.map { ValueMemory(count: $0.count) }
        let dY = ValueMemory(copying: dOutput.values)
        operation.backward(
            pass(.training),
            Gradients(
                dY: UnsafePointer(dY.pointer),
                dX: dX.map(\.pointer),
                isFirst: dX.map { _ in isFirst },
                weights: dW.map(\.pointer)
            )
        )
        let trained = parameters.filter(\.isTrained)
        return (
            zip(inputs, dX).map { Tensor(shape: $0.shape, values: $1.array) },
            Dictionary(
                uniqueKeysWithValues: zip(trained, dW).map { ($0.name, Tensor(shape: $0.shape, values: $1.array)) }
            )
        )
    }

    /// The running statistics as they stand, by name.
    package var runningStatistics: [String: Tensor] {
        Dictionary(
            uniqueKeysWithValues: zip(parameters.filter { !$0.isTrained }, statistics).map {
                ($0.name, Tensor(shape: $0.shape, values: $1.array))
            }
        )
    }
}
