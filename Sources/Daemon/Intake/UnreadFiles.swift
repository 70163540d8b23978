import Dicom
import Foundation
import Pipeline
import Platform
import Store

/// A file in the inbox that was not read so far, or not to its end.
struct WaitingFile {
    var path: String
    /// When it was seen first, ms since 1970.
    var since: Int64
    /// Whoever read it was killed, or did not start: it is read again after a pause.
    var awaitsReader: Bool
}

/// Files that may be images of a Series, and are not: damaged, not to be read, or still on their way.
///
/// A truncated last slice leaves no gap. What is known to be an image of the Series is missed in it; of other files beside
/// its images the result tells.
struct UnreadFiles {
    /// They say that they are images of the Series.
    private(set) var damaged: [InstanceRecord] = []
    /// Images that were deleted after their time and did not come again with the others.
    private var notSentAgain = 0
    /// Files in quarantine whose Series nobody knows.
    private var unknown: [InstanceRecord] = []
    /// Files in the inbox that may not be read, have no usable name, or are named like images and hold none.
    private var denied: [InstanceRecord] = []
    /// Objects that name the Series and are no CT images.
    private var strangers: [InstanceRecord] = []
    /// Files in the inbox that are still on their way.
    private var waiting: [WaitingFile] = []
    private let context: ServiceContext

    /// - Parameter images: those of the Series.
    init(
        of series: SeriesRecord,
        images: [InstanceRecord],
        waiting: [WaitingFile],
        in context: ServiceContext
    ) throws {
        self.context = context
        damaged = try context.store.damagedInstances(ofSeries: series).filter { file in
            // Whoever deleted it from the quarantine has judged that nothing is missing.
            Directory.exists(file.storedPath ?? "") || file.movingFrom != nil
        }
        damaged = try damaged.filter { try Self.header($0).isSlice }
        let drop = Drop(images, context.configuration)
        let unread = try context.store.unreadInstances().filter { drop.holds($0.inboxPath, since: $0.receivedAt) }
        unknown = try unread.filter { file in
            try file.state == .quarantined && Self.header(file).isSlice && Directory.exists(file.storedPath ?? "")
        }
        let names = ImageNames(of: images.map(\.inboxPath))
        denied = unread.filter { file in
            // What holds nothing, or is no DICOM, is mostly a sign or a paper beside the images.
            file.state == .ignored
                && (!["E_TOO_SHORT", "E_NOT_DICOM"].contains(file.code) || names.fit(file.inboxPath))
        }
        strangers = try context.store.otherKinds(inSeries: series.seriesInstanceUID)
        notSentAgain = try context.store.imagesNotSentAgain(ofSeries: series.number)
        let known = Set(denied.map(\.inboxPath))
        self.waiting = waiting.filter { file in
            !known.contains(file.path) && drop.holds(file.path, since: file.since)
                && InboxFile(at: file.path)?.mayBeDicom == true
        }
    }

    /// What may still become images of the Series; nil when nothing may.
    var reasonToWait: String? {
        let count = denied.count + waiting.count
        guard count > 0 else { return nil }
        let subject = count == 1 ? "1 file that came" : "\(count) files that came"
        let first = denied.first.map { ", file \($0.number)\(count > 1 ? " for example" : "")," } ?? ""
        let what =
            if waiting.contains(where: { !$0.awaitsReader }) { "to be written to the end" } else if waiting.isEmpty {
                "to be readable"
            } else { "to be read again: whoever read before was killed, or did not start" }
        return "\(subject) with its images\(first) \(what)"
    }

    /// What is missing for certain; nil when nothing is.
    var missing: String? {
        if notSentAgain > 0 { return "\(notSentAgain) images of the scan that were not sent again" }
        guard !damaged.isEmpty else { return nil }
        // A header that cannot be decoded says no number; the image is counted all the same.
        let numbers = damaged.compactMap { (try? Self.header($0))?.instanceNumber }.sorted()
        let names = numbers.isEmpty ? "" : " (\(numbers.prefix(5).map(String.init).joined(separator: ", ")))"
        return "\(damaged.count) \(damaged.count == 1 ? "image" : "images")\(names) that could not be read"
    }

    /// Why the Series is refused; empty where it is not.
    func refusals() throws -> [AdmissionFinding] {
        if notSentAgain > 0 { return [.notSentAgain(notSentAgain)] }
        guard !damaged.isEmpty else { return [] }
        return [
            .damagedImages(
                try damaged.map { "\(try Self.header($0).name): file \($0.number), \($0.code ?? "")" }
            )
        ]
    }

    /// What the report of the Series tells of the rest.
    func findings(ofSeries series: SeriesRecord) throws -> [DropFinding] {
        let files = (unknown + denied + strangers).map { "file \($0.number): \($0.code ?? "")" }
        let unfinished = waiting.count { !$0.awaitsReader }
        let open =
            (unfinished == 0 ? [] : ["\(unfinished) not written to the end"])
            + (unfinished == waiting.count
                ? [] : ["\(waiting.count - unfinished) whose reader was killed, or did not start"])
        var findings: [DropFinding] = []
        let count = files.count + waiting.count
        if count > 0 { findings.append(.filesNotRead(count, details: files + open)) }
        let reused = try context.store.reusedUIDs(inSeries: series.number)
        if reused > 0 { findings.append(.reusedUIDs(reused)) }
        return findings
    }

    private static func header(_ file: InstanceRecord) throws -> DamagedHeader {
        if let claims = file.claims { return try JSONDecoder().decode(DamagedHeader.self, from: Data(claims.utf8)) }
        var header = DamagedHeader()
        let former = try file.header.map { try JSONDecoder().decode(InstanceHeader.self, from: Data($0.utf8)) }
        header.instanceNumber = former?.instanceNumber
        header.isSlice = former?.isLocalizer != true
        return header
    }
}

/// Where and when the images of a Series came. A file that came there then may have been sent with them.
private struct Drop {
    private var arrivals: [String: [Int64]] = [:]
    private let surroundings: [String: Surroundings]
    private let windowMS: Int64

    init(_ images: [InstanceRecord], _ configuration: Configuration) {
        for image in images { arrivals[Directory.parent(of: image.inboxPath), default: []].append(image.receivedAt) }
        windowMS = Int64(configuration.series.incompleteAfterSeconds * 1000)
        surroundings = Dictionary(
            uniqueKeysWithValues: arrivals.keys.map {
                ($0, Surroundings(ofImagesIn: $0, root: configuration.folders.inbox))
            }
        )
    }

    func holds(_ path: String, since time: Int64) -> Bool {
        arrivals.contains { folder, times in
            surroundings[folder]?.contain(path) == true && times.contains { abs($0 - time) <= windowMS }
        }
    }
}
