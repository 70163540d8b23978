import Dicom
import Foundation
import Pipeline
import Platform
import Store

/// Answers control requests from the store. Used by the service, and by `contourctl` itself when none runs.
package struct Controller: Sendable {
    let store: Store
    let state: StateFolder
    /// The running service; nil when `contourctl` holds the lock.
    let context: ServiceContext?

    package init(store: Store, state: StateFolder, context: ServiceContext?) {
        self.store = store
        self.state = state
        self.context = context
    }

    package func handle(_ request: ControlRequest) -> ControlReply {
        do {
            switch request {
            case .status: return .status(try status())
            case .list:
                let counts = try store.imageCounts()
                return .list(try store.series().map { try summary($0, images: counts[$0.number] ?? 0) })
            case .show(let number): return .show(try details(number))
            case .find(let uid):
                guard let series = try store.series(seriesInstanceUID: uid) else {
                    return .failed("no series with that Series Instance UID was received")
                }
                return .show(try details(series.number))
            case .files:
                let files = try store.instances(in: .quarantined) + store.instances(in: .ignored)
                let early = try store.referencesWithoutSeries().map { reference in
                    var entry = line(reference)
                    entry.reason = reason(reference)
                    return entry
                }
                return .files(files.map(line) + early)
            case .outcomes: return .outcomes(try store.outcomes().map(line))
            case .worstPictures(let run): return .worstPictures(try state.run(run).worstPictures())
            case .retry(let number): return .done(try retry(number))
            case .cancel(let number): return .done(try cancel(number))
            case .pause:
                let isPaused = try store.pauses().contains { if case .byOperator = $0 { true } else { false } }
                guard !isPaused else { return .done("The queue is paused already.") }
                try store.pause(.byOperator)
                context?.logger.event(.queuePaused, "the queue was paused by an operator")
                return .done("The queue is paused; what runs is finished.")
            case .resume:
                let held = try store.resume()
                context?.logger.event(.queueResumed, "the queue goes on; held jobs that are ready again: \(held)")
                context?.wakeAll()
                return .done("The queue goes on; held jobs that are ready again: \(held).")
            case .reload:
                guard let context else { return .failed("contourd is not running") }
                return context.reload().map { .failed($0) } ?? .done("The configuration was reloaded.")
            }
        } catch {
            return .failed((error as? StoreError)?.description ?? classify(error).message)
        }
    }

    /// Why a reference is scored against nothing so far.
    private func reason(_ reference: InstanceRecord) -> String {
        // One whose header cannot be read now is believed to name a series.
        let contoured = (try? ReferenceMatching(store: store).match(reference)) ?? .named([])
        switch contoured {
        case .named, .byImages: return "It is kept until a CT series comes that it contours."
        case .unknownImages: return "\(contoured.reason ?? "") It is kept until they have."
        case .ambiguous, .none:
            return """
                \(contoured.reason ?? "") It is not scored; export it with its references to the CT, or score it with contourctl \
                evaluate.
                """
        }
    }

    private func status() throws -> ServiceStatus {
        let working = context?.running.withLock { jobs in
            jobs.values.map { job in
                ServiceStatus.WorkingJob(
                    series: job.seriesNumber,
                    stage: job.stage,
                    progress: job.progress.withLock { $0 }
                )
            }
        }
        return ServiceStatus(
            version: ContourdVersion.current,
            isRunning: context != nil,
            stops: try stops(),
            jobs: try store.jobCounts(),
            arrivingSeries: try store.collectingSeries().count,
            quarantinedFiles: try store.instances(in: .quarantined).count,
            ignoredFiles: try store.instances(in: .ignored).count,
            working: (working ?? []).sorted { $0.series < $1.series },
            configuration: try context.map { .init(path: $0.configurationPath, digest: try $0.configuration.digest()) }
        )
    }

    /// What keeps work from going on, in the order in which it is to be mended.
    private func stops() throws -> [ServiceStatus.Stop] {
        let pauses = try store.pauses()
        let pauseFaults = pauses.compactMap { pause in if case .fault(let fault) = pause { fault.code } else { nil } }
        // What paused the queue held its stage, too; once is enough.
        let held = try store.heldFaults().filter { !pauseFaults.contains($0.fault.code) }
        let undelivered = context?.undelivered.withLock { Array($0.values) } ?? []
        let failing = context?.failingParts.withLock { Array($0.values) } ?? []
        let models = context?.modelLook.withLock { $0.problem }.map { [ServiceStatus.Stop(noModel: $0)] } ?? []
        let all =
            Dictionary(grouping: failing, by: \.text).sorted { $0.key < $1.key }.map {
                ServiceStatus.Stop(failing: $0.value)
            }
            + pauses.map { ServiceStatus.Stop($0) } + models
            + held.map { ServiceStatus.Stop(holding: $0.series, $0.fault) }
            + Dictionary(grouping: undelivered, by: \.code).sorted { $0.key < $1.key }.map {
                ServiceStatus.Stop(undelivered: $0.value)
            } + (context?.inboxTrouble.withLock { $0 }.map { [ServiceStatus.Stop(inboxAway: $0)] } ?? [])
        return all.filter { $0.kind != .pausedByOperator } + all.filter { $0.kind == .pausedByOperator }
    }

    private func summary(_ series: SeriesRecord, images: Int) throws -> SeriesSummary {
        let runs = try store.runs(ofSeries: series.number)
        let contouring = runs.filter { $0.kind == RunRequest.Kind.contouring.rawValue }
        let latest = try telling(contouring, of: series, evaluations: runs)
        let job = try latest.flatMap { try store.jobs(ofRun: $0.number).last }
        // Why a finished result cannot be brought into the outbox just now.
        let undelivered = latest.flatMap { run in context?.undelivered.withLock { $0[run.number]?.code } }
        return SeriesSummary(
            number: series.number,
            state: state(of: series, latest, job, evaluations: runs.filter { $0.baseRunNumber == latest?.number }),
            images: images,
            revision: series.revision,
            stage: latest?.state == .working ? job?.stage : nil,
            waitingFor: undelivered.map { "the outbox (\($0))" }
                ?? (series.state == "collecting" ? series.waitingFor : nil),
            receivedAt: series.createdAt,
            deliveredName: latest?.state == .delivered ? latest?.deliveredName : nil,
            fault: undelivered ?? job?.fault?.code
        )
    }

    /// The run by which a Series is shown. Each stack of it and each model has a result of its own: of the latest of each the one
    /// that asks most for somebody, so that none in review hides behind another.
    private func telling(_ runs: [RunRecord], of series: SeriesRecord, evaluations: [RunRecord]) throws -> RunRecord? {
        let order = ["held", "working", "queued", "refused", "review", "delivered", "cancelled"]
        let latest = Dictionary(runs.map { ([$0.stack, $0.model], $0) }, uniquingKeysWith: { $1 }).values
        let ranked = try latest.map { run in
            let job = try store.jobs(ofRun: run.number).last
            let state = state(of: series, run, job, evaluations: evaluations.filter { $0.baseRunNumber == run.number })
            return (rank: order.firstIndex(of: state) ?? order.count, run: run)
        }
        return ranked.min { ($0.rank, -$0.run.number) < ($1.rank, -$1.run.number) }?.run
    }

    /// - Parameter evaluations: of the run, by references that came after it.
    private func state(
        of series: SeriesRecord,
        _ run: RunRecord?,
        _ job: JobRecord?,
        evaluations: [RunRecord]
    ) -> String {
        if series.state == "collecting" { return "collecting" }
        guard let run else { return "cancelled" }
        switch run.state {
        case .working: return job?.state == .held ? "held" : job?.state == .running ? "working" : "queued"
        case .delivering: return "working"
        case .delivered:
            // What a later reference found asks for the same look as what the run found itself.
            let isSuspicious = evaluations.contains { $0.state == .delivered && $0.verdict == "review" }
            return run.verdict == "delivered" && isSuspicious ? "review" : run.verdict ?? "delivered"
        case .cancelled: return "cancelled"
        }
    }

    private func details(_ number: Int64) throws -> SeriesDetails {
        let series = try store.series(number)
        let references = try store.references(toSeriesInstanceUID: series.seriesInstanceUID)
        let instances = try store.instances(ofSeries: number)
        return SeriesDetails(
            summary: try summary(series, images: instances.count { $0.state == .image || $0.state == .deleted }),
            series: series,
            instances: instances.map(line),
            references: references.map(line),
            runs: try store.runs(ofSeries: number).map { run in
                SeriesDetails.Run(
                    number: run.number,
                    kind: run.kind,
                    stack: run.stack,
                    revision: run.revision,
                    model: run.model,
                    state: run.state.rawValue,
                    verdict: run.verdict,
                    deliveredName: run.deliveredName,
                    deliveredAt: run.deliveredAt,
                    jobs: try store.jobs(ofRun: run.number)
                )
            }
        )
    }

    private func line(_ record: OutcomeRecord) -> OutcomeLine {
        OutcomeLine(
            series: record.seriesNumber,
            stack: record.stack,
            run: record.runNumber,
            contouringRun: record.contouringRunNumber,
            deliveredName: record.deliveredName,
            model: record.model,
            modelDigest: record.modelDigest,
            structure: record.outcome.structure,
            status: record.outcome.status,
            approval: record.outcome.approval,
            scores: record.outcome.scores,
            recordedAt: record.recordedAt
        )
    }

    private func line(_ instance: InstanceRecord) -> SeriesDetails.InstanceLine {
        .init(
            number: instance.number,
            state: instance.state.rawValue,
            inboxPath: instance.inboxPath,
            reason: instance.reason
        )
    }

    /// Held and waiting jobs are tried at once; a series that is finished is contoured again.
    private func retry(_ number: Int64) throws -> String {
        let fields = JournalFields(series: number)
        let held = try store.runs(ofSeries: number).flatMap { try store.jobs(ofRun: $0.number) }.filter {
            $0.state == .held
        }
        if held.contains(where: { $0.fault?.code == "E_MODEL_CHANGED" }) {
            _ = try store.cancel(number)  // its model is gone for good: the series starts anew with the present one
        } else if try store.hurry(number) > 0 {
            context?.logger.event(.retried, "series \(number) is tried again at once", fields)
            context?.wakeDispatchers()
            return "Series \(number) is tried again at once."
        }
        let images = try store.instances(ofSeries: number)
        guard images.contains(where: { $0.state == .image }) else {
            throw StoreError.notAllowed("the images of series \(number) were deleted after their time; send it again")
        }
        try store.reopen(number)
        context?.logger.event(.retried, "series \(number) is contoured again", fields)
        context?.intakeWake.signal()
        return "Series \(number) is contoured again."
    }

    private func cancel(_ number: Int64) throws -> String {
        let (running, runs, wasArriving) = try store.cancel(number)
        let state = try summary(try store.series(number), images: 0).state
        guard runs > 0 || wasArriving else {
            throw StoreError.notAllowed(
                state == "working"
                    ? "the result of series \(number) is being delivered: there is nothing left to cancel"
                    : "series \(number) is \(state) already: there is nothing to cancel"
            )
        }
        context?.running.withLock { jobs in
            for job in running { jobs[job]?.isCancelled.store(true, ordering: .releasing) }
        }
        context?.wakeDispatchers()
        context?.logger.event(.cancelled, "series \(number) was cancelled", JournalFields(series: number))
        let kept = "Its images are kept; contourctl retry starts it again."
        guard state == "cancelled" else {
            // The latest result stays what it is, whatever came after it.
            return "What had come for series \(number) since is not contoured; it stays \(state). \(kept)"
        }
        return "Series \(number) is cancelled (\(runs) \(runs == 1 ? "run" : "runs")). \(kept)"
    }
}
