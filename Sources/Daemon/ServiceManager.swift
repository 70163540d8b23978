internal import CSystemd

/// Tells systemd how the service is (sd_notify(3)); does nothing without systemd.
struct ServiceManager: Sendable {
    func ready() { sd_notify(0, "READY=1") }
    func stopping() { sd_notify(0, "STOPPING=1") }
    func reloading() { sd_notify(0, "RELOADING=1") }
    /// One line for `systemctl status`.
    func status(_ text: String) { sd_notify(0, "STATUS=\(text)") }
    /// The watchdog is fed by work that was done, never by a timer of its own.
    func alive() { sd_notify(0, "WATCHDOG=1") }
}
