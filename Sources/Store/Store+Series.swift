internal import GRDB

extension Store {
    package func series() throws(StoreError) -> [SeriesRecord] {
        try read { db in
            try Row.fetchAll(db, sql: "SELECT * FROM series ORDER BY id").map(SeriesRecord.init(row:))
        }
    }

    package func series(_ number: Int64) throws(StoreError) -> SeriesRecord {
        let found = try read { db in
            try Row.fetchOne(db, sql: "SELECT * FROM series WHERE id = ?", arguments: [number])
                .map(SeriesRecord.init(row:))
        }
        guard let found else { throw .unknownSeries(number) }
        return found
    }

    package func series(seriesInstanceUID uid: String) throws(StoreError) -> SeriesRecord? {
        try read { db in
            try Row.fetchOne(db, sql: "SELECT * FROM series WHERE series_instance_uid = ?", arguments: [uid])
                .map(SeriesRecord.init(row:))
        }
    }

    package func collectingSeries() throws(StoreError) -> [SeriesRecord] {
        try read { db in
            try Row.fetchAll(db, sql: "SELECT * FROM series WHERE state = 'collecting' ORDER BY id")
                .map(SeriesRecord.init(row:))
        }
    }

    /// A marker file says that the sender is done with these Series.
    package func mark(_ numbers: [Int64]) throws(StoreError) {
        try write { db in
            for number in numbers {
                try db.execute(sql: "UPDATE series SET marker = 1 WHERE id = ?", arguments: [number])
            }
        }
    }

    /// The last image came now.
    package func touch(_ number: Int64) throws(StoreError) {
        try write { db in
            try db.execute(sql: "UPDATE series SET last_arrival_at = ? WHERE id = ?", arguments: [now(), number])
        }
    }

    package func setWaiting(_ number: Int64, for reason: String?) throws(StoreError) {
        try write { db in
            try db.execute(sql: "UPDATE series SET waiting_for = ? WHERE id = ?", arguments: [reason, number])
        }
    }

    /// The Series is complete: it is sealed and its runs and their first jobs are queued, in one transaction.
    ///
    /// A stack whose images, model and configuration are those of its latest run gets no second one, unless the
    /// Series was reopened. Every other one gets the next revision of the Series. A revision whose runs were all
    /// cancelled was never delivered: its number is free, so that the first result has the plain name.
    ///
    /// - Parameters:
    ///   - conflicts: files in quarantine that the results of these runs tell the sender of.
    ///   - onlyWhileArriving: whoever decided on what it read before may have been overtaken by `cancel`.
    /// - Returns: the runs that were made.
    /// - Throws: `noLongerArriving` where that is so.
    package func seal(
        _ number: Int64,
        runs: [NewRun],
        telling conflicts: [Int64] = [],
        onlyWhileArriving: Bool = false
    ) throws(StoreError) -> [RunRecord] {
        try write { db in
            let state = try String.fetchOne(db, sql: "SELECT state FROM series WHERE id = ?", arguments: [number])
            guard !onlyWhileArriving || state == "collecting" else { throw StoreError.noLongerArriving(number) }
            let again = try Bool.fetchOne(db, sql: "SELECT again FROM series WHERE id = ?", arguments: [number])
            let fresh = try again == true ? runs : runs.filter { try !isKnown($0, number, db) }
            var made: [RunRecord] = []
            if !fresh.isEmpty {
                let sql = """
                    SELECT COALESCE(MAX(revision), 0) FROM run
                    WHERE series_id = ? AND kind = 'contouring' AND state <> 'cancelled'
                    """
                let revision = (try Int.fetchOne(db, sql: sql, arguments: [number]) ?? 0) + 1
                try db.execute(sql: "UPDATE series SET revision = ? WHERE id = ?", arguments: [revision, number])
                for run in fresh { made.append(try insert(run, series: number, revision: revision, db)) }
            }
            try db.execute(
                sql: """
                    UPDATE series SET state = 'sealed', sealed_at = ?, waiting_for = NULL, marker = 0, again = 0,
                        sealings = sealings + 1 WHERE id = ?
                    """,
                arguments: [now(), number]
            )
            for file in conflicts {
                try db.execute(sql: "UPDATE instance SET told = 1 WHERE id = ?", arguments: [file])
            }
            return made
        }
    }

    /// Queues an evaluation of a delivered run; one for each reference.
    package func queueEvaluation(_ run: NewRun, series number: Int64) throws(StoreError) -> RunRecord? {
        try write { db in
            if try isKnown(run, number, db) { return nil }
            let sql = "SELECT COUNT(*) FROM run WHERE kind = 'evaluation' AND base_run_id = ?"
            let before = try Int.fetchOne(db, sql: sql, arguments: [run.baseRunNumber]) ?? 0
            return try insert(run, series: number, revision: before + 1, db)
        }
    }

    /// References that contour a Series.
    package func references(toSeriesInstanceUID uid: String) throws(StoreError) -> [InstanceRecord] {
        try read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT instance.* FROM instance JOIN reference ON reference.instance_id = instance.id
                    WHERE reference.series_instance_uid = ? AND instance.state = 'reference' ORDER BY instance.id
                    """,
                arguments: [uid]
            ).map { try InstanceRecord(row: $0) }
        }
    }

    /// References of which it is not known what they contour, although they name images: by their headers.
    package func referencesByImages() throws(StoreError) -> [InstanceRecord] {
        try read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT * FROM instance WHERE state = 'reference'
                        AND json_extract(header, '$.contouredInstanceUIDs') IS NOT NULL
                        AND NOT EXISTS (SELECT 1 FROM reference WHERE reference.instance_id = instance.id)
                    ORDER BY id
                    """
            ).map { try InstanceRecord(row: $0) }
        }
    }

    /// Series that hold images, those included that were deleted after their time, by SOP Instance UID.
    package func seriesOfImages(_ uids: [String]) throws(StoreError) -> [String: Set<String>] {
        try read { db in
            var found: [String: Set<String>] = [:]
            for uid in uids {
                found[uid] = try String.fetchSet(
                    db,
                    sql: """
                        SELECT DISTINCT series_instance_uid FROM instance JOIN series ON series.id = instance.series_id
                        WHERE sop_instance_uid = ? AND instance.state IN ('image', 'deleted')
                        """,
                    arguments: [uid]
                )
            }
            return found
        }
    }

    /// What a reference contours is known now.
    package func setContoured(_ uid: String, reference number: Int64) throws(StoreError) {
        try write { db in
            try db.execute(
                sql: "INSERT OR IGNORE INTO reference (instance_id, series_instance_uid) VALUES (?, ?)",
                arguments: [number, uid]
            )
        }
    }

    /// References to no Series that was received so far.
    package func referencesWithoutSeries() throws(StoreError) -> [InstanceRecord] {
        try read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT * FROM instance WHERE state = 'reference' AND NOT EXISTS (
                        SELECT 1 FROM reference JOIN series USING (series_instance_uid)
                        WHERE reference.instance_id = instance.id)
                    ORDER BY id
                    """
            ).map { try InstanceRecord(row: $0) }
        }
    }

    private func isKnown(_ run: NewRun, _ series: Int64, _ db: Database) throws -> Bool {
        let row = try Row.fetchOne(
            db,
            sql: """
                SELECT content_digest, model_digest, configuration_digest, software_version, state, pixels_deleted,
                    EXISTS (SELECT 1 FROM job WHERE run_id = run.id AND state = 'discarded'
                        AND json_extract(fault, '$.kind') IN ('transient', 'bug')) AS is_blameless FROM run
                WHERE series_id = ? AND kind = ? AND stack = ? AND model = ? AND base_run_id IS ?
                    AND (kind = 'contouring' OR content_digest = ?)
                ORDER BY id DESC LIMIT 1
                """,
            arguments: [series, run.kind, run.stack, run.model, run.baseRunNumber, run.contentDigest]
        )
        guard let row, row["state"] != RunRecord.State.cancelled.rawValue else { return false }
        // A Series that is sent again after its images were deleted is wanted again.
        if run.kind == "contouring" && row["pixels_deleted"] == 1 { return false }
        // So is one that was refused through no fault of its images: the machine may be mended by now.
        if run.kind == "contouring" && row["is_blameless"] == 1 { return false }
        return row["content_digest"] == run.contentDigest && row["model_digest"] == run.modelDigest
            && row["configuration_digest"] == run.configurationDigest
            && row["software_version"] == run.softwareVersion
    }

    private func insert(_ run: NewRun, series: Int64, revision: Int, _ db: Database) throws -> RunRecord {
        let (json, name) = try run.request(revision)
        try db.execute(
            sql: """
                INSERT INTO run (series_id, kind, stack, revision, model, content_digest, model_digest,
                    configuration_digest, software_version, request, base_run_id, state, delivered_name, created_at)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'working', ?, ?)
                """,
            arguments: [
                series, run.kind, run.stack, revision, run.model, run.contentDigest, run.modelDigest,
                run.configurationDigest, run.softwareVersion, json, run.baseRunNumber, name, now(),
            ]
        )
        let number = db.lastInsertedRowID
        try insertJob(run: number, stage: run.firstStage, db)
        return try self.run(number, db)
    }
}

extension Store {
    /// Series that are arriving with images that lay in a folder or below it.
    ///
    /// - Parameter isShared: the folder is everybody's: only those count of which every image lay in it, and not below it.
    package func collectingSeries(fromFolder folder: String, isShared: Bool) throws(StoreError) -> [Int64] {
        let inFolder = "substr(instance.inbox_path, 1, :length) = :folder"
        let below = "instr(substr(instance.inbox_path, :length + 1), '/') > 0"
        return try read { db in
            try Int64.fetchAll(
                db,
                sql: """
                    SELECT id FROM series WHERE state = 'collecting'
                        AND EXISTS (SELECT 1 FROM instance WHERE series_id = series.id AND \(inFolder))
                        AND NOT (:isShared AND EXISTS (
                            SELECT 1 FROM instance WHERE series_id = series.id AND (NOT \(inFolder) OR \(below))))
                    """,
                arguments: ["length": folder.unicodeScalars.count + 1, "folder": folder + "/", "isShared": isShared]
            )
        }
    }
}
