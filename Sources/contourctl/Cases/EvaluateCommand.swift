import ArgumentParser
import Foundation
import Metrics
import Pipeline
import Platform

struct EvaluateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract: "Score contours against a reference.",
        discussion: """
            Both may be an RT Structure Set, a DICOM Segmentation, a NIfTI file (a mask named after its structure, or a \
            label map with --label), or a folder with one NIfTI file for each structure. Structures are matched by name; \
            Lung_L, LUNG LEFT, LungL and lt lung are one, Lung_L_PTV is another. Contours between slices are taken to the \
            nearest one; how many and how far is told, as are slices that are skipped.

            \(StructureScores.definition). Two RT Structure Sets need the CT that they were drawn on (--ct). Undefined \
            (a side is empty) is shown as -, and as null in JSON.

            EXAMPLES
              contourctl evaluate --reference approved.dcm --prediction rtstruct.dcm --ct ct
              contourctl evaluate --reference truth/ --prediction results/1.2.3/ --tolerance 1 --tolerance 2
              contourctl evaluate --reference l.nii.gz --prediction seg.dcm --label Lung_L=1 --label Lung_R=2 --json

            EXIT STATUS
              0 scored; 65 a file cannot be used, or no name matches; 66 a file is not there
            """
    )

    @Option(help: ArgumentHelp("What is right.", valueName: "file"))
    var reference: String

    @Option(help: ArgumentHelp("What is scored.", valueName: "file"))
    var prediction: String

    @Option(help: ArgumentHelp("CT images: their grid is the one to compare on.", valueName: "path"))
    var ct: [String] = []

    @Option(
        help: ArgumentHelp(
            "Tolerance of surface Dice in mm; may be given several times. Default: 1, 2, 3.",
            valueName: "mm"
        )
    )
    var tolerance: [Double] = []

    @Option(help: ArgumentHelp("Tolerance of one structure instead, for example SpinalCord=1.", valueName: "name=mm"))
    var perOrganTolerance: [String] = []

    @Option(help: ArgumentHelp("What a value of a NIfTI label map is, for example Lung_L=1.", valueName: "name=value"))
    var label: [String] = []

    @Flag(help: "Print the scores as JSON.")
    var json = false

    @Flag(help: "Print the scores as comma-separated values.")
    var csv = false

    @Option(help: "Number of threads. The result does not depend on it.")
    var threads: Int = ProcessorCount.available

    func validate() throws {
        guard tolerance.allSatisfy({ $0 >= 0 && $0 <= 100 }) else {
            throw ValidationError("--tolerance takes 0 to 100 mm")
        }
        guard !(json && csv) else { throw ValidationError("--json or --csv, not both") }
        _ = try (pairs(perOrganTolerance, "--per-organ-tolerance"), labels())
    }

    func run() throws {
        try exiting {
            let request = ComparisonRequest(
                reference: reference,
                prediction: prediction,
                ct: ct,
                labels: try labels(),
                tolerancesMM: tolerance.isEmpty ? [1, 2, 3] : tolerance,
                toleranceByStructure: try pairs(perOrganTolerance, "--per-organ-tolerance"),
                threads: threads
            )
            let comparison = try compareStructures(request)
            if json { try printJSON(comparison) } else if csv { printCSV(comparison) } else { tell(comparison) }
            guard !comparison.structures.isEmpty else {
                throw CommandFailure(
                    .dataError,
                    "no structure has one name on both sides; reference: \(comparison.unmatchedReference.joined(separator: ", ")); prediction: \(comparison.unmatchedPrediction.joined(separator: ", "))"
                )
            }
        }
    }

    private func pairs(_ texts: [String], _ option: String) throws -> [String: Double] {
        var result: [String: Double] = [:]
        for text in texts {
            let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2, let value = Double(parts[1]), value >= 0, value.isFinite else {
                throw ValidationError("\(option) takes NAME=NUMBER, not \(text)")
            }
            result[parts[0]] = value
        }
        return result
    }

    private func labels() throws -> [String: UInt8] {
        try pairs(label, "--label").mapValues { value in
            guard let label = UInt8(exactly: value), label > 0 else {
                throw ValidationError("--label takes whole numbers from 1 to 255")
            }
            return label
        }
    }

    /// Columns for every tolerance that some structure was scored with.
    private func tolerances(_ comparison: StructureComparison) -> [String] {
        Set(comparison.structures.flatMap(\.surfaceDice.keys)).sorted { (Double($0) ?? 0) < (Double($1) ?? 0) }
    }

    private func tell(_ comparison: StructureComparison) {
        let tolerances = tolerances(comparison)
        var table = TextTable(
            ["structure", "Dice"] + tolerances.map { "surface Dice \($0) mm" }
                + ["HD95 mm", "mean distance mm", "reference mL", "prediction mL"]
        )
        for scores in comparison.structures {
            table.add(
                [scores.name, decimal(scores.dice, 4)] + tolerances.map { decimal(scores.surfaceDice[$0] ?? nil, 4) }
                    + [
                        decimal(scores.hausdorff95MM, 2), decimal(scores.meanSurfaceDistanceMM, 3),
                        decimal(scores.volumeReferenceML, 1), decimal(scores.volumePredictionML, 1),
                    ]
            )
        }
        print(table.text)
        for name in comparison.unmatchedReference { print("only in the reference: \(name)") }
        for name in comparison.unmatchedPrediction { print("only in the prediction: \(name)") }
        for finding in comparison.findings { print(finding) }
        print(comparison.definition)
    }

    private func printCSV(_ comparison: StructureComparison) {
        let tolerances = tolerances(comparison)
        print(
            (["structure", "dice"] + tolerances.map { "surface_dice_\($0)_mm" } + [
                "hausdorff_95_mm", "mean_surface_distance_mm", "volume_reference_ml", "volume_prediction_ml",
            ]).joined(separator: ",")
        )
        for scores in comparison.structures {
            let numbers =
                [scores.dice] + tolerances.map { scores.surfaceDice[$0] ?? nil } + [
                    scores.hausdorff95MM, scores.meanSurfaceDistanceMM, scores.volumeReferenceML,
                    scores.volumePredictionML,
                ]
            let name =
                scores.name.contains(where: { ",\"\n".contains($0) })
                ? "\"" + scores.name.replacingOccurrences(of: "\"", with: "\"\"") + "\"" : scores.name
            print(([name] + numbers.map { $0.map { "\($0)" } ?? "" }).joined(separator: ","))
        }
    }
}
