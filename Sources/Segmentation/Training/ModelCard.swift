/// The text of MODEL_CARD.md: what the model is for, what it was trained on, how well it did, where it fails.
package struct ModelCard: Sendable {
    package var configuration: TrainingConfiguration
    package var summary: TrainingSummary
    package var history: TrainingHistory
    package var records: [CaseRecord]
    /// Rows of the score table.
    package var scores: [ScoreRow]
    /// Size of the weights, bytes.
    package var weightBytes: Int

    /// Scores of one structure of one case, measured on the CT grid after all post-processing.
    package struct ScoreRow: Codable, Sendable, Equatable {
        package var caseName: String
        package var role: CaseRecord.Role
        package var structure: String
        package var dice: Double?
        package var surfaceDice2MM: Double?
        package var hausdorff95MM: Double?
        package var meanSurfaceDistanceMM: Double?
        package var confidence: Double

        package init(
            caseName: String,
            role: CaseRecord.Role,
            structure: String,
            dice: Double?,
            surfaceDice2MM: Double?,
            hausdorff95MM: Double?,
            meanSurfaceDistanceMM: Double?,
            confidence: Double
        ) {
            self.caseName = caseName
            self.role = role
            self.structure = structure
            self.dice = dice
            self.surfaceDice2MM = surfaceDice2MM
            self.hausdorff95MM = hausdorff95MM
            self.meanSurfaceDistanceMM = meanSurfaceDistanceMM
            self.confidence = confidence
        }
    }

    package init(
        configuration: TrainingConfiguration,
        summary: TrainingSummary,
        history: TrainingHistory,
        records: [CaseRecord],
        scores: [ScoreRow],
        weightBytes: Int
    ) {
        self.configuration = configuration
        self.summary = summary
        self.history = history
        self.records = records
        self.scores = scores
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
        """
        ## Intended use

        \(configuration.card.intendedUse)

        Structures: \(configuration.rois.map(\.roi.name).joined(separator: ", ")); derived: \
        \(configuration.derivedROIs.map(\.name).joined(separator: ", ")).
        """
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
            seed \(summary.seed). Data digest `\(summary.dataDigest)`. The recipe is `training.json`, the learning \
            curve is in `training-report.json`.
            """
    }

    private var data: String {
        var lines = ["## Training data", ""]
        if !configuration.card.sources.isEmpty {
            lines += ["| cases | source | licence | citation |", "|---|---|---|---|"]
            lines += configuration.card.sources.map { "| \($0.cases) | \($0.title) | \($0.licence) | \($0.citation) |" }
            lines.append("")
        }
        if !configuration.card.labelling.isEmpty { lines += [configuration.card.labelling, ""] }
        lines += ["| case | role | slices | remark |", "|---|---|---|---|"]
        lines += records.map { "| \($0.name) | \($0.role.rawValue) | \($0.slices) | \($0.remark) |" }
        return lines.joined(separator: "\n")
    }

    private var results: String {
        var lines = ["## Scores", ""]
        if scores.isEmpty {
            lines.append("None were measured.")
        } else {
            lines += [
                "Measured on the CT grid after all post-processing. Rows with the role *training* show how well the "
                    + "training data is reproduced, not how the model does on new patients.", "",
                "| case | role | structure | Dice | surface Dice 2 mm | HD95 mm | mean distance mm | confidence |",
                "|---|---|---|---|---|---|---|---|",
            ]
            lines += scores.map(row)
        }
        return lines.joined(separator: "\n")
    }

    private func row(_ score: ScoreRow) -> String {
        let numbers = [
            score.dice, score.surfaceDice2MM, score.hausdorff95MM, score.meanSurfaceDistanceMM, score.confidence,
        ].map { $0.map { "\(($0 * 1000).rounded() / 1000)" } ?? "undefined" }
        return "| \(score.caseName) | \(score.role.rawValue) | \(score.structure) | "
            + numbers.joined(separator: " | ") + " |"
    }

    private var limits: String {
        (["## Limits", ""] + configuration.card.limits.map { "- \($0)" }).joined(separator: "\n")
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
