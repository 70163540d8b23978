internal import GRDB

extension Store {
    /// A paused queue starts no new job; what runs is finished. The reason is shown by `contourctl status`.
    package func pause(reason: String) throws(StoreError) {
        try write { db in
            try db.execute(
                sql: "INSERT OR REPLACE INTO setting (name, value) VALUES ('paused', ?)",
                arguments: [reason]
            )
        }
    }

    /// Ends a pause and makes held jobs available again; returns how many were held.
    package func resume() throws(StoreError) -> Int {
        try write { db in
            try db.execute(sql: "DELETE FROM setting WHERE name = 'paused'")
            try db.execute(
                sql: "UPDATE job SET state = 'available', available_at = ?, attempts = 0 WHERE state = 'held'",
                arguments: [now()]
            )
            return db.changesCount
        }
    }

    /// Why the queue is paused; nil when it is not.
    package func pauseReason() throws(StoreError) -> String? {
        try read { db in try String.fetchOne(db, sql: "SELECT value FROM setting WHERE name = 'paused'") }
    }

    func isPaused(_ db: Database) throws -> Bool {
        try Int.fetchOne(db, sql: "SELECT COUNT(*) FROM setting WHERE name = 'paused'") ?? 0 > 0
    }

    /// Ends the open runs of a Series, and its arriving. Nothing that was received is deleted.
    ///
    /// - Returns: numbers of jobs that are running: their workers are to be stopped.
    package func cancel(
        _ number: Int64
    ) throws(StoreError) -> (running: [Int64], cancelledRuns: Int, wasArriving: Bool) {
        _ = try series(number)
        return try write { db in
            let running = try Int64.fetchAll(
                db,
                sql: """
                    SELECT job.id FROM job JOIN run ON run.id = job.run_id
                    WHERE run.series_id = ? AND job.state = 'running' AND run.state = 'working'
                    """,
                arguments: [number]
            )
            try db.execute(
                sql: """
                    UPDATE job SET state = 'cancelled', finished_at = ?
                    WHERE state IN ('available', 'running', 'held')
                        AND run_id IN (SELECT id FROM run WHERE series_id = ? AND state = 'working')
                    """,
                arguments: [now(), number]
            )
            try db.execute(
                sql: "UPDATE run SET state = 'cancelled' WHERE series_id = ? AND state = 'working'",
                arguments: [number]
            )
            let runs = db.changesCount
            try db.execute(
                sql: """
                    UPDATE series SET state = 'sealed', waiting_for = 'cancelled', marker = 0, again = 0,
                        sealings = sealings + 1 WHERE id = ? AND state = 'collecting'
                    """,
                arguments: [number]
            )
            return (running, runs, db.changesCount > 0)
        }
    }

    /// Makes held and waiting jobs of a Series ready at once; returns how many.
    package func hurry(_ number: Int64) throws(StoreError) -> Int {
        _ = try series(number)
        return try write { db in
            try db.execute(
                sql: """
                    UPDATE job SET state = 'available', available_at = ?, attempts = 0
                    WHERE state IN ('held', 'available') AND run_id IN (SELECT id FROM run WHERE series_id = ?)
                    """,
                arguments: [now(), number]
            )
            return db.changesCount
        }
    }

    /// Collects a sealed Series once more: it is contoured again, even if nothing changed.
    package func reopen(_ number: Int64) throws(StoreError) {
        try write { db in
            try db.execute(
                sql: "UPDATE series SET state = 'collecting', marker = 1, again = 1, waiting_for = NULL WHERE id = ?",
                arguments: [number]
            )
        }
    }

    /// Jobs by state.
    package func jobCounts() throws(StoreError) -> [String: Int] {
        try read { db in
            let rows = try Row.fetchAll(db, sql: "SELECT state, COUNT(*) AS count FROM job GROUP BY state")
            return Dictionary(uniqueKeysWithValues: rows.map { ($0["state"], $0["count"]) })
        }
    }
}
