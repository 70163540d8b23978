import Foundation
internal import GRDB

extension SeriesRecord {
    init(row: Row) {
        number = row["id"]
        seriesInstanceUID = row["series_instance_uid"]
        state = row["state"]
        revision = row["revision"]
        marker = row["marker"]
        waitingFor = row["waiting_for"]
        createdAt = row["created_at"]
        lastArrivalAt = row["last_arrival_at"]
        sealedAt = row["sealed_at"]
    }
}

extension InstanceRecord {
    init(row: Row) throws {
        number = row["id"]
        seriesNumber = row["series_id"]
        state = try known(row["state"])
        sopInstanceUID = row["sop_instance_uid"]
        inboxPath = row["inbox_path"]
        snapshot = row["snapshot"]
        storedPath = row["stored_path"]
        movingFrom = row["moving_from"]
        header = row["header"]
        claims = row["claims"]
        digest = row["digest"]
        code = row["code"]
        reason = row["reason"]
        attempts = row["attempts"]
        receivedAt = row["received_at"]
    }
}

extension RunRecord {
    init(row: Row) throws {
        number = row["id"]
        seriesNumber = row["series_id"]
        kind = row["kind"]
        stack = row["stack"]
        revision = row["revision"]
        model = row["model"]
        contentDigest = row["content_digest"]
        modelDigest = row["model_digest"]
        configurationDigest = row["configuration_digest"]
        softwareVersion = row["software_version"]
        request = row["request"]
        baseRunNumber = row["base_run_id"]
        state = try known(row["state"])
        verdict = row["verdict"]
        deliveredName = row["delivered_name"]
        deliverySource = row["delivery_source"]
        deliveryPlace = row["delivery_place"]
        createdAt = row["created_at"]
        deliveredAt = row["delivered_at"]
    }
}

extension JobRecord {
    init(row: Row) throws {
        number = row["id"]
        runNumber = row["run_id"]
        stage = row["stage"]
        state = try known(row["state"])
        attempts = row["attempts"]
        availableAt = row["available_at"]
        startedAt = row["started_at"]
        finishedAt = row["finished_at"]
        let json: String? = row["fault"]
        fault = try json.map { try FaultRecord(json: $0) }
    }
}

extension FaultRecord {
    init(json: String) throws { self = try JSONDecoder().decode(FaultRecord.self, from: Data(json.utf8)) }

    func json() throws -> String { String(decoding: try JSONEncoder().encode(self), as: UTF8.self) }
}

private func known<Value: RawRepresentable<String>>(_ text: String) throws -> Value {
    guard let value = Value(rawValue: text) else {
        throw DatabaseError(resultCode: .SQLITE_CORRUPT, message: "unknown state \(text)")
    }
    return value
}
