import Foundation
import GRDB
import Store
import Testing

@Suite("Databases of earlier versions")
struct UpgradeTests {
    /// What takes away again what a migration added. The first one made the tables.
    private static let undo: [Int: String] = [
        2: "DROP TABLE outcome",
        3: """
        DROP INDEX instance_by_move;
        ALTER TABLE series DROP COLUMN sealings;
        ALTER TABLE instance DROP COLUMN sealings;
        ALTER TABLE instance DROP COLUMN conflict;
        ALTER TABLE instance DROP COLUMN moving_from
        """,
        4: """
        DROP INDEX instance_by_study;
        DROP INDEX instance_by_other_series;
        ALTER TABLE instance DROP COLUMN study_uid;
        ALTER TABLE instance DROP COLUMN other_series_uid;
        ALTER TABLE instance DROP COLUMN modality;
        ALTER TABLE job DROP COLUMN delay_ms;
        ALTER TABLE run DROP COLUMN labels_deleted
        """,
        5: "DROP INDEX run_once",
        6: """
        DROP INDEX instance_by_claim;
        ALTER TABLE instance DROP COLUMN claimed_series_uid;
        ALTER TABLE instance DROP COLUMN claims
        """,
        7: "ALTER TABLE instance DROP COLUMN places",
        8: """
        ALTER TABLE job DROP COLUMN faults;
        ALTER TABLE job DROP COLUMN crashes;
        ALTER TABLE job DROP COLUMN service_ends;
        ALTER TABLE instance DROP COLUMN kills
        """,
    ]

    @Test(
        "A database of each earlier version has the tables of a new one, keeps what it held, and work goes on",
        arguments: 1...7
    )
    func upgrade(from version: Int) throws {
        let test = try TestStore()
        let run = try test.sealedRun()
        let arriving = try test.series("1.3", images: 3)
        let left = try test.store.beginParsing(inboxPath: "/inbox/notes.txt", snapshot: "1")
        try test.store.endInstance(left.number, as: .ignored, code: "E_NOT_DICOM", reason: "It is no DICOM file.")
        try test.store.close()
        let path = test.folder.path + "/contourd.sqlite"
        let fresh = try columns(path)
        let queue = try DatabaseQueue(path: path)
        let count = try queue.read { try Int.fetchOne($0, sql: "SELECT COUNT(*) FROM grdb_migrations") }
        #expect(count == Self.undo.count + 1, "each migration is taken away here")
        try queue.write { db in
            for number in (version + 1...Self.undo.count + 1).reversed() {
                try db.execute(sql: try #require(Self.undo[number]))
                try db.execute(sql: "DELETE FROM grdb_migrations WHERE identifier LIKE '\(number):%'")
            }
        }
        try queue.close()
        let former = try columns(path)
        #expect(former != fresh)

        let again = try Store(path: path, now: { test.now })
        #expect(try columns(path) == fresh)
        #expect(try again.runs(ofSeries: run.seriesNumber) == [run])
        #expect(try again.instances(ofSeries: run.seriesNumber).map(\.state) == [.image, .image])
        #expect(try again.instances(ofSeries: arriving).count == 3)
        #expect(try again.leftInInbox().map(\.inboxPath) == ["/inbox/notes.txt"])
        #expect(try again.collectingSeries().map(\.number) == [arriving])
        let (job, claimed) = try #require(try again.claim())
        #expect(claimed == run)
        _ = try again.finish(job.number, .completed(nextStage: nil, verdict: "delivered"))
        try again.finishDelivery(run: run.number)
        #expect(try again.run(run.number).state == .delivered)
        try again.close()
    }

    /// Columns and indexes by table, in their order.
    private func columns(_ path: String) throws -> [String] {
        let queue = try DatabaseQueue(path: path)
        defer { try? queue.close() }  // it was only read
        return try queue.read { db in
            try String.fetchAll(
                db,
                sql: """
                    SELECT t.name || '.' || c.name || ' ' || c.type || ' ' || c."notnull" || ' ' || IFNULL(c.dflt_value, '')
                        FROM sqlite_master t JOIN pragma_table_xinfo(t.name) c WHERE t.type = 'table'
                    UNION ALL SELECT name FROM sqlite_master WHERE type = 'index'
                    ORDER BY 1
                    """
            )
        }
    }
}
