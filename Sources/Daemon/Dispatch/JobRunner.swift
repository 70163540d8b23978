import Foundation
import Pipeline
import Platform
import Store

/// Runs one job in a worker process and tells the queue how it ended.
package struct JobRunner {
    let context: ServiceContext
    /// The dispatcher that it works for.
    let index: Int

    package init(context: ServiceContext, index: Int) {
        self.context = context
        self.index = index
    }

    private var wake: WakeUp { context.dispatchWake[index] }

    package func run(_ job: JobRecord, _ run: RunRecord) throws {
        var fields = JournalFields(
            series: run.seriesNumber,
            run: run.number,
            stage: job.stage,
            attempt: job.attempts
        )
        context.logger.event(.stageStarted, "series \(run.seriesNumber): \(job.stage) started", fields)
        let start = ContinuousClock.now
        let fault = attempt(job, run)
        fields.durationMS = Int64(start.duration(to: .now).seconds * 1000)
        let outcome: JobOutcome
        if let fault {
            outcome = .failed(FaultRecord(fault))
            fields.fault = fault.code
        } else {
            let next = StageName(rawValue: job.stage)?.next
            let verdict = next == nil ? self.verdict(of: run) : nil
            let outcomes = next == nil ? self.outcomes(of: run) : []
            outcome = .completed(nextStage: next?.rawValue, verdict: verdict, outcomes: outcomes)
        }
        guard let consequence = try record(outcome, of: job) else { return }
        tell(consequence, job, run, fault, fields)
        if case .completed(_, _, let outcomes) = outcome, !outcomes.isEmpty {
            context.chore("the chart of outcomes could not be read") { try tellDrift(after: run) }
        }
        if case .held = consequence {
            // A model that was damaged after it was read is damaged for every other series, too.
            if fault?.code == "E_MODEL" { _ = context.withPresentModels(context.current) }
            try pauseIfAllIsConcerned(fault)
        }
    }

    /// What was worked out is told to the database until it listens: it would be lost until the next start.
    /// - Returns: nil when the service stops before that.
    private func record(_ outcome: JobOutcome, of job: JobRecord) throws -> JobConsequence? {
        var isFirst = true
        while true {
            do throws(StoreError) {
                return try context.store.finish(job.number, outcome, policy: context.configuration.retryPolicy)
            } catch {
                guard !context.isStopping else { throw error }
                if isFirst {
                    context.logger.event(.internalError, "\(error.description); the end of a stage is recorded later")
                }
                isFirst = false
                context.liveness.beat(.dispatcher(index))
                wake.wait(seconds: min(5, context.liveness.longestSleep))
            }
        }
    }

    /// - Returns: why it failed; nil when the stage is done.
    private func attempt(_ job: JobRecord, _ run: RunRecord) -> Fault? {
        guard let stage = StageName(rawValue: job.stage) else {
            return Fault(.bug, "E_INTERNAL", "The queue names an unknown stage.", hint: "Please report it.")
        }
        let folder = context.state.run(run.number)
        do {
            try checkSpace()
            try Directory.create(folder.path)
            try AtomicFile.write(Data(run.request.utf8), to: folder.path + "/request.json")
            if folder.isFinished(stage) { return nil }
            let child = try context.startWorker()
            let running = RunningJob(seriesNumber: run.seriesNumber, stage: job.stage, child: child)
            context.running.withLock { $0[job.number] = running }
            defer {
                context.running.withLock { $0[job.number] = nil }
                context.updateStatus()
            }
            let configured = context.configuration.work.threads
            let threads = configured > 0 ? configured : ProcessorCount.available
            let request = WorkerRequest.stage(
                name: stage,
                folder: folder.path,
                threads: threads,
                memoryBudgetMB: context.configuration.work.memoryBudgetMB
            )
            guard child.send(try JSONEncoder().encode(request)) else {
                return ended(child)
            }
            return follow(running)
        } catch {
            return classify(error)
        }
    }

    /// Listens to the worker until it is done, fails, dies, stalls, or must be stopped.
    private func follow(_ running: RunningJob) -> Fault? {
        let child = running.child
        let stall = context.configuration.work.stallSeconds
        var lastWord = ContinuousClock.now
        while true {
            context.liveness.beat(.dispatcher(index))
            if context.isStopping || running.isCancelled.load(ordering: .acquiring) {
                child.kill()
                child.wait()
                return .cancelled
            }
            switch child.receive(timeoutSeconds: min(5, context.liveness.longestSleep), wake: wake) {
            case .line(let line):
                lastWord = .now
                // A line that is no reply comes from another version's worker.
                guard let reply = try? JSONDecoder().decode(WorkerReply.self, from: line) else { continue }
                switch reply {
                case .progress(let fraction, _):
                    running.progress.withLock { $0 = fraction }
                    context.updateStatus()
                case .done: return end(child, nil)
                case .fault(let fault): return end(child, fault)
                case .reading, .header, .damaged: continue
                }
            case .ended: return ended(child)
            case .nothing:
                wake.clear()
                guard lastWord.duration(to: .now) > .seconds(stall) else { continue }
                child.kill()
                child.wait()
                return Fault(
                    .bug,
                    "E_STALLED",
                    "The stage made no progress for \(Int(stall)) s and was ended.",
                    hint: "If it happens again with this series, please report it with the journal of contourd."
                )
            }
        }
    }

    /// The worker ended by itself; a service that is being killed may lose its worker first.
    private func ended(_ child: ChildProcess) -> Fault {
        let ending = child.wait()
        return context.isStopping ? .cancelled : .workerEnded(ending)
    }

    private func end(_ child: ChildProcess, _ fault: Fault?) -> Fault? {
        child.kill()
        child.wait()
        return fault
    }

    private func checkSpace() throws {
        let minimum = context.configuration.outbox.minimumFreeMB
        // An outbox that is away is no fault of the series: its result waits until it can be delivered.
        let places: [(String, Int64?)] = [
            ("state folder", try FileSystemKind.freeBytes(at: context.state.path)),
            ("outbox", try? FileSystemKind.freeBytes(at: context.configuration.folders.outbox)),
        ]
        for (place, free) in places {
            guard let free, free < Int64(minimum) << 20 else { continue }
            throw Fault(
                .operator,
                "E_NO_SPACE",
                "The \(place) has \(free >> 20) MiB of free space, less than outbox.minimum_free_mb (\(minimum)).",
                hint: "Free space there, then: contourctl resume"
            )
        }
    }

    private func verdict(of run: RunRecord) -> String {
        struct Summary: Decodable { var verdict: String }
        let path = context.state.run(run.number).directory(of: .export) + "/report.json"
        // A report that cannot be read is looked at by a person.
        let data = FileManager.default.contents(atPath: path) ?? Data()
        return (try? JSONDecoder().decode(Summary.self, from: data).verdict) ?? "review"
    }

    private func outcomes(of run: RunRecord) -> [NewOutcome] {
        let path = context.state.run(run.number).directory(of: .export) + "/report.json"
        do {
            return try structureOutcomes(ofReport: path).map {
                NewOutcome(structure: $0.structure, status: $0.status, approval: $0.approval, scores: $0.scores)
            }
        } catch {
            // The contours are delivered all the same; what is missing in the table is told.
            context.logger.event(
                .internalError,
                "series \(run.seriesNumber): its outcome could not be read: \(classify(error).message)",
                JournalFields(series: run.seriesNumber, run: run.number)
            )
            return []
        }
    }

    private func tellDrift(after run: RunRecord) throws {
        let all = try context.store.outcomes().map { record in
            let row = record.outcome
            return ChartedOutcome(
                scan: "\(record.seriesNumber) \(record.stack)",
                run: record.runNumber,
                model: "\(record.model) \(record.modelDigest)",
                outcome: StructureOutcome(
                    structure: row.structure,
                    status: row.status,
                    approval: row.approval,
                    scores: row.scores
                )
            )
        }
        let flagged = try driftingStructures(all, run: run.number)
        guard !flagged.isEmpty else { return }
        context.logger.event(
            .outcomeFlagged,
            "series \(run.seriesNumber): the outcome of \(flagged.joined(separator: ", ")) is flagged: contourctl outcomes",
            JournalFields(series: run.seriesNumber, run: run.number)
        )
    }

    private func tell(
        _ consequence: JobConsequence,
        _ job: JobRecord,
        _ run: RunRecord,
        _ fault: Fault?,
        _ fields: JournalFields
    ) {
        let what = "series \(run.seriesNumber): \(job.stage)"
        let seconds = String(format: "%.1f s", Double(fields.durationMS ?? 0) / 1000)
        let log = context.logger
        switch (consequence, fault) {
        case (.nextStage, _), (.deliver, nil): log.event(.stageFinished, "\(what) finished in \(seconds)", fields)
        case (.retry, let fault?) where fault.kind == .interrupted:
            log.event(.stageGivenBack, "\(what) was stopped and given back", fields)
        case (.retry(let at), let fault?):
            let wait = max(0, Int((at - context.store.now()) / 1000))
            log.event(.stageRetry, "\(what) failed: \(fault.message) Tried again in \(wait) s. \(fault.hint)", fields)
        case (.held, let fault?):
            log.event(.stageHeld, "\(what) is held: \(fault.message) \(fault.hint)", fields)
        case (.deliver, let fault?):
            log.event(.refused, "series \(run.seriesNumber) is refused: \(fault.message) \(fault.hint)", fields)
        default: log.event(.stageGivenBack, "\(what) ended without consequence", fields)
        }
    }

    private func pauseIfAllIsConcerned(_ fault: Fault?) throws {
        guard let fault, ["E_NO_SPACE", "E_PERMISSION"].contains(fault.code) else { return }
        try context.store.pause(.fault(FaultRecord(fault)))
        context.logger.event(
            .queuePaused,
            "the queue is paused: \(fault.message) \(fault.hint)",
            JournalFields(fault: fault.code)
        )
    }
}

extension FaultRecord {
    init(_ fault: Fault) {
        self.init(
            kind: fault.kind.rawValue,
            code: fault.code,
            message: fault.message,
            hint: fault.hint,
            details: fault.details
        )
    }
}

extension Fault {
    init(_ record: FaultRecord) {
        self.init(
            Kind(rawValue: record.kind) ?? .bug,
            record.code,
            record.message,
            hint: record.hint,
            details: record.details
        )
    }
}
