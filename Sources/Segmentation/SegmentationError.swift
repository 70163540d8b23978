/// What can go wrong below `Segmentation`. `description` names files by their path: it is shown to the owner of
/// the path, never written to the journal.
package enum SegmentationError: Error, Sendable, Equatable, CustomStringConvertible {
    /// A folder that is not a model package.
    case missingFile(path: String)
    /// model.json is not JSON or not of the schema; `key` is a path such as `rois[1].label`.
    case invalidModel(path: String, key: String, message: String)
    /// The weights do not belong to the architecture.
    case weightsMismatch(path: String, message: String)
    /// They are not those whose digest is in `model.json`.
    case damagedWeights(path: String)
    case modelNotFound(name: String, searched: [String])
    /// A volume that was not prepared for this model.
    case wrongInput(message: String)
    case invalidConfiguration(key: String, message: String)
    case noUsableCases(message: String)
    /// Training got worse without return; the last good checkpoint is kept, if an epoch ended before.
    case diverged(step: Int, message: String, checkpoint: String?)
    /// A case that was trained, validated or to be tested on can no longer be read when it is to be scored.
    case lostCase(name: String, message: String)
    case damagedCache(path: String, message: String)
    case damagedCheckpoint(path: String, message: String)
    case cancelled

    package var description: String {
        switch self {
        case .missingFile(let path): "\(path): no such file. A model package holds model.json and weights.safetensors."
        case .invalidModel(let path, let key, let message):
            "\(path): \(key.isEmpty ? "" : "\(key): ")\(message). The format is in docs/schemas/model.schema.json."
        case .damagedWeights(let path):
            "\(path): its SHA-256 is not the weightsDigest of model.json: it was damaged or exchanged. Install the package again."
        case .weightsMismatch(let path, let message): "\(path): \(message). The weights belong to another network."
        case .modelNotFound(let name, let searched):
            "no model `\(name)`. Searched: \(searched.isEmpty ? "nowhere" : searched.joined(separator: ", "))."
        case .wrongInput(let message): "the volume does not fit the model: \(message)"
        case .invalidConfiguration(let key, let message):
            "training configuration: \(key.isEmpty ? "" : "\(key): ")\(message)"
        case .noUsableCases(let message): "nothing to train on: \(message)"
        case .diverged(let step, let message, let checkpoint):
            "training diverged at step \(step): \(message). Train again with a lower learning rate and another --work"
                + (checkpoint.map { "; --start-from \($0) begins with its last good weights." } ?? ".")
        case .lostCase(let name, let message):
            "\(name) cannot be read any more, to score it: \(message). The training is kept: put its files back and give the same "
                + "command again, or add --without-scores."
        case .damagedCache(let path, let message): "\(path): \(message). Delete the cache folder and train again."
        case .damagedCheckpoint(let path, let message):
            "\(path): \(message). Delete it, and the same command begins from what was kept before it, or else from the beginning."
        case .cancelled: "cancelled"
        }
    }
}
