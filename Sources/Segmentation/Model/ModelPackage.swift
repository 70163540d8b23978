import Foundation
import NeuralNet
import Platform

/// A model as it is installed: a folder with `model.json`, `weights.safetensors` and `MODEL_CARD.md`.
package struct ModelPackage: Sendable {
    /// Folder from which it was read.
    package let directory: String
    package let description: ModelDescription
    /// SHA-256 over the digests of `model.json` and `weights.safetensors`, lower-case hex: two packages with one
    /// digest give the same results.
    package let digest: String
    /// The network with its weights, batch normalisation folded where the engine can.
    package let network: Network

    package var name: String { description.name }

    /// Reads and checks a package; every weight must belong to the architecture and have its shape.
    ///
    /// - Throws: `SegmentationError` with the file and the key.
    package init(contentsOf directory: String) throws {
        let jsonPath = directory + "/model.json"
        let weightsPath = directory + "/weights.safetensors"
        guard let json = FileManager.default.contents(atPath: jsonPath) else {
            throw SegmentationError.missingFile(path: jsonPath)
        }
        guard FileManager.default.fileExists(atPath: weightsPath) else {
            throw SegmentationError.missingFile(path: weightsPath)
        }
        self.directory = directory
        description = try Self.description(from: json, path: jsonPath)
        let weightsDigest = try SHA256Digest.hex(ofFile: weightsPath)
        if let expected = description.weightsDigest, expected != weightsDigest {
            throw SegmentationError.damagedWeights(path: weightsPath)
        }
        digest = SHA256Digest.hex(of: Data((SHA256Digest.hex(of: json) + weightsDigest).utf8))
        network = try loadNetwork(description, weightsPath: weightsPath)
    }

    /// Parses and validates the text of a `model.json`.
    package static func description(from json: Data, path: String) throws(SegmentationError) -> ModelDescription {
        let description: ModelDescription
        do {
            description = try StrictJSON.decode(ModelDescription.self, from: json)
        } catch {
            throw .invalidModel(path: path, key: error.key, message: error.message)
        }
        if let problem = description.firstProblem() {
            throw .invalidModel(path: path, key: problem.key, message: problem.message)
        }
        return description
    }
}
