internal import GRDB

/// Why the queue is paused.
package enum PauseCause: Sendable, Equatable {
    case byOperator
    /// Something that concerns every Series, for example a full disk.
    case fault(FaultRecord)
}

private enum Setting {
    static let pausedByOperator = "paused by an operator"
    static let pausedByFault = "paused by a fault"
}

extension Store {
    /// A job is ready from a time on, with all its attempts.
    private static let afresh = """
        state = 'available', available_at = ?, delay_ms = 0, attempts = 0, faults = 0, crashes = 0, service_ends = 0
        """

    /// A paused queue starts no new job; what runs is finished. The reason is shown by `contourctl status`.
    package func pause(_ cause: PauseCause) throws(StoreError) {
        try write { db in
            let (name, value) =
                switch cause {
                case .byOperator: (Setting.pausedByOperator, "")
                case .fault(let fault): (Setting.pausedByFault, try fault.json())
                }
            try db.execute(sql: "INSERT OR REPLACE INTO setting (name, value) VALUES (?, ?)", arguments: [name, value])
        }
    }

    /// Ends a pause and makes held jobs available again; returns how many were held.
    package func resume() throws(StoreError) -> Int {
        try write { db in
            try db.execute(
                sql: "DELETE FROM setting WHERE name IN (?, ?)",
                arguments: [Setting.pausedByOperator, Setting.pausedByFault]
            )
            try db.execute(
                sql: "UPDATE job SET \(Self.afresh) WHERE state = 'held'",
                arguments: [now()]
            )
            return db.changesCount
        }
    }

    /// Why the queue is paused: a fault first, as it must be mended before anything goes on. Empty when it is not.
    package func pauses() throws(StoreError) -> [PauseCause] {
        try read { db in
            let fault = try String.fetchOne(
                db,
                sql: "SELECT value FROM setting WHERE name = ?",
                arguments: [Setting.pausedByFault]
            )
            let byOperator = try String.fetchOne(
                db,
                sql: "SELECT value FROM setting WHERE name = ?",
                arguments: [Setting.pausedByOperator]
            )
            return try [fault.map { .fault(try FaultRecord(json: $0)) }, byOperator.map { _ in .byOperator }]
                .compactMap(\.self)
        }
    }

    func isPaused(_ db: Database) throws -> Bool {
        try Int.fetchOne(
            db,
            sql: "SELECT COUNT(*) FROM setting WHERE name IN (?, ?)",
            arguments: [Setting.pausedByOperator, Setting.pausedByFault]
        ) ?? 0 > 0
    }

    /// Faults for which jobs are held, each with the numbers of the Series; the oldest first.
    package func heldFaults() throws(StoreError) -> [(fault: FaultRecord, series: [Int64])] {
        try read { db in
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT job.fault, run.series_id FROM job JOIN run ON run.id = job.run_id
                    WHERE job.state = 'held' AND job.fault IS NOT NULL ORDER BY job.id
                    """
            )
            var held: [(fault: FaultRecord, series: [Int64])] = []
            for row in rows {
                let (fault, series) = (try FaultRecord(json: row["fault"]), row["series_id"] as Int64)
                if let known = held.firstIndex(where: { $0.fault == fault }) {
                    if !held[known].series.contains(series) { held[known].series.append(series) }
                } else {
                    held.append((fault, [series]))
                }
            }
            return held
        }
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
                    UPDATE job SET \(Self.afresh)
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
