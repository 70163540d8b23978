import ArgumentParser
import Daemon
import Foundation
import Platform
import Segmentation

/// Which configuration a command reads: that of the service.
struct ConfigurationOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Configuration of the service. Default: \(Configuration.defaultPath), if it is there.",
            valueName: "file"
        )
    )
    var config: String?

    /// - Throws: `ConfigurationError`.
    func read() throws -> Configuration {
        if let config { return try Configuration.read(config) }
        guard Directory.exists(Configuration.defaultPath) else { return Configuration() }
        return try Configuration.read(Configuration.defaultPath)
    }
}

extension ConfigurationOptions {
    /// Asks the service, or its database when it does not run.
    func ask(_ request: ControlRequest) throws -> ControlReply {
        let reply = try ControlClient(try read()).ask(request)
        if case .failed(let reason) = reply { throw ControlError.failed(reason) }
        return reply
    }

    /// - Throws: `CommandFailure` with status 69 when no service runs: nothing would ever change.
    func runningStatus() throws -> ServiceStatus {
        guard case .status(let status) = try ask(.status), status.isRunning else {
            throw CommandFailure(.unavailable, "contourd is not running: systemctl start contourd")
        }
        return status
    }
}

extension ModelCatalog {
    /// The models that a configuration sees.
    init(_ configuration: Configuration) {
        let directory = configuration.models.directory
        self = .locate(explicitDirectory: directory.isEmpty ? nil : directory)
    }

    /// A package by its name, or by its folder when the text has a slash.
    func package(nameOrFolder text: String) throws -> ModelPackage {
        text.contains("/") ? try ModelPackage(contentsOf: text) : try package(named: text)
    }
}
