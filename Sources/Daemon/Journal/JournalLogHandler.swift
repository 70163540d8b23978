internal import CSystemd
import Foundation
import Logging

/// Sends log lines to journald with their metadata as fields (sd_journal_sendv(3)).
struct JournalLogHandler: LogHandler {
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .info

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var fields = ["MESSAGE=\(event.message)", "PRIORITY=\(priority(event.level))", "SYSLOG_IDENTIFIER=contourd"]
        for (key, value) in metadata.merging(event.metadata ?? [:], uniquingKeysWith: { $1 }) {
            fields.append("\(key)=\(value)")
        }
        send(fields)
    }

    private func send(_ fields: [String]) {
        let bytes = fields.map { Array($0.utf8) }
        let buffers = bytes.map { field in
            let copy = UnsafeMutableRawPointer.allocate(byteCount: field.count, alignment: 1)
            field.withUnsafeBytes { copy.copyMemory(from: $0.baseAddress!, byteCount: field.count) }
            return iovec(iov_base: copy, iov_len: field.count)
        }
        defer { buffers.forEach { $0.iov_base.deallocate() } }
        sd_journal_sendv(buffers, Int32(buffers.count))
    }

    /// syslog(3) priorities.
    private func priority(_ level: Logger.Level) -> Int {
        switch level {
        case .trace, .debug: 7
        case .info: 6
        case .notice: 5
        case .warning: 4
        case .error: 3
        case .critical: 2
        }
    }
}

/// Readable lines on standard error, when no journal reads it.
struct TerminalLogHandler: LogHandler {
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .info

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let time = Date.now.formatted(.iso8601.time(includingFractionalSeconds: false))
        let line = Array("\(time) \(event.level): \(event.message)\n".utf8)
        // Nobody is left to hear of a failure.
        _ = write(STDERR_FILENO, line, line.count)
    }
}

/// The log of the service: journald when it reads our standard error (JOURNAL_STREAM, systemd.exec(5)).
func makeServiceLogger() -> Logger {
    Logger(label: "contourd") { _ -> any LogHandler in
        isJournalListening() ? JournalLogHandler() : TerminalLogHandler()
    }
}

/// Whether journald reads this program's standard error.
package func isJournalListening() -> Bool {
    guard let stream = ProcessInfo.processInfo.environment["JOURNAL_STREAM"] else { return false }
    var status = stat()
    guard fstat(STDERR_FILENO, &status) == 0 else { return false }
    return stream == "\(status.st_dev):\(status.st_ino)"
}
