import ArgumentParser
import Daemon
import Foundation
import Platform
import Store

struct ShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show all about one series: what it waits for, its runs, faults and files.",
        discussion: """
            SERIES is the number that list and the journal show, or a Series Instance UID. The word files shows the \
            files that belong to no series: those in quarantine, those that are left in the inbox, and contours whose CT \
            did not come yet. Paths of the inbox may name a patient; they are shown here and nowhere else.

            EXIT STATUS
              0 shown; 65 there is no such series; 69 the service does not run; 77 you may not ask it
            """
    )

    @Argument(help: ArgumentHelp("Number, Series Instance UID, or files.", valueName: "series"))
    var series: String

    @Flag(help: "List every file.")
    var files = false

    @Flag(help: "Print the answer as JSON.")
    var json = false

    @OptionGroup var options: ConfigurationOptions

    func run() throws {
        try exiting {
            if series == "files" { return try showFiles() }
            let request = Int64(series).map(ControlRequest.show) ?? .find(seriesInstanceUID: series)
            guard case .show(let details) = try options.ask(request) else { return }
            if json { try printJSON(details) } else { tell(details) }
        }
    }

    private func showFiles() throws {
        guard case .files(let lines) = try options.ask(.files) else { return }
        if json { return try printJSON(lines) }
        for line in lines {
            print(
                "\(line.number)  \(line.state)  \(line.inboxPath.printable)\(line.reason.map { "\n    \($0)" } ?? "")"
            )
        }
    }

    private func tell(_ details: SeriesDetails) {
        let summary = details.summary
        print("series \(summary.number): \(summary.state)")
        print("  Series Instance UID  \(details.series.seriesInstanceUID)")
        print("  images               \(summary.images), first received \(localTime(summary.receivedAt))")
        if let reason = summary.waitingFor { print("  waits for            \(reason)") }
        for run in details.runs { tell(run) }
        let kinds = Dictionary(grouping: details.instances + details.references, by: \.state)
        for (state, lines) in kinds.sorted(by: { $0.key < $1.key }) {
            let noun = lines.count == 1 ? "file" : "files"
            let rest = lines.count == 1 || files ? "" : ", for example"
            print("  \(lines.count) \(noun): \(state)\(rest)")
            for line in files ? lines[...] : lines.prefix(1) {
                print("    \(line.number)  \(line.inboxPath.printable)\(line.reason.map { "  (\($0))" } ?? "")")
            }
        }
    }

    private func tell(_ run: SeriesDetails.Run) {
        let what = run.kind == "evaluation" ? "evaluation" : "revision \(run.revision)"
        print("  run \(run.number): \(what), model \(run.model), \(run.verdict ?? run.state)")
        if let at = run.deliveredAt { print("    \(run.deliveredName), delivered \(localTime(at))") }
        for job in run.jobs { tell(job) }
    }

    private func tell(_ job: JobRecord) {
        let attempts = job.attempts > 1 ? ", attempt \(job.attempts)" : ""
        let seconds = job.startedAt.flatMap { start in job.finishedAt.map { Double($0 - start) / 1000 } }
        print("    \(job.stage): \(job.state.rawValue)\(attempts)\(seconds.map { ", \(decimal($0, 1)) s" } ?? "")")
        guard let fault = job.fault, job.state != .completed else { return }
        print("      \(fault.code): \(fault.message) \(fault.hint)")
        for detail in fault.details { print("        \(detail)") }
        if job.state == .available { print("      tried again at \(localTime(job.availableAt))") }
    }
}
