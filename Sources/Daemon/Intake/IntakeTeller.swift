import Pipeline
import Platform
import Store

/// What the journal says about the inbox: one line for what happened to many files in one scan, none for each.
struct IntakeTeller {
    let context: ServiceContext
    private var notices: [JournalEvent: [String: [FileReceiver.Notice]]] = [:]
    private var repeated = 0
    /// By series.
    private var replaced: [Int64: Int] = [:]
    private var leftBehind = 0
    /// What was told last, so that a lasting trouble is told once.
    private var troubles: Set<String> = []
    private var unnameable = 0
    private var polls = false
    private var stillOpen = 0

    init(context: ServiceContext) { self.context = context }

    mutating func note(_ outcome: FileReceiver.Outcome) {
        switch outcome {
        case .image(let opened, let isLeft):
            troubles = []
            leftBehind += isLeft ? 1 : 0
            if let opened { tellOpened(opened) }
        case .reference(let number, let contoured, let isLeft):
            leftBehind += isLeft ? 1 : 0
            tell(reference: number, contoured)
        case .replaced(let series, let opens, let isLeft):
            troubles = []
            leftBehind += isLeft ? 1 : 0
            replaced[series, default: 0] += 1
            if opens { tellOpened(series) }
        case .repeated(let opened):
            repeated += 1
            if let opened { tellOpened(opened) }
        case .quarantined(let notice, let isLeft):
            leftBehind += isLeft ? 1 : 0
            notices[.fileQuarantined, default: [:]][notice.code, default: []].append(notice)
        case .left(let notice): notices[.fileIgnored, default: [:]][notice.code, default: []].append(notice)
        case .denied(let notice): notices[.fileUnreadable, default: [:]][notice.code, default: []].append(notice)
        case .postponed(let fault, _): trouble(fault)
        case .truncated, .gone: break
        }
    }

    private func tell(reference number: Int64, _ contoured: ContouredSeries) {
        switch contoured {
        case .named(let uids):
            context.logger.event(
                .referenceReceived,
                "reference \(number) received; it contours \(uids.count) series"
            )
        case .byImages:
            context.logger.event(
                .referenceReceived,
                "reference \(number) received; it names no series and contours the one that its images belong to"
            )
        case .unknownImages:
            context.logger.event(
                .referenceReceived,
                "reference \(number) received; it names no series, and is kept until all images of its contours have come"
            )
        case .ambiguous, .none:
            let why = contoured == .none ? "" : ", and its images are of several,"
            context.logger.event(
                .referenceWithoutSeries,
                """
                reference \(number) names no series that it contours\(why) and is not scored; export it with its references \
                to the CT (Referenced Frame of Reference Sequence), or score it with contourctl evaluate
                """
            )
        }
    }

    /// A reference came too late for a series.
    func noteUnscored(_ series: Int64) {
        context.logger.event(
            .referenceReceived,
            """
            series \(series): a reference came that cannot be scored: the label maps were deleted after \
            work.keep_label_maps_days; contourctl run with --reference scores it with the CT
            """,
            JournalFields(series: series)
        )
    }

    private func tellOpened(_ series: Int64) {
        context.logger.event(.seriesOpened, "series \(series) is arriving", JournalFields(series: series))
    }

    mutating func note(_ listing: InboxScanner.Listing, polls: Bool) {
        if listing.nameless.count > unnameable {
            context.logger.event(
                .fileUnreadable,
                """
                \(listing.nameless.count) files or folders in the inbox have names that are not UTF-8 and are not looked \
                at; rename them (convmv does it for many)
                """,
                JournalFields(fault: "E_NAME")
            )
        }
        unnameable = listing.nameless.count
        if polls && !self.polls {
            context.logger.event(
                .inboxPolled,
                "the inbox is listed every \(text(context.configuration.inbox.pollSeconds)) s"
            )
        }
        self.polls = polls
    }

    /// Files that have not grown for long and that their writer has not closed: told when there are more than before.
    mutating func note(stillOpen count: Int) {
        if count > stillOpen {
            context.logger.event(
                .fileStillOpen,
                """
                \(count == 1 ? "1 file in the inbox is" : "\(count) files in the inbox are") still open in the program \
                that writes; \(count == 1 ? "it is" : "they are") taken when that program closes \
                \(count == 1 ? "it" : "them")
                """
            )
        }
        stillOpen = count
    }

    /// Tells what was noted.
    mutating func tell() {
        // Senders are told in the outbox.
        if notices[.fileQuarantined] != nil || notices[.fileUnreadable] != nil { context.wakeDispatchers() }
        for (event, codes) in notices.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            for (code, files) in codes.sorted(by: { $0.key < $1.key }) { tell(event, code, files) }
        }
        notices = [:]
        if repeated > 0 {
            context.logger.event(
                .fileRepeated,
                repeated == 1
                    ? "1 file was received before and is dropped"
                    : "\(repeated) files were received before and are dropped"
            )
            repeated = 0
        }
        for (series, count) in replaced.sorted(by: { $0.key < $1.key }) {
            context.logger.event(
                .fileReplaced,
                """
                series \(series): \(count) \(count == 1 ? "image was" : "images were") sent again with other content and \
                count from now on; the former ones lie in quarantine
                """,
                JournalFields(series: series)
            )
        }
        replaced = [:]
        if leftBehind > 0 {
            context.logger.event(
                .fileLeftBehind,
                """
                \(leftBehind) files were copied and stay in the inbox, out of which contourd may not move them; whoever \
                sent them may remove them
                """
            )
            leftBehind = 0
        }
    }

    private func tell(_ event: JournalEvent, _ code: String, _ files: [FileReceiver.Notice]) {
        guard let first = files.first else { return }
        let what =
            files.count == 1
            ? "file \(first.number)" : "\(files.count) files, the first of them number \(first.number),"
        let fate = event == .fileQuarantined ? "set aside in quarantine" : "left in the inbox"
        context.logger.event(
            event,
            "\(what) \(files.count == 1 ? "was" : "were") \(fate): \(first.reason)",
            JournalFields(fault: code)
        )
    }

    /// Once for as long as it lasts.
    func note(_ trouble: InboxTrouble?) {
        let former = context.inboxTrouble.withLock { known in
            defer { known = trouble }
            return known
        }
        guard let trouble, former == nil else { return }
        context.updateStatus()
        context.logger.event(
            .intakeTrouble,
            "\(trouble.text). \(trouble.advice) It is looked at again every few seconds",
            JournalFields(fault: "E_INBOX")
        )
    }

    /// A file could not be taken, through no fault of its own.
    mutating func trouble(_ error: SystemError) { trouble(classify(error)) }

    private mutating func trouble(_ fault: Fault) {
        guard troubles.insert(fault.code).inserted else { return }
        context.logger.event(
            .intakeTrouble,
            "a file stays in the inbox until it can be taken: \(fault.message) \(fault.hint)",
            JournalFields(fault: fault.code)
        )
    }

    private func text(_ seconds: Double) -> String {
        seconds == seconds.rounded() ? "\(Int(seconds))" : "\(seconds)"
    }
}
