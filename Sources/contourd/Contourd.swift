import ArgumentParser
import Daemon
import Dispatch
import Foundation
import Pipeline
import Platform

@main
struct Contourd: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "contourd",
        abstract: "Contours organs on every CT that is dropped into a folder.",
        discussion: """
            The service: it watches the inbox, and delivers an RT Structure Set, a Segmentation, NIfTI masks and a \
            report for every CT series to the outbox. It is usually started by systemd; contourctl steers it.

            EXIT STATUS
              0 stopped; 64 wrong use; 69 this processor is too old; 70 internal error; 74 the database is damaged, or its \
            disk is full or fails; 75 another contourd uses the state folder, the inbox or the socket; 77 a folder may not be used; 78 the configuration is invalid
            """,
        version: ContourdVersion.banner
    )

    @Option(
        help: ArgumentHelp(
            "Configuration file. Default: \(Configuration.defaultPath), if it is there.",
            valueName: "file"
        )
    )
    var config: String?

    @Flag(help: "Check the configuration and end.")
    var checkConfiguration = false

    @Flag(help: .private)
    var worker = false

    @Option(name: .customLong("memory-limit-mb"), help: .private)
    var memoryLimitMB = 0

    func run() throws {
        CPUFeatures.require()
        if worker { return Worker.run(memoryLimitMB: memoryLimitMB) }
        signal(SIGPIPE, SIG_IGN)
        // Workers parse untrusted bytes: what the unit lets us do is not for them.
        do { try Capabilities.keepFromChildren() } catch { Self.fail(error.description, 70) }
        let (configuration, path) = readConfiguration()
        if checkConfiguration { return print("\(path ?? "the defaults"): valid") }
        serve(configuration, path)
    }

    /// An asynchronous `main` would run at a priority that only root may ask for; every worker would complain of that.
    private func serve(_ configuration: Configuration, _ path: String?) -> Never {
        Task.detached(priority: .medium) {
            do {
                try await ContourdService.run(configuration: configuration, path: path)
                Foundation.exit(0)
            } catch let error as ContourdService.StartError {
                Self.fail(error.description, error.status)
            } catch {
                Self.fail("\(error)", 70)
            }
        }
        dispatchMain()
    }

    private func readConfiguration() -> (Configuration, String?) {
        // Absolute, as contourctl compares it with its own.
        let path =
            config.map { URL(fileURLWithPath: $0).path }
            ?? (Directory.exists(Configuration.defaultPath) ? Configuration.defaultPath : nil)
        guard let path else { return (Configuration(), nil) }
        do { return (try Configuration.read(path, findsModels: true), path) } catch { Self.fail(error.description, 78) }
    }

    private static func fail(_ message: String, _ status: Int32) -> Never {
        FileHandle.standardError.write(Data("contourd: \(message)\n".utf8))
        Foundation.exit(status)
    }
}
