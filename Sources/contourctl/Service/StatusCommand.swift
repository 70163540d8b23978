import ArgumentParser
import Daemon
import Foundation

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
            if json { try printJSON(status) } else { tell(status) }
            if !status.isRunning { throw ExitCode(ExitStatus.unavailable.rawValue) }
        }
    }

    private func tell(_ status: ServiceStatus) {
        print(status.isRunning ? "contourd \(status.version) is running" : "contourd is not running")
        if let reason = status.pausedBecause { print("the queue is PAUSED: \(reason). contourctl resume goes on.") }
        if let problem = status.modelProblem { print("NO MODEL can be used: \(problem)") }
        for job in status.working {
            print("series \(job.series): \(job.stage) \(Int((job.progress * 100).rounded())) %")
        }
        let waiting = status.jobs["available"] ?? 0
        let held = status.jobs["held"] ?? 0
        print("\(status.arrivingSeries) series arriving, \(waiting) jobs waiting, \(held) held")
        if status.quarantinedFiles + status.ignoredFiles > 0 {
            print("\(status.quarantinedFiles) files in quarantine, \(status.ignoredFiles) left in the inbox")
        }
    }
}
