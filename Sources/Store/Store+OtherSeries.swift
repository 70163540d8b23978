internal import GRDB

/// A Series whose files are left in the inbox because they are no CT.
package struct OtherSeries: Sendable, Equatable {
    package var seriesInstanceUID: String
    package var studyInstanceUID: String
    package var modality: String
    package var files: Int
    /// Number of the first of them.
    package var firstFile: Int64
    package var receivedAt: Int64
    package var latestReceivedAt: Int64
    /// Images of a CT of its study were received, before or after it.
    package var hasCT: Bool
}

extension Store {
    /// Notes which Series a file is of that was left in the inbox.
    package func note(
        _ number: Int64,
        ofOtherSeries seriesInstanceUID: String,
        study studyInstanceUID: String,
        modality: String
    ) throws(StoreError) {
        try write { db in
            try db.execute(
                sql: "UPDATE instance SET other_series_uid = ?, study_uid = ?, modality = ? WHERE id = ?",
                arguments: [seriesInstanceUID, studyInstanceUID, modality, number]
            )
        }
    }

    /// Those whose sender was not told. Files that come to a Series of which he was told are no news.
    package func untoldOtherSeries() throws(StoreError) -> [OtherSeries] {
        try read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT other_series_uid, MIN(study_uid) AS study, MIN(modality) AS modality, COUNT(*) AS files,
                        MIN(id) AS first, MIN(received_at) AS received, MAX(received_at) AS latest,
                        EXISTS (SELECT 1 FROM instance AS ct
                            WHERE ct.study_uid = instance.study_uid AND ct.series_id IS NOT NULL) AS has_ct
                    FROM instance WHERE other_series_uid IS NOT NULL AND state = 'ignored'
                    GROUP BY other_series_uid HAVING MAX(told) = 0 ORDER BY first
                    """
            ).map { row in
                OtherSeries(
                    seriesInstanceUID: row["other_series_uid"],
                    studyInstanceUID: row["study"],
                    modality: row["modality"],
                    files: row["files"],
                    firstFile: row["first"],
                    receivedAt: row["received"],
                    latestReceivedAt: row["latest"],
                    hasCT: row["has_ct"]
                )
            }
        }
    }

    package func setTold(otherSeries seriesInstanceUID: String) throws(StoreError) {
        try write { db in
            try db.execute(
                sql: "UPDATE instance SET told = 1 WHERE other_series_uid = ?",
                arguments: [seriesInstanceUID]
            )
        }
    }

    /// When the latest file came, whatever it is; nil before the first.
    package func latestReceipt() throws(StoreError) -> Int64? {
        try read { db in try Int64.fetchOne(db, sql: "SELECT MAX(received_at) FROM instance") }
    }
}
