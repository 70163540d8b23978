internal import GRDB

extension Store {
    package func deliveringRuns() throws(StoreError) -> [RunRecord] {
        try read { db in
            try Row.fetchAll(db, sql: "SELECT * FROM run WHERE state = 'delivering' ORDER BY id")
                .map { try RunRecord(row: $0) }
        }
    }

    /// The folder that the last rename will take, on the file system of the outbox, whole and durable. From now on
    /// its absence proves that the delivery happened, as long as the outbox is the folder that `place` describes.
    package func setDeliverySource(
        _ path: String,
        place: String,
        deliveredName: String,
        run: Int64
    ) throws(StoreError) {
        try write { db in
            try db.execute(
                sql: "UPDATE run SET delivery_source = ?, delivery_place = ?, delivered_name = ? WHERE id = ?",
                arguments: [path, place, deliveredName, run]
            )
        }
    }

    /// The delivery is prepared anew.
    package func forgetDeliverySource(run: Int64) throws(StoreError) {
        try write { db in
            try db.execute(
                sql: "UPDATE run SET delivery_source = NULL, delivery_place = NULL WHERE id = ?",
                arguments: [run]
            )
        }
    }

    package func finishDelivery(run: Int64) throws(StoreError) {
        try write { db in
            try db.execute(
                sql: "UPDATE run SET state = 'delivered', delivered_at = ? WHERE id = ? AND state = 'delivering'",
                arguments: [now(), run]
            )
        }
    }

    /// Runs that ended before a time and still have their pixels.
    package func runsWithPixels(endedBefore time: Int64) throws(StoreError) -> [RunRecord] {
        try read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT * FROM run WHERE state IN ('delivered', 'cancelled') AND pixels_deleted = 0
                        AND COALESCE(delivered_at, created_at) < ? ORDER BY id
                    """,
                arguments: [time]
            ).map { try RunRecord(row: $0) }
        }
    }

    package func setPixelsDeleted(run: Int64) throws(StoreError) {
        try write { db in try db.execute(sql: "UPDATE run SET pixels_deleted = 1 WHERE id = ?", arguments: [run]) }
    }

    /// Series to which nothing came since a time, and whose runs all gave up their pixels.
    package func seriesWithOldImages(arrivedBefore time: Int64) throws(StoreError) -> [Int64] {
        try read { db in
            try Int64.fetchAll(
                db,
                sql: """
                    SELECT id FROM series WHERE state = 'sealed' AND last_arrival_at < ?
                        AND NOT EXISTS (SELECT 1 FROM run WHERE run.series_id = series.id AND pixels_deleted = 0)
                        AND EXISTS (SELECT 1 FROM instance WHERE series_id = series.id AND state = 'image')
                    """,
                arguments: [time]
            )
        }
    }

    package func setImagesDeleted(ofSeries number: Int64) throws(StoreError) {
        try write { db in
            try db.execute(
                sql: "UPDATE instance SET state = 'deleted', header = NULL WHERE series_id = ? AND state = 'image'",
                arguments: [number]
            )
        }
    }

    /// The latest delivered contouring runs of a Series, one for each stack and model.
    package func deliveredContours(seriesInstanceUID uid: String) throws(StoreError) -> [RunRecord] {
        try read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT run.* FROM run JOIN series ON series.id = run.series_id
                    WHERE series.series_instance_uid = ? AND run.kind = 'contouring' AND run.state = 'delivered'
                        AND run.verdict <> 'refused'
                        AND run.id = (SELECT MAX(r.id) FROM run r WHERE r.series_id = run.series_id
                            AND r.kind = 'contouring' AND r.stack = run.stack AND r.model = run.model
                            AND r.state = 'delivered' AND r.verdict <> 'refused')
                    ORDER BY run.id
                    """,
                arguments: [uid]
            ).map { try RunRecord(row: $0) }
        }
    }
}
