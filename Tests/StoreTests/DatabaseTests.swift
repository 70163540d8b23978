import Foundation
import GRDB
import Testing

@testable import Store

@Suite("Database")
struct DatabaseTests {
    @Test("A commit survives a power cut: write-ahead log, synchronous FULL, foreign keys")
    func durability() throws {
        let test = try TestStore()
        let settings = try test.store.database.writeWithoutTransaction { db in
            try ["journal_mode", "synchronous", "foreign_keys"].map { name in
                try String.fetchOne(db, sql: "PRAGMA \(name)")
            }
        }
        #expect(settings == ["wal", "2", "1"])
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

    @Test("Migrations bring every table that the queries use, with strict types")
    func schema() throws {
        let test = try TestStore()
        let tables = try test.store.database.read { db in
            try Row.fetchAll(db, sql: "SELECT name, strict FROM pragma_table_list WHERE schema = 'main' AND type = 'table'")
                .reduce(into: [String: Int]()) { $0[$1["name"]] = $1["strict"] }
        }
        for name in ["series", "instance", "reference", "run", "job", "setting"] { #expect(tables[name] == 1) }
        #expect(throws: (any Error).self) {
            try test.store.database.write { try $0.execute(sql: "UPDATE setting SET value = 1; INSERT INTO job VALUES ('x')") }
        }
    }

    @Test("What SQLite says is told without the values of a row")
    func errorsHoldNoValues() throws {
        let test = try TestStore()
        let error = #expect(throws: StoreError.self) {
            try test.store.write { db in
                try db.execute(
                    sql: "INSERT INTO instance (state, inbox_path, snapshot, received_at) VALUES ('no state', 'Doe^John', '', 0)")
            }
        }
        let text = try #require(error).description
        #expect(text.contains("SQLite"))
        #expect(!text.contains("Doe"))
    }
}
