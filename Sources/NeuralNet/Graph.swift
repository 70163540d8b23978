/// What an operator computes. Names and arguments are PyTorch's.
package enum Operation: Sendable, Hashable {
    case input(channels: Int)
    /// Kernel, stride, padding and dilation are the same along rows and columns.
    case convolution(Convolution)
    /// Kernel equals stride, no overlap: the `deconv` upsampling of Keras-Unet.
    case transposedConvolution(outChannels: Int, stride: Int)
    /// `momentum` is PyTorch's: the weight of the new batch in the running statistics.
    case batchNorm(epsilon: Float, momentum: Float)
    case relu
    case leakyReLU(slope: Float)
    case sigmoid
    /// Over channels.
    case softmax
    case maxPool(size: Int)
    case nearestUpsample(factor: Int)
    case concatenation
    case addition
    /// `spatial` drops whole channels.
    case dropout(rate: Float, spatial: Bool)
}

/// The arguments of a convolution.
package struct Convolution: Sendable, Hashable {
    package var outChannels: Int
    package var kernel: Int
    package var stride: Int
    package var padding: Int
    package var dilation: Int
    package var hasBias: Bool

    package init(
        outChannels: Int,
        kernel: Int,
        stride: Int = 1,
        padding: Int = 0,
        dilation: Int = 1,
        hasBias: Bool = true
    ) {
        self.outChannels = outChannels
        self.kernel = kernel
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.hasBias = hasBias
    }

    func outputLength(_ length: Int) -> Int { (length + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1 }
}

/// One operator of a graph; its result is the value with the node's own index.
package struct Node: Sendable, Hashable {
    /// Prefix of its parameters' names, for example `encoder.0.conv1`.
    package var name: String
    package var operation: Operation
    /// Indices of earlier nodes.
    package var inputs: [Int]
}

/// A static network: operators in topological order. The last node is the output.
package struct Graph: Sendable, Hashable {
    package private(set) var nodes: [Node] = []

    package init() {}

    /// A value in the graph under construction.
    package struct Value: Sendable, Hashable { let index: Int }

    /// Appends an operator and returns its result.
    package mutating func add(_ operation: Operation, _ inputs: [Value] = [], name: String = "") -> Value {
        nodes.append(Node(name: name, operation: operation, inputs: inputs.map(\.index)))
        return Value(index: nodes.count - 1)
    }

    package var inputChannels: Int {
        for node in nodes { if case .input(let channels) = node.operation { return channels } }
        return 0
    }

    /// The shape of every value for inputs of the given size.
    /// - Throws: `NetworkError.shape` naming the operator that does not fit.
    package func shapes(height: Int, width: Int) throws(NetworkError) -> [FeatureShape] {
        var shapes: [FeatureShape] = []
        for node in nodes { shapes.append(try outputShape(of: node, shapes, height: height, width: width)) }
        return shapes
    }

    private func outputShape(
        of node: Node,
        _ shapes: [FeatureShape],
        height: Int,
        width: Int
    ) throws(NetworkError) -> FeatureShape {
        let inputs = node.inputs.map { shapes[$0] }
        func refuse(_ reason: String) -> NetworkError { .shape(operation: node.name, reason: reason) }
        guard case .input(let channels) = node.operation else {
            guard var shape = inputs.first else { throw refuse("has no input") }
            switch node.operation {
            case .convolution(let convolution):
                shape = FeatureShape(
                    channels: convolution.outChannels,
                    height: convolution.outputLength(shape.height),
                    width: convolution.outputLength(shape.width)
                )
                guard shape.height > 0, shape.width > 0 else { throw refuse("the input is smaller than the kernel") }
            case .transposedConvolution(let outChannels, let stride):
                shape = FeatureShape(
                    channels: outChannels,
                    height: shape.height * stride,
                    width: shape.width * stride
                )
            case .maxPool(let size):
                guard shape.height % size == 0, shape.width % size == 0 else {
                    throw refuse("\(shape.height) x \(shape.width) cannot be divided by \(size)")
                }
                shape.height /= size
                shape.width /= size
            case .nearestUpsample(let factor):
                shape.height *= factor
                shape.width *= factor
            case .concatenation:
                guard inputs.allSatisfy({ $0.height == shape.height && $0.width == shape.width }) else {
                    throw refuse("inputs differ in size")
                }
                shape.channels = inputs.reduce(0) { $0 + $1.channels }
            case .addition:
                guard inputs.allSatisfy({ $0 == shape }) else { throw refuse("inputs differ in shape") }
            case .input, .batchNorm, .relu, .leakyReLU, .sigmoid, .softmax, .dropout:
                break
            }
            return shape
        }
        return FeatureShape(channels: channels, height: height, width: width)
    }
}

/// Errors of building and running networks.
package enum NetworkError: Error, Sendable, Equatable, CustomStringConvertible {
    case shape(operation: String, reason: String)
    case missingParameter(String)
    case parameterShape(name: String, expected: [Int], found: [Int])
    case notFinite(step: Int)
    case unreadableWeights(reason: String)

    package var description: String {
        switch self {
        case .shape(let operation, let reason): "network operator \(operation): \(reason)"
        case .missingParameter(let name): "the weights have no tensor named \(name)"
        case .parameterShape(let name, let expected, let found):
            "tensor \(name) has shape \(found), the architecture needs \(expected)"
        case .notFinite(let step): "the loss is not a finite number at step \(step): training diverged"
        case .unreadableWeights(let reason): "the weights cannot be read: \(reason)"
        }
    }
}
