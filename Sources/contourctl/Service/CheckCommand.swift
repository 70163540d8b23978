import ArgumentParser
import Daemon
import Foundation

struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Check an installation: configuration, models, folders, permissions, space.",
        discussion: """
            Run it as root to check what the user contourd may do; otherwise it checks for you. Nothing is changed.

            EXIT STATUS
              0 all is well, or only warnings; 78 something must be changed
            """
    )

    @Option(help: ArgumentHelp("User that the service runs as.", valueName: "user"))
    var user = "contourd"

    @Flag(help: "Print the answer as JSON.")
    var json = false

    @OptionGroup var options: ConfigurationOptions

    func run() throws {
        try exiting {
            let configuration = try options.read()
            let checks = InstallationCheck(configuration: configuration, serviceUser: user).run()
            if json {
                try printJSON(checks)
            } else {
                for check in checks {
                    let mark =
                        switch check.result {
                        case .good: "ok      "
                        case .warning: "WARNING "
                        case .bad: "BAD     "
                        }
                    print("\(mark)\(check.subject): \(check.text)")
                }
            }
            if checks.contains(where: { $0.result == .bad }) {
                throw ExitCode(ExitStatus.configurationError.rawValue)
            }
        }
    }
}
