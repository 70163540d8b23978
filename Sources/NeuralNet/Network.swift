/// A graph with its parameters and the running statistics of its batch norms, by PyTorch-like names:
/// `<node>.weight`, `<node>.bias`, `<node>.running_mean`, `<node>.running_var`.
package struct Network: Sendable {
    package let graph: Graph
    /// Trained by an optimizer.
    package var parameters: [String: Tensor]
    /// Batch-norm statistics: kept with the weights, not trained.
    package var buffers: [String: Tensor]

    /// Initial weights (`Parameter.Start`). The same seed gives the same bytes.
    package init(graph: Graph, seed: UInt64) throws(NetworkError) {
        self.graph = graph
        parameters = [:]
        buffers = [:]
        for (index, parameter) in try graph.parameters().joined().enumerated() {
            let tensor = parameter.initial(RandomSource(seed: seed, stream: UInt64(index)))
            if parameter.isTrained { parameters[parameter.name] = tensor } else { buffers[parameter.name] = tensor }
        }
    }

    /// - Throws: `missingParameter` or `parameterShape` when the tensors do not fit the graph, `notFiniteParameter` when a
    ///   training ran away with them.
    package init(graph: Graph, tensors: [String: Tensor]) throws(NetworkError) {
        self.graph = graph
        parameters = [:]
        buffers = [:]
        for parameter in try graph.parameters().joined() {
            guard let tensor = tensors[parameter.name] else { throw .missingParameter(parameter.name) }
            guard tensor.shape == parameter.shape else {
                throw .parameterShape(name: parameter.name, expected: parameter.shape, found: tensor.shape)
            }
            guard tensor.values.allSatisfy(\.isFinite) else { throw .notFiniteParameter(parameter.name) }
            if parameter.isTrained { parameters[parameter.name] = tensor } else { buffers[parameter.name] = tensor }
        }
    }

    /// Parameters and buffers together, as they are saved.
    package var tensors: [String: Tensor] { parameters.merging(buffers) { parameter, _ in parameter } }

    /// The batch norm of a node in inference mode: y = x * scale + shift.
    func normMap(_ node: Int) -> (scale: [Float], shift: [Float]) {
        guard let norm = graph.nodes[node].operation as? Normalization else { return ([], []) }
        let name = graph.nodes[node].name
        return norm.inferenceMap(
            weight: parameters[name + ".weight"]!.values,
            bias: parameters[name + ".bias"]!.values,
            mean: buffers[name + ".running_mean"]!.values,
            variance: buffers[name + ".running_var"]!.values
        )
    }

    package var parameterCount: Int { parameters.values.reduce(0) { $0 + $1.count } }
}

extension Graph {
    /// Channel counts do not depend on the size: any size will do that every step divides, whatever the steps are.
    private var extentForCounting: Axes {
        let strides = nodes.compactMap { node -> Axes? in
            switch node.operation {
            case let convolution as Convolution: convolution.stride
            case let pool as MaxPool: pool.window.stride
            case let pool as AveragePool: pool.window.stride
            default: nil
            }
        }
        func side(_ axis: KeyPath<Axes, Int>) -> Int {
            let step = strides.reduce(1) { $0 * $1[keyPath: axis] }
            // Room for the kernels of networks that do not pad.
            return step * ((1024 + step - 1) / step)
        }
        return Axes(depth: dimensions == 3 ? side(\.depth) : 1, height: side(\.height), width: side(\.width))
    }

    /// The tensors of every node, with their whole names.
    func parameters() throws(NetworkError) -> [[Parameter]] {
        let shapes = try shapes(extent: extentForCounting)
        return nodes.map { node in
            node.operation.parameters(of: node.inputs.map { shapes[$0] }, dimensions: dimensions).map {
                Parameter("\(node.name).\($0.name)", $0.shape, $0.start, isTrained: $0.isTrained)
            }
        }
    }
}

extension Parameter {
    func initial(_ random: RandomSource) -> Tensor {
        switch start {
        case .constant(let value): return Tensor(shape: shape, repeating: value)
        case .heNormal(let fanIn):
            let deviation = (2 / Double(fanIn)).squareRoot()
            return Tensor(
                shape: shape,
                values: (0..<shape.reduce(1, *)).map { Float(random.normal($0) * deviation) }
            )
        }
    }
}
