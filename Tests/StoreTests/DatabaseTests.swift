import Foundation
import GRDB
import Store
import Testing

@Suite("Database")
struct DatabaseTests {
    @Test("A commit survives a power cut: write-ahead log, synchronous FULL, foreign keys")
    func durability() throws {
        let test = try TestStore()
        #expect(try test.store.durability() == ["wal", "2", "1"])
    }

    @Test("Everything is there again after the store is closed and opened")
    func reopening() throws {
        let test = try TestStore()
        let run = try test.sealedRun()
        try test.store.close()
        let again = try Store(path: test.folder.path + "/contourd.sqlite")
        #expect(try again.runs(ofSeries: run.seriesNumber) == [run])
        try again.close()
    }

    @Test("A database of a later version is refused, and not touched")
    func laterVersion() throws {
        let test = try TestStore()
        let path = test.folder.path + "/contourd.sqlite"
        try test.store.close()
        let queue = try DatabaseQueue(path: path)
        try queue.write { try $0.execute(sql: "INSERT INTO grdb_migrations VALUES ('99: from the future')") }
        try queue.close()
        #expect(throws: StoreError.newerSchema) { try Store(path: path) }
    }

    @Test("A database of the former version keeps its pauses, its images and its jobs")
    func upgrade() throws {
        let test = try TestStore()
        let run = try test.sealedRun()
        try test.store.close()
        let path = test.folder.path + "/contourd.sqlite"
        let queue = try DatabaseQueue(path: path)
        // What the fourth migration added is taken away again, and the former version's pauses are put in.
        try queue.write { db in
            for index in ["instance_by_study", "instance_by_other_series"] {
                try db.execute(sql: "DROP INDEX \(index)")
            }
            for column in ["study_uid", "other_series_uid", "modality"] {
                try db.execute(sql: "ALTER TABLE instance DROP COLUMN \(column)")
            }
            try db.execute(sql: "ALTER TABLE job DROP COLUMN delay_ms; ALTER TABLE run DROP COLUMN labels_deleted")
            try db.execute(sql: "DELETE FROM grdb_migrations WHERE identifier LIKE '4:%'")
            try db.execute(sql: "UPDATE instance SET header = '{\"studyInstanceUID\":\"1.9\"}'")
            try db.execute(sql: "INSERT INTO setting VALUES ('paused', 'E_NO_SPACE: The outbox is full: look.')")
        }
        try queue.close()
        let again = try Store(path: path)
        let fault = FaultRecord(
            kind: "operator",
            code: "E_NO_SPACE",
            message: "The outbox is full: look.",
            hint: "",
            details: []
        )
        #expect(try again.pauses() == [.fault(fault)])
        #expect(try again.resume() == 0)
        #expect(try again.claim()?.run == run)
        let other = try again.beginParsing(inboxPath: "/inbox/mr", snapshot: "1")
        try again.endInstance(other.number, as: .ignored, code: "W_NOT_CT", reason: "no CT")
        try again.note(other.number, ofOtherSeries: "1.5", study: "1.9", modality: "MR")
        #expect(try again.untoldOtherSeries().map(\.hasCT) == [true], "the study of images that came before is known")
        try again.close()
    }

    @Test("Jobs and files of the version before counts by kind go on, with all their attempts")
    func upgradeOfCounts() throws {
        let test = try TestStore()
        let run = try test.sealedRun()
        for attempt in 1...5 {
            #expect(try test.store.claim()?.job.attempts == attempt)
            _ = try test.store.recoverRunningJobs(givingUpWith: .example("bug"))
        }
        let file = try test.store.beginParsing(inboxPath: "/inbox/a", snapshot: "1")
        try test.store.close()
        let path = test.folder.path + "/contourd.sqlite"
        let queue = try DatabaseQueue(path: path)
        // What the eighth migration added is taken away again.
        try queue.write { db in
            for column in ["faults", "crashes", "service_ends"] {
                try db.execute(sql: "ALTER TABLE job DROP COLUMN \(column)")
            }
            try db.execute(sql: "ALTER TABLE instance DROP COLUMN kills")
            try db.execute(sql: "DELETE FROM grdb_migrations WHERE identifier LIKE '8:%'")
        }
        try queue.close()
        let again = try Store(path: path, now: { test.now })
        let (job, same) = try #require(try again.claim())
        #expect(job.attempts == 6 && same == run)
        #expect(try again.recoverRunningJobs(givingUpWith: .example("bug")) == (ready: 1, givenUp: 0))
        let (next, _) = try #require(try again.claim())
        guard case .retry = try again.finish(next.number, .failed(.example("bug"))) else {
            Issue.record("attempts of the former version count as crashes")
            return
        }
        #expect(try again.countKill(file.number) == 1)
        try again.close()
    }

    /// What may happen to a file on a disk.
    private enum Damage: CaseIterable {
        case noise, cutInTheMiddle, emptied, aFolder

        func happen(to path: String) throws {
            for ending in ["-wal", "-shm"] { unlink(path + ending) }
            var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
            switch self {
            case .noise:
                for index in bytes.indices { bytes[index] = UInt8(truncatingIfNeeded: index &* 7919 >> 3) }
            case .cutInTheMiddle: bytes = bytes.prefix(bytes.count / 2)
            case .emptied: bytes = Data()
            case .aFolder:
                unlink(path)
                mkdir(path, 0o700)
                return
            }
            try bytes.write(to: URL(fileURLWithPath: path))
        }
    }

    @Test("A damaged database is told with its file, what is wrong and what to do, and is not touched")
    func damage() throws {
        for damage in Damage.allCases {
            let test = try TestStore()
            _ = try test.sealedRun()
            let path = test.folder.path + "/contourd.sqlite"
            try test.store.close()
            try moveLog(into: path)
            try damage.happen(to: path)
            let before = FileManager.default.contents(atPath: path)
            let error = #expect(throws: StoreError.self, "\(damage)") { try Store(path: path, isExpected: true) }
            #expect(error?.trouble == (damage == .aFolder ? .permission : .damage), "\(damage)")
            let text = error?.description ?? ""
            #expect(text.hasPrefix(path + ": ") && text.hasSuffix("."), "\(damage): \(text)")
            #expect(FileManager.default.contents(atPath: path)?.count == before?.count, "\(damage)")
        }
    }

    /// Everything lies in the database itself.
    private func moveLog(into path: String) throws {
        let queue = try DatabaseQueue(path: path)
        try queue.inDatabase { db in _ = try db.checkpoint(.truncate) }
        try queue.close()
    }

    @Test("A page that only a later query would read is noticed at the start")
    func damagedPage() throws {
        let test = try TestStore()
        for n in 0..<200 { _ = try test.sealedRun("1.2.\(n)") }
        let path = test.folder.path + "/contourd.sqlite"
        try test.store.close()
        try moveLog(into: path)
        let file = try #require(FileHandle(forUpdatingAtPath: path))
        let size = try file.seekToEnd()
        try file.seek(toOffset: size / 4096 / 2 * 4096)
        try file.write(contentsOf: Data(repeating: 0xA5, count: 4096))
        try file.close()
        let error = #expect(throws: StoreError.self) { try Store(path: path) }
        #expect(error?.trouble == .damage)
        #expect(error?.description.contains("Stop contourd and put the whole state folder back") == true)
    }

    @Test("Migrations bring every table that the queries use, with strict types")
    func schema() throws {
        let test = try TestStore()
        let queue = try DatabaseQueue(path: test.folder.path + "/contourd.sqlite")
        let tables = try queue.read { db in
            try Row.fetchAll(
                db,
                sql: "SELECT name, strict FROM pragma_table_list WHERE schema = 'main' AND type = 'table'"
            )
            .reduce(into: [String: Int]()) { $0[$1["name"]] = $1["strict"] }
        }
        for name in ["series", "instance", "reference", "run", "job", "setting"] { #expect(tables[name] == 1) }
        #expect(throws: DatabaseError.self) {
            try queue.write {
                try $0.execute(sql: "UPDATE sqlite_sequence SET seq = 7; INSERT INTO setting VALUES ('a', x'00')")
            }
        }
        try queue.close()
    }

    @Test("The database itself refuses a second run of one revision, model and stack")
    func oneRun() throws {
        let test = try TestStore()
        let run = try test.sealedRun()
        try test.store.close()
        let queue = try DatabaseQueue(path: test.folder.path + "/contourd.sqlite")
        let columns = try queue.read { try $0.columns(in: "run").map(\.name).filter { $0 != "id" } }
            .joined(separator: ", ")
        #expect(throws: DatabaseError.self) {
            try queue.write {
                try $0.execute(sql: "INSERT INTO run (\(columns)) SELECT \(columns) FROM run WHERE id = \(run.number)")
            }
        }
        try queue.close()
    }

    @Test("What SQLite says is told without the values of a row")
    func errorsHoldNoValues() throws {
        let test = try TestStore()
        let number = try test.series("1.2")
        var run = test.newRun()
        run.kind = "Doe^John"
        let error = #expect(throws: StoreError.self) { try test.store.seal(number, runs: [run]) }
        let text = try #require(error).description
        #expect(text.contains("SQLite"))
        #expect(!text.contains("Doe"))
    }
}
