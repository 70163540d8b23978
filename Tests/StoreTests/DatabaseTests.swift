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
