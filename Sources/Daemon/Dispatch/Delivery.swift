import Foundation
import Pipeline
import Platform
import Store

/// Brings finished results and refusals into the outbox: each whole, and once.
///
/// 1. The folder is made durable on the file system of the outbox, and its place is committed.
/// 2. It is renamed into the outbox.
/// 3. The delivery is committed.
/// After 1, the absence of the folder proves 2, even when a consumer has moved the result away meanwhile.
package struct Delivery {
    let context: ServiceContext
    /// The dispatcher that delivers.
    let index: Int

    package init(context: ServiceContext, index: Int) {
        self.context = context
        self.index = index
    }

    /// - Returns: whether every result is delivered; one that cannot be now does not keep the others waiting.
    package func deliverAll() throws(StoreError) -> Bool {
        var isComplete = true
        for run in try context.store.deliveringRuns() {
            if context.isStopping { return isComplete }
            do {
                try deliver(run)
                context.undelivered.withLock { $0[run.number] = nil }
            } catch {
                isComplete = false
                tell(error, run)
            }
            context.liveness.beat(.dispatcher(index))
        }
        return isComplete
    }

    private func deliver(_ run: RunRecord) throws {
        let outbox = context.configuration.folders.outbox
        guard Directory.isFolder(outbox) else {
            throw Fault(
                .operator,
                "E_OUTBOX",
                "The outbox is not there.",
                hint: "Mount it, or make it again; it is tried again every few seconds."
            )
        }
        try requireSamePlace(outbox)
        var run = run
        if run.deliverySource == nil { run = try prepare(run, outbox: outbox) }
        guard let source = run.deliverySource else { return }
        // A copy lies in the outbox already; that may have been another one when it was made.
        let isCopy = Directory.name(of: source).hasPrefix(".")
        let folder = isCopy ? Directory.parent(of: source) : outbox
        if Directory.exists(source) {
            try publish(source, as: "\(folder)/\(run.deliveredName)", run)
        } else if isCopy, try run.deliveryPlace != place(of: folder) {
            throw Fault(
                .operator,
                "E_OUTBOX_CHANGED",
                "The outbox is not the folder that it was when this delivery began.",
                hint: "Mount it again; or, if it was made anew on purpose: contourctl retry \(run.seriesNumber)"
            )
        }
        try context.store.finishDelivery(run: run.number)
        tell(run)
        let series = try context.store.series(run.seriesNumber)
        try EvaluationQueue(context: context).queue(seriesInstanceUID: series.seriesInstanceUID)
    }

    /// A folder on which the outbox was mounted is still a folder when it no longer is.
    private func requireSamePlace(_ outbox: String) throws {
        let here = try FileSystemPlace(of: outbox)
        let known = context.outboxPlace.withLock { known in
            if known == nil { known = here }
            return known ?? here
        }
        guard known.differs(from: here) else { return }
        throw Fault(
            .operator,
            "E_OUTBOX_CHANGED",
            "The outbox lies on another file system than before: it is not mounted, or was moved.",
            hint: "Mount it again; or, if it was moved on purpose: systemctl reload contourd."
        )
    }

    private func publish(_ source: String, as target: String, _ run: RunRecord) throws {
        do throws(SystemError) { try syscall("rename", path: target) { rename(source, target) } } catch {
            // Another program took the name meanwhile: the next attempt chooses a new one. Or the outbox was mounted anew:
            // the next attempt copies.
            if [EEXIST, ENOTEMPTY, ENOTDIR, EXDEV].contains(error.code) {
                try context.store.forgetDeliverySource(run: run.number)
            }
            throw error
        }
        try Directory.synchronize(Directory.parent(of: target))
        try Directory.synchronize(Directory.parent(of: source))
    }

    /// Finds or makes the folder to deliver, and a free name for it.
    private func prepare(_ run: RunRecord, outbox: String) throws -> RunRecord {
        let folder = context.state.run(run.number)
        let isRefusal = run.verdict == "refused"
        if isRefusal { try writeRefusalFolder(run, folder) }
        var source = isRefusal ? folder.refusalDirectory : folder.directory(of: .export)
        if try !FileSystemKind.areOnOneMount(folder.path, outbox) { source = try copy(source, of: run, to: outbox) }
        let name = freeName(for: run.deliveredName, ending: isRefusal ? ".refused" : "", in: outbox)
        try context.store.setDeliverySource(
            source,
            place: place(of: outbox),
            deliveredName: name,
            run: run.number
        )
        return try context.store.run(run.number)
    }

    /// What tells the outbox from an empty folder on which it is not mounted.
    private func place(of outbox: String) throws -> String {
        var status = stat()
        try syscall("stat", path: outbox) { stat(outbox, &status) }
        return "\(try FileSystemKind(of: outbox).magic) \(status.st_ino)"
    }

    /// A copy beside the results, hidden until it is renamed; consumers skip names that begin with a dot.
    private func copy(_ source: String, of run: RunRecord, to outbox: String) throws -> String {
        let copy = "\(outbox)/.contourd-run-\(run.number)"
        let partial = copy + ".partial"
        if Directory.exists(copy) { return copy }
        try Directory.remove(partial)
        try FileTransfer.copyTree(source, to: partial) { context.liveness.beat(.dispatcher(index)) }
        try Directory.publish(partial: partial, as: copy)
        return copy
    }

    private func writeRefusalFolder(_ run: RunRecord, _ folder: RunFolder) throws {
        let jobs = try context.store.jobs(ofRun: run.number)
        let record = jobs.last { $0.state == .discarded }?.fault
        let fault =
            record.map(Fault.init)
            ?? Fault(.bug, "E_INTERNAL", "The run ended without a reason.", hint: "Please report it.")
        let request = try RunJSON.decode(RunRequest.self, from: Data(run.request.utf8))
        try Directory.create(folder.path)
        try writeRefusal(fault, request: request, to: folder)
    }

    /// NAME, or the next NAME-rN that nothing in the outbox has: another program may have put something there.
    private func freeName(for name: String, ending: String, in outbox: String) -> String {
        if !Directory.exists("\(outbox)/\(name)\(ending)") { return name + ending }
        var base = name
        if let range = name.range(of: "-r[0-9]+$", options: .regularExpression) {
            base = String(name[..<range.lowerBound])
        }
        var number = 2
        while Directory.exists("\(outbox)/\(base)-r\(number)\(ending)") { number += 1 }
        return "\(base)-r\(number)\(ending)"
    }

    /// Once for each run and reason.
    private func tell(_ error: any Error, _ run: RunRecord) {
        var failure = ServiceContext.Undelivered(series: run.seriesNumber, code: "E_DATABASE", reason: "", advice: "")
        if let error = error as? StoreError {
            failure.reason = error.description
        } else {
            let fault = classify(error)
            (failure.code, failure.reason, failure.advice) = (fault.code, fault.message, advice(fault))
        }
        let former = context.undelivered.withLock { $0.updateValue(failure, forKey: run.number) }
        guard former?.code != failure.code else { return }
        context.updateStatus()
        context.logger.event(
            .deliveryFailed,
            "series \(run.seriesNumber) is not delivered yet: \(failure.reason) \(failure.advice)",
            JournalFields(series: run.seriesNumber, run: run.number, fault: failure.code)
        )
    }

    /// A delivery waits for nobody's word, as a stage that is held does.
    private func advice(_ fault: Fault) -> String {
        switch fault.code {
        case "E_NO_SPACE": "Free space in the outbox; it is tried again every few seconds."
        case "E_PERMISSION": "Run contourctl check: it names the folder. It is tried again every few seconds."
        default: fault.hint
        }
    }

    private func tell(_ run: RunRecord) {
        let fields = JournalFields(series: run.seriesNumber, run: run.number)
        let what = run.kind == "evaluation" ? "an evaluation" : "contours"
        switch run.verdict {
        case "refused":
            context.logger.event(.delivered, "series \(run.seriesNumber): the refusal lies in the outbox", fields)
        case "review":
            context.logger.event(
                .deliveredForReview,
                "series \(run.seriesNumber): \(what) delivered, with findings: look at the report first",
                fields
            )
        default:
            context.logger.event(.delivered, "series \(run.seriesNumber): \(what) delivered", fields)
        }
    }
}
