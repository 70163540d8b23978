import NeuralNet
import Platform

/// The network of a model, as `model.json` describes it: `kind` and the options of that kind.
package enum Architecture: Sendable, Equatable {
    case customUNet(CustomUNet)
    case vanillaUNet(VanillaUNet)
    case vNet(VNet)
    case plainConvUNet(PlainConvUNet)

    package enum Kind: String, NamedChoice, Sendable {
        case customUNet = "custom_unet"
        case vanillaUNet = "vanilla_unet"
        case vNet = "v_net"
        case plainConvUNet = "plain_conv_unet"
    }

    package var kind: Kind {
        switch self {
        case .customUNet: .customUNet
        case .vanillaUNet: .vanillaUNet
        case .vNet: .vNet
        case .plainConvUNet: .plainConvUNet
        }
    }

    /// A kind with its default options.
    package init(_ kind: Kind) {
        switch kind {
        case .customUNet: self = .customUNet(CustomUNet())
        case .vanillaUNet: self = .vanillaUNet(VanillaUNet())
        case .vNet: self = .vNet(VNet())
        case .plainConvUNet: self = .plainConvUNet(PlainConvUNet())
        }
    }

    var options: any ArchitectureOptions {
        switch self {
        case .customUNet(let options): options
        case .vanillaUNet(let options): options
        case .vNet(let options): options
        case .plainConvUNet(let options): options
        }
    }

    /// What every side of a sample must be a multiple of.
    package func multiple(dimensions: Int) -> Axes { options.multiple(dimensions: dimensions) }

    func firstProblem(dimensions: Int) -> StrictJSON.Problem? {
        guard let (key, message) = options.firstProblem(dimensions: dimensions) else { return nil }
        return .init(key: "architecture.\(key)", message: message)
    }

    /// The network, with random weights still to come.
    package func graph(_ shape: NetworkShape) -> Graph { options.graph(shape) }
}

/// What the options of each kind of network can do.
protocol ArchitectureOptions: Codable, Sendable, Equatable {
    func multiple(dimensions: Int) -> Axes
    /// Key and reason of the first option that cannot be; nil when all can.
    func firstProblem(dimensions: Int) -> (String, String)?
    func graph(_ shape: NetworkShape) -> Graph
}

/// What a network has to take and to give.
package struct NetworkShape: Sendable, Equatable {
    package var inputChannels: Int
    package var outputChannels: Int
    package var activation: OutputDescription.Activation
    /// 2 or 3.
    package var dimensions: Int
    /// Size of one sample.
    package var extent: Axes

    package init(
        inputChannels: Int,
        outputChannels: Int,
        activation: OutputDescription.Activation,
        dimensions: Int = 2,
        extent: Axes
    ) {
        self.inputChannels = inputChannels
        self.outputChannels = outputChannels
        self.activation = activation
        self.dimensions = dimensions
        self.extent = extent
    }
}

extension Architecture: Codable {
    private enum CodingKeys: String, CodingKey { case kind }

    package init(from decoder: any Decoder) throws {
        switch try decoder.container(keyedBy: CodingKeys.self).decode(Kind.self, forKey: .kind) {
        case .customUNet: self = .customUNet(try CustomUNet(from: decoder))
        case .vanillaUNet: self = .vanillaUNet(try VanillaUNet(from: decoder))
        case .vNet: self = .vNet(try VNet(from: decoder))
        case .plainConvUNet: self = .plainConvUNet(try PlainConvUNet(from: decoder))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        try options.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(kind, forKey: .kind)
    }
}

extension ModelDescription {
    /// Output channels of the network: one a structure, and the background for softmax.
    package var outputChannels: Int { rois.count + (output.activation == .softmax ? 1 : 0) }

    package var networkShape: NetworkShape {
        NetworkShape(
            inputChannels: input.channels,
            outputChannels: outputChannels,
            activation: output.activation,
            dimensions: input.dimensions,
            extent: input.networkExtent
        )
    }

    package var graph: Graph { architecture.graph(networkShape) }
}

/// A graph under construction, with the parts that all architectures share.
struct NetworkBuilder {
    let shape: NetworkShape
    var graph: Graph

    init(_ shape: NetworkShape) {
        self.shape = shape
        graph = Graph(inputChannels: shape.inputChannels, dimensions: shape.dimensions)
    }

    /// The same length along every axis that the network has.
    func axes(_ length: Int) -> Axes { shape.dimensions == 3 ? .cube(length) : .plane(length) }

    mutating func add(_ operation: some Operator, _ inputs: Graph.Value..., name: String) -> Graph.Value {
        graph.add(operation, inputs, name: name)
    }

    /// The 1 x 1 convolution to the output channels, and their activation.
    mutating func addHead(_ x: Graph.Value, name: String = "head") -> Graph.Value {
        let head = add(Convolution(outChannels: shape.outputChannels, kernel: .one), x, name: name)
        return shape.activation == .softmax
            ? add(Softmax(), head, name: name + ".output") : add(Sigmoid(), head, name: name + ".output")
    }
}
