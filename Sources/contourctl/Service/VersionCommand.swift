import ArgumentParser
import Platform

struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "version", abstract: "Print the version.")

    @Flag(help: "Print it as JSON.")
    var json = false

    func run() throws {
        if json { try printJSON(["version": ContourdVersion.current]) } else { print(ContourdVersion.banner) }
    }
}
