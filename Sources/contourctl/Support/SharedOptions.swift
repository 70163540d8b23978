import ArgumentParser
import Daemon
import Foundation
import Platform
import Segmentation
import Synchronization

/// Which configuration a command reads: that of the service.
struct ConfigurationOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Configuration of the service. Default: \(Configuration.defaultPath), if it is there.",
            valueName: "file"
        )
    )
    var config: String?

    /// nil where the defaults are meant.
    var path: String? {
        config ?? (Directory.exists(Configuration.defaultPath) ? Configuration.defaultPath : nil)
    }

    /// - Throws: `ConfigurationError`.
    func read() throws(ConfigurationError) -> Configuration {
        guard let path else { return Configuration() }
        return try Configuration.read(path)
    }
}

extension ConfigurationOptions {
    /// Asks the service, or its database when it does not run.
    func ask(_ request: ControlRequest) throws -> ControlReply {
        let reply = try answer(to: request)
        if case .failed(let reason) = reply { throw ControlError.failed(reason) }
        return reply
    }

    /// A file that is invalid keeps nobody from a service that runs: that has the configuration it was started with.
    private func answer(to request: ControlRequest) throws -> ControlReply {
        let configuration: Configuration
        do throws(ConfigurationError) { configuration = try read() } catch {
            guard let reply = try clientDespite(error).askService(request) else { throw error }
            Self.tellOnce("\(error)\ncontourd runs with its former configuration, and could not start with this one.")
            return reply
        }
        return try ControlClient(configuration).ask(request)
    }

    /// Asks the service alone.
    /// - Returns: nil when none listens.
    func askService(_ request: ControlRequest) throws -> ControlReply? {
        let configuration: Configuration
        do throws(ConfigurationError) { configuration = try read() } catch {
            return try clientDespite(error).askService(request)
        }
        return try ControlClient(configuration).askService(request)
    }

    /// Asks where an invalid file, or the default, says that the service listens.
    private func clientDespite(_ error: ConfigurationError) throws(ConfigurationError) -> ControlClient {
        var running = Configuration()
        if let socket = path.flatMap(Configuration.controlSocket) {
            running.control.socket = socket
        } else if config != nil {
            throw error  // any service might be meant
        }
        return ControlClient(running)
    }

    /// Why the service does other things than the configuration says; nil also for an invalid one, which `ask` tells.
    func difference(of status: ServiceStatus) throws -> String? {
        let configuration: Configuration
        do throws(ConfigurationError) { configuration = try read() } catch { return nil }
        return try status.difference(from: configuration, path: path)
    }

    private static let isTold = Atomic<Bool>(false)

    private static func tellOnce(_ text: String) {
        guard !isTold.exchange(true, ordering: .relaxed) else { return }
        FileHandle.standardError.write(Data("contourctl: \(text)\n".utf8))
    }

    /// - Throws: `CommandFailure` with status 69 when no service runs: nothing would ever change.
    func runningStatus() throws -> ServiceStatus {
        guard case .status(let status) = try ask(.status), status.isRunning else {
            throw CommandFailure(.unavailable, "contourd is not running: systemctl start contourd")
        }
        return status
    }
}

extension ServiceStatus {
    /// Why the service does other things than a file says; nil when it does not, or cannot be compared.
    ///
    /// - Parameter path: the file that the configuration was read from; nil: the defaults.
    func difference(from configuration: Configuration, path: String?) throws -> String? {
        guard isRunning, version == ContourdVersion.current, let running = self.configuration else { return nil }
        func absolute(_ path: String?) -> String? {
            path.map { URL(fileURLWithPath: $0).resolvingSymlinksInPath().path }
        }
        guard absolute(running.path) == absolute(path) else {
            return "with the configuration \(running.path ?? "that is built in"), not \(path ?? "that")"
        }
        guard try configuration.digest() != running.digest else { return nil }
        return "its configuration file was changed since: systemctl reload contourd"
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
