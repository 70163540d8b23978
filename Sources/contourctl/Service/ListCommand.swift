import ArgumentParser
import Daemon
import Foundation

struct ListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the series that the service received, the latest last.",
        discussion: """
            States: collecting (images still arrive), queued, working, held (somebody must act, see show), delivered, \
            review (delivered, with findings to look at first), refused, cancelled.

            EXIT STATUS
              0 listed; 69 the service does not run; 77 you may not ask it
            """
    )

    @Option(help: ArgumentHelp("Only series in this state.", valueName: "state"))
    var state: String?

    @Flag(help: "Print the list as JSON.")
    var json = false

    @OptionGroup var options: ConfigurationOptions

    static let states = ["collecting", "queued", "working", "held", "delivered", "review", "refused", "cancelled"]

    func validate() throws {
        if let state, !Self.states.contains(state) {
            throw ValidationError("--state takes one of: \(Self.states.joined(separator: ", "))")
        }
    }

    func run() throws {
        try exiting {
            guard case .list(let all) = try options.ask(.list) else { return }
            let series = state.map { wanted in all.filter { $0.state == wanted } } ?? all
            if json { return try printJSON(series) }
            guard !series.isEmpty else { return print(all.isEmpty ? "no series was received yet" : "no such series") }
            var table = TextTable(["series", "state", "images", "received", "what"])
            for item in series {
                table.add(["\(item.number)", item.state, "\(item.images)", localTime(item.receivedAt), remark(item)])
            }
            print(table.text)
        }
    }

    private func remark(_ series: SeriesSummary) -> String {
        if series.state == "collecting", let reason = series.waitingFor { return "waits for \(reason)" }
        let revision = series.revision > 1 ? "revision \(series.revision), " : ""
        return revision + (series.fault ?? series.stage ?? series.deliveredName ?? "")
    }
}
