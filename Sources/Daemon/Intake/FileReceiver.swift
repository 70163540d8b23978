import Dicom
import Foundation
import Pipeline
import Platform
import Store

/// Takes one file out of the inbox: notes it, lets a worker read it, moves it, and remembers what it is.
struct FileReceiver {
    let context: ServiceContext
    let headers: HeaderReader

    enum Outcome: Equatable {
        case taken
        /// An RT Structure Set or a Segmentation of these Series was taken.
        case reference(seriesInstanceUIDs: [String])
        /// It stays where it is until it changes.
        case left
        /// It ends too early; it may still grow.
        case truncated
        /// It vanished, or the service is stopping.
        case gone
    }

    /// Crashes of the worker after which a file is set aside.
    private static let maximumAttempts = 2

    /// - Parameter mayGrow: a file that ends too early is looked at again later.
    func receive(_ file: InboxFile, mayGrow: Bool) throws -> Outcome {
        let instance = try context.store.beginParsing(inboxPath: file.path, snapshot: file.snapshot)
        guard instance.attempts <= Self.maximumAttempts else {
            return try quarantine(instance, code: "E_PARSER_CRASHED", reason: "Reading the file crashed the reader.")
        }
        switch try headers.read(file.path) {
        case .crashed(let how):
            guard Directory.exists(file.path) else { return try forget(instance) }
            if instance.attempts < Self.maximumAttempts { return try receive(file, mayGrow: mayGrow) }
            return try quarantine(
                instance, code: "E_PARSER_CRASHED", reason: "Reading the file crashed the reader (\(how)).")
        case .fault(let fault):
            guard Directory.exists(file.path) else { return try forget(instance) }
            return try judge(fault, instance, mayGrow: mayGrow)
        case .header(let header, let digest):
            guard InboxScanner.snapshot(of: file.path) == file.snapshot else {
                return try forget(instance)  // it changed while it was read: the next scan sees it anew
            }
            return try take(instance, header, digest: digest)
        }
    }

    private func judge(_ fault: Fault, _ instance: InstanceRecord, mayGrow: Bool) throws -> Outcome {
        switch fault.code {
        case "E_TRUNCATED" where mayGrow:
            try context.store.giveBackParsing(instance.number)
            return .truncated
        case "E_NOT_DICOM":
            return try leave(instance, .fileIgnored, code: fault.code, reason: "It is no DICOM file.")
        case "E_CANNOT_OPEN", "E_PERMISSION":
            return try leave(
                instance, .fileUnreadable, code: "E_PERMISSION",
                reason: """
                    contourd may not read this file. Let the inbox hand its access list on (setfacl -d -m \
                    u:contourd:rwX on the inbox), or copy the file with read permission for the group contourd-users.
                    """)
        default: return try quarantine(instance, code: fault.code, reason: "\(fault.message) \(fault.hint)")
        }
    }

    private func take(_ instance: InstanceRecord, _ header: InstanceHeader, digest: String) throws -> Outcome {
        switch header.kind {
        case .dicomdir:
            return try leave(instance, .fileIgnored, code: "W_DICOMDIR", reason: "A DICOMDIR is not needed.")
        case .otherDicom(let sopClass):
            return try leave(
                instance, .fileIgnored, code: "W_NOT_CT", reason: "It is no CT image (SOP Class \(sopClass)).")
        case .ctImage, .rtStructureSet, .segmentation: break
        }
        if let earlier = try context.store.receivedImage(sopInstanceUID: header.sopInstanceUID) {
            return try judgeRepeat(instance, of: earlier, digest: digest)
        }
        let isImage = header.kind == .ctImage
        let json = String(decoding: try JSONEncoder().encode(header), as: UTF8.self)
        let taking = try context.store.beginTaking(
            instance.number, seriesInstanceUID: isImage ? header.seriesInstanceUID : nil,
            sopInstanceUID: header.sopInstanceUID, header: json, digest: digest
        ) { series in
            series.map { context.state.image(instance.number, seriesNumber: $0) }
                ?? context.state.reference(instance.number)
        }
        do { try finishTaking(taking) } catch let error as SystemError {
            guard error.code == EACCES || error.code == EPERM else { throw error }
            return try leave(
                instance, .fileUnreadable, code: "E_PERMISSION",
                reason: """
                    contourd may not take this file out of its folder: it needs write permission there. Let the inbox \
                    hand its access list on (setfacl -d -m u:contourd:rwX on the inbox).
                    """)
        }
        return isImage ? .taken : .reference(seriesInstanceUIDs: header.referencedSeriesInstanceUIDs)
    }

    /// Moves a file whose row says `taking`; run again after an interruption it completes.
    func finishTaking(_ instance: InstanceRecord) throws {
        guard let target = instance.storedPath, let json = instance.header else { return }
        try Directory.create(Directory.parent(of: target))
        guard Directory.exists(target) || Directory.exists(instance.inboxPath) else {
            return try context.store.forgetInstance(instance.number)  // its owner took it back
        }
        try FileTransfer.move(instance.inboxPath, to: target)
        let header = try JSONDecoder().decode(InstanceHeader.self, from: Data(json.utf8))
        if header.kind == .ctImage {
            try context.store.finishTaking(image: instance.number)
        } else {
            try context.store.finishTaking(
                reference: instance.number, seriesInstanceUIDs: header.referencedSeriesInstanceUIDs)
            context.logger.event(
                .referenceReceived,
                "reference \(instance.number) received; it contours \(header.referencedSeriesInstanceUIDs.count) series")
        }
    }

    /// The same bytes under the same UID are dropped; other bytes are set aside.
    private func judgeRepeat(
        _ instance: InstanceRecord, of earlier: InstanceRecord, digest: String
    ) throws -> Outcome {
        guard earlier.digest == digest else {
            return try quarantine(
                instance, code: "E_CONFLICTING_INSTANCES",
                reason: "Another file with the same SOP Instance UID was received before, and its content differs.")
        }
        let target = "\(context.state.quarantine)/\(instance.number).repeated"
        try FileTransfer.move(instance.inboxPath, to: target)
        try context.store.endInstance(
            instance.number, as: .repeated, code: "W_REPEATED", reason: "The same file was received before.",
            storedPath: target)
        // The bytes are kept once: by the instance that came first.
        unlink(target)
        return .taken
    }

    private func leave(
        _ instance: InstanceRecord, _ event: JournalEvent, code: String, reason: String
    ) throws -> Outcome {
        try context.store.endInstance(instance.number, as: .ignored, code: code, reason: reason)
        context.logger.event(
            event, "file \(instance.number) stays in the inbox: \(reason)", JournalFields(fault: code))
        return .left
    }

    private func quarantine(_ instance: InstanceRecord, code: String, reason: String) throws -> Outcome {
        let target = "\(context.state.quarantine)/\(instance.number).dcm"
        do { try FileTransfer.move(instance.inboxPath, to: target) } catch {
            guard error.code == EACCES || error.code == EPERM else { throw error }
            return try leave(instance, .fileUnreadable, code: code, reason: reason)
        }
        let text = "\(code)\n\n\(reason)\n\nReceived as:\n\(instance.inboxPath)\n"
        try AtomicFile.write(Data(text.utf8), to: "\(context.state.quarantine)/\(instance.number).txt")
        try context.store.endInstance(
            instance.number, as: .quarantined, code: code, reason: reason, storedPath: target)
        context.logger.event(
            .fileQuarantined, "file \(instance.number) was set aside in quarantine: \(reason)",
            JournalFields(fault: code))
        return .taken
    }

    private func forget(_ instance: InstanceRecord) throws -> Outcome {
        try context.store.forgetInstance(instance.number)
        return .gone
    }
}
