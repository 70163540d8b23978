import Foundation
internal import GRDB

/// The memory of the service: series, instances, runs and jobs in one SQLite database.
///
/// All SQL of the project is in this target. Every public call is one transaction; with `synchronous=FULL` a call
/// that returned survives a power cut. Only one process may hold a store open for writing: the caller owns the lock.
/// Times are UTC milliseconds since 1970.
package final class Store: Sendable {
    let database: DatabasePool
    let now: @Sendable () -> Int64

    /// Opens or makes the database and brings its schema up to date.
    ///
    /// - Parameter now: the clock, replaced in tests.
    /// - Throws: `StoreError`.
    package init(
        path: String,
        now: @escaping @Sendable () -> Int64 = { Int64((Date().timeIntervalSince1970 * 1000).rounded()) }
    ) throws(StoreError) {
        self.now = now
        do {
            var configuration = Configuration()
            configuration.label = "contourd"
            configuration.foreignKeysEnabled = true
            // The pool's own choice is a priority that only root may ask for.
            configuration.qos = .default
            database = try DatabasePool(path: path, configuration: configuration)
            // A pool sets NORMAL when it turns to WAL: then a commit could be lost in a power cut.
            try database.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = FULL") }
            let migrator = Self.migrator
            if try database.read(migrator.hasBeenSuperseded) { throw StoreError.newerSchema }
            try migrator.migrate(database)
        } catch let error as StoreError {
            throw error
        } catch {
            throw StoreError(error)
        }
    }

    /// How SQLite keeps what was committed: its journal mode, `synchronous`, and whether foreign keys are enforced.
    package func durability() throws(StoreError) -> [String] {
        do {
            return try database.writeWithoutTransaction { db in
                try ["journal_mode", "synchronous", "foreign_keys"].compactMap { name in
                    try String.fetchOne(db, sql: "PRAGMA \(name)")
                }
            }
        } catch { throw StoreError(error) }
    }

    package func close() throws(StoreError) {
        do { try database.close() } catch { throw StoreError(error) }
    }

    func write<Value: Sendable>(_ body: (Database) throws -> Value) throws(StoreError) -> Value {
        do { return try database.write(body) } catch { throw StoreError(error) }
    }

    func read<Value: Sendable>(_ body: (Database) throws -> Value) throws(StoreError) -> Value {
        do { return try database.read(body) } catch { throw StoreError(error) }
    }
}

/// Errors of the database.
package enum StoreError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The database was made by a later version of contourd.
    case newerSchema
    /// SQLite's extended result code and text; no value of a row.
    case database(code: Int, message: String)
    case unknownSeries(Int64)
    case notAllowed(String)

    init(_ error: any Error) {
        switch error {
        case let error as StoreError: self = error
        case let error as DatabaseError:
            self = .database(code: Int(error.extendedResultCode.rawValue), message: error.message ?? "no message")
        default: self = .database(code: 0, message: "\(type(of: error))")
        }
    }

    package var description: String {
        switch self {
        case .newerSchema: "the database was made by a later version of contourd; install that version again"
        case .database(let code, let message): "the database failed (SQLite \(code): \(message))"
        case .unknownSeries(let number): "there is no series \(number); contourctl list shows all"
        case .notAllowed(let reason): reason
        }
    }
}
