internal import GRDB

/// What is written down about a file that goes to quarantine because another one has its SOP Instance UID.
package struct SettingAside: Sendable {
    package struct Words: Sendable {
        package var code: String
        package var reason: String

        package init(code: String, reason: String) {
            self.code = code
            self.reason = reason
        }
    }

    /// For an image whose stored version stays.
    package var conflict: Words
    /// For a stored image that a later version replaces.
    package var replaced: Words
    /// Where an instance lies in quarantine.
    package var storedPath: @Sendable (_ instance: Int64) -> String

    package init(conflict: Words, replaced: Words, storedPath: @escaping @Sendable (_ instance: Int64) -> String) {
        self.conflict = conflict
        self.replaced = replaced
        self.storedPath = storedPath
    }
}

/// What became of an image that was taken.
package struct TakenImage: Sendable, Equatable {
    package var seriesNumber: Int64
    /// The Series began to arrive with it.
    package var opens: Bool
    /// It is set aside: the stored one stays.
    package var isConflict: Bool
    /// Stored images that it replaces.
    package var replaced: Int
}

// Images that are sent again. While a Series was never delivered, what was sent last counts, but only after a refusal
// or a cancellation: before that nobody can tell which of two versions is meant.

extension Store {
    /// The file lies at its stored path, and now it is decided what it is, in one transaction.
    ///
    /// - An image with a UID of its own belongs to its Series, which is collected.
    /// - With the UID of a stored one and other bytes, it replaces that one if the Series was refused or cancelled since
    ///   that one was last sent, was never delivered, and no run works on it.
    /// - Otherwise it is set aside, and the conflict is open until the Series is delivered or the image is sent again.
    ///
    /// What is set aside is announced here (`movingFrom`) and moved afterwards: `imagesToMove`, `finishMove`.
    ///
    /// - Parameter leftBehind: the original lies in the inbox, too, because we may not remove it.
    package func finishTaking(
        image number: Int64,
        leftBehind: Bool = false,
        settingAside words: SettingAside
    ) throws(StoreError) -> TakenImage {
        try write { db in
            let image = try instance(number, db)
            guard let series = image.seriesNumber else {
                throw StoreError.notAllowed("instance \(number) belongs to no series")
            }
            try db.execute(
                sql: """
                    UPDATE instance SET left_behind = ?, sealings = (SELECT sealings FROM series WHERE id = series_id)
                    WHERE id = ?
                    """,
                arguments: [leftBehind, number]
            )
            let rivals = try Row.fetchAll(
                db,
                sql: """
                    SELECT * FROM instance WHERE series_id = ? AND sop_instance_uid = ? AND state = 'image'
                        AND digest <> ?
                    """,
                arguments: [series, image.sopInstanceUID, image.digest]
            ).map { try InstanceRecord(row: $0) }
            if try rivals.contains(where: { try !isSuperseded($0, db) }) {
                try setAside(number, words.conflict, to: words.storedPath(number), isTold: false, db)
                try db.execute(
                    sql: "UPDATE instance SET conflict = ? WHERE id = ?",
                    arguments: [try !wasDelivered(series, db), number]
                )
                // A Series that is arriving waits for the rest of what is sent.
                try db.execute(
                    sql: "UPDATE series SET last_arrival_at = ? WHERE id = ? AND state = 'collecting'",
                    arguments: [now(), series]
                )
                return TakenImage(seriesNumber: series, opens: false, isConflict: true, replaced: 0)
            }
            let opens = try opensSeries(series, db)
            for rival in rivals {
                try setAside(rival.number, words.replaced, to: words.storedPath(rival.number), isTold: true, db)
            }
            try db.execute(sql: "UPDATE instance SET state = 'image' WHERE id = ?", arguments: [number])
            try collect(series, settling: image.sopInstanceUID, db)
            return TakenImage(seriesNumber: series, opens: opens, isConflict: false, replaced: rivals.count)
        }
    }

    /// The same bytes were sent again. After a refusal or a cancellation that says that the stored image is right: it
    /// settles its conflict, and the Series is collected once more.
    ///
    /// - Returns: the number of the Series when it begins to arrive with this image.
    package func confirm(_ number: Int64) throws(StoreError) -> Int64? {
        try write { db in
            let image = try instance(number, db)
            guard image.state == .image, let series = image.seriesNumber, try isSuperseded(image, db) else {
                return nil
            }
            let opens = try opensSeries(series, db)
            try db.execute(
                sql: "UPDATE instance SET sealings = (SELECT sealings FROM series WHERE id = series_id) WHERE id = ?",
                arguments: [number]
            )
            try collect(series, settling: image.sopInstanceUID, db)
            return opens ? series : nil
        }
    }

    /// Files in quarantine that contradict images of a Series which was never delivered, as long as nobody has said
    /// which are right.
    package func openConflicts(ofSeries number: Int64) throws(StoreError) -> [InstanceRecord] {
        try read { db in
            if try wasDelivered(number, db) { return [] }
            return try Row.fetchAll(
                db,
                sql: "SELECT * FROM instance WHERE series_id = ? AND conflict = 1 ORDER BY id",
                arguments: [number]
            ).map { try InstanceRecord(row: $0) }
        }
    }

    /// Images that are set aside, and were not moved yet.
    package func imagesToMove() throws(StoreError) -> [InstanceRecord] {
        try read { db in
            try Row.fetchAll(db, sql: "SELECT * FROM instance WHERE moving_from IS NOT NULL ORDER BY id")
                .map { try InstanceRecord(row: $0) }
        }
    }

    package func finishMove(_ number: Int64) throws(StoreError) {
        try write { db in
            try db.execute(sql: "UPDATE instance SET moving_from = NULL WHERE id = ?", arguments: [number])
        }
    }

    /// Whether the image was last sent before a refusal or a cancellation, and nothing was made of it or is being made.
    private func isSuperseded(_ image: InstanceRecord, _ db: Database) throws -> Bool {
        try Bool.fetchOne(
            db,
            sql: """
                SELECT instance.sealings < series.sealings AND NOT EXISTS (
                    SELECT 1 FROM run WHERE run.series_id = series.id AND kind = 'contouring' AND state = 'working')
                FROM instance JOIN series ON series.id = instance.series_id WHERE instance.id = ?
                """,
            arguments: [image.number]
        ) == true && !wasDelivered(image.seriesNumber ?? 0, db)
    }

    /// Whether contours of the Series were delivered, or are about to be.
    func wasDelivered(_ series: Int64, _ db: Database) throws -> Bool {
        try Bool.fetchOne(
            db,
            sql: """
                SELECT EXISTS (SELECT 1 FROM run WHERE series_id = ? AND kind = 'contouring'
                    AND state IN ('delivering', 'delivered') AND verdict <> 'refused')
                """,
            arguments: [series]
        ) == true
    }

    func setAside(
        _ number: Int64,
        _ words: SettingAside.Words,
        to path: String,
        isTold: Bool,
        _ db: Database
    ) throws {
        try db.execute(
            sql: """
                UPDATE instance SET state = 'quarantined', code = ?, reason = ?, moving_from = stored_path,
                    stored_path = ?, told = ? WHERE id = ?
                """,
            arguments: [words.code, words.reason, path, isTold, number]
        )
    }

    /// Whether the Series begins to arrive with its next image.
    private func opensSeries(_ number: Int64, _ db: Database) throws -> Bool {
        try Bool.fetchOne(
            db,
            sql: """
                SELECT state = 'sealed' OR NOT EXISTS (SELECT 1 FROM instance
                    WHERE series_id = series.id AND instance.state = 'image') FROM series WHERE id = ?
                """,
            arguments: [number]
        ) == true
    }

    private func collect(_ series: Int64, settling sopInstanceUID: String?, _ db: Database) throws {
        try db.execute(
            sql: "UPDATE series SET state = 'collecting', last_arrival_at = ?, waiting_for = NULL WHERE id = ?",
            arguments: [now(), series]
        )
        try db.execute(
            sql: "UPDATE instance SET conflict = 0 WHERE series_id = ? AND sop_instance_uid = ? AND conflict = 1",
            arguments: [series, sopInstanceUID]
        )
    }
}
