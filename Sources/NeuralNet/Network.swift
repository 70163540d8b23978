/// A graph with its parameters and the running statistics of its batch norms, by PyTorch-like names:
/// `<node>.weight`, `<node>.bias`, `<node>.running_mean`, `<node>.running_var`.
package struct Network: Sendable {
    package let graph: Graph
    /// Trained by an optimizer.
    package var parameters: [String: Tensor]
    /// Batch-norm statistics: kept with the weights, not trained.
    package var buffers: [String: Tensor]

    /// Initial weights: He-normal for convolutions (He et al., ICCV 2015; truncated nowhere), ones and zeros for
    /// batch norm, zeros for biases. The same seed gives the same bytes.
    package init(graph: Graph, seed: UInt64) throws(NetworkError) {
        self.graph = graph
        parameters = [:]
        buffers = [:]
        for (index, spec) in try Network.specifications(of: graph).enumerated() {
            let random = RandomSource(seed: seed, stream: UInt64(index))
            let tensor = spec.initial(random)
            if spec.isTrained { parameters[spec.name] = tensor } else { buffers[spec.name] = tensor }
        }
    }

    /// - Throws: `missingParameter` or `parameterShape` when the tensors do not fit the graph.
    package init(graph: Graph, tensors: [String: Tensor]) throws(NetworkError) {
        self.graph = graph
        parameters = [:]
        buffers = [:]
        for spec in try Network.specifications(of: graph) {
            guard let tensor = tensors[spec.name] else { throw .missingParameter(spec.name) }
            guard tensor.shape == spec.shape else {
                throw .parameterShape(name: spec.name, expected: spec.shape, found: tensor.shape)
            }
            if spec.isTrained { parameters[spec.name] = tensor } else { buffers[spec.name] = tensor }
        }
    }

    /// Parameters and buffers together, as they are saved.
    package var tensors: [String: Tensor] { parameters.merging(buffers) { parameter, _ in parameter } }

    /// The batch norm of a node in inference mode: y = x * scale + shift.
    func normMap(_ node: Int) -> (scale: [Float], shift: [Float]) {
        guard case .batchNorm(let epsilon, _) = graph.nodes[node].operation else { return ([], []) }
        let name = graph.nodes[node].name
        let mean = buffers[name + ".running_mean"]!.values
        let variance = buffers[name + ".running_var"]!.values
        let weight = parameters[name + ".weight"]!.values
        let bias = parameters[name + ".bias"]!.values
        let scale = weight.indices.map { weight[$0] / (variance[$0] + epsilon).squareRoot() }
        return (scale, bias.indices.map { bias[$0] - mean[$0] * scale[$0] })
    }

    package var parameterCount: Int { parameters.values.reduce(0) { $0 + $1.count } }

    struct ParameterSpecification {
        var name: String
        var shape: [Int]
        var isTrained = true
        /// Standard deviation of a normal start, or a constant.
        var deviation: Double?
        var constant: Float = 0

        func initial(_ random: RandomSource) -> Tensor {
            guard let deviation else { return Tensor(shape: shape, repeating: constant) }
            let count = shape.reduce(1, *)
            return Tensor(shape: shape, values: (0..<count).map { Float(random.normal($0) * deviation) })
        }
    }

    static func specifications(of graph: Graph) throws(NetworkError) -> [ParameterSpecification] {
        // Channel counts do not depend on the size: any size that every pooling divides will do.
        let shapes = try graph.shapes(height: 1 << 10, width: 1 << 10)
        var result: [ParameterSpecification] = []
        for (index, node) in graph.nodes.enumerated() {
            guard let source = node.inputs.first else { continue }
            let channels = shapes[source].channels
            switch node.operation {
            case .convolution(let c):
                let fanIn = Double(channels * c.kernel * c.kernel)
                result.append(
                    ParameterSpecification(
                        name: node.name + ".weight",
                        shape: [c.outChannels, channels, c.kernel, c.kernel],
                        deviation: (2 / fanIn).squareRoot()
                    )
                )
                if c.hasBias {
                    result.append(ParameterSpecification(name: node.name + ".bias", shape: [c.outChannels]))
                }
            case .transposedConvolution(let outChannels, let stride):
                // Each output place sees one tap: the fan-in is the number of input channels.
                result.append(
                    ParameterSpecification(
                        name: node.name + ".weight",
                        shape: [channels, outChannels, stride, stride],
                        deviation: (2 / Double(channels)).squareRoot()
                    )
                )
                result.append(ParameterSpecification(name: node.name + ".bias", shape: [outChannels]))
            case .batchNorm:
                let own = shapes[index].channels
                result.append(ParameterSpecification(name: node.name + ".weight", shape: [own], constant: 1))
                result.append(ParameterSpecification(name: node.name + ".bias", shape: [own]))
                result.append(
                    ParameterSpecification(name: node.name + ".running_mean", shape: [own], isTrained: false)
                )
                result.append(
                    ParameterSpecification(
                        name: node.name + ".running_var",
                        shape: [own],
                        isTrained: false,
                        constant: 1
                    )
                )
            default:
                break
            }
        }
        return result
    }
}
