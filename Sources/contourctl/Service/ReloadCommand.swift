import ArgumentParser
import Daemon

struct ReloadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reload",
        abstract: "Let the service read its configuration again, and tell whether it did.",
        discussion: """
            `systemctl reload contourd` runs this. A configuration that cannot be used changes nothing.

            EXIT STATUS
              0 the configuration was reloaded; 69 no service runs; 77 you may not ask; 78 it was not reloaded
            """
    )

    @OptionGroup var answer: AnswerOptions
    @OptionGroup var options: ConfigurationOptions

    func run() throws {
        try exiting {
            let reply = try options.askService(.reload)
            // What systemd runs writes where the service has told it already.
            let isTold = isJournalListening()
            switch reply {
            case nil:
                throw CommandFailure(
                    .unavailable,
                    "contourd is not running, or listens elsewhere: control.socket changes only with a restart"
                )
            case .failed where isTold: throw ExitCode(ExitStatus.configurationError.rawValue)
            case .failed(let reason): throw CommandFailure(.configurationError, reason)
            case .some(let reply): if !isTold { try answer.tell(reply) }
            }
        }
    }
}
