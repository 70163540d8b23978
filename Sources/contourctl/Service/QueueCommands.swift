import ArgumentParser
import Daemon

struct RetryCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry",
        abstract: "Try a series again at once.",
        discussion: """
            A series that is held or waits for its next attempt is tried now. One that was delivered, refused or \
            cancelled is contoured again. What was delivered stays: the result is a new revision.

            EXIT STATUS
              0 it is tried; 65 there is no such series, or nothing to try again; 69 the service does not answer; 77 you may not tell it
            """
    )

    @Argument(help: ArgumentHelp("Number of the series, from list.", valueName: "series"))
    var series: Int64

    @OptionGroup var answer: AnswerOptions
    @OptionGroup var options: ConfigurationOptions

    func run() throws { try exiting { try answer.tell(options.ask(.retry(series)), series: series) } }
}

struct CancelCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel",
        abstract: "End the work on a series. Nothing that was received is deleted.",
        discussion: """
            EXIT STATUS
              0 cancelled; 65 there is no such series, or no work to end; 69 the service does not answer; 77 you may not tell it
            """
    )

    @Argument(help: ArgumentHelp("Number of the series, from list.", valueName: "series"))
    var series: Int64

    @OptionGroup var answer: AnswerOptions
    @OptionGroup var options: ConfigurationOptions

    func run() throws { try exiting { try answer.tell(options.ask(.cancel(series)), series: series) } }
}

struct PauseCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause",
        abstract: "Start no new stage; what runs is finished, and scans are still received.",
        discussion: """
            EXIT STATUS
              0 paused; 69 the service does not answer; 77 you may not tell it
            """
    )

    @OptionGroup var answer: AnswerOptions
    @OptionGroup var options: ConfigurationOptions

    func run() throws { try exiting { try answer.tell(options.ask(.pause)) } }
}

struct ResumeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "End a pause, and try everything that is held again.",
        discussion: """
            EXIT STATUS
              0 resumed; 69 the service does not answer; 77 you may not tell it
            """
    )

    @OptionGroup var answer: AnswerOptions
    @OptionGroup var options: ConfigurationOptions

    func run() throws { try exiting { try answer.tell(options.ask(.resume)) } }
}

/// How the answer of the service is told.
struct AnswerOptions: ParsableArguments {
    @Flag(help: "Print the answer as JSON.")
    var json = false

    func tell(_ reply: ControlReply, series: Int64? = nil) throws {
        guard case .done(let text) = reply else { return }
        if json { try printJSON(Answer(message: text, series: series)) } else { print(text) }
    }

    private struct Answer: Encodable {
        var message: String
        var series: Int64?
    }
}
