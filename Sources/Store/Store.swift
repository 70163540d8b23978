import Foundation
internal import GRDB

/// The memory of the service: series, instances, runs and jobs in one SQLite database.
///
/// All SQL of the project is in this target. Every public call is one transaction; with `synchronous=FULL` a call
/// that returned survives a power cut. Only one process may hold a store open for writing: the caller owns the lock.
/// Times are UTC milliseconds since 1970.
package final class Store: Sendable {
    let database: DatabasePool
    private let path: String
    /// The clock of the wall: it may be set.
    package let now: @Sendable () -> Int64

    /// Opens or makes the database, looks whether it is whole, and brings its schema up to date.
    ///
    /// - Parameters:
    ///   - isExpected: there is work that a database knew of: an empty one is a damaged one.
    ///   - now: the clock, replaced in tests.
    /// - Throws: `StoreError`.
    package init(
        path: String,
        isExpected: Bool = false,
        now: @escaping @Sendable () -> Int64 = { Int64((Date().timeIntervalSince1970 * 1000).rounded()) }
    ) throws(StoreError) {
        self.now = now
        self.path = path
        do {
            // Opening it would make a new one of it.
            if isExpected, Self.isEmpty(path) { throw Self.emptied(path) }
            var configuration = Configuration()
            configuration.label = "contourd"
            configuration.foreignKeysEnabled = true
            // The pool's own choice is a priority that only root may ask for.
            configuration.qos = .default
            database = try DatabasePool(path: path, configuration: configuration)
            // A pool sets NORMAL when it turns to WAL: then a commit could be lost in a power cut.
            try database.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = FULL") }
            try Self.check(database, isExpected: isExpected, path)
            let migrator = Self.migrator
            if try database.read(migrator.hasBeenSuperseded) { throw StoreError.newerSchema }
            try migrator.migrate(database)
        } catch let error as StoreError {
            throw error
        } catch {
            throw StoreError(error, file: path)
        }
    }

    /// SQLite itself notices damage only where it happens to read.
    private static func check(_ database: DatabasePool, isExpected: Bool, _ path: String) throws {
        let (answer, tables) = try database.read { db in
            (
                try String.fetchOne(db, sql: "PRAGMA quick_check(1)") ?? "no answer",
                try Int.fetchOne(db, sql: "SELECT COUNT(*) FROM sqlite_schema") ?? 0
            )
        }
        let corrupt = Int(ResultCode.SQLITE_CORRUPT.rawValue)
        guard answer == "ok" else { throw StoreError.database(code: corrupt, message: answer, file: path) }
        if tables == 0 && isExpected { throw emptied(path) }
    }

    /// Whether there is not even the first page, and no log that it could be made from.
    private static func isEmpty(_ path: String) -> Bool {
        var (file, log) = (stat(), stat())
        return (stat(path, &file) != 0 || file.st_mode & S_IFMT == S_IFREG && file.st_size < 512)
            && (stat(path + "-wal", &log) != 0 || log.st_size == 0)
    }

    private static func emptied(_ path: String) -> StoreError {
        .database(
            code: Int(ResultCode.SQLITE_CORRUPT.rawValue),
            message: "it is empty, but the folder work holds what it knew of",
            file: path
        )
    }

    /// How SQLite keeps what was committed: its journal mode, `synchronous`, and whether foreign keys are enforced.
    package func durability() throws(StoreError) -> [String] {
        do {
            return try database.writeWithoutTransaction { db in
                try ["journal_mode", "synchronous", "foreign_keys"].compactMap { name in
                    try String.fetchOne(db, sql: "PRAGMA \(name)")
                }
            }
        } catch { throw StoreError(error, file: path) }
    }

    package func close() throws(StoreError) {
        do { try database.close() } catch { throw StoreError(error, file: path) }
    }

    func write<Value: Sendable>(_ body: (Database) throws -> Value) throws(StoreError) -> Value {
        do { return try database.write(body) } catch { throw StoreError(error, file: path) }
    }

    func read<Value: Sendable>(_ body: (Database) throws -> Value) throws(StoreError) -> Value {
        do { return try database.read(body) } catch { throw StoreError(error, file: path) }
    }
}
