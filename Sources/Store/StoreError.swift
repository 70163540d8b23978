internal import GRDB

/// Errors of the database.
package enum StoreError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The database was made by a later version of contourd.
    case newerSchema
    /// SQLite's extended result code and text, no value of a row, and the database file.
    case database(code: Int, message: String, file: String)
    case unknownSeries(Int64)
    /// It was cancelled or sealed meanwhile.
    case noLongerArriving(Int64)
    case notAllowed(String)

    init(_ error: any Error, file: String) {
        switch error {
        case let error as StoreError: self = error
        case let error as DatabaseError:
            self = .database(
                code: Int(error.extendedResultCode.rawValue),
                message: error.message ?? "no message",
                file: file
            )
        default: self = .database(code: 0, message: "\(type(of: error))", file: file)
        }
    }

    /// What can be done about a database that fails.
    package enum Trouble: Sendable {
        case permission, damage, noSpace, disk, busy, other
    }

    /// From the primary result codes of SQLite (sqlite.org/rescode.html).
    package var trouble: Trouble? {
        guard case .database(let code, _, _) = self else { return nil }
        // The file that stands for shared memory cannot grow: so a full disk shows at the start.
        if code == Int(ResultCode.SQLITE_IOERR_SHMSIZE.rawValue) { return .noSpace }
        return switch ResultCode(rawValue: Int32(code & 0xFF)) {
        case .SQLITE_CORRUPT, .SQLITE_NOTADB: .damage
        case .SQLITE_CANTOPEN, .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_AUTH: .permission
        case .SQLITE_FULL: .noSpace
        case .SQLITE_IOERR: .disk
        case .SQLITE_BUSY, .SQLITE_LOCKED: .busy
        default: .other
        }
    }

    package var description: String {
        switch self {
        case .newerSchema: "the database was made by a later version of contourd; install that version again"
        case .noLongerArriving(let number): "series \(number) was cancelled meanwhile"
        case .unknownSeries(let number): "there is no series \(number); contourctl list shows all"
        case .notAllowed(let reason): reason
        case .database(let code, let message, let file):
            "\(file): \(complaint) (SQLite \(code): \(message)). \(advice(file))"
        }
    }

    private var complaint: String {
        switch trouble {
        case .damage: "the database is damaged"
        case .permission: "the database cannot be opened for reading and writing"
        case .noSpace: "there is no space left for the database"
        case .disk: "the disk of the database fails"
        case .busy: "another program uses the database"
        case .other, nil: "the database failed"
        }
    }

    private func advice(_ file: String) -> String {
        switch trouble {
        case .damage:
            """
            Stop contourd and put the whole state folder back from a copy; or move this file, those beside it that end in \
            -wal and -shm, and the folders work and quarantine away: contourd then begins with an empty queue, and scans \
            have to be sent again.
            """
        case .permission:
            "It must be a file that the user of contourd may read and write, in a folder of which the same is true."
        case .noSpace: "Free space on its disk."
        case .disk: "Look at the journal of the kernel (journalctl -k), and check the disk."
        case .busy: "Only contourd may use it: end the other one (fuser \(file))."
        case .other, nil: "If it happens again, please report it with the journal of contourd."
        }
    }
}
