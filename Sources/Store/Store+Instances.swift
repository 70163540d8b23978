internal import GRDB

extension Store {
    /// Notes a file before anything reads it, so that a file that kills its reader is remembered.
    ///
    /// - Returns: the instance and how often it has been tried, this time included.
    package func beginParsing(inboxPath: String, snapshot: String) throws(StoreError) -> InstanceRecord {
        try write { db in
            // A file that was read before is read anew when it changed; its row is used again.
            let open = try Int64.fetchOne(
                db,
                sql: "SELECT id FROM instance WHERE inbox_path = ? AND state IN ('parsing', 'ignored')",
                arguments: [inboxPath]
            )
            guard let open else {
                try db.execute(
                    sql: """
                        INSERT INTO instance (state, inbox_path, snapshot, attempts, received_at)
                        VALUES ('parsing', ?, ?, 1, ?)
                        """,
                    arguments: [inboxPath, snapshot, now()]
                )
                return try instance(db.lastInsertedRowID, db)
            }
            try db.execute(
                sql: """
                    UPDATE instance SET state = 'parsing', code = NULL, reason = NULL, other_series_uid = NULL, snapshot = ?,
                        told = CASE WHEN snapshot = ? THEN told ELSE 0 END,
                        attempts = CASE WHEN snapshot = ? AND state = 'parsing' THEN attempts + 1 ELSE 1 END,
                        kills = CASE WHEN snapshot = ? AND state = 'parsing' THEN kills ELSE 0 END
                    WHERE id = ?
                    """,
                arguments: [snapshot, snapshot, snapshot, snapshot, open]
            )
            return try instance(open, db)
        }
    }

    /// A file that cannot be read now, through no fault of its own: the attempt does not count.
    package func giveBackParsing(_ number: Int64) throws(StoreError) {
        try write { db in
            try db.execute(
                sql: "UPDATE instance SET attempts = attempts - 1 WHERE id = ? AND state = 'parsing'",
                arguments: [number]
            )
        }
    }

    /// The worker that read the file was killed, which says nothing about the file: the attempt does not count, the kill
    /// does.
    ///
    /// - Returns: how often that happened to this file, this time included.
    package func countKill(_ number: Int64) throws(StoreError) -> Int {
        try write { db in
            try Int.fetchOne(
                db,
                sql: """
                    UPDATE instance SET kills = kills + 1,
                        attempts = CASE state WHEN 'parsing' THEN attempts - 1 ELSE attempts END
                    WHERE id = ? RETURNING kills
                    """,
                arguments: [number]
            ) ?? 0
        }
    }

    /// The file is ours from now on: it will be moved to `storedPath`. Finds or makes the Series of an image.
    package func beginTaking(
        _ number: Int64,
        seriesInstanceUID: String?,
        studyInstanceUID: String? = nil,
        sopInstanceUID: String,
        header: String,
        digest: String,
        storedPath: (_ seriesNumber: Int64?) -> String
    ) throws(StoreError) -> InstanceRecord {
        try write { db in
            let series = try seriesInstanceUID.map { try findOrMakeSeries($0, db) }
            try db.execute(
                sql: """
                    UPDATE instance SET state = 'taking', series_id = ?, study_uid = ?, sop_instance_uid = ?, header = ?,
                        digest = ?, stored_path = ?, code = NULL, reason = NULL WHERE id = ?
                    """,
                arguments: [series, studyInstanceUID, sopInstanceUID, header, digest, storedPath(series), number]
            )
            return try instance(number, db)
        }
    }

    /// The file will be moved to `storedPath` and used for nothing.
    ///
    /// - Parameter claims: what a damaged file says that it is.
    package func beginQuarantine(
        _ number: Int64,
        code: String,
        reason: String,
        storedPath: String,
        claims: InstanceClaims? = nil
    ) throws(StoreError) -> InstanceRecord {
        try write { db in
            try db.execute(
                sql: """
                    UPDATE instance SET state = 'taking', code = ?, reason = ?, stored_path = ?, claimed_series_uid = ?,
                        claims = ?, sop_instance_uid = COALESCE(?, sop_instance_uid) WHERE id = ?
                    """,
                arguments: [
                    code, reason, storedPath, claims?.seriesInstanceUID, claims?.header, claims?.sopInstanceUID, number,
                ]
            )
            return try instance(number, db)
        }
    }

    /// The file could not be moved: what `beginTaking` or `beginQuarantine` announced does not happen.
    package func giveBackTaking(_ number: Int64) throws(StoreError) {
        try write { db in
            try db.execute(
                sql: """
                    UPDATE instance SET state = 'parsing', series_id = NULL, sop_instance_uid = NULL, header = NULL,
                        digest = NULL, stored_path = NULL, code = NULL, reason = NULL, claimed_series_uid = NULL,
                        claims = NULL WHERE id = ?
                    """,
                arguments: [number]
            )
        }
    }

    /// The file lies at its stored path and contours these Series.
    package func finishTaking(
        reference number: Int64,
        seriesInstanceUIDs: [String],
        leftBehind: Bool = false
    ) throws(StoreError) {
        try write { db in
            try db.execute(
                sql: "UPDATE instance SET state = 'reference', left_behind = ? WHERE id = ?",
                arguments: [leftBehind, number]
            )
            for uid in Set(seriesInstanceUIDs) {
                try db.execute(
                    sql: "INSERT OR IGNORE INTO reference (instance_id, series_instance_uid) VALUES (?, ?)",
                    arguments: [number, uid]
                )
            }
        }
    }

    /// The end of a file that is used for nothing.
    package func endInstance(
        _ number: Int64,
        as state: InstanceRecord.State,
        code: String,
        reason: String,
        leftBehind: Bool = false
    ) throws(StoreError) {
        try write { db in
            try db.execute(
                sql: "UPDATE instance SET state = ?, code = ?, reason = ?, left_behind = ? WHERE id = ?",
                arguments: [state.rawValue, code, reason, leftBehind, number]
            )
        }
    }

    /// A file that is no part of a Series, but is shown with it: a repeat, or a conflict.
    package func attach(_ number: Int64, toSeries series: Int64) throws(StoreError) {
        try write { db in
            try db.execute(sql: "UPDATE instance SET series_id = ? WHERE id = ?", arguments: [series, number])
        }
    }

    /// A file that was taken back by its owner.
    package func forgetInstance(_ number: Int64) throws(StoreError) {
        try write { db in try db.execute(sql: "DELETE FROM instance WHERE id = ?", arguments: [number]) }
    }

    /// Files that were left in the inbox and are there no more.
    package func forgetLeft(_ paths: [String]) throws(StoreError) {
        if paths.isEmpty { return }
        try write { db in
            for path in paths {
                try db.execute(
                    sql: "DELETE FROM instance WHERE inbox_path = ? AND state IN ('ignored', 'parsing')",
                    arguments: [path]
                )
                try db.execute(
                    sql: "UPDATE instance SET left_behind = 0 WHERE inbox_path = ? AND left_behind = 1",
                    arguments: [path]
                )
            }
        }
    }

    /// An image or a reference that we hold under this UID.
    ///
    /// - Parameter series: of an image; one with the same UID in another Series is another image, although the standard
    ///   knows no such thing.
    /// - Parameter digest: of several the one with these contents is meant, otherwise the first.
    package func receivedInstance(
        sopInstanceUID: String,
        inSeries series: String? = nil,
        digest: String? = nil
    ) throws(StoreError) -> InstanceRecord? {
        try read { db in
            try Row.fetchOne(
                db,
                sql: """
                    SELECT instance.* FROM instance LEFT JOIN series ON series.id = instance.series_id
                    WHERE sop_instance_uid = ? AND (instance.state = 'reference' OR instance.state = 'image'
                        AND (? IS NULL OR series_instance_uid = ?))
                    ORDER BY COALESCE(digest = ?, 0) DESC, instance.id LIMIT 1
                    """,
                arguments: [sopInstanceUID, series, series, digest]
            ).map { try InstanceRecord(row: $0) }
        }
    }

    package func instances(in state: InstanceRecord.State) throws(StoreError) -> [InstanceRecord] {
        try read { db in
            try Row.fetchAll(
                db,
                sql: "SELECT * FROM instance WHERE state = ? ORDER BY id",
                arguments: [state.rawValue]
            ).map { try InstanceRecord(row: $0) }
        }
    }

    /// Files that were left in the inbox because of what they are, or because they could not be removed, so that a scan
    /// does not read them again and again.
    package func leftInInbox() throws(StoreError) -> [InstanceRecord] {
        try read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT * FROM instance WHERE left_behind = 1
                        OR state = 'ignored' AND code NOT IN ('E_PERMISSION', 'E_NAME', 'W_NOT_A_FILE') ORDER BY id
                    """
            )
            .map { try InstanceRecord(row: $0) }
        }
    }

    /// Images of every Series, those included that were deleted after their time.
    package func imageCounts() throws(StoreError) -> [Int64: Int] {
        try read { db in
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT series_id, COUNT(DISTINCT sop_instance_uid) AS count FROM instance WHERE series_id IS NOT NULL
                        AND state IN ('image', 'deleted') GROUP BY series_id
                    """
            )
            return Dictionary(uniqueKeysWithValues: rows.map { ($0["series_id"], $0["count"]) })
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
            db,
            sql: "SELECT id FROM series WHERE series_instance_uid = ?",
            arguments: [uid]
        ) {
            return number
        }
        try db.execute(
            sql: """
                INSERT INTO series (series_instance_uid, state, created_at, last_arrival_at)
                VALUES (?, 'collecting', ?, ?)
                """,
            arguments: [uid, now(), now()]
        )
        return db.lastInsertedRowID
    }
}
