internal import CSystemd

/// Tells systemd how the service is (sd_notify(3)); does nothing without systemd.
struct ServiceManager: Sendable {
    func ready() { sd_notify(0, "READY=1") }
    func stopping() { sd_notify(0, "STOPPING=1") }
    func reloading() { sd_notify(0, "RELOADING=1") }
    /// One line for `systemctl status`.
    func status(_ text: String) { sd_notify(0, "STATUS=\(text)") }
    func alive() { sd_notify(0, "WATCHDOG=1") }
    /// A start or stop that makes progress is given another minute.
    func moreTime() { sd_notify(0, "EXTEND_TIMEOUT_USEC=60000000") }

    /// The unit's WatchdogSec; nil without one.
    var watchdog: Duration? {
        var microseconds: UInt64 = 0
        return sd_watchdog_enabled(0, &microseconds) > 0 ? .microseconds(microseconds) : nil
    }
}
