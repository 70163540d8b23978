import Foundation
import NeuralNet
import Platform

/// The state of a training between two epochs, or between two steps: one file, written whole or not at all.
struct Checkpoint {
    var tensors: [String: Tensor]
    var state: State

    struct State: Codable {
        /// Updates made.
        var step: Int
        var history: TrainingHistory
        /// Recipe and cases; a checkpoint is not continued with others.
        var identity: TrainingIdentity
        /// Of the steps of an epoch that has begun and not ended; nil between epochs.
        var lossSum: Double?
    }

    private static let stateKey = "contourd.training"

    func write(to path: String) throws {
        let state = try StrictJSON.encode(state)
        let bytes = try Safetensors.encode(tensors, metadata: [Self.stateKey: String(decoding: state, as: UTF8.self)])
        try AtomicFile.write(bytes, to: path)
    }

    /// nil when there is none.
    static func read(_ path: String) throws -> Checkpoint? {
        guard let bytes = FileManager.default.contents(atPath: path) else { return nil }
        do {
            let (tensors, metadata) = try Safetensors.decode(bytes)
            let json = Data((metadata[stateKey] ?? "").utf8)
            return Checkpoint(tensors: tensors, state: try StrictJSON.decode(State.self, from: json))
        } catch let error as NetworkError {
            throw SegmentationError.damagedCheckpoint(path: path, message: error.description)
        } catch let problem as StrictJSON.Problem {
            throw SegmentationError.damagedCheckpoint(path: path, message: problem.message)
        }
    }
}
