import Dicom
import Foundation
import Pipeline
import Platform
import Store

/// Takes one file out of the inbox: notes it, lets a worker read it, moves it, and remembers what it is.
///
/// Every move is announced in the database before it is made, so that `finishTaking` can complete it after a crash.
struct FileReceiver {
    let context: ServiceContext
    let headers: HeaderReader

    enum Outcome: Equatable {
        /// An image was taken; `opened` is its Series when it begins to arrive with it. `leftBehind`: a copy was
        /// taken, and the original may not be removed.
        case image(opened: Int64?, leftBehind: Bool)
        /// An RT Structure Set or a Segmentation was taken.
        case reference(Int64, ContouredSeries, leftBehind: Bool)
        /// An image was taken in the place of one that was sent before a refusal; `opens` as above.
        case replaced(series: Int64, opens: Bool, leftBehind: Bool)
        /// The same bytes were received before; the file was removed. `opened` as above.
        case repeated(opened: Int64?)
        /// It was moved to the quarantine.
        case quarantined(Notice, leftBehind: Bool)
        /// It stays where it is until it changes.
        case left(Notice)
        /// It stays where it is until it may be taken.
        case denied(Notice)
        /// It ends too early; it may still grow.
        case truncated
        /// Whoever read it was killed, or did not start; it is read again after so long.
        case postponed(Fault, Duration)
        /// It vanished or changed, or the service is stopping.
        case gone
    }

    /// What is told about a file.
    struct Notice: Equatable {
        var number: Int64
        var code: String
        var reason: String
    }

    /// Crashes of the reader after which a file is set aside.
    private static let maximumCrashes = 2
    /// Ends of the whole service with the file in hand after which it is set aside. An operator may end the service
    /// as often as he likes in an orderly way.
    private static let maximumInterruptions = 5

    /// - Parameter mayGrow: a file that ends too early is looked at again later.
    /// - Throws: `SystemError` when this file cannot be taken now; others may be.
    func receive(_ file: InboxFile, mayGrow: Bool) throws -> Outcome {
        let instance = try context.store.beginParsing(inboxPath: file.path, snapshot: file.snapshot)
        do {
            guard instance.attempts <= Self.maximumInterruptions else {
                return try quarantine(
                    instance,
                    code: "E_PARSER_CRASHED",
                    reason: "contourd ended \(Self.maximumInterruptions) times while it read this file.",
                    of: DamagedHeader(contentsOf: file.path)
                )
            }
            return try read(file, instance, mayGrow: mayGrow)
        } catch let error as SystemError {
            if error.code == ENOENT, InboxFile(at: file.path) != file { return try forget(instance) }
            try context.store.giveBackParsing(instance.number)
            throw error
        }
    }

    private func read(_ file: InboxFile, _ instance: InstanceRecord, mayGrow: Bool) throws -> Outcome {
        var crash = ""
        for _ in 0..<Self.maximumCrashes {
            let result = try headers.read(file.path)
            // It changed or vanished while it was read: the next scan sees it anew.
            guard InboxFile(at: file.path) == file else { return try forget(instance) }
            switch result {
            case .stopped:
                try context.store.giveBackParsing(instance.number)
                return .gone
            case .crashed(let how): crash = how
            case .killed(let ending): return try readLater(instance, ending)
            case .unread(let fault):
                try context.store.giveBackParsing(instance.number)
                return .postponed(fault, .seconds(30))
            case .fault(let fault, let header): return try judge(fault, header, instance, mayGrow: mayGrow)
            case .header(let header, let digest): return try take(instance, header, digest: digest)
            }
        }
        return try quarantine(
            instance,
            code: "E_PARSER_CRASHED",
            reason: "Reading the file crashed the reader (\(crash)).",
            of: DamagedHeader(contentsOf: file.path)
        )
    }

    /// A kill says nothing about the file. One during which the kernel ends every reader for lack of memory is set aside in
    /// the end, with words that say so.
    private func readLater(_ instance: InstanceRecord, _ ending: ChildProcess.Ending) throws -> Outcome {
        let fault = Fault.workerEnded(ending)
        let policy = context.configuration.retryPolicy
        let kills = try context.store.countKill(instance.number)
        guard kills >= policy.maximumAttempts else {
            return .postponed(fault, .milliseconds(policy.delay(after: kills)))
        }
        return try quarantine(
            instance,
            code: fault.code,
            reason: """
                The process that read it was killed \(counted(kills, "time")), the last time by \(ending): by somebody, or by \
                the kernel for lack of memory. The file may be whole.
                """,
            of: DamagedHeader(contentsOf: instance.inboxPath)
        )
    }

    private func judge(
        _ fault: Fault,
        _ header: DamagedHeader,
        _ instance: InstanceRecord,
        mayGrow: Bool
    ) throws -> Outcome {
        switch fault.code {
        case "E_TRUNCATED" where mayGrow:
            try context.store.giveBackParsing(instance.number)
            return .truncated
        case "E_NOT_DICOM": return .left(try leave(instance, code: fault.code, reason: "It is no DICOM file."))
        case "E_TOO_SHORT":
            // Most are signs of other programs; those that are named like images are missed beside them.
            return .left(try leave(instance, code: fault.code, reason: "\(fault.message) \(fault.hint)"))
        case "E_CANNOT_OPEN", "E_PERMISSION": return .denied(try deny(instance))
        default:
            let reason = "\(fault.message) \(fault.hint)"
            return try quarantine(instance, code: fault.code, reason: reason, of: header)
        }
    }

    private func take(_ instance: InstanceRecord, _ header: InstanceHeader, digest: String) throws -> Outcome {
        switch header.kind {
        case .dicomdir:
            return .left(try leave(instance, code: "W_DICOMDIR", reason: "A DICOMDIR is not needed."))
        case .otherDicom(let sopClass):
            let notice = try leave(instance, code: "W_NOT_CT", reason: "It is no CT image (SOP Class \(sopClass)).")
            try context.store.note(
                instance.number,
                ofOtherSeries: header.seriesInstanceUID,
                study: header.studyInstanceUID,
                modality: header.modality
            )
            // Its sender may have to be told.
            context.wakeDispatchers()
            return .left(notice)
        case .ctImage, .rtStructureSet, .segmentation: break
        }
        let isImage = header.kind == .ctImage
        // Another version of an image of the same Series is taken: which one counts is decided when it lies with us. Contours
        // that were edited or approved in place are another reference; of several the latest counts.
        let known = try context.store.receivedInstance(
            sopInstanceUID: header.sopInstanceUID,
            inSeries: isImage ? header.seriesInstanceUID : nil,
            digest: digest
        )
        if let earlier = try whole(known), earlier.digest == digest || (earlier.state == .image) != isImage {
            return try judgeRepeat(instance, of: earlier, digest: digest)
        }
        let json = String(decoding: try JSONEncoder().encode(header), as: UTF8.self)
        let taking = try context.store.beginTaking(
            instance.number,
            seriesInstanceUID: isImage ? header.seriesInstanceUID : nil,
            studyInstanceUID: header.studyInstanceUID,
            sopInstanceUID: header.sopInstanceUID,
            header: json,
            digest: digest
        ) { series in
            series.map { context.state.image(instance.number, seriesNumber: $0) }
                ?? context.state.reference(instance.number)
        }
        return try finishOrGiveBack(taking)
    }

    /// A stored file that somebody wrote to since it was taken, or that is gone, is no version of anything: the new one takes its place.
    private func whole(_ earlier: InstanceRecord?) throws -> InstanceRecord? {
        guard let earlier else { return nil }
        // What came again is removed from the inbox: it must lie with us.
        let isGone = earlier.movingFrom == nil && !Directory.exists(earlier.storedPath ?? "")
        guard try isGone || TakenFiles.isChanged(earlier) else { return earlier }
        try TakenFiles.setAside(earlier, "It was sent again.", isTold: true, in: context)
        return nil
    }

    /// The same bytes under the same UID are dropped; what belongs elsewhere is set aside.
    private func judgeRepeat(
        _ instance: InstanceRecord,
        of earlier: InstanceRecord,
        digest: String
    ) throws -> Outcome {
        // `contourctl show` of the series lists it, with its path.
        if let series = earlier.seriesNumber { try context.store.attach(instance.number, toSeries: series) }
        guard earlier.digest == digest else {
            let words = SettingAside.conflict(inSeries: earlier.seriesNumber)
            return try quarantine(instance, code: words.code, reason: words.reason)
        }
        // First what follows from it, then the file: a kill in between only makes it come again.
        let opened = try context.store.confirm(earlier.number)
        do throws(SystemError) {
            try syscall("unlink", path: instance.inboxPath) { unlink(instance.inboxPath) }
        } catch {
            guard [EACCES, EPERM, EROFS].contains(error.code) else { throw error }
            let reason = "It was received before, and contourd may not remove it: whoever sent it may."
            return .left(try leave(instance, code: "W_REPEATED", reason: reason))
        }
        try context.store.endInstance(
            instance.number,
            as: .repeated,
            code: "W_REPEATED",
            reason: "The same file was received before."
        )
        return .repeated(opened: opened)
    }

    /// - Parameter header: what a damaged file still says; nil for one that is whole.
    private func quarantine(
        _ instance: InstanceRecord,
        code: String,
        reason: String,
        of header: DamagedHeader? = nil
    ) throws -> Outcome {
        let target = "\(context.state.quarantine)/\(instance.number).dcm"
        let claims = try header.map { header in
            InstanceClaims(
                seriesInstanceUID: header.seriesInstanceUID,
                sopInstanceUID: header.sopInstanceUID,
                header: String(decoding: try JSONEncoder().encode(header), as: UTF8.self)
            )
        }
        return try finishOrGiveBack(
            context.store.beginQuarantine(
                instance.number,
                code: code,
                reason: reason,
                storedPath: target,
                claims: claims
            )
        )
    }

    func leave(_ instance: InstanceRecord, code: String, reason: String) throws -> Notice {
        try context.store.endInstance(instance.number, as: .ignored, code: code, reason: reason)
        return Notice(number: instance.number, code: code, reason: reason)
    }

    private func deny(_ instance: InstanceRecord) throws -> Notice {
        try leave(
            instance,
            code: "E_PERMISSION",
            reason: """
                contourd may not read it. Files that are copied into the inbox inherit that right; files that are moved \
                there, or copied with their permissions, do not. Hand them over with contourctl submit, or grant it: \
                setfacl -R -m u:contourd:rwX FOLDER
                """
        )
    }

    private func forget(_ instance: InstanceRecord) throws -> Outcome {
        try context.store.forgetInstance(instance.number)
        return .gone
    }
}

extension FileReceiver {
    /// Whether a file that was denied may be read by now; asks nobody but the kernel.
    static func mayRead(_ path: String) -> Bool { access(path, R_OK) == 0 }

    /// Completes what `beginTaking` or `beginQuarantine` announced, or takes the announcement back.
    func finishOrGiveBack(_ instance: InstanceRecord) throws -> Outcome {
        do { return try finishTaking(instance) } catch let error as SystemError {
            let target = instance.storedPath ?? ""
            if InboxFile(at: instance.inboxPath)?.snapshot == instance.snapshot {
                unlink(target)  // a copy, whose source could not be removed
                try context.store.giveBackTaking(instance.number)
            } else if !Directory.exists(target) {
                try context.store.giveBackTaking(instance.number)
            }
            // Else it is ours, but not durable or not recorded yet: a later scan completes that.
            throw error
        }
    }

    /// Moves a file whose row says `taking`; run again after an interruption it completes.
    private func finishTaking(_ instance: InstanceRecord) throws -> Outcome {
        guard let target = instance.storedPath else { return try forget(instance) }
        try Directory.create(Directory.parent(of: target))
        if !Directory.exists(target), InboxFile(at: instance.inboxPath)?.snapshot != instance.snapshot {
            return try forget(instance)  // its owner took it back, or put another one there
        }
        let source = try FileTransfer.move(instance.inboxPath, to: target, digest: instance.digest) {
            context.liveness.beat(.intake)
        }
        return try finish(instance, leftBehind: source == .leftBehind)
    }

    private func finish(_ instance: InstanceRecord, leftBehind: Bool) throws -> Outcome {
        let store = context.store
        if let code = instance.code {
            let notice = Notice(number: instance.number, code: code, reason: instance.reason ?? "")
            try store.endInstance(
                instance.number,
                as: .quarantined,
                code: code,
                reason: notice.reason,
                leftBehind: leftBehind
            )
            return .quarantined(notice, leftBehind: leftBehind)
        }
        let header = try JSONDecoder().decode(InstanceHeader.self, from: Data((instance.header ?? "").utf8))
        if header.kind == .ctImage {
            return try finish(image: instance, leftBehind: leftBehind)
        }
        let contoured = try ReferenceMatching(store: store).match(header)
        try store.finishTaking(
            reference: instance.number,
            seriesInstanceUIDs: contoured.seriesInstanceUIDs,
            leftBehind: leftBehind
        )
        return .reference(instance.number, contoured, leftBehind: leftBehind)
    }

    private func finish(image instance: InstanceRecord, leftBehind: Bool) throws -> Outcome {
        let words = SettingAside(context.state, series: instance.seriesNumber ?? 0)
        let taken = try context.store.finishTaking(
            image: instance.number,
            leftBehind: leftBehind,
            settingAside: words
        )
        if taken.isConflict {
            let notice = Notice(number: instance.number, code: words.conflict.code, reason: words.conflict.reason)
            return .quarantined(notice, leftBehind: leftBehind)
        }
        if taken.replaced > 0 {
            return .replaced(series: taken.seriesNumber, opens: taken.opens, leftBehind: leftBehind)
        }
        return .image(opened: taken.opens ? taken.seriesNumber : nil, leftBehind: leftBehind)
    }

    /// Moves an image that the database has set aside already to the quarantine; run again it completes.
    /// - Throws: `SystemError`; a later call tries again.
    func moveAside(_ instance: InstanceRecord) throws {
        guard let source = instance.movingFrom, let target = instance.storedPath else { return }
        if Directory.exists(source) || Directory.exists(target) {
            try FileTransfer.move(source, to: target, digest: instance.digest)
        }
        try context.store.finishMove(instance.number)
    }
}
