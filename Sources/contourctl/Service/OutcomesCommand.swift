import ArgumentParser
import Daemon
import Foundation
import Metrics
import Pipeline
import Platform
import Report

struct OutcomesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "outcomes",
        abstract: "Show what approved contours said about those that were delivered, and whether that drifts.",
        discussion: """
            An RT Structure Set that is dropped into the inbox after a series was delivered scores what was delivered, \
            days or months later. Each structure is one outcome: edited (and by how much), unedited (our own contours \
            came back), removed, or scored (the reference was there first). Of several references to one scan each \
            structure counts once: an edit before the rest, and of edits the latest.

            The chart of each structure and model: \(ControlChart.rule()). What became of the structures is compared, \
            too: \(ShareChart.rule()). Only approved RT Structure Sets count, unless --all is given.

            EXIT STATUS
              0 nothing drifts, or there are too few outcomes yet; 1 the latest outcome of a structure is flagged, or \
            edits, unedited or removed contours are more or fewer than at first
            """
    )

    @Flag(help: "References that nobody approved, too.")
    var all = false

    @Option(help: ArgumentHelp("Outcomes that the limits come from.", valueName: "count"))
    var baseline: Int = ControlChart.defaultBaseline

    @Flag(help: "Print charts and outcomes as JSON.")
    var json = false

    @Flag(help: "Print the outcomes as comma-separated values.")
    var csv = false

    @Option(help: ArgumentHelp("Write a page with charts and pictures of the worst.", valueName: "file"))
    var html: String?

    @OptionGroup var options: ConfigurationOptions

    func validate() throws {
        guard !(json && csv) else { throw ValidationError("--json or --csv, not both") }
        guard (5...1000).contains(baseline) else { throw ValidationError("--baseline takes 5 to 1000") }
    }

    func run() throws {
        try exiting {
            guard case .outcomes(let lines) = try options.ask(.outcomes) else { return }
            let table = try OutcomeTable(lines, withUnapproved: all, baseline: baseline)
            if json {
                try printJSON(table.answer)
            } else if csv {
                print(table.csv)
            } else {
                print(table.text)
            }
            if let html { try AtomicFile.write(Data(table.html(try pictures(of: table)).utf8), to: html) }
            if table.isDrifting { throw ExitCode(1) }
        }
    }

    /// Of each structure the worst three outcomes, as the table of worst cases on the page.
    private func pictures(of table: OutcomeTable) throws -> [CasePicture] {
        var kept: [Int64: [WorstPictureRecord]] = [:]
        return try table.worst(3).compactMap { outcome in
            if kept[outcome.run] == nil,
                case .worstPictures(let records) = try options.ask(.worstPictures(run: outcome.run))
            {
                kept[outcome.run] = records
            }
            return try kept[outcome.run]?.first { $0.structure == outcome.structure }?.picture(of: outcome.name)
        }
    }
}
