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

    /// Of the headers the places stay, which tell later images from a new export (`imagesNotSentAgain`).
    package func setImagesDeleted(ofSeries number: Int64) throws(StoreError) {
        try write { db in
            try db.execute(
                sql: """
                    UPDATE instance SET state = 'deleted', header = NULL, places = (
                        SELECT json_group_array(\(Store.framePlace)) FROM json_each(header, '$.frames') AS frame
                            WHERE \(Store.framePlace) IS NOT NULL)
                    WHERE series_id = ? AND state = 'image'
                    """,
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
                        AND run.verdict <> 'refused' AND run.labels_deleted = 0
                        AND run.id = (SELECT MAX(r.id) FROM run r WHERE r.series_id = run.series_id
                            AND r.kind = 'contouring' AND r.stack = run.stack AND r.model = run.model
                            AND r.state = 'delivered' AND r.verdict <> 'refused')
                    ORDER BY run.id
                    """,
                arguments: [uid]
            ).map { try RunRecord(row: $0) }
        }
    }

    /// All delivered contouring runs of a Series whose label maps are kept, the first first.
    package func contoursKept(ofSeries number: Int64) throws(StoreError) -> [Int64] {
        try read { db in
            try Int64.fetchAll(
                db,
                sql: """
                    SELECT id FROM run WHERE series_id = ? AND kind = 'contouring' AND state = 'delivered'
                        AND verdict <> 'refused' AND labels_deleted = 0 ORDER BY id
                    """,
                arguments: [number]
            )
        }
    }

    /// Runs without pixels that ended before a time and still have their label maps, as long as nothing is scored against
    /// them.
    package func runsWithLabels(endedBefore time: Int64) throws(StoreError) -> [RunRecord] {
        try read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT * FROM run WHERE state IN ('delivered', 'cancelled') AND pixels_deleted = 1
                        AND labels_deleted = 0 AND COALESCE(delivered_at, created_at) < ?
                        AND NOT EXISTS (SELECT 1 FROM run AS later WHERE later.base_run_id = run.id
                            AND later.state IN ('working', 'delivering'))
                    ORDER BY id
                    """,
                arguments: [time]
            ).map { try RunRecord(row: $0) }
        }
    }

    package func setLabelsDeleted(run: Int64) throws(StoreError) {
        try write { db in try db.execute(sql: "UPDATE run SET labels_deleted = 1 WHERE id = ?", arguments: [run]) }
    }

    /// References that came before a time and that no run needs any more.
    package func referencesToDelete(receivedBefore time: Int64) throws(StoreError) -> [InstanceRecord] {
        try read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT * FROM instance WHERE state = 'reference' AND received_at < ? AND NOT EXISTS (
                        SELECT 1 FROM reference JOIN series USING (series_instance_uid) JOIN run ON run.series_id = series.id
                        WHERE reference.instance_id = instance.id AND run.labels_deleted = 0)
                    ORDER BY id
                    """,
                arguments: [time]
            ).map { try InstanceRecord(row: $0) }
        }
    }

    package func setDeleted(reference number: Int64) throws(StoreError) {
        try write { db in
            try db.execute(
                sql: "UPDATE instance SET state = 'deleted', header = NULL WHERE id = ? AND state = 'reference'",
                arguments: [number]
            )
        }
    }

    /// The number of a Series that has delivered contours, all of whose label maps were deleted after their time.
    package func seriesWithoutLabels(seriesInstanceUID uid: String) throws(StoreError) -> Int64? {
        try read { db in
            try Int64.fetchOne(
                db,
                sql: """
                    SELECT series.id FROM series JOIN run ON run.series_id = series.id
                    WHERE series.series_instance_uid = ? AND run.kind = 'contouring' AND run.state = 'delivered'
                        AND run.verdict <> 'refused'
                    GROUP BY series.id HAVING MIN(run.labels_deleted) = 1
                    """,
                arguments: [uid]
            )
        }
    }
}
