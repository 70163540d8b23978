import Foundation
import Platform

extension ServiceContext {
    /// Reads the configuration again and goes on with it. One that cannot be used changes nothing.
    ///
    /// - Returns: why it was not reloaded, as the journal tells it; nil when it was.
    func reload() -> String? {
        reloading.withLock { _ in
            manager.reloading()
            defer { manager.ready() }
            do throws(NotReloaded) {
                replace(try read())
            } catch {
                let text = "the configuration was not reloaded\(error.reason)"
                logger.event(.reloadFailed, text)
                return text
            }
            outboxPlace.withLock { $0 = nil }
            inboxPlace.withLock { $0 = nil }
            logger.event(.reloaded, "the configuration was reloaded")
            wakeAll()
            return nil
        }
    }

    private struct NotReloaded: Error {
        /// The rest of the sentence.
        var reason: String
    }

    private func read() throws(NotReloaded) -> Settings {
        var new = Configuration()
        do throws(ConfigurationError) {
            if let path = configurationPath { new = try Configuration.read(path, findsModels: true) }
        } catch {
            throw NotReloaded(reason: " and the former one stays: \(error)")
        }
        if let fixed = new.firstFixedChange(from: configuration) {
            throw NotReloaded(reason: ": \(fixed) changes only with a restart")
        }
        let settings = Settings(reading: new)
        // A model that cannot be used now keeps no series from arriving, but replaces none that can.
        if let problem = settings.modelProblem, current.modelProblem == nil {
            throw NotReloaded(reason: " and the former one stays: \(problem)")
        }
        for (key, folder) in [("folders.inbox", new.folders.inbox), ("folders.outbox", new.folders.outbox)] {
            do { try Directory.create(folder) } catch {
                let error = ConfigurationError(
                    path: configurationPath ?? "",
                    line: nil,
                    key: key,
                    message: "the folder may not be used (\(error.reason))"
                )
                throw NotReloaded(reason: " and the former one stays: \(error)")
            }
        }
        return settings
    }
}

extension Configuration {
    /// The first key that a running service cannot change.
    fileprivate func firstFixedChange(from old: Configuration) -> String? {
        if old.folders.state != folders.state { return "folders.state" }
        if old.work.workers != work.workers { return "work.workers" }
        if old.control.socket != control.socket { return "control.socket" }
        if old.control.group != control.group { return "control.group" }
        return nil
    }
}
