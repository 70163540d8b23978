internal import GRDB

// Files that somebody wrote to after they were taken: a rename takes a file from its folder, not from a program that
// has it open.

extension Store {
    /// The file was read again as it is now. Its Series waits for more as after any other arrival.
    package func renew(_ number: Int64, header: String, digest: String, snapshot: String) throws(StoreError) {
        try write { db in
            try db.execute(
                sql: "UPDATE instance SET header = ?, digest = ?, snapshot = ?, kills = 0 WHERE id = ?",
                arguments: [header, digest, snapshot, number]
            )
            try waitAnew(number, db)
        }
    }

    private func waitAnew(_ number: Int64, _ db: Database) throws {
        try db.execute(
            sql: """
                UPDATE series SET last_arrival_at = ?, waiting_for = NULL
                WHERE state = 'collecting' AND id = (SELECT series_id FROM instance WHERE id = ?)
                """,
            arguments: [now(), number]
        )
    }

    /// The file was touched, and holds what it held.
    package func setSnapshot(_ number: Int64, _ snapshot: String) throws(StoreError) {
        try write { db in
            try db.execute(sql: "UPDATE instance SET snapshot = ? WHERE id = ?", arguments: [snapshot, number])
        }
    }

    /// The file is not what was taken: it is used for nothing. Its move to `path` is announced here and made later, see
    /// `imagesToMove`.
    ///
    /// - Parameter isTold: the sender needs no notice, as he has sent it again.
    package func setAsideChanged(
        _ number: Int64,
        _ words: SettingAside.Words,
        to path: String,
        isTold: Bool
    ) throws(StoreError) {
        try write { db in
            // What it holds is nobody's promise: no copy of it is compared with the digest that was taken.
            try db.execute(sql: "UPDATE instance SET digest = NULL WHERE id = ?", arguments: [number])
            try setAside(number, words, to: path, isTold: isTold, db)
            try waitAnew(number, db)
        }
    }

    /// Why the latest contouring of a Series was refused; nil when it was not.
    package func latestRefusal(ofSeries number: Int64) throws(StoreError) -> FaultRecord? {
        try read { db in
            let row = try Row.fetchOne(
                db,
                sql: """
                    SELECT job.* FROM job JOIN run ON run.id = job.run_id
                    WHERE run.series_id = ? AND run.kind = 'contouring' AND job.state = 'discarded'
                        AND run.revision = (SELECT MAX(revision) FROM run WHERE series_id = ? AND kind = 'contouring')
                    ORDER BY job.id DESC LIMIT 1
                    """,
                arguments: [number, number]
            )
            return try row.map { try JobRecord(row: $0).fault } ?? nil
        }
    }
}
