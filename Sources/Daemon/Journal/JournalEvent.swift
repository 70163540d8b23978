import Logging

/// What the service tells operators: one case for each kind of line in the journal, with its MESSAGE_ID.
/// systemd/contourd.catalog explains each of them.
package enum JournalEvent: String, CaseIterable, Sendable {
    case started = "0c1a9e3d5b0f4d0b9a2e6c1f7d3a0001"
    case stopping = "0c1a9e3d5b0f4d0b9a2e6c1f7d3a0002"
    case reloaded = "0c1a9e3d5b0f4d0b9a2e6c1f7d3a0003"
    case reloadFailed = "0c1a9e3d5b0f4d0b9a2e6c1f7d3a0004"
    case noModel = "0c1a9e3d5b0f4d0b9a2e6c1f7d3a0005"
    case seriesOpened = "0c1a9e3d5b0f4d0b9a2e6c1f7d3a0010"
    case seriesSealed = "0c1a9e3d5b0f4d0b9a2e6c1f7d3a0011"
    case seriesWaiting = "0c1a9e3d5b0f4d0b9a2e6c1f7d3a0012"
    case fileIgnored = "0c1a9e3d5b0f4d0b9a2e6c1f7d3a0013"
    case fileQuarantined = "0c1a9e3d5b0f4d0b9a2e6c1f7d3a0014"
    case fileUnreadable = "0c1a9e3d5b0f4d0b9a2e6c1f7d3a0015"
    case referenceReceived = "0c1a9e3d5b0f4d0b9a2e6c1f7d3a0016"
    case intakeTrouble = "0c1a9e3d5b0f4d0b9a2e6c1f7d3a0017"
    case inboxPolled = "0c1a9e3d5b0f4d0b9a2e6c1f7d3a0018"
    case fileRepeated = "0c1a9e3d5b0f4d0b9a2e6c1f7d3a0019"
    case fileLeftBehind = "0c1a9e3d5b0f4d0b9a2e6c1f7d3a001a"
    case fileReplaced = "0c1a9e3d5b0f4d0b9a2e6c1f7d3a001b"
    case fileStillOpen = "0c1a9e3d5b0f4d0b9a2e6c1f7d3a001c"
    case fileChanged = "0c1a9e3d5b0f4d0b9a2e6c1f7d3a001d"
    case referenceWithoutSeries = "0c1a9e3d5b0f4d0b9a2e6c1f7d3a001e"
    case stageStarted = "0c1a9e3d5b0f4d0b9a2e6c1f7d3a0020"
    case stageFinished = "0c1a9e3d5b0f4d0b9a2e6c1f7d3a0021"
    case stageRetry = "0c1a9e3d5b0f4d0b9a2e6c1f7d3a0022"
    case stageHeld = "0c1a9e3d5b0f4d0b9a2e6c1f7d3a0023"
    case stageGivenBack = "0c1a9e3d5b0f4d0b9a2e6c1f7d3a0024"
    case delivered = "0c1a9e3d5b0f4d0b9a2e6c1f7d3a0030"
    case deliveredForReview = "0c1a9e3d5b0f4d0b9a2e6c1f7d3a0031"
    case refused = "0c1a9e3d5b0f4d0b9a2e6c1f7d3a0032"
    case deliveryFailed = "0c1a9e3d5b0f4d0b9a2e6c1f7d3a0033"
    case outcomeFlagged = "0c1a9e3d5b0f4d0b9a2e6c1f7d3a0034"
    case queuePaused = "0c1a9e3d5b0f4d0b9a2e6c1f7d3a0040"
    case queueResumed = "0c1a9e3d5b0f4d0b9a2e6c1f7d3a0041"
    case cancelled = "0c1a9e3d5b0f4d0b9a2e6c1f7d3a0042"
    case retried = "0c1a9e3d5b0f4d0b9a2e6c1f7d3a0043"
    case recovered = "0c1a9e3d5b0f4d0b9a2e6c1f7d3a0050"
    case internalError = "0c1a9e3d5b0f4d0b9a2e6c1f7d3a0051"

    var level: Logger.Level {
        switch self {
        case .reloadFailed, .noModel, .refused, .intakeTrouble, .deliveryFailed, .stageHeld, .internalError: .error
        case .fileQuarantined, .fileUnreadable, .fileChanged, .stageRetry, .deliveredForReview, .outcomeFlagged,
            .queuePaused, .referenceWithoutSeries:
            .warning
        case .started, .stopping, .reloaded, .delivered, .queueResumed, .cancelled, .retried, .recovered, .fileReplaced:
            .notice
        case .seriesOpened, .seriesSealed, .seriesWaiting, .fileIgnored, .fileRepeated, .fileLeftBehind,
            .fileStillOpen, .inboxPolled,
            .referenceReceived, .stageStarted, .stageFinished, .stageGivenBack:
            .info
        }
    }
}

/// Fields of a journal line. They hold numbers, codes and stages, never a name, a UID or a path of the inbox.
package struct JournalFields: Sendable {
    var series: Int64?
    var run: Int64?
    var stage: String?
    var attempt: Int?
    var fault: String?
    var durationMS: Int64?

    package init(
        series: Int64? = nil,
        run: Int64? = nil,
        stage: String? = nil,
        attempt: Int? = nil,
        fault: String? = nil,
        durationMS: Int64? = nil
    ) {
        self.series = series
        self.run = run
        self.stage = stage
        self.attempt = attempt
        self.fault = fault
        self.durationMS = durationMS
    }

    package var metadata: Logger.Metadata {
        let fields: [(String, String?)] = [
            ("CONTOUR_SERIES", series.map(String.init)), ("CONTOUR_RUN", run.map(String.init)),
            ("CONTOUR_STAGE", stage), ("CONTOUR_ATTEMPT", attempt.map(String.init)), ("CONTOUR_FAULT", fault),
            ("DURATION_MS", durationMS.map(String.init)),
        ]
        return Dictionary(uniqueKeysWithValues: fields.compactMap { key, value in value.map { (key, "\($0)") } })
    }
}

extension Logger {
    func event(_ event: JournalEvent, _ message: String, _ fields: JournalFields = JournalFields()) {
        var metadata = fields.metadata
        metadata["MESSAGE_ID"] = "\(event.rawValue)"
        log(level: event.level, "\(message)", metadata: metadata)
    }
}
