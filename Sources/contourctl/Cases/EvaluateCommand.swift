import ArgumentParser
import Foundation
import Metrics
import Pipeline
import Platform
import Report
import Segmentation

struct EvaluateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract: "Score contours against a reference, one case or many.",
        discussion: """
            Both may be an RT Structure Set, a DICOM Segmentation, a NIfTI file (a mask named after its structure, or a \
            label map with --label), or a folder with one NIfTI file for each structure. Structures are matched by name; \
            Lung_L, LUNG LEFT, LungL and lt lung are one, Lung_L_PTV is another. Contours between slices are taken to the \
            nearest one; how many and how far is told, as are slices that are skipped.

            Two folders of cases (folders that hold folders, or DICOM objects) are a cohort. Cases are matched by the \
            series that they contour, or by the name of their folder or file; what has no partner is named. Folders of label \
            maps with one case in each file need --cases. The answer has all scores, and for each structure median, mean, quartiles and 95 % bootstrap intervals, worst first.

            \(StructureScores.definition(on: "the grid of the CT, or without --ct of the reference")). Two RT Structure Sets \
            need the CT that they were drawn on (--ct). Undefined (a side is empty) is shown as -, and as null in JSON; it \
            takes no part in means. Slices are counted from 1 in texts and from 0 in JSON.

            DICOM objects that lie in different Frames of Reference are refused, and a structure that says that it lies in \
            another one than the CT is not scored. Different patients (by Patient ID, which is \
            never printed), different series, grids that differ by more than a fiftieth of a voxel, contours that lie farther \
            than a tenth of the distance of slices from one, values that a label map lacks or nobody named, and a side that \
            lies wholly outside of the grid are warnings, also on standard error.

            EXAMPLES
              contourctl evaluate --reference approved.dcm --prediction rtstruct.dcm --ct ct
              contourctl evaluate --reference truth/ --prediction results/1.2.3/ --tolerance 1 --tolerance 2
              contourctl evaluate --reference l.nii.gz --prediction seg.dcm --label Lung_L=1 --label Lung_R=2 --json
              contourctl evaluate --reference r.nii.gz --prediction p.nii.gz --reference-label Heart=10 --label Heart=1
              contourctl evaluate --reference approved/ --prediction outbox/ --ct ct/ --html cohort.html --csv > all.csv

            EXIT STATUS
              0 scored; 64 a name in --label or --per-organ-tolerance is in no case, or there twice; 65 a file cannot be used, no name \
            matches, or the sides lie in different Frames of Reference; 66 a file is not there
            """
    )

    @Option(help: ArgumentHelp("What is right.", valueName: "path"))
    var reference: String

    @Option(help: ArgumentHelp("What is scored.", valueName: "path"))
    var prediction: String

    @Option(help: ArgumentHelp("CT images: their grid is the one to compare on.", valueName: "path"))
    var ct: [String] = []

    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "Tolerance of surface Dice in mm, 0 or 0.001 to 100; may be given several times. Default: 1, 2, 3.",
            valueName: "mm"
        )
    )
    var tolerance: [Double] = []

    @Option(help: ArgumentHelp("Tolerance of one structure instead, for example SpinalCord=1.", valueName: "name=mm"))
    var perOrganTolerance: [String] = []

    @Option(help: ArgumentHelp("What a value of a NIfTI label map is, for example Lung_L=1.", valueName: "name=value"))
    var label: [String] = []

    @Option(help: ArgumentHelp("The same of the reference alone, in the place of --label.", valueName: "name=value"))
    var referenceLabel: [String] = []

    @Option(help: ArgumentHelp("The same of the prediction alone, in the place of --label.", valueName: "name=value"))
    var predictionLabel: [String] = []

    @Flag(help: "Every NIfTI file of the two folders is a case of its own.")
    var cases = false

    @Flag(help: "Score every slice in its plane, too (in JSON).")
    var slices = false

    @Flag(help: "Print the scores as JSON.")
    var json = false

    @Flag(help: "Print the scores as comma-separated values.")
    var csv = false

    @Option(help: ArgumentHelp("Write a page with plots of a cohort.", valueName: "file"))
    var html: String?

    @Option(help: "Number of threads. The result does not depend on it.")
    var threads: Int = ProcessorCount.available

    func validate() throws {
        guard tolerance.allSatisfy(StructureScores.isTolerance) else {
            throw ValidationError("--tolerance takes 0, or 0.001 to 100 mm")
        }
        guard !(json && csv) else { throw ValidationError("--json or --csv, not both") }
        guard json || !slices else { throw ValidationError("--slices needs --json") }
        guard try pairs(perOrganTolerance, "--per-organ-tolerance").values.allSatisfy(StructureScores.isTolerance)
        else {
            throw ValidationError("--per-organ-tolerance takes 0, or 0.001 to 100 mm")
        }
        _ = try (labels(label, "--label"), labels(referenceLabel, "--reference-label"))
        _ = try labels(predictionLabel, "--prediction-label")
    }

    func run() throws {
        try exiting {
            let request = try request()
            if try comparesCohorts(request) { return try scoreCohort(request) }
            guard html == nil else {
                throw CommandFailure(.dataError, "--html shows a cohort; reference and prediction are one case")
            }
            let comparison = try compareStructures(request)
            tell(EvaluationText.warnings(comparison) + (csv ? comparison.findings : []))
            if json {
                try printJSON(comparison)
            } else if csv {
                print(EvaluationText.csv(comparison))
            } else {
                print(EvaluationText.text(comparison))
            }
            if let fault = comparison.fault { throw CommandFailure(.dataError, fault) }
        }
    }

    private func scoreCohort(_ request: ComparisonRequest) throws {
        let bar = ProgressBar()
        let cohort = try compareCohorts(request) { done, all in
            bar.show(Double(done) / Double(max(1, all)), "\(done) of \(all) cases")
        }
        bar.end()
        tell(EvaluationText.warnings(cohort))
        if json {
            try printJSON(cohort)
        } else if csv {
            print(EvaluationText.csv(cohort))
        } else {
            print(EvaluationText.text(cohort))
        }
        if let html {
            let pictures = try cohortPictures(cohort, request)
            let notes =
                cohort.summary.count > mostPictured
                ? ["Of \(cohort.summary.count) structures the \(mostPictured) with the worst cases have pictures."] : []
            let page = cohortHTML(cohort, charts: cohort.charts(), pictures: pictures, notes: notes)
            try AtomicFile.write(Data(page.utf8), to: html)
        }
        guard cohort.cases.contains(where: { !$0.structures.isEmpty }) else {
            let faults = cohort.cases.compactMap { one in one.fault.map { "\n  \(one.name): \($0)" } }
            throw CommandFailure(.dataError, "no case could be scored\(faults.joined())")
        }
    }

    /// On standard error: whoever reads the numbers by a program sees it all the same.
    private func tell(_ lines: [String]) {
        for line in lines { FileHandle.standardError.write(Data("contourctl evaluate: \(line)\n".utf8)) }
    }

    private func request() throws -> ComparisonRequest {
        var request = ComparisonRequest(
            reference: reference,
            prediction: prediction,
            ct: ct,
            labels: try labels(label, "--label"),
            tolerancesMM: tolerance.isEmpty ? [1, 2, 3] : tolerance,
            toleranceByStructure: try pairs(perOrganTolerance, "--per-organ-tolerance"),
            threads: threads
        )
        request.referenceLabels = try labels(referenceLabel, "--reference-label")
        request.predictionLabels = try labels(predictionLabel, "--prediction-label")
        request.withSlices = slices
        request.everyFileIsACase = cases
        return request
    }

    private func pairs(_ texts: [String], _ option: String) throws -> [String: Double] {
        var result: [String: Double] = [:]
        for text in texts {
            let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2, let value = Double(parts[1]), value >= 0, value.isFinite else {
                throw ValidationError("\(option) takes NAME=NUMBER, not \(text)")
            }
            // However it is spelt: one of both would be lost.
            if let former = result.keys.first(where: { StructureName($0) == StructureName(parts[0]) }) {
                throw ValidationError("\(option) names a structure twice: \(former) and \(parts[0])")
            }
            result[parts[0]] = value
        }
        return result
    }

    private func labels(_ texts: [String], _ option: String) throws -> [String: UInt16] {
        let labels = try pairs(texts, option).mapValues { value in
            guard let label = UInt16(exactly: value), label > 0 else {
                throw ValidationError("\(option) takes whole numbers from 1 to 65535")
            }
            return label
        }
        for (value, names) in Dictionary(grouping: labels.keys, by: { labels[$0] ?? 0 }) where names.count > 1 {
            let all = names.sorted().joined(separator: " and ")
            throw ValidationError("\(option) gives one value, \(value), to \(all)")
        }
        return labels
    }
}
