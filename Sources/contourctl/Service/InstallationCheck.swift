import Daemon
import Foundation
import Platform
import Segmentation

/// What `contourctl check` looks at.
struct InstallationCheck {
    let configuration: Configuration
    /// The file that it was read from; nil: the defaults.
    let path: String?
    /// User that the service runs as; nil: the usual one, which a machine without the service need not have.
    let givenUser: String?

    private var serviceUser: String { givenUser ?? "contourd" }

    struct Result: Encodable {
        enum Kind: String, Encodable { case good, notChecked, warning, bad }
        var subject: String
        var result: Kind
        var text: String
    }

    func run() -> [Result] {
        var results = [processor(), Result(subject: "configuration", result: .good, text: "valid")]
        for name in configuration.models.names { results.append(model(name)) }
        if let missing = missingUser() { results.append(missing) }
        let access = UserAccess(user: serviceUser)
        // A service of one's own needs no unit.
        let sandbox = givenUser == nil ? UnitSandbox() : nil
        let folders = configuration.folders
        for (name, path) in [("state folder", folders.state), ("inbox", folders.inbox), ("outbox", folders.outbox)] {
            results.append(folder(name, path, access))
            if let obstacle = sandbox?.obstacle(to: path) {
                results.append(Result(subject: "\(name) in the unit", result: .bad, text: obstacle))
            }
        }
        results += spaces() + [devices(), watching(), service()].compactMap { $0 }
        return results
    }

    private func missingUser() -> Result? {
        guard !UserAccess.exists(serviceUser) else { return nil }
        return Result(
            subject: "user",
            result: givenUser == nil ? .warning : .bad,
            text: "there is no user \(serviceUser): systemd-sysusers makes contourd, --user names another"
        )
    }

    private func processor() -> Result {
        Result(
            subject: "processor",
            result: .good,
            text: "AVX2 and FMA, \(ProcessorCount.available) of them"
        )
    }

    private func model(_ name: String) -> Result {
        do {
            let package = try ModelCatalog(configuration).package(named: name)
            return Result(subject: "model \(name)", result: .good, text: "version \(package.description.version)")
        } catch { return Result(subject: "model \(name)", result: .bad, text: "\(error)") }
    }

    private func folder(_ name: String, _ path: String, _ access: UserAccess) -> Result {
        guard Directory.isFolder(path) else {
            return Result(
                subject: name,
                result: .bad,
                text: "\(path) is not there; with systemd: systemd-tmpfiles --create contourd.conf"
            )
        }
        // Others than the service need not reach its folders; only root can tell what the service may do.
        guard access.isAboutAskedUser || geteuid() == 0 && givenUser == nil else {
            return Result(
                subject: name,
                result: .notChecked,
                text: "\(path): only root can tell what \(serviceUser) may do there; run it with sudo"
            )
        }
        guard access.mayReadAndWrite(path) else {
            return Result(
                subject: name,
                result: .bad,
                text:
                    "\(access.user) may not read and write \(path): chown it, or setfacl -m u:\(access.user):rwx \(path)"
            )
        }
        return Result(subject: name, result: .good, text: "\(path), usable by \(access.user)")
    }

    private func spaces() -> [Result] {
        let minimum = Int64(configuration.outbox.minimumFreeMB) << 20
        return [configuration.folders.state, configuration.folders.outbox].filter(Directory.isFolder).map { path in
            do {
                let free = try FileSystemKind.freeBytes(at: path)
                let text = "\(path) has \(free >> 20) MiB free, the queue pauses below \(minimum >> 20)"
                return Result(
                    subject: "space",
                    result: free < minimum ? .bad : free < 2 * minimum ? .warning : .good,
                    text: text
                )
            } catch { return Result(subject: "space", result: .bad, text: "\(error)") }
        }
    }

    /// Folders on several file systems work, by copies.
    private func devices() -> Result? {
        let folders = configuration.folders
        do {
            let others = try [folders.inbox, folders.outbox].filter { path in
                try Directory.isFolder(path) && Directory.isFolder(folders.state)
                    && !FileSystemKind.areOnOneMount(path, folders.state)
            }
            guard !others.isEmpty else { return nil }
            return Result(
                subject: "file systems",
                result: .warning,
                text:
                    "\(others.joined(separator: ", ")): not on that of the state folder; files are copied instead of moved"
            )
        } catch { return Result(subject: "file systems", result: .bad, text: "\(error)") }
    }

    private func watching() -> Result? {
        guard Directory.isFolder(configuration.folders.inbox) else { return nil }
        do {
            let polls = try FileSystemKind(of: configuration.folders.inbox).needsPolling
            guard polls || configuration.inbox.polling == .always else { return nil }
            return Result(
                subject: "inbox",
                result: configuration.inbox.polling == .never ? .bad : .warning,
                text: configuration.inbox.polling == .never
                    ? "it lies on a network file system, where inotify sees nothing: set inbox.polling = \"auto\""
                    : "it is looked at every \(configuration.inbox.pollSeconds) s, not by inotify"
            )
        } catch { return Result(subject: "inbox", result: .bad, text: "\(error)") }
    }

    private func service() -> Result {
        do {
            guard case .status(let status) = try ControlClient(configuration).ask(.status), status.isRunning else {
                return Result(subject: "service", result: .warning, text: "not running: systemctl start contourd")
            }
            if let stop = status.stops.first {
                let what = stop.series.isEmpty ? "the queue is paused" : "a series is held"
                let text = "running, but \(what): \(stop.reason) contourctl status says what to do"
                return Result(subject: "service", result: .warning, text: text)
            }
            if let difference = try status.difference(from: configuration, path: path) {
                return Result(subject: "service", result: .warning, text: "running, but \(difference)")
            }
            return Result(subject: "service", result: .good, text: "contourd \(status.version) is running")
        } catch { return Result(subject: "service", result: .warning, text: "\(error)") }
    }
}
