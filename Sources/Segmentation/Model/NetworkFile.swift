import Foundation
import NeuralNet

/// The network of a description with the weights of a file. Weights that only training uses (heads of deep
/// supervision) belong to the file as well.
func loadNetwork(_ description: ModelDescription, weightsPath: String) throws -> Network {
    let bytes = try Data(contentsOf: URL(fileURLWithPath: weightsPath))
    do {
        let tensors = try Safetensors.decode(bytes).tensors
        let network = try Network(graph: description.graph, tensors: tensors)
        let known = network.tensors
        if let extra = tensors.keys.sorted().first(where: { known[$0] == nil }) {
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
