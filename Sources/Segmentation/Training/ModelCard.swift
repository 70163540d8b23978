import Metrics
import Platform

/// The text of MODEL_CARD.md: what the model is for, what it was trained on, how well it did, where it fails.
package struct ModelCard: Sendable {
    package var configuration: TrainingConfiguration
    package var summary: TrainingSummary
    package var history: TrainingHistory
    package var records: [CaseRecord]
    /// Rows of the score table.
    package var scores: [ScoreRow]
    /// Whether the scores may stand beside the published ones, in words.
    package var comparability: String
    /// What the division by patient does not know; empty where it knows all.
    package var divisionNotes: [String]
    /// From when to when it was trained.
    package var period: String
    /// SHA-256 of the weights, and their size in bytes.
    package var weightsDigest: String
    package var weightBytes: Int

    /// Scores of one structure of one case, measured on the CT grid after all post-processing.
    package struct ScoreRow: Codable, Sendable, Equatable {
        package var caseName: String
        package var role: CaseRecord.Role
        package var structure: String
        package var dice: Double?
        package var surfaceDice1MM: Double?
        package var surfaceDice2MM: Double?
        package var surfaceDice3MM: Double?
        package var hausdorff95MM: Double?
        package var meanSurfaceDistanceMM: Double?
        /// Beyond 2 mm.
        package var addedPathLengthMM: Double?
        package var confidence: Double
        /// Side without a voxel, which makes scores 0 or undefined; nil where both have some, and in reports of former
        /// versions.
        package var empty: EmptySide?

        package enum EmptySide: String, Codable, Sendable { case reference, prediction, both }

        /// - Parameter scores: with tolerances of 1, 2 and 3 mm.
        package init(
            caseName: String,
            role: CaseRecord.Role,
            scores: StructureScores,
            confidence: Double,
            empty: EmptySide?
        ) {
            self.caseName = caseName
            self.role = role
            structure = scores.name
            dice = scores.dice
            surfaceDice1MM = scores.surfaceDice["1"] ?? nil
            surfaceDice2MM = scores.surfaceDice["2"] ?? nil
            surfaceDice3MM = scores.surfaceDice["3"] ?? nil
            hausdorff95MM = scores.hausdorff95MM
            meanSurfaceDistanceMM = scores.meanSurfaceDistanceMM
            addedPathLengthMM = scores.addedPathLengthMM["2"] ?? nil
            self.confidence = confidence
            self.empty = empty
        }

        /// Why scores are 0 or undefined; empty where they are neither.
        package var remark: String {
            switch empty {
            case .reference: "empty in the reference"
            case .prediction: "empty in the prediction"
            case .both: "empty in both"
            case nil: dice == 0 ? "no voxel in common" : ""
            }
        }

        /// In the order of the tables, with their heads.
        static let measures: [(title: String, value: @Sendable (ScoreRow) -> Double?)] = [
            ("Dice", { $0.dice }), ("surface Dice 1 mm", { $0.surfaceDice1MM }),
            ("surface Dice 2 mm", { $0.surfaceDice2MM }), ("surface Dice 3 mm", { $0.surfaceDice3MM }),
            ("HD95 mm", { $0.hausdorff95MM }), ("mean distance mm", { $0.meanSurfaceDistanceMM }),
            ("added path length mm", { $0.addedPathLengthMM }),
        ]
    }

    package init(
        configuration: TrainingConfiguration,
        summary: TrainingSummary,
        history: TrainingHistory,
        records: [CaseRecord],
        scores: [ScoreRow],
        comparability: String,
        divisionNotes: [String] = [],
        period: String,
        weightsDigest: String,
        weightBytes: Int
    ) {
        self.configuration = configuration
        self.summary = summary
        self.history = history
        self.records = records
        self.scores = scores
        (self.comparability, self.divisionNotes) = (comparability, divisionNotes)
        (self.period, self.weightsDigest) = (period, weightsDigest)
        self.weightBytes = weightBytes
    }

    package var markdown: String {
        [header, use, network, data, results, limits].joined(separator: "\n\n") + "\n"
    }

    private var header: String {
        let warning = summary.demonstration ? "**DEMONSTRATION. Never for patients.**\n\n" : ""
        return "# \(configuration.name) \(configuration.version)\n\n\(warning)\(configuration.summary)"
    }

    private var use: String {
        let stated = configuration.card.intendedUse
        return """
            ## Intended use

            \(stated.isEmpty ? "The recipe states none (`card.intendedUse`): not for patients." : stated)

            Structures: \(configuration.rois.map(\.roi.name).joined(separator: ", "))\(derived).
            """
    }

    private var derived: String {
        let names = configuration.derivedROIs.map(\.name)
        return names.isEmpty ? "" : "; derived: " + names.joined(separator: ", ")
    }

    private var network: String {
        let a = configuration.architecture
        let i = configuration.input
        return """
            ## Network

            `\(a.kind.rawValue)`: \(a.words), \(configuration.output.activation.rawValue) output; \
            \(weightBytes / 1024) KiB of weights. It sees \(i.words), HU \(i.windowHU.lower) to \(i.windowHU.upper).

            Trained by contourd \(summary.softwareVersion): \(summary.epochs) epochs, \(summary.steps) steps of \
            \(configuration.optimisation.batchSize) samples, loss \(configuration.optimisation.loss.rawValue), optimizer \
            \(configuration.optimisation.optimizer.kind.rawValue), \
            seed \(summary.seed), \(period). Data digest `\(summary.dataDigest)`, weights `\(weightsDigest)`. The recipe is \
            `training.json`, the course `training-report.json` and `learning-curve.svg`.\(earlyEnd)\(chosenEpoch)
            """
    }

    private var earlyEnd: String { history.earlyEnd(configuration.optimisation).map { " It \($0)." } ?? "" }

    private var chosenEpoch: String {
        guard let best = history.epochs.first(where: { $0.number == history.bestEpoch }) else {
            return " No case validated; the weights are those of the last epoch."
        }
        let scored = best.validationDice.sorted { $0.key < $1.key }.map { name, dice in
            let more = best.validationMeasures[name]
            return "\(name) Dice \(text(dice)), surface Dice 2 mm \(text(more?.surfaceDice2MM)), "
                + "precision \(text(more?.precision)), recall \(text(more?.recall))\(more?.remark ?? "")"
        }
        let unseen = configuration.rois.map(\.roi.name).filter { best.validationDice[$0] == nil }
        let words =
            scored
            + unseen.map { "\($0) undefined (empty in the reference and the prediction of every validation case)" }
        let warning = history.hasLearnedNothing ? " **It has learned nothing that can be used.**" : ""
        return " Epoch \(best.number) was the best on the validation cases: \(words.joined(separator: "; ")).\(warning)"
    }

    private var data: String {
        let roles: [CaseRecord.Role] = [.training, .validation, .test, .excluded, .skipped]
        let counts = roles.map { role in "\(records.count { $0.role == role }) \(role.rawValue)" }
        var lines = ["## Training data", ""]
        if !configuration.card.sources.isEmpty {
            lines += ["| cases | source | licence | citation |", "|---|---|---|---|"]
            lines += configuration.card.sources.map { "| \($0.cases) | \($0.title) | \($0.licence) | \($0.citation) |" }
            lines.append("")
        }
        if !configuration.card.labelling.isEmpty { lines += [configuration.card.labelling, ""] }
        let folds = configuration.split.folds
        let fold = folds > 0 ? ", fold \(configuration.split.fold) of \(folds)" : ""
        lines += ["Divided by patient, seed \(summary.seed)\(fold): \(counts.joined(separator: ", ")).", ""]
        lines += divisionNotes.flatMap { [$0, ""] }
        lines += ["| case | role | slices | remark |", "|---|---|---|---|"]
        let names = configuration.generator.trainingNames
        let generated = records.filter { [names = Set(names)] in names.contains($0.name) && $0.role == .training }
        let others = records.filter { !generated.contains($0) }
        lines += others.map { "| \($0.name) | \($0.role.rawValue) | \($0.slices) | \(cell($0.remark)) |" }
        // Hundreds of rows that differ in a number would hide the others.
        if let first = names.first, let last = names.last, !generated.isEmpty {
            let slices = generated.reduce(0) { $0 + $1.slices }
            lines.append("| \(first) to \(last) | training | \(slices) | \(generated.count) generated patients |")
        }
        return lines.joined(separator: "\n")
    }

    private var results: String {
        var lines = ["## Scores", ""]
        if scores.isEmpty {
            lines.append("None were measured.")
        } else {
            lines += [
                "Measured on the CT grid after all post-processing. Rows with the role *training* show how well the "
                    + "training data is reproduced, not how the model does on new patients. " + comparability, "",
            ]
            for role in [CaseRecord.Role.test, .validation, .training] { lines += summaryTable(role) }
            let titles = ScoreRow.measures.map(\.title) + ["confidence", "remark"]
            lines += [
                "| case | role | structure | \(titles.joined(separator: " | ")) |",
                "|---|---|---|" + String(repeating: "---|", count: titles.count),
            ]
            lines += scores.map(row)
        }
        return lines.joined(separator: "\n")
    }

    /// Medians and means over the cases of a role; nothing when it has none.
    private func summaryTable(_ role: CaseRecord.Role) -> [String] {
        // A structure that neither side shows says nothing.
        let rows = scores.filter { $0.role == role && $0.empty != .both }
        guard !rows.isEmpty else { return [] }
        var lines = [
            "| \(role.rawValue) cases: median (mean) | n | \(ScoreRow.measures.map(\.title).joined(separator: " | ")) |",
            "|---|---|" + String(repeating: "---|", count: ScoreRow.measures.count),
        ]
        for (structure, rows) in Dictionary(grouping: rows, by: \.structure).sorted(by: { $0.key < $1.key }) {
            let cells = ScoreRow.measures.map { measure in
                let sample = SampleSummary(rows.map(measure.value))
                let defined = rows.count { measure.value($0) != nil }
                // A structure that was not found has no distance: its case must not vanish from the mean without a word.
                let part = defined == rows.count || defined == 0 ? "" : ", of \(defined)"
                return "\(text(sample.median)) (\(text(sample.mean))\(part))"
            }
            lines.append("| \(structure) | \(rows.count) | \(cells.joined(separator: " | ")) |")
        }
        return lines + [""]
    }

    /// Text of a table's cell in which nothing is Markdown or HTML: remarks name structures as somebody called them.
    private func cell(_ text: String) -> String {
        text.printable.reduce(into: "") { cell, character in
            cell += "\\`|<*[".contains(character) ? "\\\(character)" : String(character)
        }
    }

    private func text(_ value: Double?) -> String { value.map { "\(($0 * 1000).rounded() / 1000)" } ?? "undefined" }

    private func row(_ score: ScoreRow) -> String {
        let numbers = (ScoreRow.measures.map { $0.value(score) } + [score.confidence]).map(text)
        return "| \(score.caseName) | \(score.role.rawValue) | \(score.structure) | "
            + (numbers + [score.remark]).joined(separator: " | ") + " |"
    }

    private var limits: String {
        let stated = configuration.card.limits
        let lines = stated.isEmpty ? ["The recipe states none (`card.limits`): where it fails is not known."] : stated
        return (["## Limits", ""] + lines.map { "- \($0)" }).joined(separator: "\n")
    }
}

extension Architecture {
    /// The options for people.
    fileprivate var words: String {
        switch self {
        case .customUNet(let a):
            "\(a.layers) levels, \(a.filters) filters at the first, batch normalisation \(a.batchNorm ? "on" : "off"), "
                + "dropout \(a.dropout) (\(a.dropoutType.rawValue)), upsampling \(a.upsampling.rawValue)"
                + (a.attention ? ", attention gates" : "")
        case .vanillaUNet(let a):
            "\(a.layers) levels, \(a.filters) filters at the first, unpadded convolutions, dropout \(a.dropout)"
        case .vNet(let a):
            "\(a.layers) levels, \(a.filters) filters at the first, residual, kernels of \(a.kernel), "
                + "normalisation \(a.norm.rawValue)"
        case .plainConvUNet(let a):
            "\(a.layers) levels, \(a.filters) filters at the first (at most \(a.maximumFilters)), "
                + "normalisation \(a.norm.rawValue), deep supervision \(a.deepSupervision ? "on" : "off")"
        }
    }
}

extension InputDescription {
    fileprivate var words: String {
        if let patch {
            return
                "patches of \(patch.columns) x \(patch.rows) x \(patch.slices) voxels, pixels of \(pixelSpacingMM) mm"
        }
        return "\(channels) slice(s) of \(columns) x \(rows) pixels of \(pixelSpacingMM) mm"
    }
}
