import Foundation
import Pipeline
import Platform
import Store

/// Makes the runs of a sealed Series.
struct RunFactory {
    let context: ServiceContext
    let settings: ServiceContext.Settings
    let series: SeriesRecord

    func run(
        for stack: SealedStacks.Stack,
        localizersSetAside: Int,
        model: ModelChoice,
        references: [InstanceRecord],
        unread: UnreadFiles
    ) throws -> NewRun {
        let configuration = settings.configuration
        let matching = ReferenceMatching(store: context.store)
        let references = try references.filter {
            try matching.contours(
                $0,
                images: Set(stack.headers.map(\.sopInstanceUID)),
                isPart: stack.part != nil
            )
        }
        let digest = try configurationDigest(admission: configuration.admission, export: configuration.export)
        let files = stack.instances.sorted { ($0.storedPath ?? "") < ($1.storedPath ?? "") } + stack.conflicts
        let content =
            files.map { "\($0.sopInstanceUID ?? "") \($0.digest ?? "")" }.sorted()
            + unread.damaged.map { "damaged \($0.number)" }
        var request = RunRequest(
            seriesNumber: series.number,
            revision: 0,
            dicomFiles: files.compactMap(\.storedPath),
            referenceFiles: references.compactMap(\.storedPath),
            modelDirectory: model.directory,
            modelDigest: model.digest,
            configurationDigest: digest,
            softwareVersion: ContourdVersion.current,
            admission: configuration.admission,
            export: configuration.export,
            deliveredName: "",
            createdAt: milliseconds(Date()),
            threads: configuration.work.threads
        )
        request.fileDigests = digests(of: files + references)
        request.otherRunDirectories = try context.store.contoursKept(ofSeries: series.number).map {
            context.state.run($0).path
        }
        request.seriesInstanceCount = stack.seriesInstanceCount
        request.describe(stack: stack.headers, part: stack.part, localizersSetAside: localizersSetAside)
        request.refusals = try stack.identities + unread.refusals()
        request.dropFindings = try unread.findings(ofSeries: series)
        let base = configuration.deliveredName(stack: stack.name, model: model.name)
        let template = request
        return NewRun(
            kind: RunRequest.Kind.contouring.rawValue,
            stack: stack.name,
            model: model.name,
            contentDigest: SHA256Digest.hex(of: Data(content.joined(separator: "\n").utf8)),
            modelDigest: model.digest,
            configurationDigest: digest,
            softwareVersion: ContourdVersion.current,
            firstStage: StageName.resample.rawValue
        ) { revision in
            var request = template
            request.revision = revision
            request.deliveredName = revision == 1 ? base : "\(base)-r\(revision)"
            return (String(decoding: try RunJSON.encode(request), as: UTF8.self), request.deliveredName)
        }
    }

    private func digests(of files: [InstanceRecord]) -> [String: String] {
        let pairs = files.compactMap { file in file.storedPath.flatMap { path in file.digest.map { (path, $0) } } }
        return Dictionary(pairs, uniquingKeysWith: { first, _ in first })
    }

    /// JSON keeps milliseconds: what is read back must be what was written.
    private func milliseconds(_ date: Date) -> Date {
        Date(timeIntervalSince1970: (date.timeIntervalSince1970 * 1000).rounded() / 1000)
    }
}

/// Queues evaluations of delivered contours against references that the runs did not know.
struct EvaluationQueue {
    let context: ServiceContext

    func queue(seriesInstanceUID uid: String) throws {
        let references = try context.store.references(toSeriesInstanceUID: uid)
        guard !references.isEmpty else { return }
        let matching = ReferenceMatching(store: context.store)
        let runs = try context.store.deliveredContours(seriesInstanceUID: uid).map { run in
            (run: run, request: try RunJSON.decode(RunRequest.self, from: Data(run.request.utf8)))
        }
        for reference in references {
            let named = try runs.filter { run, request in
                try matching.contours(
                    reference,
                    images: context.state.run(run.number).contouredImageUIDs(),
                    isPart: request.series?.part != nil
                )
            }
            let meant = try matching.reached(named.map(\.run), by: reference, in: context.state)
            for (run, request) in named
            where meant.contains(where: { $0.number == run.number })
                && !request.referenceFiles.contains(reference.storedPath ?? "")
            {
                try queue(reference, against: run)
            }
        }
    }

    private func queue(_ reference: InstanceRecord, against run: RunRecord) throws {
        guard let path = reference.storedPath else { return }
        var request = try RunJSON.decode(RunRequest.self, from: Data(run.request.utf8))
        request.kind = .evaluation
        request.referenceFiles = [path]
        request.fileDigests = reference.digest.map { [path: $0] }
        request.dicomFiles = []
        request.createdAt = Date(timeIntervalSince1970: Date().timeIntervalSince1970.rounded())
        request.softwareVersion = ContourdVersion.current
        request.baseRunDirectory = context.state.run(run.number).path
        request.referenceCameFirst = run.deliveredAt.map { reference.receivedAt < $0 }
        request.otherRunDirectories = try context.store.contoursKept(ofSeries: run.seriesNumber)
            .filter { $0 != run.number }.map { context.state.run($0).path }
        let template = request
        let new = NewRun(
            kind: RunRequest.Kind.evaluation.rawValue,
            stack: run.stack,
            model: run.model,
            contentDigest: reference.digest ?? "",
            modelDigest: run.modelDigest,
            configurationDigest: run.configurationDigest,
            softwareVersion: ContourdVersion.current,
            baseRunNumber: run.number,
            firstStage: StageName.evaluate.rawValue
        ) { number in
            var request = template
            request.revision = number
            request.deliveredName = "\(run.deliveredName).evaluation-\(number)"
            return (String(decoding: try RunJSON.encode(request), as: UTF8.self), request.deliveredName)
        }
        if try context.store.queueEvaluation(new, series: run.seriesNumber) != nil { context.wakeDispatchers() }
    }
}
