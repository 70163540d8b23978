internal import GRDB

extension Store {
    /// Every change of the schema is a new migration; those that were released never change.
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1: series, instances, runs, jobs") { db in
            try db.execute(sql: version1)
        }
        migrator.registerMigration("2: outcomes") { db in
            try db.execute(sql: version2)
        }
        migrator.registerMigration("3: images that are sent again") { db in
            try db.execute(sql: version3)
        }
        migrator.registerMigration("4: other series, pauses, label maps") { db in
            try db.execute(sql: version4)
        }
        migrator.registerMigration("5: contouring once") { db in
            try db.execute(sql: version5)
        }
        migrator.registerMigration("6: damaged images") { db in
            try db.execute(sql: version6)
        }
        migrator.registerMigration("7: places of deleted images") { db in
            try db.execute(sql: version7)
        }
        migrator.registerMigration("8: counts of faults, crashes and ends") { db in
            try db.execute(sql: version8)
        }
        return migrator
    }

    private static let version1 = """
        CREATE TABLE series (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            series_instance_uid TEXT NOT NULL UNIQUE,
            state TEXT NOT NULL CHECK (state IN ('collecting', 'sealed')),
            revision INTEGER NOT NULL DEFAULT 0,
            marker INTEGER NOT NULL DEFAULT 0,
            again INTEGER NOT NULL DEFAULT 0,
            waiting_for TEXT,
            created_at INTEGER NOT NULL,
            last_arrival_at INTEGER NOT NULL,
            sealed_at INTEGER
        ) STRICT;

        CREATE TABLE instance (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            series_id INTEGER REFERENCES series(id),
            state TEXT NOT NULL CHECK (state IN
                ('parsing', 'taking', 'image', 'reference', 'ignored', 'quarantined', 'repeated', 'deleted')),
            sop_instance_uid TEXT,
            inbox_path TEXT NOT NULL,
            snapshot TEXT NOT NULL,
            stored_path TEXT,
            header TEXT,
            digest TEXT,
            code TEXT,
            reason TEXT,
            attempts INTEGER NOT NULL DEFAULT 0,
            left_behind INTEGER NOT NULL DEFAULT 0,
            told INTEGER NOT NULL DEFAULT 0,
            received_at INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX instance_by_series ON instance(series_id, state);
        CREATE INDEX instance_by_uid ON instance(sop_instance_uid);
        CREATE INDEX instance_by_path ON instance(inbox_path);
        CREATE INDEX instance_by_state ON instance(state, told);

        CREATE TABLE reference (
            instance_id INTEGER NOT NULL REFERENCES instance(id),
            series_instance_uid TEXT NOT NULL,
            PRIMARY KEY (instance_id, series_instance_uid)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX reference_by_series ON reference(series_instance_uid);

        CREATE TABLE run (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            series_id INTEGER NOT NULL REFERENCES series(id),
            kind TEXT NOT NULL CHECK (kind IN ('contouring', 'evaluation')),
            stack TEXT NOT NULL,
            revision INTEGER NOT NULL,
            model TEXT NOT NULL,
            content_digest TEXT NOT NULL,
            model_digest TEXT NOT NULL,
            configuration_digest TEXT NOT NULL,
            software_version TEXT NOT NULL,
            request TEXT NOT NULL,
            base_run_id INTEGER REFERENCES run(id),
            state TEXT NOT NULL CHECK (state IN ('working', 'delivering', 'delivered', 'cancelled')),
            verdict TEXT CHECK (verdict IN ('delivered', 'review', 'refused')),
            delivered_name TEXT NOT NULL,
            delivery_source TEXT,
            delivery_place TEXT,
            created_at INTEGER NOT NULL,
            delivered_at INTEGER,
            pixels_deleted INTEGER NOT NULL DEFAULT 0,
            UNIQUE (series_id, kind, stack, revision, model, base_run_id)
        ) STRICT;
        CREATE INDEX run_by_state ON run(state);

        CREATE TABLE job (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            run_id INTEGER NOT NULL REFERENCES run(id),
            stage TEXT NOT NULL,
            state TEXT NOT NULL CHECK (state IN
                ('available', 'running', 'held', 'completed', 'discarded', 'cancelled')),
            attempts INTEGER NOT NULL DEFAULT 0,
            available_at INTEGER NOT NULL,
            started_at INTEGER,
            finished_at INTEGER,
            fault TEXT,
            UNIQUE (run_id, stage)
        ) STRICT;
        CREATE INDEX job_by_state ON job(state, available_at);

        CREATE TABLE setting (
            name TEXT PRIMARY KEY,
            value TEXT NOT NULL
        ) STRICT, WITHOUT ROWID;
        """

    /// What references said about delivered contours, one row for each structure of a run that scored one.
    private static let version2 = """
        CREATE TABLE outcome (
            run_id INTEGER NOT NULL REFERENCES run(id),
            structure TEXT NOT NULL,
            status TEXT NOT NULL CHECK (status IN ('scored', 'edited', 'unedited', 'removed')),
            approval TEXT,
            scores TEXT,
            recorded_at INTEGER NOT NULL,
            PRIMARY KEY (run_id, structure)
        ) STRICT, WITHOUT ROWID;
        """

    /// `series.sealings`: how often it was sealed or cancelled. `instance.sealings`: that number when the image was last
    /// sent, so that a smaller one means: before the latest refusal. `conflict`: it lies in quarantine, and nobody has
    /// said yet whether it or the stored image is right. `moving_from`: where it lies until it is moved to
    /// `stored_path`.
    private static let version3 = """
        ALTER TABLE series ADD COLUMN sealings INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE instance ADD COLUMN sealings INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE instance ADD COLUMN conflict INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE instance ADD COLUMN moving_from TEXT;
        UPDATE series SET sealings = 1 WHERE state = 'sealed' OR revision > 0;
        CREATE INDEX instance_by_move ON instance(moving_from) WHERE moving_from IS NOT NULL;
        """

    /// `instance.study_uid`: the study of an image; with `other_series_uid` and `modality` that of a file which is left in
    /// the inbox because it is no CT. `job.delay_ms`: how long it waits at most, however the clock is set.
    /// `run.labels_deleted`: nothing of it is left that a reference could be scored against.
    private static let version4 = """
        ALTER TABLE instance ADD COLUMN study_uid TEXT;
        ALTER TABLE instance ADD COLUMN other_series_uid TEXT;
        ALTER TABLE instance ADD COLUMN modality TEXT;
        UPDATE instance SET study_uid = json_extract(header, '$.studyInstanceUID') WHERE header IS NOT NULL;
        CREATE INDEX instance_by_study ON instance(study_uid);
        CREATE INDEX instance_by_other_series ON instance(other_series_uid) WHERE other_series_uid IS NOT NULL;
        ALTER TABLE job ADD COLUMN delay_ms INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE run ADD COLUMN labels_deleted INTEGER NOT NULL DEFAULT 0;
        UPDATE setting SET name = 'paused by an operator' WHERE name = 'paused' AND value = 'by an operator';
        UPDATE setting SET name = 'paused by a fault',
            value = json_object('kind', 'operator', 'code', substr(value, 1, instr(value, ': ') - 1),
                'message', substr(value, instr(value, ': ') + 2), 'hint', '', 'details', json_array())
            WHERE name = 'paused';
        """

    /// The constraint of the first version never held for runs without a base run: SQLite takes two NULLs as different.
    /// A cancelled run leaves its place to the next.
    private static let version5 = """
        CREATE UNIQUE INDEX run_once ON run(series_id, kind, stack, revision, model, IFNULL(base_run_id, 0))
            WHERE state <> 'cancelled';
        """

    /// What the header of a damaged file still says: its Series (empty where that is not known), and all of it.
    private static let version6 = """
        ALTER TABLE instance ADD COLUMN claimed_series_uid TEXT;
        ALTER TABLE instance ADD COLUMN claims TEXT;
        CREATE INDEX instance_by_claim ON instance(claimed_series_uid) WHERE claimed_series_uid IS NOT NULL;
        """

    /// `instance.places`: where the slices of an image lay whose header is gone, as a JSON array of `framePlace`.
    private static let version7 = """
        ALTER TABLE instance ADD COLUMN places TEXT;
        """

    /// `job.attempts` counts what was begun; how it ended has counts of its own: faults that may pass, crashes of the
    /// worker, and ends of the service. `instance.kills`: how often the worker that read it was killed. What happened under a
    /// former version is not known by kind, and does not count.
    private static let version8 = """
        ALTER TABLE job ADD COLUMN faults INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE job ADD COLUMN crashes INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE job ADD COLUMN service_ends INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE instance ADD COLUMN kills INTEGER NOT NULL DEFAULT 0;
        """

    /// Where a frame of a header lies, to a tenth of a millimetre; NULL without a place. `frame` is a row of
    /// `json_each(header, '$.frames')`.
    static let framePlace = """
        (round(json_extract(frame.value, '$.position.x'), 1) || ' ' || round(json_extract(frame.value, '$.position.y'), 1)
            || ' ' || round(json_extract(frame.value, '$.position.z'), 1))
        """
}
