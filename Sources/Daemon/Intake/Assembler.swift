import Dicom
import Foundation
import Pipeline
import Platform
import Store

/// Decides when a Series is complete, and queues its runs.
struct Assembler {
    let context: ServiceContext
    private var taken: TakenFiles
    /// What was found missing in a Series, as long as no image comes: headers are examined once.
    private var examined: [Int64: Examination] = [:]
    private var arrivals: [Int64: Arrival] = [:]

    /// The last arrival in a Series by a clock that nobody sets.
    private struct Arrival {
        var lastArrivalAt: Int64
        var instant: ContinuousClock.Instant
    }

    private struct Examination {
        var lastArrivalAt: Int64
        var limits: AdmissionLimits
        var missing: String?
    }

    init(context: ServiceContext, headers: HeaderReader) {
        self.context = context
        taken = TakenFiles(context: context, headers: headers)
    }

    /// Looks at every Series that is arriving.
    /// - Returns: seconds until one of them must be looked at again; nil when none is arriving.
    mutating func assemble(beside waiting: [WaitingFile]) throws -> Double? {
        let arriving = try context.store.collectingSeries()
        examined = examined.filter { number, _ in arriving.contains { $0.number == number } }
        arrivals = arrivals.filter { number, _ in arriving.contains { $0.number == number } }
        var next: Double?
        for series in arriving {
            if context.isStopping { break }
            if let wait = try assemble(series, waiting) { next = min(next ?? wait, wait) }
            context.liveness.beat(.intake)
        }
        return next
    }

    private mutating func assemble(_ series: SeriesRecord, _ waiting: [WaitingFile]) throws -> Double? {
        let settings = context.current
        let limits = settings.configuration.series
        let quiet = quietSeconds(series, atMost: limits.quietSeconds)
        // Nothing is decided before the quiet time is over, so headers are not examined for every new file.
        guard series.marker || quiet >= limits.quietSeconds else {
            try wait(series, for: "more images; the last one came less than \(text(limits.quietSeconds)) s ago")
            return limits.quietSeconds - quiet
        }
        let unread = try UnreadFiles(of: series, images: images(of: series), waiting: waiting, in: context)
        if !series.marker, quiet < limits.incompleteAfterSeconds,
            let missing = try unread.missing ?? missing(in: series, settings)
        {
            try wait(
                series,
                for: "\(missing); refused after \(text(limits.incompleteAfterSeconds)) s without them",
                isNews: true
            )
            return limits.incompleteAfterSeconds - quiet
        }
        if quiet < limits.incompleteAfterSeconds, let reason = unread.reasonToWait {
            let end = "; contoured without after \(text(limits.incompleteAfterSeconds)) s"
            try wait(series, for: reason + end, isNews: true)
            return limits.incompleteAfterSeconds - quiet
        }
        let fresh = context.withPresentModels(settings)
        if let problem = fresh.modelProblem {
            try wait(series, for: "a usable model: \(problem)", isNews: true)
            return 60
        }
        if let wait = try unfinished(series, patience: quiet >= limits.incompleteAfterSeconds) { return wait }
        let stacks = try SealedStacks(
            images(of: series),
            conflicts: context.store.openConflicts(ofSeries: series.number),
            limits: settings.configuration.admission
        )
        try seal(series, stacks, unread, fresh)
        return nil
    }

    /// How long no image came. The time is taken from the clock of the wall once, for a Series that came before we did,
    /// and then only as far as it lets a complete one start: the clock may have been set since.
    private mutating func quietSeconds(_ series: SeriesRecord, atMost limit: Double) -> Double {
        if let known = arrivals[series.number], known.lastArrivalAt == series.lastArrivalAt {
            return known.instant.duration(to: .now).seconds
        }
        let isKnown = arrivals[series.number] != nil
        let elapsed = isKnown ? 0 : Double(context.store.now() - series.lastArrivalAt) / 1000
        let quiet = min(max(0, elapsed), limit)
        arrivals[series.number] = Arrival(lastArrivalAt: series.lastArrivalAt, instant: .now - .seconds(quiet))
        return quiet
    }

    /// - Returns: seconds until the Series must be looked at again, because files of it are still being written to, or
    ///   were read again; nil when all are what was taken.
    private mutating func unfinished(_ series: SeriesRecord, patience isOver: Bool) throws -> Double? {
        let files =
            try images(of: series) + context.store.references(toSeriesInstanceUID: series.seriesInstanceUID)
        // A stage that found other bytes than those which were taken has seen what times did not tell.
        let isSuspicious = try context.store.latestRefusal(ofSeries: series.number)?.code == TakenFiles.changedCode
        switch try taken.examine(files, byContent: isSuspicious, patience: isOver) {
        case .whole: return nil
        case .changed: return 0.05
        case .waiting(let numbers):
            let which =
                numbers.count == 1 ? "file \(numbers[0])" : "\(numbers.count) files, the first is \(numbers[0]),"
            try wait(series, for: "\(which) to be written to the end by the program that sent it", isNews: true)
            return min(1, context.configuration.inbox.settleSeconds)
        }
    }

    private func images(of series: SeriesRecord) throws -> [InstanceRecord] {
        try context.store.instances(ofSeries: series.number).filter { $0.state == .image }
    }

    private mutating func missing(in series: SeriesRecord, _ settings: ServiceContext.Settings) throws -> String? {
        let limits = settings.configuration.admission
        if let known = examined[series.number], known.lastArrivalAt == series.lastArrivalAt, known.limits == limits {
            return known.missing
        }
        let missing = try SealedStacks(images(of: series), limits: limits).missing
        examined[series.number] = Examination(
            lastArrivalAt: series.lastArrivalAt,
            limits: limits,
            missing: missing
        )
        return missing
    }

    /// - Parameter isNews: the journal tells it, too.
    private func wait(_ series: SeriesRecord, for reason: String, isNews: Bool = false) throws {
        guard series.waitingFor != reason else { return }
        try context.store.setWaiting(series.number, for: reason)
        if isNews {
            context.logger.event(
                .seriesWaiting,
                "series \(series.number) waits for \(reason)",
                JournalFields(series: series.number)
            )
        }
    }

    private func seal(
        _ series: SeriesRecord,
        _ stacks: SealedStacks,
        _ unread: UnreadFiles,
        _ settings: ServiceContext.Settings
    ) throws {
        for reference in try ReferenceMatching(store: context.store)
            .matchWaiting(toSeriesInstanceUID: series.seriesInstanceUID)
        {
            context.logger.event(
                .referenceReceived,
                "reference \(reference) names no series and contours series \(series.number), which its images belong to",
                JournalFields(series: series.number)
            )
        }
        let factory = RunFactory(context: context, settings: settings, series: series)
        let references = try context.store.references(toSeriesInstanceUID: series.seriesInstanceUID)
        let runs = try stacks.stacks.flatMap { stack in
            try settings.models.map {
                try factory.run(
                    for: stack,
                    localizersSetAside: stacks.localizersSetAside,
                    model: $0,
                    references: references,
                    unread: unread
                )
            }
        }
        let made: [RunRecord]
        do throws(StoreError) {
            made = try context.store.seal(
                series.number,
                runs: runs,
                telling: stacks.stacks.flatMap(\.conflicts).map(\.number),
                onlyWhileArriving: true
            )
        } catch {
            // Cancelled while this was decided: what was said then holds.
            guard case .noLongerArriving = error else { throw error }
            return
        }
        let fields = JournalFields(series: series.number)
        if let first = made.first {
            let images = stacks.stacks.reduce(0) { $0 + $1.instances.count }
            let missing = stacks.missing ?? unread.missing
            let state = missing.map { "is taken although it is not complete (\($0))" } ?? "is complete"
            let parts = stacks.stacks.count == 1 ? "" : " in \(stacks.stacks.count) parts"
            context.logger.event(
                .seriesSealed,
                """
                series \(series.number) \(state): \(images) \(images == 1 ? "image" : "images")\(parts), \
                \(made.count) to contour, revision \(first.revision)
                """,
                fields
            )
            context.wakeDispatchers()
        } else if !runs.isEmpty {
            context.logger.event(.seriesSealed, "series \(series.number) brought nothing new", fields)
        }
    }

    private func text(_ seconds: Double) -> String {
        seconds == seconds.rounded() ? "\(Int(seconds))" : "\(seconds)"
    }
}

/// The stacks of a Series, and what is visibly missing.
package struct SealedStacks {
    package struct Stack {
        package var name: String
        package var instances: [InstanceRecord]
        /// Files in quarantine that contradict some of them: the loader refuses the stack for them.
        package var conflicts: [InstanceRecord]
        package var seriesInstanceCount: Int
        package var headers: [InstanceHeader]
        /// The Series is of several patients.
        package var identities: [AdmissionFinding] = []
        /// What of the Series it is, when that has several stacks.
        package var part: StackPart?
    }

    package var stacks: [Stack] = []
    /// What the headers say is missing; nil when nothing is.
    package var missing: String?
    package var localizersSetAside = 0

    /// - Parameter conflicts: files with a SOP Instance UID of `images` and other contents.
    package init(_ images: [InstanceRecord], conflicts: [InstanceRecord] = [], limits: AdmissionLimits) throws {
        let headers = try images.map { image in
            try JSONDecoder().decode(InstanceHeader.self, from: Data((image.header ?? "").utf8))
        }
        let all = Dicom.stacks(of: headers, limits: limits)
        // Localizers beside a scan are set aside; alone they are refused with that reason.
        let scans = all.filter { !$0.key.isLocalizer }
        let parts = scans.isEmpty ? all : scans
        let places = stackParts(of: parts, headers: headers)
        localizersSetAside = scans.isEmpty ? 0 : all.filter(\.key.isLocalizer).reduce(0) { $0 + $1.indices.count }
        let count = Set(headers.map(\.sopInstanceUID)).count
        let identities = identityFindings(headers)
        for (index, part) in parts.enumerated() {
            let own = part.indices.map { headers[$0] }
            let uids = Set(own.map(\.sopInstanceUID))
            let examination = examineStack(
                own,
                limits: limits,
                seriesInstanceCount: count
            )
            if missing == nil { missing = Self.missing(examination) }
            stacks.append(
                Stack(
                    name: stackName(of: index, among: parts.map(\.key)),
                    instances: part.indices.map { images[$0] },
                    conflicts: conflicts.filter { uids.contains($0.sopInstanceUID ?? "") },
                    seriesInstanceCount: count,
                    headers: own,
                    identities: identities,
                    part: places[index]
                )
            )
        }
    }

    private static func missing(_ examination: StackExamination) -> String? {
        if let gap = examination.gaps.first {
            let between = [gap.lowerInstanceNumber, gap.upperInstanceNumber].compactMap { $0.map(String.init) }
            let place = between.count == 2 ? " between images \(between[0]) and \(between[1])" : ""
            return "missing slices\(place)"
        }
        if examination.missingParts > 0 {
            let count = examination.missingParts
            return "\(count) \(count == 1 ? "part" : "parts") of a multi-frame image"
        }
        return examination.promisedSlices > 0
            ? "\(examination.promisedSlices) images that the headers promise" : nil
    }
}
