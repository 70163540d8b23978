internal import GRDB

extension Store {
    /// Files that were set aside, or that may or can not be read, and whose sender was not told. Of a conflict in a Series that
    /// is arriving, the refusal of the Series will tell.
    package func untoldFiles() throws(StoreError) -> [InstanceRecord] {
        try read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT * FROM instance WHERE told = 0
                        AND (state = 'quarantined' OR (state = 'ignored' AND code IN ('E_PERMISSION', 'E_NAME', 'W_NOT_A_FILE')))
                        AND NOT (conflict = 1 AND EXISTS (SELECT 1 FROM series
                            WHERE series.id = series_id AND series.state = 'collecting'))
                    ORDER BY id
                    """
            )
            .map { try InstanceRecord(row: $0) }
        }
    }

    package func setTold(_ numbers: [Int64]) throws(StoreError) {
        try write { db in
            for number in numbers {
                try db.execute(sql: "UPDATE instance SET told = 1 WHERE id = ?", arguments: [number])
            }
        }
    }
}
