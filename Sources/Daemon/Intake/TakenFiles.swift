import Dicom
import Foundation
import Pipeline
import Platform
import Store

/// Looks after files that were taken, until their Series is sealed: are they still what was read then?
///
/// A rename takes a file from its folder, not from a program that has it open. What was written to since is read again
/// when it rests, or set aside; what somebody can still write to keeps its Series waiting.
struct TakenFiles {
    private let context: ServiceContext
    private let headers: HeaderReader
    /// Files that changed, as they were seen last.
    private var unsettled: [Int64: Unsettled] = [:]

    private struct Unsettled {
        var file: InboxFile
        var since: ContinuousClock.Instant
        /// Nobody writes to it; it could not be read.
        var isPostponed = false
    }

    enum Verdict: Equatable {
        case whole
        /// Numbers of files that are being written to.
        case waiting([Int64])
        /// Some were read again, or set aside: the Series is another one now.
        case changed
    }

    static let changedCode = "E_FILE_CHANGED"
    static let advice = """
        Send it again when the program that writes it is done. A program that writes under a hidden name, or one that ends \
        in .part, and then renames the file, is never read too early.
        """

    init(context: ServiceContext, headers: HeaderReader) {
        self.context = context
        self.headers = headers
    }

    /// - Parameters:
    ///   - byContent: compare digests even where size and time are those that were noted.
    ///   - isOver: nothing is waited for any longer: what is still written to is set aside.
    mutating func examine(_ files: [InstanceRecord], byContent: Bool, patience isOver: Bool) throws -> Verdict {
        var waiting: [Int64] = []
        var isChanged = false
        for file in files {
            switch try examine(file, byContent: byContent) {
            case .whole: unsettled[file.number] = nil
            case .waiting where !isOver || unsettled[file.number]?.isPostponed == true: waiting.append(file.number)
            case .waiting:
                try setAside(file, "It is still being written to by the program that sent it.")
                isChanged = true
            case .changed: isChanged = true
            }
            context.liveness.beat(.intake)
        }
        return isChanged ? .changed : waiting.isEmpty ? .whole : .waiting(waiting)
    }

    /// Whether a stored file has other bytes than those that were read: compared only where something says so.
    static func isChanged(_ file: InstanceRecord) throws(SystemError) -> Bool {
        guard let path = file.storedPath, let now = InboxFile(at: path), now.wasTouched(since: file.snapshot) else {
            return false
        }
        return try SHA256Digest.hex(ofFile: path) != file.digest
    }

    private mutating func examine(_ file: InstanceRecord, byContent: Bool) throws -> Verdict {
        // One that is gone is missed by the stage that reads it.
        guard let path = file.storedPath, file.movingFrom == nil, let now = InboxFile(at: path) else { return .whole }
        if FileWriters.areAny(path) == true {
            unsettled[file.number]?.isPostponed = false
            return .waiting([file.number])
        }
        let wasTouched = now.wasTouched(since: file.snapshot)
        guard wasTouched || byContent else { return .whole }
        guard isSettled(now, file.number) else { return .waiting([file.number]) }
        let digest = try SHA256Digest.hex(ofFile: path) { context.liveness.beat(.intake) }
        if digest == file.digest {
            if wasTouched { try context.store.setSnapshot(file.number, now.snapshot) }
            return .whole
        }
        return try readAgain(file, now)
    }

    private mutating func isSettled(_ now: InboxFile, _ number: Int64) -> Bool {
        guard let seen = unsettled[number], seen.file == now else {
            unsettled[number] = Unsettled(file: now, since: .now)
            return false
        }
        return seen.since.duration(to: .now) >= .seconds(context.configuration.inbox.settleSeconds)
    }

    private mutating func readAgain(_ file: InstanceRecord, _ now: InboxFile) throws -> Verdict {
        let result = try headers.read(now.path)
        guard InboxFile(at: now.path) == now else { return .waiting([file.number]) }
        unsettled[file.number] = nil
        switch result {
        case .stopped: return .waiting([file.number])
        case .header(let header, let digest):
            let former = try JSONDecoder().decode(InstanceHeader.self, from: Data((file.header ?? "").utf8))
            guard
                header.sopInstanceUID == former.sopInstanceUID && header.sopClassUID == former.sopClassUID
                    && header.seriesInstanceUID == former.seriesInstanceUID
            else {
                try setAside(file, "It holds another instance than before.")
                return .changed
            }
            let json = String(decoding: try JSONEncoder().encode(header), as: UTF8.self)
            try context.store.renew(file.number, header: json, digest: digest, snapshot: now.snapshot)
            context.logger.event(
                .fileChanged,
                "file \(file.number) was written to after it was taken; it was read again",
                JournalFields(series: file.seriesNumber)
            )
        case .fault(let fault, _): try setAside(file, "It cannot be used as it is now (\(fault.code)).")
        case .crashed(let how): try setAside(file, "As it is now it crashes the reader (\(how)).")
        case .killed(let ending):
            let policy = context.configuration.retryPolicy
            let kills = try context.store.countKill(file.number)
            guard kills >= policy.maximumAttempts else {
                return postpone(file, now, for: .milliseconds(policy.delay(after: kills)), .workerEnded(ending))
            }
            let times = counted(kills, "time")
            try setAside(file, "The process that read it as it is now was killed \(times) (\(ending)).")
        case .unread(let fault): return postpone(file, now, for: .seconds(30), fault)
        }
        return .changed
    }

    private mutating func postpone(
        _ file: InstanceRecord,
        _ now: InboxFile,
        for pause: Duration,
        _ fault: Fault
    ) -> Verdict {
        unsettled[file.number] = Unsettled(file: now, since: .now + pause, isPostponed: true)
        context.logger.event(
            .intakeTrouble,
            "file \(file.number) was written to after it was taken, and is read again later: \(fault.message) \(fault.hint)",
            JournalFields(series: file.seriesNumber, fault: fault.code)
        )
        return .waiting([file.number])
    }

    private mutating func setAside(_ file: InstanceRecord, _ reason: String) throws {
        unsettled[file.number] = nil
        try Self.setAside(file, reason, isTold: false, in: context)
        context.logger.event(
            .fileQuarantined,
            "file \(file.number) was set aside in quarantine: it was written to after it was taken. \(reason)",
            JournalFields(series: file.seriesNumber, fault: Self.changedCode)
        )
    }

    static func setAside(
        _ file: InstanceRecord,
        _ reason: String,
        isTold: Bool,
        in context: ServiceContext
    ) throws(StoreError) {
        let words = SettingAside.Words(
            code: changedCode,
            reason: "Somebody wrote to it after it had been taken. \(reason) \(advice)"
        )
        let target = "\(context.state.quarantine)/\(file.number).dcm"
        try context.store.setAsideChanged(file.number, words, to: target, isTold: isTold)
    }
}

extension InboxFile {
    /// Whether somebody may have changed the content since an earlier snapshot of this file. Another inode is a copy that
    /// we made, and that nobody else may write to; a rename changes the third time alone.
    func wasTouched(since snapshot: String) -> Bool {
        let (now, then) = (self.snapshot.split(separator: " "), snapshot.split(separator: " "))
        guard now.count == 4, then.count == 4, now[3] == then[3] else { return false }
        return now[0] != then[0] || now[1] != then[1]
    }
}
