internal import GRDB

extension Store {
    /// Notes a file before anything reads it, so that a file that kills its reader is remembered.
    ///
    /// - Returns: the instance and how often it has been tried, this time included.
    package func beginParsing(inboxPath: String, snapshot: String) throws(StoreError) -> InstanceRecord {
        try write { db in
            // A file that was read before is read anew when it changed; its row is used again.
            let open = try Int64.fetchOne(
                db, sql: "SELECT id FROM instance WHERE inbox_path = ? AND state IN ('parsing', 'ignored')",
                arguments: [inboxPath])
            guard let open else {
                try db.execute(
                    sql: """
                        INSERT INTO instance (state, inbox_path, snapshot, attempts, received_at)
                        VALUES ('parsing', ?, ?, 1, ?)
                        """, arguments: [inboxPath, snapshot, now()])
                return try instance(db.lastInsertedRowID, db)
            }
            try db.execute(
                sql: """
                    UPDATE instance SET state = 'parsing', code = NULL, reason = NULL, snapshot = ?,
                        attempts = CASE WHEN snapshot = ? AND state = 'parsing' THEN attempts + 1 ELSE 1 END
                    WHERE id = ?
                    """, arguments: [snapshot, snapshot, open])
            return try instance(open, db)
        }
    }

    /// A file that could not be read when the service was told to stop: the attempt does not count.
    package func giveBackParsing(_ number: Int64) throws(StoreError) {
        try write { db in
            try db.execute(
                sql: "UPDATE instance SET attempts = attempts - 1 WHERE id = ? AND state = 'parsing'",
                arguments: [number])
        }
    }

    /// The file is ours from now on: it will be moved to `storedPath`. Finds or makes the Series of an image.
    package func beginTaking(
        _ number: Int64, seriesInstanceUID: String?, sopInstanceUID: String, header: String, digest: String,
        storedPath: (_ seriesNumber: Int64?) -> String
    ) throws(StoreError) -> InstanceRecord {
        try write { db in
            let series = try seriesInstanceUID.map { try findOrMakeSeries($0, db) }
            try db.execute(
                sql: """
                    UPDATE instance SET state = 'taking', series_id = ?, sop_instance_uid = ?, header = ?, digest = ?,
                        stored_path = ? WHERE id = ?
                    """,
                arguments: [series, sopInstanceUID, header, digest, storedPath(series), number])
            return try instance(number, db)
        }
    }

    /// The file lies at its stored path.
    package func finishTaking(image number: Int64) throws(StoreError) {
        try write { db in
            try db.execute(sql: "UPDATE instance SET state = 'image' WHERE id = ?", arguments: [number])
            try db.execute(
                sql: """
                    UPDATE series SET state = 'collecting', last_arrival_at = ?, waiting_for = NULL
                    WHERE id = (SELECT series_id FROM instance WHERE id = ?)
                    """, arguments: [now(), number])
        }
    }

    /// The file lies at its stored path and contours these Series.
    package func finishTaking(reference number: Int64, seriesInstanceUIDs: [String]) throws(StoreError) {
        try write { db in
            try db.execute(sql: "UPDATE instance SET state = 'reference' WHERE id = ?", arguments: [number])
            for uid in Set(seriesInstanceUIDs) {
                try db.execute(
                    sql: "INSERT OR IGNORE INTO reference (instance_id, series_instance_uid) VALUES (?, ?)",
                    arguments: [number, uid])
            }
        }
    }

    /// The end of a file that is used for nothing. `quarantined` files were moved to `storedPath`.
    package func endInstance(
        _ number: Int64, as state: InstanceRecord.State, code: String, reason: String, storedPath: String? = nil
    ) throws(StoreError) {
        try write { db in
            try db.execute(
                sql: """
                    UPDATE instance SET state = ?, code = ?, reason = ?, stored_path = COALESCE(?, stored_path)
                    WHERE id = ?
                    """, arguments: [state.rawValue, code, reason, storedPath, number])
        }
    }

    /// Forgets a file that vanished before it was taken.
    package func forgetInstance(_ number: Int64) throws(StoreError) {
        try write { db in try db.execute(sql: "DELETE FROM instance WHERE id = ?", arguments: [number]) }
    }

    /// An image that was received before under the same SOP Instance UID.
    package func receivedImage(sopInstanceUID: String) throws(StoreError) -> InstanceRecord? {
        try read { db in
            try Row.fetchOne(
                db,
                sql: """
                    SELECT * FROM instance WHERE sop_instance_uid = ? AND state IN ('image', 'reference', 'deleted')
                    ORDER BY id LIMIT 1
                    """, arguments: [sopInstanceUID]
            ).map { try InstanceRecord(row: $0) }
        }
    }

    package func instances(in state: InstanceRecord.State) throws(StoreError) -> [InstanceRecord] {
        try read { db in
            try Row.fetchAll(
                db, sql: "SELECT * FROM instance WHERE state = ? ORDER BY id", arguments: [state.rawValue]
            ).map { try InstanceRecord(row: $0) }
        }
    }

    /// Files that were left in the inbox for good reason, so that a scan does not read them again and again.
    package func leftInInbox() throws(StoreError) -> [InstanceRecord] {
        try read { db in
            try Row.fetchAll(db, sql: "SELECT * FROM instance WHERE state = 'ignored' ORDER BY id")
                .map { try InstanceRecord(row: $0) }
        }
    }

    package func instances(ofSeries number: Int64) throws(StoreError) -> [InstanceRecord] {
        try read { db in
            try Row.fetchAll(db, sql: "SELECT * FROM instance WHERE series_id = ? ORDER BY id", arguments: [number])
                .map { try InstanceRecord(row: $0) }
        }
    }

    func instance(_ number: Int64, _ db: Database) throws -> InstanceRecord {
        guard let row = try Row.fetchOne(db, sql: "SELECT * FROM instance WHERE id = ?", arguments: [number]) else {
            throw StoreError.notAllowed("there is no instance \(number)")
        }
        return try InstanceRecord(row: row)
    }

    private func findOrMakeSeries(_ uid: String, _ db: Database) throws -> Int64 {
        if let number = try Int64.fetchOne(
            db, sql: "SELECT id FROM series WHERE series_instance_uid = ?", arguments: [uid])
        {
            return number
        }
        try db.execute(
            sql: """
                INSERT INTO series (series_instance_uid, state, created_at, last_arrival_at)
                VALUES (?, 'collecting', ?, ?)
                """, arguments: [uid, now(), now()])
        return db.lastInsertedRowID
    }
}
