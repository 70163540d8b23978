internal import GRDB

extension Store {
    package func deliveringRuns() throws(StoreError) -> [RunRecord] {
        try read { db in
            try Row.fetchAll(db, sql: "SELECT * FROM run WHERE state = 'delivering' ORDER BY id")
                .map { try RunRecord(row: $0) }
        }
    }

    /// The folder that the last rename will take, on the file system of the outbox, whole and durable. From now on
    /// its absence proves that the delivery happened.
    package func setDeliverySource(_ path: String, deliveredName: String, run: Int64) throws(StoreError) {
        try write { db in
            try db.execute(
                sql: "UPDATE run SET delivery_source = ?, delivered_name = ? WHERE id = ?",
                arguments: [path, deliveredName, run])
        }
    }

    package func finishDelivery(run: Int64) throws(StoreError) {
        try write { db in
            try db.execute(
                sql: "UPDATE run SET state = 'delivered', delivered_at = ? WHERE id = ? AND state = 'delivering'",
                arguments: [now(), run])
        }
    }

    /// Contouring runs that were delivered before a time and still have their pixels.
    package func runsWithPixels(deliveredBefore time: Int64) throws(StoreError) -> [RunRecord] {
        try read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT * FROM run WHERE state IN ('delivered', 'cancelled') AND pixels_deleted = 0
                        AND COALESCE(delivered_at, created_at) < ? ORDER BY id
                    """, arguments: [time]
            ).map { try RunRecord(row: $0) }
        }
    }

    package func setPixelsDeleted(run: Int64) throws(StoreError) {
        try write { db in try db.execute(sql: "UPDATE run SET pixels_deleted = 1 WHERE id = ?", arguments: [run]) }
    }

    /// Marks the images of a Series whose runs all gave up their pixels; returns their stored paths.
    package func deleteImages(ofSeries number: Int64) throws(StoreError) -> [String] {
        try write { db in
            let open = try Int.fetchOne(
                db, sql: "SELECT COUNT(*) FROM run WHERE series_id = ? AND pixels_deleted = 0", arguments: [number])
            let state = try String.fetchOne(db, sql: "SELECT state FROM series WHERE id = ?", arguments: [number])
            guard open == 0, state == "sealed" else { return [] }
            let paths = try String.fetchAll(
                db, sql: "SELECT stored_path FROM instance WHERE series_id = ? AND state = 'image'", arguments: [number])
            try db.execute(
                sql: "UPDATE instance SET state = 'deleted' WHERE series_id = ? AND state = 'image'", arguments: [number])
            return paths
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
                    """, arguments: [uid]
            ).map { try RunRecord(row: $0) }
        }
    }
}
