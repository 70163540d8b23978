import ArgumentParser
import Daemon
import Foundation
import Platform

struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Tell what the service is doing now.",
        discussion: """
            EXIT STATUS
              0 the service runs; 69 it does not (what the database says is printed all the same); 77 you may not ask
            """
    )

    @Flag(help: "Print the answer as JSON.")
    var json = false

    @OptionGroup var options: ConfigurationOptions

    func run() throws {
        try exiting {
            guard case .status(let status) = try options.ask(.status) else { return }
            if json { try printJSON(status) } else { tell(status, difference: try options.difference(of: status)) }
            if !status.isRunning { throw ExitCode(ExitStatus.unavailable.rawValue) }
        }
    }

    private func tell(_ status: ServiceStatus, difference: String?) {
        let but = difference.map { ", but \($0)" } ?? ""
        print(status.isRunning ? "contourd \(status.version) is running\(but)" : "contourd is not running")
        if status.stops.count > 1 { print("\(status.stops.count) things stop the work; mend them in this order:") }
        for stop in status.stops { tell(stop) }
        for job in status.working {
            print("series \(job.series): \(job.stage) \(Int((job.progress * 100).rounded())) %")
        }
        let waiting = status.jobs["available"] ?? 0
        let held = status.jobs["held"] ?? 0
        print("\(status.arrivingSeries) series arriving, \(counted(waiting, "job")) waiting, \(held) held")
        if status.quarantinedFiles + status.ignoredFiles > 0 {
            print("\(counted(status.quarantinedFiles, "file")) in quarantine, \(status.ignoredFiles) left in the inbox")
        }
    }

    private func tell(_ stop: ServiceStatus.Stop) {
        let code = stop.code.map { "\($0): " } ?? ""
        let what =
            switch stop.kind {
            case .pausedByFault, .pausedByOperator: "the queue is PAUSED: \(code)"
            case .notDelivered:
                "\(seriesList(stop.series)) \(stop.series.count == 1 ? "is" : "are") finished but NOT DELIVERED: \(code)"
            case .failing: "contourd FAILS: \(code)"
            case .noModel: "no series is BEGUN: \(code)"
            case .inboxAway: "nothing new is TAKEN: \(code)"
            case .held where stop.series.count == 1: "series \(stop.series[0]) is HELD: \(code)"
            case .held: "\(seriesList(stop.series)) are HELD: \(code)"
            }
        print(what + stop.reason)
        let hint = stop.hint.isEmpty || stop.command.isEmpty ? stop.hint : stop.hint + " Then: "
        print("  \(hint)\(stop.command)")
    }

    private func seriesList(_ numbers: [Int64]) -> String {
        "series \(numbers.map(String.init).joined(separator: ", "))"
    }
}
