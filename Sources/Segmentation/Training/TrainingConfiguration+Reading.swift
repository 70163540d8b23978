import Foundation

extension TrainingConfiguration {
    /// Reads a recipe: the keys given replace those of `base`, objects key by key, lists as a whole. Structures that it gives need
    /// their patterns and their name, see `StructureDefaults`.
    package init(from json: Data, over base: TrainingConfiguration = .lungs) throws(SegmentationError) {
        do {
            let given = try JSONSerialization.jsonObject(with: json)
            try StrictJSON.requireUniqueKeys(json)
            let known = try JSONSerialization.jsonObject(with: JSONEncoder().encode(base))
            let recipe = try StructureDefaults.complete(Self.merge(given, over: known), given: given)
            let merged = try JSONSerialization.data(withJSONObject: recipe)
            self = try StrictJSON.decode(TrainingConfiguration.self, from: merged)
        } catch let problem as StrictJSON.Problem {
            throw .invalidConfiguration(key: problem.key, message: problem.message)
        } catch {
            // Foundation says where the text breaks off in the user info alone.
            let details = (error as NSError).userInfo["NSDebugDescription"] as? String ?? error.localizedDescription
            throw .invalidConfiguration(key: "", message: "not JSON: \(details)")
        }
        try validate()
    }

    static func merge(_ given: Any, over known: Any) -> Any {
        guard let given = given as? [String: Any], var result = known as? [String: Any] else { return given }
        // Another kind has other options: what is not given are its own defaults.
        if let kind = given["kind"] as? String, kind != result["kind"] as? String,
            let defaults = Architecture.Kind(rawValue: kind).flatMap(Self.options)
        {
            result = defaults
        }
        for (key, value) in given {
            // Dictionaries with free keys are data, not options, and are replaced.
            result[key] = key == "caseWeights" ? value : result[key].map { merge(value, over: $0) } ?? value
        }
        return result
    }

    private static func options(of kind: Architecture.Kind) -> [String: Any]? {
        // Options with their defaults can be encoded.
        (try? JSONEncoder().encode(Architecture(kind)))
            .flatMap { try? JSONSerialization.jsonObject(with: $0) } as? [String: Any]
    }

    /// Checks everything that can be wrong before hours are spent.
    ///
    /// - Throws: `SegmentationError.invalidConfiguration` with the key, what is possible and what is given.
    package func validate() throws(SegmentationError) {
        do throws(SegmentationError) { try checkRules() } catch {
            guard case .invalidConfiguration(let key, let message) = error else { throw error }
            let problem = StrictJSON.Problem(key: key, message: message).telling(valueIn: self)
            throw .invalidConfiguration(key: problem.key, message: problem.message)
        }
    }

    private func checkRules() throws(SegmentationError) {
        if let problem = modelDescription(training: nil).firstProblem() {
            // The model's structures are parts of the recipe's.
            let key = problem.key.replacing(#/^(rois\[[0-9]+\])\./#) { "\($0.1).roi." }
            throw .invalidConfiguration(key: key, message: problem.message)
        }
        if let (key, message) = optimisation.firstProblem() {
            throw .invalidConfiguration(key: "optimisation.\(key)", message: message)
        }
        for (key, fraction) in [
            ("validationFraction", split.validationFraction), ("testFraction", split.testFraction),
        ] {
            try require((0..<1).contains(fraction), "split.\(key)", "from 0 to below 1")
        }
        try require(
            split.validationFraction + split.testFraction < 1,
            "split",
            "validationFraction and testFraction: below 1 together, so that somebody trains"
        )
        try require(split.folds == 0 || (2...100).contains(split.folds), "split.folds", "0, or 2 to 100")
        try require(split.fold >= 1 && split.fold <= max(1, split.folds), "split.fold", "1 to the number of folds")
        try require((0...1).contains(sampling.foregroundFraction), "sampling.foregroundFraction", "0 to 1")
        try require((0...1000).contains(sampling.borderMM), "sampling.borderMM", "0 to 1000")
        for (pattern, weight) in sampling.caseWeights.sorted(by: { $0.key < $1.key }) {
            try require(weight > 0 && weight <= 1000, "sampling.caseWeights.\(pattern)", "above 0, at most 1000")
        }
        if let (key, message) = augmentation.firstProblem() {
            throw .invalidConfiguration(key: "augmentation.\(key)", message: message)
        }
        let g = generator
        for (key, count) in [("count", g.count), ("validationCount", g.validationCount)] {
            try require(
                (0...GeneratorConfiguration.mostPatients).contains(count),
                "generator.\(key)",
                "0 to \(GeneratorConfiguration.mostPatients)"
            )
        }
        try require((64...1024).contains(g.columns), "generator.columns", "64 to 1024")
        try require(g.maximumSlices >= 6, "generator.maximumSlices", "at least 6")
        try require((0...10).contains(g.diseaseFactor), "generator.diseaseFactor", "0 to 10")
        try validatePatterns()
        try validateSourceLabels()
    }

    private func validatePatterns() throws(SegmentationError) {
        for (index, entry) in rois.enumerated() {
            try require(!entry.patterns.isEmpty, "rois[\(index)].patterns", "every structure needs a name pattern")
            for (number, pattern) in entry.patterns.enumerated() {
                try require(
                    !NamePattern(pattern).isEmpty,
                    "rois[\(index)].patterns[\(number)]",
                    "\"\(pattern)\" matches no name; give names such as \"Lung_L|Lung Left\""
                )
            }
        }
    }

    /// One value of a label map is one structure, and 0 is what belongs to none.
    private func validateSourceLabels() throws(SegmentationError) {
        var taken: [Int: String] = [:]
        for (index, entry) in rois.enumerated() {
            let value = entry.sourceValue
            try require(
                (1...255).contains(value),
                "rois[\(index)].sourceLabel",
                "\(value) is given, 1 to 255 is needed\(value == 0 ? ": 0 is the background of label maps" : "")"
            )
            if let other = taken.updateValue(entry.roi.name, forKey: value) {
                throw .invalidConfiguration(
                    key: "rois[\(index)].sourceLabel",
                    message: """
                        \(value) is the value of both \(other) and \(entry.roi.name) in label maps; give each its own (without \
                        sourceLabel it is the label)
                        """
                )
            }
        }
    }

    private func require(_ condition: Bool, _ key: String, _ message: String) throws(SegmentationError) {
        if !condition { throw .invalidConfiguration(key: key, message: message) }
    }

    /// The model.json of a package trained with this recipe.
    package func modelDescription(training: TrainingSummary?) -> ModelDescription {
        ModelDescription(
            name: name,
            version: version,
            summary: summary,
            architecture: architecture,
            input: input,
            output: output,
            rois: rois.map(\.roi),
            derivedROIs: derivedROIs,
            training: training
        )
    }

    /// Channels of the network's output.
    package var outputChannels: Int { rois.count + (output.activation == .softmax ? 1 : 0) }
}
