import Foundation
import Platform

/// What a checkpoint belongs to: everything that decides the weights.
struct TrainingIdentity: Codable, Sendable, Equatable {
    /// Without what only describes the model.
    private(set) var recipe: TrainingConfiguration
    /// SHA-256 over roles, names and digests of the cases.
    private(set) var cases: String
    /// SHA-256 of the weights that the training began with; empty for drawn ones.
    private(set) var startingWeights: String

    init(
        _ configuration: TrainingConfiguration,
        training: [CachedCase],
        validation: [CachedCase],
        startingWeights: String
    ) {
        recipe = configuration
        recipe.card = CardTexts(intendedUse: "", labelling: "", limits: [], sources: [])
        (recipe.name, recipe.summary, recipe.version) = ("", "", "")
        let lines =
            training.map { "training \($0.name) \($0.digest)" }
            + validation.map { "validation \($0.name) \($0.digest)" }
        cases = SHA256Digest.hex(of: Data(lines.joined(separator: "\n").utf8))
        self.startingWeights = startingWeights
    }

    /// Why a training of this identity cannot go on from a checkpoint of another; nil when it can.
    ///
    /// When to stop may change: patience always, the number of epochs where the learning rate does not depend on it. So may what
    /// is done with a result of the network, as validation judges it before that.
    func reasonNotToContinue(_ checkpoint: TrainingIdentity) throws -> String? {
        guard cases == checkpoint.cases else { return "it belongs to other cases, or they were divided differently" }
        guard startingWeights == checkpoint.startingWeights else { return "it began with other weights" }
        var differences = try Self.differences(recipe, checkpoint.recipe)
        differences["optimisation.patience"] = nil
        // Words, as those that a checkpoint does not hold; those of former versions hold the name.
        (differences["output.emptyMessage"], differences["name"]) = (nil, nil)
        // From which score on a voxel is foreground: the loss takes the scores themselves, and only which of the later epochs
        // validates best depends on it.
        differences["output.threshold"] = nil
        differences = differences.filter { !Self.isOfResults($0.key) }
        let isFree = recipe.optimisation.schedule == .constant
        if isFree { differences["optimisation.epochs"] = nil }
        guard !differences.isEmpty else { return nil }
        let list = differences.sorted { $0.key < $1.key }.prefix(5).map { "\($0.key) (\($0.value))" }
        let reason = "it belongs to another recipe; what differs: \(list.joined(separator: ", "))"
        guard Array(differences.keys) == ["optimisation.epochs"] else { return reason }
        return reason + ". The \(recipe.optimisation.schedule.rawValue) schedule plans the learning rate for that "
            + "number of epochs, so a training that goes on would not be the one that was asked for; with the "
            + "constant schedule it may change"
    }

    /// Whether a key decides what becomes of a result of the network alone: `rois[1].roi.acceptance.minimumVolumeML`, say.
    private static func isOfResults(_ key: String) -> Bool {
        if key.hasPrefix("derivedROIs") { return true }
        guard key.hasPrefix("rois["), let rest = key.firstRange(of: "].roi.") else { return false }
        let part = key[rest.upperBound...].prefix { $0 != "." && $0 != "[" }
        return [
            "acceptance", "codes", "color", "confidence", "interpretedType", "plausibility", "postprocessing",
        ].contains(part)
    }

    /// Keys whose values differ, with both values.
    private static func differences(
        _ new: TrainingConfiguration,
        _ old: TrainingConfiguration
    ) throws -> [String: String] {
        func flat(_ recipe: TrainingConfiguration) throws -> [String: String] {
            var result: [String: String] = [:]
            func visit(_ value: Any, _ path: String) {
                if let object = value as? [String: Any] {
                    for (key, value) in object { visit(value, path.isEmpty ? key : "\(path).\(key)") }
                } else if let list = value as? [Any] {
                    for (index, value) in list.enumerated() { visit(value, "\(path)[\(index)]") }
                } else {
                    result[path] = "\(value)"
                }
            }
            visit(try JSONSerialization.jsonObject(with: StrictJSON.encode(recipe)), "")
            return result
        }
        let (a, b) = (try flat(new), try flat(old))
        var result: [String: String] = [:]
        for key in Set(a.keys).union(b.keys) where a[key] != b[key] {
            result[key] = "\(b[key] ?? "nothing") there, \(a[key] ?? "nothing") here"
        }
        return result
    }
}
