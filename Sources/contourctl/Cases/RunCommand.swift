import ArgumentParser
import Daemon
import Foundation
import Pipeline
import Platform
import Segmentation

struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Contour CTs now, without the service.",
        discussion: """
            INPUT are DICOM files or folders, nested as deep as they come; several series may lie in one folder. \
            Each CT series becomes a folder in DIR with the RT Structure Set, the Segmentation, NIfTI masks and \
            report.html, as the service would write it. A series that cannot be trusted becomes NAME.refused with the \
            reason in REFUSED.txt. The input is only read.

            RT Structure Sets and Segmentations below INPUT that refer to a series are scored against it; --reference \
            names others, or NIfTI masks.

            EXAMPLES
              contourctl run /data/ct --output results
              contourctl run ct --output results --reference approved.dcm
              contourctl run ct --output results --model ./models/lungs --json

            EXIT STATUS
              0 all series contoured (also with findings to look at); 64 wrong use; 65 a series was refused; 66 no CT series \
            in the input, or no such model; 78 the configuration allows too little memory; 70, 73, 75, 77 the work failed, see \
            contourctl --help; 130 interrupted
            """
    )

    @Argument(help: ArgumentHelp("DICOM files or folders.", valueName: "input"))
    var inputs: [String]

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("Folder for the results, outside of the input; made if it is missing.", valueName: "dir")
    )
    var output: String

    @Option(
        help: ArgumentHelp("Model: a name that contourctl models lists, or a folder (with a slash).", valueName: "name")
    )
    var model: String?

    @Option(
        help: ArgumentHelp(
            "RT Structure Set, Segmentation or NIfTI to score against; may be given several times.",
            valueName: "file"
        )
    )
    var reference: [String] = []

    @Option(help: "Number of threads. The result does not depend on it.")
    var threads: Int = ProcessorCount.available

    @Flag(help: "Print the outcome as JSON.")
    var json = false

    @OptionGroup var options: ConfigurationOptions

    func validate() throws {
        guard (1...256).contains(threads) else { throw ValidationError("--threads takes 1 to 256") }
    }

    func run() throws {
        try exiting {
            let configuration = try options.read()
            let model = try ModelCatalog(configuration).package(nameOrFolder: model ?? configuration.models.names[0])
            try refuseOutputInInput()
            let bar = ProgressBar(isQuiet: json)
            let scan = try SeriesScan(paths: inputs, limits: configuration.admission) { done, all in
                bar.show(Double(done) / Double(max(all, 1)), "reading headers")
            }
            let stacks = contourable(scan.stacks)
            guard !stacks.isEmpty else {
                if json { try printJSON(RunSummary(outcomes: [], ignored: scan.ignored)) }
                throw noSeries(scan, bar)
            }
            let references = try ReferenceChoice(scan: scan, given: reference, stackCount: stacks.count)
            try createOutput(output)
            let work = DirectRun(
                model: model,
                admission: configuration.admission,
                export: configuration.export,
                output: URL(fileURLWithPath: output).standardizedFileURL.path,
                threads: threads,
                memory: MemoryBudget(megabytes: configuration.work.memoryBudgetMB),
                folderName: configuration.deliveredName
            )
            let interruption = Interruption()
            var outcomes: [RunOutcome] = []
            for (index, stack) in stacks.enumerated() where !interruption.isRequested {
                let label = stacks.count > 1 ? "series \(index + 1) of \(stacks.count), " : ""
                outcomes.append(
                    work(
                        stack,
                        references: references.paths(for: stack, beside: stacks.filter { $0.name != stack.name }),
                        progress: { bar.show($0, label + $1) },
                        isCancelled: { interruption.isRequested }
                    )
                )
            }
            bar.end()
            try tell(outcomes, scan)
        }
    }

    /// The next run would read the results as input, and score them against themselves.
    private func refuseOutputInInput() throws(CommandFailure) {
        func place(_ path: String) -> String { URL(fileURLWithPath: path).resolvingSymlinksInPath().path + "/" }
        guard let input = inputs.first(where: { Directory.isFolder($0) && place(output).hasPrefix(place($0)) }) else {
            return
        }
        throw CommandFailure(.usage, "\(output) lies in the input \(input), which is only read; name another --output")
    }

    /// Localizers beside a scan are set aside; alone they are refused with that reason.
    private func contourable(_ stacks: [SeriesScan.Stack]) -> [SeriesScan.Stack] {
        let scans = stacks.filter { !$0.key.isLocalizer }
        return scans.isEmpty ? stacks : scans
    }

    private func noSeries(_ scan: SeriesScan, _ bar: ProgressBar) -> CommandFailure {
        bar.end()
        let references =
            scan.references.isEmpty
            ? [] : ["\(scan.references.count) x RT Structure Set or Segmentation, but not the CT that it refers to"]
        let reasons = (references + unused(scan.ignored)).map { "\n  \($0)" }
        return CommandFailure(
            .noInput,
            "there is no CT image in the input. contourctl explain tells what each file is.\(reasons.joined())"
        )
    }

    /// One line for each reason why files are used for nothing.
    private func unused(_ files: [IgnoredFile]) -> [String] {
        Dictionary(grouping: files, by: \.code).sorted { $0.key < $1.key }
            .map { "\($0.value.count) x \($0.key): \($0.value[0].reason)" }
    }

    private func tell(_ outcomes: [RunOutcome], _ scan: SeriesScan) throws {
        if json {
            try printJSON(RunSummary(outcomes: outcomes, ignored: scan.ignored))
        } else {
            for outcome in outcomes { tell(outcome) }
            tellUnused(scan)
        }
        let worst = outcomes.compactMap { outcome -> CommandFailure? in
            guard let fault = outcome.fault else { return nil }
            return CommandFailure(fault)
        }
        // A failure outranks a refusal: it says that trying again may help.
        if let failure = worst.first(where: { $0.status != .dataError }) ?? worst.first {
            throw ExitCode(failure.status.rawValue)
        }
    }

    /// What the results do not show: a damaged slice at the end of a scan is missed by nothing else.
    private func tellUnused(_ scan: SeriesScan) {
        let localizers = scan.stacks.filter { $0.key.isLocalizer }.reduce(0) { $0 + $1.files.count }
        let isBesideScan = scan.stacks.contains { !$0.key.isLocalizer }
        let setAside = localizers > 0 && isBesideScan ? ["\(localizers) x localizer beside a scan"] : []
        let lines = (setAside + unused(scan.ignored)).map { "\n  \($0)" }
        guard !lines.isEmpty else { return }
        FileHandle.standardError.write(
            Data(
                "Files that were used for nothing (contourctl explain --all-files lists them):\(lines.joined())\n".utf8
            )
        )
    }

    private func tell(_ outcome: RunOutcome) {
        let time = String(format: "%.1f s", outcome.seconds)
        switch outcome.verdict {
        case .delivered: print("\(outcome.output ?? "") (\(time))")
        case .review: print("\(outcome.output ?? "") (\(time)); look at report.html first, it has findings")
        case .refused, .failed:
            let fault = outcome.fault.map { CommandFailure($0).description } ?? ""
            let place = outcome.output.map { "; see \($0)" } ?? ""
            FileHandle.standardError.write(
                Data("\(outcome.name): \(outcome.verdict.rawValue): \(fault)\(place)\n".utf8)
            )
        }
    }
}

/// What `run --json` prints.
private struct RunSummary: Encodable {
    var outcomes: [RunOutcome]
    /// Files that were used for nothing, and why.
    var ignored: [IgnoredFile]
}

/// Which reference belongs to which series.
struct ReferenceChoice {
    private let bySeries: [String: [String]]
    /// NIfTI names no series: it is meant for the only one.
    private let forAll: [String]

    init(scan: SeriesScan, given: [String], stackCount: Int) throws {
        var bySeries: [String: [String]] = [:]
        var forAll: [String] = []
        let named = try Self.named(given.filter { !Self.isNifti($0) })
        let present = Set(scan.stacks.map(\.key.seriesInstanceUID))
        for reference in named.references {
            let contoured = scan.series(of: reference)
            guard present.isDisjoint(with: contoured.seriesInstanceUIDs) else { continue }
            let reason = contoured.reason.map { " (\($0))" } ?? ""
            throw CommandFailure(.dataError, "\(reference.path): it refers to no series of the input\(reason)")
        }
        for reference in scan.references + named.references {
            for uid in scan.series(of: reference).seriesInstanceUIDs {
                bySeries[uid, default: []].append(reference.path)
            }
        }
        for path in given where Self.isNifti(path) {
            guard Directory.exists(path) else { throw SystemError("stat", code: ENOENT, path: path) }
            guard stackCount == 1 else {
                throw CommandFailure(
                    .dataError,
                    "\(path): NIfTI names no series, and the input holds \(stackCount); give one series at a time"
                )
            }
            forAll.append(path)
        }
        self.bySeries = bySeries
        self.forAll = forAll
    }

    /// What the files and folders hold, each of which must hold a reference and nothing else.
    private static func named(_ given: [String]) throws -> SeriesScan {
        var all = SeriesScan()
        for path in given {
            let scan = try SeriesScan(paths: [path], limits: .init())
            for file in scan.ignored {
                throw CommandFailure(.dataError, "\(file.path): no reference: \(file.reason)")
            }
            if let image = scan.stacks.first?.files.first {
                throw CommandFailure(
                    .dataError,
                    "\(image): no reference: a CT image; name RT Structure Sets, Segmentations or NIfTI files"
                )
            }
            guard !scan.references.isEmpty else {
                throw CommandFailure(.dataError, "\(path): no reference: the folder holds no file")
            }
            all.references += scan.references
        }
        return all
    }

    /// - Parameter others: the other stacks of the input: a set whose contours name images of these alone is not meant.
    func paths(for stack: SeriesScan.Stack, beside others: [SeriesScan.Stack]) -> [String] {
        let all = bySeries[stack.key.seriesInstanceUID] ?? []
        guard !others.isEmpty else { return all + forAll }
        let images = Set(stack.headers.map(\.sopInstanceUID))
        let elsewhere = Set(others.flatMap(\.headers).map(\.sopInstanceUID))
        return all.filter { path in
            ContouredImages(contentsOf: path)?.areOf(images) { !elsewhere.isDisjoint(with: $0) } ?? true
        } + forAll
    }

    private static func isNifti(_ path: String) -> Bool { path.hasSuffix(".nii") || path.hasSuffix(".nii.gz") }
}
