internal import GRDB

/// How an attempt at a job ended.
package enum JobOutcome: Sendable {
    /// The stage is done; the next one follows, or the result is ready to be delivered.
    case completed(nextStage: String?, verdict: String?, outcomes: [NewOutcome] = [])
    case failed(FaultRecord)
}

/// What follows from the end of an attempt.
package enum JobConsequence: Sendable, Equatable {
    case nextStage(String)
    /// The run's result or refusal is to be delivered.
    case deliver(verdict: String)
    case retry(at: Int64)
    case held
    /// The job was cancelled meanwhile.
    case nothing
}

/// When a job is tried again.
package struct RetryPolicy: Sendable, Equatable {
    /// Transient faults of a stage, and, counted by themselves, ends of the service during it, of which the last becomes a
    /// refusal.
    package var maximumAttempts = 6
    /// Crashes of a stage of which the last becomes a refusal: a series that kills its worker must not do so for ever.
    package var maximumCrashes = 3
    package var firstDelayMS: Int64 = 5_000
    package var longestDelayMS: Int64 = 600_000

    package init() {}

    /// - Parameter count: how often it went wrong in the same way.
    /// - Returns: ms.
    package func delay(after count: Int) -> Int64 {
        min(longestDelayMS, firstDelayMS << Int64(min(max(count - 1, 0), 20)))
    }
}

extension Store {
    /// Takes a job that is ready, and counts the attempt; nil when there is none or the queue is paused. What was
    /// begun first is finished first.
    package func claim() throws(StoreError) -> (job: JobRecord, run: RunRecord)? {
        try write { db in
            guard try !isPaused(db) else { return nil }
            // No job waits longer than its pause from now: one that seems to was queued before the clock was set back.
            try db.execute(
                sql: """
                    UPDATE job SET available_at = ? + delay_ms WHERE state = 'available' AND available_at > ? + delay_ms
                    """,
                arguments: [now(), now()]
            )
            let row = try Row.fetchOne(
                db,
                sql: """
                    UPDATE job SET state = 'running', attempts = attempts + 1, started_at = ?, finished_at = NULL
                    WHERE id = (SELECT id FROM job WHERE state = 'available' AND available_at <= ?
                        ORDER BY run_id, id LIMIT 1)
                    RETURNING *
                    """,
                arguments: [now(), now()]
            )
            guard let row else { return nil }
            let job = try JobRecord(row: row)
            return (job, try run(job.runNumber, db))
        }
    }

    /// Ends an attempt and decides what follows, in one transaction.
    package func finish(
        _ number: Int64,
        _ outcome: JobOutcome,
        policy: RetryPolicy = RetryPolicy()
    ) throws(StoreError) -> JobConsequence {
        try write { db in
            let job = try job(number, db)
            guard job.state == .running else { return .nothing }
            switch outcome {
            case .completed(let next, let verdict, let outcomes):
                try set(number, .completed, fault: nil, db)
                try insert(outcomes, run: job.runNumber, db)
                if let next {
                    try insertJob(run: job.runNumber, stage: next, db)
                    return .nextStage(next)
                }
                return try startDelivery(job.runNumber, verdict: verdict ?? "delivered", db)
            case .failed(let fault): return try fail(job, fault, policy, db)
            }
        }
    }

    private func fail(
        _ job: JobRecord,
        _ fault: FaultRecord,
        _ policy: RetryPolicy,
        _ db: Database
    ) throws -> JobConsequence {
        switch fault.kind {
        case "interrupted":
            try db.execute(
                sql: """
                    UPDATE job SET state = 'available', attempts = attempts - 1, available_at = ?, delay_ms = 0
                    WHERE id = ?
                    """,
                arguments: [now(), job.number]
            )
            return .retry(at: now())
        case "operator":
            try set(job.number, .held, fault: fault, db)
            return .held
        case "transient":
            let faults = try count("faults", job.number, db)
            return try faults < policy.maximumAttempts
                ? retry(job, fault, after: policy.delay(after: faults), db) : refuse(job, fault, db)
        case "bug":
            let crashes = try count("crashes", job.number, db)
            return try crashes < policy.maximumCrashes
                ? retry(job, fault, after: policy.delay(after: crashes), db) : refuse(job, fault, db)
        default: return try refuse(job, fault, db)
        }
    }

    /// One way to fail says nothing about another: a kill of the service is no crash of a worker.
    /// - Returns: how often the job ended in this way, this time included.
    private func count(_ column: String, _ number: Int64, _ db: Database) throws -> Int {
        try Int.fetchOne(
            db,
            sql: "UPDATE job SET \(column) = \(column) + 1 WHERE id = ? RETURNING \(column)",
            arguments: [number]
        ) ?? 0
    }

    private func retry(
        _ job: JobRecord,
        _ fault: FaultRecord,
        after delay: Int64,
        _ db: Database
    ) throws -> JobConsequence {
        let at = now() + delay
        try db.execute(
            sql: """
                UPDATE job SET state = 'available', available_at = ?, delay_ms = ?, finished_at = ?, fault = ?
                WHERE id = ?
                """,
            arguments: [at, delay, now(), try fault.json(), job.number]
        )
        return .retry(at: at)
    }

    private func refuse(_ job: JobRecord, _ fault: FaultRecord, _ db: Database) throws -> JobConsequence {
        try set(job.number, .discarded, fault: fault, db)
        return try startDelivery(job.runNumber, verdict: "refused", db)
    }

    /// Jobs that were running when the service ended are ready again. After an orderly stop the attempt was given
    /// back already; what is still running here died with the service, which is counted: a run that brings the service
    /// down time and again is given up, with this fault.
    ///
    /// - Returns: the numbers of jobs that are ready again, and of those that were given up.
    package func recoverRunningJobs(
        policy: RetryPolicy = RetryPolicy(),
        givingUpWith fault: FaultRecord
    ) throws(StoreError) -> (ready: Int, givenUp: Int) {
        try write { db in
            try db.execute(sql: "UPDATE job SET service_ends = service_ends + 1 WHERE state = 'running'")
            let lost = try Row.fetchAll(
                db,
                sql: "SELECT * FROM job WHERE state = 'running' AND service_ends >= ?",
                arguments: [policy.maximumAttempts]
            )
            for row in lost { _ = try refuse(try JobRecord(row: row), fault, db) }
            try db.execute(
                sql: "UPDATE job SET state = 'available', available_at = ?, delay_ms = 0 WHERE state = 'running'",
                arguments: [now()]
            )
            return (db.changesCount, lost.count)
        }
    }

    /// When the next job becomes ready; nil when none waits.
    package func nextJobTime() throws(StoreError) -> Int64? {
        try read { db in
            try isPaused(db)
                ? nil : Int64.fetchOne(db, sql: "SELECT MIN(available_at) FROM job WHERE state = 'available'")
        }
    }

    package func job(_ number: Int64) throws(StoreError) -> JobRecord { try read { db in try job(number, db) } }

    package func jobs(ofRun number: Int64) throws(StoreError) -> [JobRecord] {
        try read { db in
            try Row.fetchAll(db, sql: "SELECT * FROM job WHERE run_id = ? ORDER BY id", arguments: [number])
                .map { try JobRecord(row: $0) }
        }
    }

    package func run(_ number: Int64) throws(StoreError) -> RunRecord { try read { db in try run(number, db) } }

    package func runs(ofSeries number: Int64) throws(StoreError) -> [RunRecord] {
        try read { db in
            try Row.fetchAll(db, sql: "SELECT * FROM run WHERE series_id = ? ORDER BY id", arguments: [number])
                .map { try RunRecord(row: $0) }
        }
    }

    func run(_ number: Int64, _ db: Database) throws -> RunRecord {
        guard let row = try Row.fetchOne(db, sql: "SELECT * FROM run WHERE id = ?", arguments: [number]) else {
            throw StoreError.notAllowed("there is no run \(number)")
        }
        return try RunRecord(row: row)
    }

    func job(_ number: Int64, _ db: Database) throws -> JobRecord {
        guard let row = try Row.fetchOne(db, sql: "SELECT * FROM job WHERE id = ?", arguments: [number]) else {
            throw StoreError.notAllowed("there is no job \(number)")
        }
        return try JobRecord(row: row)
    }

    func insertJob(run: Int64, stage: String, _ db: Database) throws {
        try db.execute(
            sql: "INSERT INTO job (run_id, stage, state, available_at) VALUES (?, ?, 'available', ?)",
            arguments: [run, stage, now()]
        )
    }

    private func set(_ number: Int64, _ state: JobRecord.State, fault: FaultRecord?, _ db: Database) throws {
        try db.execute(
            sql: "UPDATE job SET state = ?, finished_at = ?, fault = ? WHERE id = ?",
            arguments: [state.rawValue, now(), try fault?.json(), number]
        )
    }

    private func startDelivery(_ run: Int64, verdict: String, _ db: Database) throws -> JobConsequence {
        try db.execute(
            sql: "UPDATE run SET state = 'delivering', verdict = ? WHERE id = ? AND state = 'working'",
            arguments: [verdict, run]
        )
        return db.changesCount == 1 ? .deliver(verdict: verdict) : .nothing
    }
}
