internal import GRDB

// Files that may be images of a Series, and are not: what is not read must not be missed in silence.

extension Store {
    /// Damaged files that say that they are images of a Series, and images that were set aside because somebody wrote to
    /// them; those are no longer among them that came once more, whole.
    package func damagedInstances(ofSeries series: SeriesRecord) throws(StoreError) -> [InstanceRecord] {
        try read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT * FROM instance WHERE state = 'quarantined'
                        AND (claimed_series_uid = ? OR series_id = ? AND code = 'E_FILE_CHANGED')
                        AND NOT EXISTS (SELECT 1 FROM instance AS whole WHERE whole.series_id = ?
                            AND whole.state IN ('image', 'deleted')
                            AND whole.sop_instance_uid = instance.sop_instance_uid)
                    ORDER BY id
                    """,
                arguments: [series.seriesInstanceUID, series.number, series.number]
            ).map { try InstanceRecord(row: $0) }
        }
    }

    /// How many images of a Series were deleted after their time and are missed in what came since: neither they came again,
    /// nor an image that lies where they lay. Another export of the whole, with UIDs of its own, owes nothing; slices that come
    /// late are no scan without those that came before them.
    package func imagesNotSentAgain(ofSeries number: Int64) throws(StoreError) -> Int {
        try read { db in
            let gone = """
                SELECT COUNT(DISTINCT sop_instance_uid) FROM instance AS gone WHERE series_id = :series AND state = 'deleted'
                """
            let isThere = """
                EXISTS (SELECT 1 FROM instance AS image WHERE image.series_id = gone.series_id AND image.state = 'image'
                    AND image.sop_instance_uid = gone.sop_instance_uid)
                """
            let arguments: StatementArguments = ["series": number]
            let again = try Int.fetchOne(db, sql: "\(gone) AND \(isThere)", arguments: arguments) ?? 0
            // Those that a former version deleted left no place: they are missed when others of them came again.
            let isMissed = """
                CASE WHEN places IS NULL THEN \(again) > 0
                    ELSE EXISTS (SELECT 1 FROM json_each(gone.places) WHERE value NOT IN present) END
                """
            let present = """
                WITH present(place) AS MATERIALIZED (SELECT DISTINCT \(Store.framePlace) FROM instance AS image,
                        json_each(image.header, '$.frames') AS frame
                    WHERE image.series_id = :series AND image.state = 'image' AND \(Store.framePlace) IS NOT NULL)
                """
            let sql = "\(present) \(gone) AND NOT \(isThere) AND \(isMissed)"
            return try Int.fetchOne(db, sql: sql, arguments: arguments) ?? 0
        }
    }

    /// Objects of other kinds that name the Series of a CT as theirs.
    package func otherKinds(inSeries uid: String) throws(StoreError) -> [InstanceRecord] {
        try read { db in
            try Row.fetchAll(
                db,
                sql: "SELECT * FROM instance WHERE other_series_uid = ? AND state = 'ignored' ORDER BY id",
                arguments: [uid]
            ).map { try InstanceRecord(row: $0) }
        }
    }

    /// Files of which nobody can tell whose images they are: damaged before that, not to be read, or without a usable name.
    package func unreadInstances() throws(StoreError) -> [InstanceRecord] {
        try read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT * FROM instance WHERE state = 'quarantined' AND claimed_series_uid = ''
                        OR state = 'ignored' AND code IN ('E_PERMISSION', 'E_NAME', 'E_TOO_SHORT', 'E_NOT_DICOM')
                        ORDER BY id
                    """
            ).map { try InstanceRecord(row: $0) }
        }
    }

    /// How many images of a Series have SOP Instance UIDs of images of other Series.
    package func reusedUIDs(inSeries number: Int64) throws(StoreError) -> Int {
        try read { db in
            try Int.fetchOne(
                db,
                sql: """
                    SELECT COUNT(*) FROM instance WHERE series_id = ? AND state = 'image' AND EXISTS (
                        SELECT 1 FROM instance AS other WHERE other.sop_instance_uid = instance.sop_instance_uid
                            AND other.series_id <> instance.series_id AND other.state IN ('image', 'deleted'))
                    """,
                arguments: [number]
            ) ?? 0
        }
    }
}
