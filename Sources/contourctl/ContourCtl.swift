import ArgumentParser
import Platform

@main
struct ContourCtl: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "contourctl",
        abstract: "Contours CTs, trains models and steers the contourd service.",
        subcommands: [TrainCommand.self, PhantomCommand.self])
}
