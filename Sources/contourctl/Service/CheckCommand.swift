import ArgumentParser
import Daemon
import Foundation

struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Check an installation: configuration, models, folders, permissions, space.",
        discussion: """
            Run it as root: only root can tell what the service's user may do with its folders, which is left out otherwise \
            (with --user YOUR-NAME it is about you, for a service that runs as you). Where systemd runs, what the unit hides \
            from the service is told, too, and whether the service runs with what the file says. Nothing is changed.

            EXIT STATUS
              0 all is well, or only warnings; 78 something must be changed
            """
    )

    @Option(help: ArgumentHelp("User that the service runs as. Default: contourd.", valueName: "user"))
    var user: String?

    @Flag(help: "Print the answer as JSON.")
    var json = false

    @OptionGroup var options: ConfigurationOptions

    func run() throws {
        try exiting {
            let configuration = try options.read()
            let checks = InstallationCheck(configuration: configuration, path: options.path, givenUser: user).run()
            if json {
                try printJSON(checks)
            } else {
                for check in checks {
                    let mark =
                        switch check.result {
                        case .good: "ok      "
                        case .notChecked: "-       "
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
