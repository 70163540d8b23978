import ArgumentParser
import Daemon
import Dicom
import Foundation
import Pipeline
import Platform
import Report

struct ExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Tell what would happen to these files, and why.",
        discussion: """
            Reads the headers below PATH and says for every CT series how it is divided into stacks, whether it would \
            be contoured or refused, what is missing, and which files are used for nothing. Pixels are not read: a \
            refusal for values that are no HU shows only when the series is contoured. Nothing is changed.

            EXIT STATUS
              0 every series would be contoured; 65 at least one would be refused; 66 there is no CT series
            """
    )

    @Argument(help: ArgumentHelp("DICOM files or folders.", valueName: "path"))
    var paths: [String]

    @Flag(help: "Print the answer as JSON.")
    var json = false

    @Flag(help: "List every file that is used for nothing, not only their number by reason.")
    var allFiles = false

    @OptionGroup var options: ConfigurationOptions

    func run() throws {
        try exiting {
            let limits = try options.read().admission
            let bar = ProgressBar(isQuiet: json)
            let scan = try SeriesScan(paths: paths, limits: limits) { done, all in
                bar.show(Double(done) / Double(max(all, 1)), "reading headers")
            }
            bar.end()
            let scans = scan.stacks.filter { !$0.key.isLocalizer }
            let explanations = try scan.stacks.map { stack in
                try StackExplanation(stack, limits: limits, isSetAside: stack.key.isLocalizer && !scans.isEmpty)
            }
            if json {
                try printJSON(
                    Explanation(
                        stacks: explanations,
                        references: scan.references.map { ReferenceExplanation($0, in: scan) },
                        ignored: scan.ignored,
                        unfinished: unfinished(scan)
                    )
                )
            } else {
                tell(explanations, scan)
            }
            if explanations.isEmpty { throw ExitCode(ExitStatus.noInput.rawValue) }
            if explanations.contains(where: { $0.outcome == .refused }) {
                throw ExitCode(ExitStatus.dataError.rawValue)
            }
        }
    }

    private func unfinished(_ scan: SeriesScan) -> [String] {
        scan.stacks.flatMap(\.files).filter { InboxScanner.isIgnored(Directory.name(of: $0)) }.sorted()
    }

    private func tell(_ stacks: [StackExplanation], _ scan: SeriesScan) {
        for stack in stacks { print(stack.text) }
        for reference in scan.references {
            let told = ReferenceExplanation(reference, in: scan)
            let series = told.series.isEmpty ? "no series" : "series \(told.series.joined(separator: ", "))"
            let reason = scan.series(of: reference).reason.map { ". \($0)" } ?? ""
            print("\(told.path.printable): \(told.kind) of \(series)\(reason)")
        }
        for (code, files) in Dictionary(grouping: scan.ignored, by: \.code).sorted(by: { $0.key < $1.key }) {
            let subject = files.count == 1 ? "1 file is" : "\(files.count) files are"
            print("\(subject) used for nothing (\(code)): \(files[0].reason)")
            for file in allFiles ? files : [] { print("  \(file.path.printable)") }
        }
        let unfinished = unfinished(scan)
        if !unfinished.isEmpty {
            let have =
                unfinished.count == 1 ? "1 of these files has a name" : "\(unfinished.count) of these files have names"
            print(
                "\(have) of what is not finished (~..., .part, .tmp): the service leaves such in the inbox until they are renamed"
            )
            for path in allFiles ? unfinished : [] { print("  \(path.printable)") }
        }
        if stacks.isEmpty { print("There is no CT series: nothing would be contoured.") }
    }
}

/// What `explain --json` prints.
private struct Explanation: Encodable {
    var stacks: [StackExplanation]
    var references: [ReferenceExplanation]
    var ignored: [IgnoredFile]
    /// Images that are counted here, and that the service would leave in the inbox until they are renamed.
    var unfinished: [String]
}

private struct ReferenceExplanation: Encodable {
    var path: String
    var kind: String
    var series: [String]

    init(_ reference: SeriesScan.Reference, in scan: SeriesScan) {
        path = reference.path
        kind = reference.header.kind == .rtStructureSet ? "RT Structure Set" : "Segmentation"
        series = scan.series(of: reference).seriesInstanceUIDs
    }
}

/// What would become of one stack.
private struct StackExplanation: Encodable {
    enum Outcome: String, Encodable { case contoured, refused, setAside }

    var name: String
    var outcome: Outcome
    var images: Int
    var columns: Int
    var rows: Int
    /// Column, row and the most common slice spacing; nil where the slices span no grid.
    var spacingMM: [Double]?
    var gaps: [SliceGap]
    var localizersSetAside: Int
    /// What of a series with several stacks this one is.
    var part: CaseReport.Part?
    var extentIsProvable: Bool
    /// How many slices the service would wait for before it refuses.
    var missingSlices: Int
    /// Parts of a multi-frame image that it would wait for.
    var missingParts: Int
    var findings: [AdmissionFinding]

    init(_ stack: SeriesScan.Stack, limits: AdmissionLimits, isSetAside: Bool) throws(DicomError) {
        let examination = try examineCTSeries(
            files: stack.files,
            limits: limits,
            seriesInstanceCount: stack.seriesInstanceCount
        )
        name = stack.name
        let known = Set(examination.findings.map(\.code))
        findings = examination.findings + stack.refusals.filter { !known.contains($0.code) }
        findings += stack.dropFindings.map {
            AdmissionFinding(.warning, $0.code, $0.message, hint: $0.hint, details: $0.details)
        }
        outcome = isSetAside ? .setAside : findings.refusals.isEmpty ? .contoured : .refused
        images = stack.headers.reduce(0) { $0 + max(1, $1.numberOfFrames) }
        (columns, rows) = (stack.key.columns, stack.key.rows)
        spacingMM = examination.geometry.map {
            [$0.spacing.x, $0.spacing.y, examination.commonSpacingMM ?? $0.spacing.z]
        }
        gaps = examination.gaps
        localizersSetAside = stack.localizersSetAside
        part = stack.part.map(CaseReport.Part.init)
        extentIsProvable = examination.extentIsProvable
        // A slice that leaves a gap is one of those that the headers promise.
        missingSlices = max(examination.gaps.reduce(0) { $0 + $1.missingSlices }, examination.promisedSlices)
        missingParts = examination.missingParts
    }

    var text: String {
        let spacing = spacingMM.map { ", " + $0.map { decimal($0, 2) }.joined(separator: " x ") + " mm" } ?? ""
        let missing = gaps.reduce(0) { $0 + $1.missingSlices }
        let gap = missing == 0 ? "" : ", with \(counted(gaps.count, "gap")) of \(counted(missing, "slice")) in all"
        var lines = ["\(name): \(counted(images, "slice")) of \(columns) x \(rows)\(spacing)\(gap)"]
        switch outcome {
        case .contoured: lines.append("  would be contoured")
        case .refused: lines.append("  would be refused")
        case .setAside: lines.append("  would be set aside: a localizer beside a scan")
        }
        if let part { lines.append("  \(part.text)") }
        if localizersSetAside > 0 {
            lines.append("  beside it: \(counted(localizersSetAside, "localizer image")), not used")
        }
        for finding in outcome == .setAside ? [] : findings {
            lines.append("  \(finding.code): \(finding.message) \(finding.hint)")
            lines += finding.sliceDetails.map { "    \($0)" }
        }
        if missingSlices > 0 {
            lines.append("  the service would wait for \(counted(missingSlices, "more slice")) first")
        }
        if missingParts > 0 {
            lines.append(
                "  the service would wait for \(counted(missingParts, "more part")) of the multi-frame image first"
            )
        }
        return lines.joined(separator: "\n")
    }
}
