import Foundation
import Store
import Synchronization
import Testing

/// A store in a folder of its own, with a clock that stands still until it is told to go on.
final class TestStore: Sendable {
    let folder: URL
    let store: Store
    private let clock: Clock

    /// Milliseconds since 1970, as the store sees them.
    final class Clock: Sendable {
        private let time = Mutex<Int64>(1_700_000_000_000)
        var now: Int64 { time.withLock { $0 } }
        func advance(_ milliseconds: Int64) { time.withLock { $0 += milliseconds } }
    }

    init() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("store-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let clock = Clock()
        self.clock = clock
        store = try Store(path: folder.path + "/contourd.sqlite", now: { clock.now })
    }

    deinit {
        do { try FileManager.default.removeItem(at: folder) } catch { Issue.record(error) }
    }

    var now: Int64 { clock.now }
    func advance(_ milliseconds: Int64) { clock.advance(milliseconds) }

    /// A Series with images that lie in the work folder.
    @discardableResult
    func series(_ uid: String, images: Int = 2) throws -> Int64 {
        for n in 0..<images { try addImage("\(uid).\(n)", to: uid) }
        return try #require(try store.series(seriesInstanceUID: uid)).number
    }

    /// - Returns: the number of the Series when it begins to arrive with this image.
    @discardableResult
    func addImage(_ sopInstanceUID: String, to uid: String, digest: String = "d", path: String? = nil) throws -> Int64?
    {
        let instance = try store.beginParsing(inboxPath: path ?? "/inbox/\(sopInstanceUID)", snapshot: "1")
        let taking = try store.beginTaking(
            instance.number,
            seriesInstanceUID: uid,
            sopInstanceUID: sopInstanceUID,
            header: "{}",
            digest: digest
        ) { "/work/series-\($0 ?? 0)/\(instance.number).dcm" }
        let taken = try store.finishTaking(image: taking.number, settingAside: Self.settingAside)
        return taken.opens ? taken.seriesNumber : nil
    }

    static let settingAside = SettingAside(
        conflict: .init(code: "E_CONFLICT", reason: "conflict"),
        replaced: .init(code: "W_REPLACED", reason: "replaced"),
        storedPath: { "/quarantine/\($0).dcm" }
    )

    func newRun(_ content: String = "content", model: String = "lungs", modelDigest: String = "m") -> NewRun {
        NewRun(
            kind: "contouring",
            stack: "1.2",
            model: model,
            contentDigest: content,
            modelDigest: modelDigest,
            configurationDigest: "c",
            softwareVersion: "1",
            firstStage: "resample"
        ) { revision in ("{\"revision\":\(revision)}", "name-\(revision)") }
    }

    /// A sealed Series with one run; returns the run.
    func sealedRun(_ uid: String = "1.2") throws -> RunRecord {
        let number = try series(uid)
        return try #require(try store.seal(number, runs: [newRun()]).first)
    }
}

extension FaultRecord {
    static func example(_ kind: String) -> FaultRecord {
        FaultRecord(kind: kind, code: "E_\(kind.uppercased())", message: "m", hint: "h", details: [])
    }
}
