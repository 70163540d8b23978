/// One operator of a graph; its result is the value with the node's own index.
package struct Node: Sendable {
    /// Prefix of its parameters' names, for example `encoder.0.conv1`.
    package var name: String
    package var operation: any Operator
    /// Indices of earlier nodes.
    package var inputs: [Int]
}

/// A static network of two or three dimensions: operators in topological order. Node 0 is the input.
package struct Graph: Sendable {
    /// A value in the graph under construction.
    package struct Value: Sendable, Hashable {
        package let index: Int
    }

    /// A result that the loss judges.
    package struct Output: Sendable, Hashable {
        package var value: Int
        /// Its part of the loss.
        package var weight: Float
    }

    /// 2 or 3.
    package let dimensions: Int
    package let inputChannels: Int
    package private(set) var nodes: [Node]
    /// Deep supervision (Lee et al., AISTATS 2015): further results, at full or lower resolution, that only training
    /// makes; their loss is taken on targets averaged to their size.
    package private(set) var auxiliaryOutputs: [Output] = []
    private var main: Int?

    package init(inputChannels: Int, dimensions: Int = 2) {
        self.dimensions = dimensions
        self.inputChannels = inputChannels
        nodes = [Node(name: "input", operation: Identity(), inputs: [])]
    }

    package var input: Value { Value(index: 0) }

    /// The result of the network: the last node, or the one that `setOutput` named.
    package var output: Int { main ?? nodes.count - 1 }

    /// Appends an operator and returns its result.
    package mutating func add(_ operation: some Operator, _ inputs: [Value], name: String = "") -> Value {
        nodes.append(Node(name: name, operation: operation, inputs: inputs.map(\.index)))
        return Value(index: nodes.count - 1)
    }

    /// Appends an operator of one input.
    package mutating func add(_ operation: some Operator, _ input: Value, name: String = "") -> Value {
        add(operation, [input], name: name)
    }

    /// Names the result where operators follow that belong to training alone.
    package mutating func setOutput(_ value: Value) { main = value.index }

    package mutating func addAuxiliaryOutput(_ value: Value, weight: Float) {
        auxiliaryOutputs.append(Output(value: value.index, weight: weight))
    }

    /// The main result with the weight that the others leave, then the others.
    package var outputs: [Output] {
        let rest = 1 - auxiliaryOutputs.reduce(0) { $0 + $1.weight }
        return [Output(value: output, weight: rest)] + auxiliaryOutputs
    }

    /// Whether a network that sees a part of a picture gives the same there, but near the edges of the part: no operator
    /// takes statistics over a whole sample or cuts by its size.
    package var isLocal: Bool {
        nodes.allSatisfy { node in
            if let norm = node.operation as? Normalization {
                if case .batch = norm.group { return true }
                return false
            }
            return !(node.operation is CentreCrop)
        }
    }

    /// Nodes that a result depends on, in order.
    func needed(for result: Int) -> [Int] {
        var isNeeded = [Bool](repeating: false, count: nodes.count)
        isNeeded[result] = true
        for index in nodes.indices.reversed() where isNeeded[index] {
            for input in nodes[index].inputs { isNeeded[input] = true }
        }
        return nodes.indices.filter { isNeeded[$0] }
    }

    /// The shape of every value for inputs of the given size.
    /// - Throws: `NetworkError.shape` naming the operator that does not fit.
    package func shapes(extent: Axes) throws(NetworkError) -> [FeatureShape] {
        var shapes = [FeatureShape(channels: inputChannels, extent: extent)]
        for node in nodes.dropFirst() {
            let shape: FeatureShape
            do throws(NetworkError) {
                shape = try node.operation.shape(of: node.inputs.map { shapes[$0] })
            } catch {
                guard case .shape(_, let reason) = error else { throw error }
                throw .shape(operation: node.name, reason: reason)
            }
            guard shape.extent.lengths.allSatisfy({ $0 > 0 }) else {
                throw .shape(operation: node.name, reason: "the input is smaller than the kernel")
            }
            shapes.append(shape)
        }
        return shapes
    }

    /// The same for a network of two dimensions.
    package func shapes(height: Int, width: Int) throws(NetworkError) -> [FeatureShape] {
        try shapes(extent: Axes(height: height, width: width))
    }
}

/// The input of a graph; also what an operator that does nothing in inference becomes.
package struct Identity: Operator {
    package init() {}

    package func shape(of inputs: [FeatureShape]) throws(NetworkError) -> FeatureShape {
        guard let shape = inputs.first else { throw .misfit("has no input") }
        return shape
    }

    package func forward(_ pass: Pass) { pass.y.update(from: pass.x[0], count: pass.batch * pass.output.count) }

    package func backward(_ pass: Pass, _ gradients: Gradients) {
        guard let dX = gradients.dX[0] else { return }
        addValues(gradients.dY, to: dX, count: pass.batch * pass.output.count, threads: pass.threads)
    }
}
