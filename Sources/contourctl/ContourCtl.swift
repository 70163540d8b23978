import ArgumentParser
import Platform

@main
struct ContourCtl: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "contourctl",
        abstract: "Contours CTs, trains and scores models, and steers the contourd service.",
        discussion: """
            Contour a CT at once:           contourctl run CT --output results
            Hand a CT to the service:       contourctl submit CT
            See what the service does:      contourctl status, list, show 7, watch
            See how contours fared:         contourctl outcomes
            Ask why a file is not used:     contourctl explain CT
            Check an installation:          contourctl check

            EXIT STATUS
              0 done; 1 outcomes drift; 64 wrong use; 65 the CT was refused, or the data cannot be used; 66 the input is not there; \
            69 the service does not answer; 70 internal error; 73 the output cannot be made, or no space is left; 74 a file \
            cannot be read or written; 75 try again later; 77 permission denied; 78 the configuration is invalid, or allows too little memory; 130 interrupted
            """,
        version: ContourdVersion.banner,
        groupedSubcommands: [
            CommandGroup(
                name: "Cases",
                subcommands: [
                    RunCommand.self, ExplainCommand.self, EvaluateCommand.self, PhantomCommand.self, TrainCommand.self,
                    ModelsCommand.self,
                ]
            ),
            CommandGroup(
                name: "Service",
                subcommands: [
                    SubmitCommand.self, StatusCommand.self, ListCommand.self, ShowCommand.self, WatchCommand.self,
                    OutcomesCommand.self, RetryCommand.self, CancelCommand.self, PauseCommand.self, ResumeCommand.self,
                    ReloadCommand.self, CheckCommand.self, VersionCommand.self,
                ]
            ),
        ]
    )

    /// The parser's own `help` answers for any word.
    static func main() {
        CPUFeatures.require()
        let words = CommandLine.arguments.dropFirst()
        if words.first == "help" {
            let known = Set(configuration.subcommands.map { $0._commandName } + ["help"])
            let wanted = words.dropFirst().filter { !$0.hasPrefix("-") }
            if let unknown = wanted.first(where: { !known.contains($0) }) ?? wanted.dropFirst().first {
                exit(
                    withError: ValidationError(
                        "help takes one command; \(unknown) is none. contourctl --help lists all."
                    )
                )
            }
        }
        main(nil)
        guard StandardOutput.isComplete() else {
            CommandFailure(.inputOutputError, "what was printed could not be written; is the disk full?")
                .end(command: configuration.commandName ?? "contourctl")
        }
    }
}
