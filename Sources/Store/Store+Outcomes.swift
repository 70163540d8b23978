internal import GRDB

/// What a reference said about one structure that we delivered.
package struct NewOutcome: Sendable, Equatable {
    package var structure: String
    /// `scored` (the reference was there before our result), `edited`, `unedited` or `removed`.
    package var status: String
    /// Of an RT Structure Set.
    package var approval: String?
    /// As JSON, opaque here; nil where nothing is scored.
    package var scores: String?

    package init(structure: String, status: String, approval: String?, scores: String?) {
        self.structure = structure
        self.status = status
        self.approval = approval
        self.scores = scores
    }
}

/// The same with the run that it belongs to.
package struct OutcomeRecord: Sendable, Equatable {
    package var seriesNumber: Int64
    package var stack: String
    /// The run that scored.
    package var runNumber: Int64
    /// The run whose contours were scored.
    package var contouringRunNumber: Int64
    /// Name in the outbox of what was scored.
    package var deliveredName: String
    package var model: String
    package var modelDigest: String
    package var outcome: NewOutcome
    package var recordedAt: Int64
}

extension Store {
    /// All outcomes in the order in which they came.
    package func outcomes() throws(StoreError) -> [OutcomeRecord] {
        try read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT outcome.*, run.series_id, run.stack, run.model, run.model_digest,
                        COALESCE(run.base_run_id, run.id) AS contouring_run_id, base.delivered_name
                    FROM outcome JOIN run ON run.id = outcome.run_id
                        JOIN run base ON base.id = COALESCE(run.base_run_id, run.id)
                    ORDER BY outcome.recorded_at, outcome.run_id, outcome.structure
                    """
            ).map { row in
                OutcomeRecord(
                    seriesNumber: row["series_id"],
                    stack: row["stack"],
                    runNumber: row["run_id"],
                    contouringRunNumber: row["contouring_run_id"],
                    deliveredName: row["delivered_name"],
                    model: row["model"],
                    modelDigest: row["model_digest"],
                    outcome: NewOutcome(
                        structure: row["structure"],
                        status: row["status"],
                        approval: row["approval"],
                        scores: row["scores"]
                    ),
                    recordedAt: row["recorded_at"]
                )
            }
        }
    }

    /// A stage that is run again says the same again.
    func insert(_ outcomes: [NewOutcome], run: Int64, _ db: Database) throws {
        for outcome in outcomes {
            try db.execute(
                sql: """
                    INSERT OR REPLACE INTO outcome (run_id, structure, status, approval, scores, recorded_at)
                    VALUES (?, ?, ?, ?, ?, ?)
                    """,
                arguments: [run, outcome.structure, outcome.status, outcome.approval, outcome.scores, now()]
            )
        }
    }
}
