import Foundation
import NeuralNet

extension Architecture {
    /// Keras' epsilon, so that imported weights of a `custom_unet` give the same numbers.
    private static let batchNormEpsilon: Float = 1e-3
    /// Weight of a new batch in the running statistics. Keras' 0.01 needs more steps than a small training has.
    private static let batchNormMomentum: Float = 0.05

    /// The network as Keras-Unet's `custom_unet` builds it: per level two 3x3 convolutions with ReLU, each
    /// followed by batch normalisation (then without bias), dropout between them; max pooling; the same upwards
    /// after upsampling and concatenation (upsampled features first, as there); a 1x1 head.
    ///
    /// Parameters are named `encoder.N.conv1`, `bottleneck.conv1`, `decoder.N.up`, `head` with N the level, 0 at
    /// full resolution; batch norms are `...norm1` and `...norm2`.
    package func graph(
        inputChannels: Int,
        outputChannels: Int,
        activation: OutputDescription.Activation
    ) -> Graph {
        var graph = Graph()
        var x = graph.add(.input(channels: inputChannels), name: "input")
        var skips: [Graph.Value] = []
        for level in 0..<layers {
            x = addBlock(&graph, x, filters: filters << level, dropout: rate(level), name: "encoder.\(level)")
            skips.append(x)
            x = graph.add(.maxPool(size: 2), [x], name: "encoder.\(level).pool")
        }
        x = addBlock(&graph, x, filters: filters << layers, dropout: rate(layers), name: "bottleneck")
        for level in (0..<layers).reversed() {
            let name = "decoder.\(level)"
            x = addUpsampling(&graph, x, filters: filters << level, name: name)
            x = graph.add(.concatenation, [x, skips[level]], name: name + ".concatenation")
            let dropout = dropoutOnUpsampling ? rate(level) : 0
            x = addBlock(&graph, x, filters: filters << level, dropout: dropout, name: name)
        }
        x = graph.add(.convolution(Convolution(outChannels: outputChannels, kernel: 1)), [x], name: "head")
        _ = graph.add(activation == .softmax ? .softmax : .sigmoid, [x], name: "output")
        return graph
    }

    private func rate(_ level: Int) -> Float { Float(dropout + dropoutChangePerLayer * Double(level)) }

    private func addBlock(
        _ graph: inout Graph,
        _ input: Graph.Value,
        filters: Int,
        dropout: Float,
        name: String
    ) -> Graph.Value {
        let convolution = Convolution(outChannels: filters, kernel: 3, padding: 1, hasBias: !batchNorm)
        var x = input
        for number in 1...2 {
            x = graph.add(.convolution(convolution), [x], name: "\(name).conv\(number)")
            x = graph.add(.relu, [x], name: "\(name).relu\(number)")
            if batchNorm {
                x = graph.add(
                    .batchNorm(epsilon: Self.batchNormEpsilon, momentum: Self.batchNormMomentum),
                    [x],
                    name: "\(name).norm\(number)"
                )
            }
            if number == 1, dropout > 0 {
                x = graph.add(
                    .dropout(rate: dropout, spatial: dropoutType == .spatial),
                    [x],
                    name: "\(name).dropout"
                )
            }
        }
        return x
    }

    private func addUpsampling(
        _ graph: inout Graph,
        _ input: Graph.Value,
        filters: Int,
        name: String
    ) -> Graph.Value {
        switch upsampling {
        case .deconv:
            graph.add(.transposedConvolution(outChannels: filters, stride: 2), [input], name: name + ".up")
        case .simple: graph.add(.nearestUpsample(factor: 2), [input], name: name + ".up")
        }
    }
}

extension ModelDescription {
    /// Output channels of the network: one a structure, and the background for softmax.
    package var outputChannels: Int { rois.count + (output.activation == .softmax ? 1 : 0) }

    package var graph: Graph {
        architecture.graph(
            inputChannels: input.channels,
            outputChannels: outputChannels,
            activation: output.activation
        )
    }
}

/// The network of a description with the weights of a file.
func loadNetwork(_ description: ModelDescription, weightsPath: String) throws -> Network {
    let bytes = try Data(contentsOf: URL(fileURLWithPath: weightsPath))
    do {
        let tensors = try Safetensors.decode(bytes).tensors
        let network = try Network(graph: description.graph, tensors: tensors)
        if let extra = tensors.keys.sorted().first(where: { network.tensors[$0] == nil }) {
            throw SegmentationError.weightsMismatch(path: weightsPath, message: "tensor \(extra) is not in the network")
        }
        return network
    } catch let error as NetworkError {
        throw SegmentationError.weightsMismatch(path: weightsPath, message: error.description)
    }
}

extension Network {
    /// The bytes of `weights.safetensors`.
    package func safetensors() throws -> Data { try Safetensors.encode(tensors) }
}
