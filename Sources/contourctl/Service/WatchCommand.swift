import ArgumentParser
import Daemon
import Foundation
import Platform

struct WatchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch",
        abstract: "Follow series as they go through the stages, one line a change.",
        discussion: """
            Without SERIES it follows all until Ctrl-C. With SERIES it ends when the series has reached its end. With \
            --json every line is an object as list --json has it. It looks twice a second: what begins and ends between two \
            looks is not shown, the journal has every change.

            EXIT STATUS
              0 delivered, also with findings, or Ctrl-C; 65 refused; 69 the service does not run; 75 the series is held \
            or was cancelled
            """
    )

    @Argument(help: ArgumentHelp("Number of a series. Default: all.", valueName: "series"))
    var series: Int64?

    @Flag(help: "Print each change as JSON, one object a line.")
    var json = false

    @OptionGroup var options: ConfigurationOptions

    func run() throws {
        try exiting {
            let interruption = Interruption()
            let bar = ProgressBar(isQuiet: json)
            var told: [Int64: String] = [:]
            if let series { _ = try options.ask(.show(series)) }  // tells at once that there is none
            while !interruption.isRequested {
                let status = try options.runningStatus()
                guard case .list(let all) = try options.ask(.list) else { return }
                for item in all where series == nil || item.number == series {
                    let line = text(item)
                    // What was over before we came is no news.
                    let isOld = told.isEmpty && series == nil && SeriesEnd(item.state) != nil
                    if told.updateValue(line, forKey: item.number) != line, !isOld {
                        bar.end()
                        let news = try json ? jsonLine(item) : line
                        FileHandle.standardOutput.write(Data((news + "\n").utf8))
                    }
                    if item.number == series, let end = SeriesEnd(item.state) { return try end.exit() }
                }
                if let job = status.working.first(where: { series == nil || $0.series == series }) {
                    bar.show(job.progress, "series \(job.series): \(job.stage)")
                }
                Thread.sleep(forTimeInterval: 0.5)
            }
            bar.end()
        }
    }

    private func text(_ item: SeriesSummary) -> String {
        var text = "series \(item.number): \(item.state)"
        if item.state == "collecting" { text += ", \(counted(item.images, "image"))" }
        if item.state == "collecting", let reason = item.waitingFor { text += ", waits for \(reason)" }
        if let stage = item.stage { text += ", \(stage)" }
        if let fault = item.fault, item.state != "delivered", item.state != "review" { text += ", \(fault)" }
        if let name = item.deliveredName { text += ", \(name)" }
        return text
    }
}

/// The state in which a series rests.
enum SeriesEnd: String {
    case delivered, review, refused, held, cancelled

    init?(_ state: String) { self.init(rawValue: state) }

    /// Ends the command with the status that fits.
    func exit() throws {
        switch self {
        case .delivered, .review: return
        case .refused: throw ExitCode(ExitStatus.dataError.rawValue)
        case .held, .cancelled: throw ExitCode(ExitStatus.temporaryFailure.rawValue)
        }
    }
}
