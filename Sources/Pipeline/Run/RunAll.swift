import Dicom
import Foundation
import Platform
import Segmentation

/// What became of one stack that was run without a queue.
package struct RunOutcome: Sendable, Codable {
    package enum Verdict: String, Sendable, Codable { case delivered, review, refused, failed }
    package var name: String
    /// The folder that was written; nil when the work failed.
    package var output: String?
    package var verdict: Verdict
    package var fault: Fault?
    package var seconds: Double
}

/// All stages for one stack in this process, as `contourctl run` does it.
package struct DirectRun: Sendable {
    package var model: ModelPackage
    package var admission: AdmissionLimits
    package var export: ExportOptions
    package var output: String
    package var threads: Int
    package var memory: MemoryBudget
    /// The name of a result's folder, from that of its stack and the model's.
    package var folderName: @Sendable (_ stack: String, _ model: String) -> String

    package init(
        model: ModelPackage,
        admission: AdmissionLimits,
        export: ExportOptions,
        output: String,
        threads: Int,
        memory: MemoryBudget = MemoryBudget(),
        folderName: @escaping @Sendable (_ stack: String, _ model: String) -> String = { stack, _ in stack }
    ) {
        self.model = model
        self.admission = admission
        self.export = export
        self.output = output
        self.threads = threads
        self.memory = memory
        self.folderName = folderName
    }

    /// Runs the stages in a hidden folder of the output folder, then renames the result into place.
    ///
    /// - Parameters:
    ///   - references: files to score against.
    ///   - progress: 0...1 over all stages, and what is being done.
    package func callAsFunction(
        _ stack: SeriesScan.Stack,
        references: [String],
        progress: @escaping @Sendable (Double, String) -> Void,
        isCancelled: @escaping @Sendable () -> Bool = { false }
    ) -> RunOutcome {
        let start = ContinuousClock.now
        let name = folderName(stack.name, model.description.name)
        let folder = RunFolder(path: "\(output)/.\(stack.name)\(Self.workEnding)")
        var outcome = RunOutcome(name: stack.name, output: nil, verdict: .failed, fault: nil, seconds: 0)
        do {
            let lock = try claim(folder)
            defer { withExtendedLifetime(lock) {} }
            for left in try Directory.list(folder.path) { try Directory.remove("\(folder.path)/\(left.name)") }
            removeLeftovers()
            let request = try request(for: stack, references: references, revision: freeRevision(of: name))
            try folder.write(request)
            do throws(Fault) {
                try runStages(in: folder, progress, isCancelled)
                outcome.output = try publish(folder.directory(of: .export), as: name)
                outcome.verdict = try isSuspicious(outcome.output) ? .review : .delivered
            } catch {
                outcome.fault = error
                if error.kind == .permanent {
                    try writeRefusal(error, request: request, to: folder)
                    outcome.output = try publish(folder.refusalDirectory, as: name + ".refused")
                    outcome.verdict = .refused
                }
            }
            try Directory.remove(folder.path)
        } catch {
            outcome.fault = classify(error)
        }
        outcome.seconds = start.duration(to: .now).seconds
        return outcome
    }

    /// Makes the work folder and locks it: another program must not work on this series in this output folder. nil where
    /// the file system knows no such locks.
    private func claim(_ folder: RunFolder) throws -> FileLock? {
        while true {
            // What lies in it names the patient.
            try Directory.create(folder.path, mode: 0o700)
            let lock: FileLock?
            do { lock = try FileLock(folder: folder.path) } catch {
                if error.code == ENOENT { continue }  // the other one ended between the two calls
                guard error.code == EWOULDBLOCK else { throw error }
                throw Fault(
                    .transient,
                    "E_BUSY",
                    "Another contourctl run contours this series in this output folder.",
                    hint: "Wait for its end, or name another output folder."
                )
            }
            guard let lock else { return nil }
            if lock.isHeld(at: folder.path) { return lock }
        }
    }

    private func runStages(
        in folder: RunFolder,
        _ progress: @escaping @Sendable (Double, String) -> Void,
        _ isCancelled: @escaping @Sendable () -> Bool
    ) throws(Fault) {
        // Shares of the time of a usual case.
        let shares: [StageName: (start: Double, share: Double)] = [
            .resample: (0, 0.25), .segment: (0.25, 0.5), .evaluate: (0.75, 0.05), .export: (0.8, 0.2),
        ]
        for name in StageName.allCases {
            let (start, share) = shares[name] ?? (0, 0)
            let context = StageContext(
                threads: threads,
                memory: memory,
                progress: { progress(start + share * $0, "\(name.rawValue): \($1)") },
                isCancelled: isCancelled
            )
            try runStage(name, in: folder, context)
        }
    }

    /// Work folders of runs that were killed: theirs are the pixels and the name of a patient, and nobody comes back for
    /// them.
    private func removeLeftovers() {
        // One that cannot be listed, locked or removed is another's; the run at hand does not need it.
        for entry in (try? Directory.list(output)) ?? [] where entry.kind == .folder {
            guard entry.name.hasPrefix("."), entry.name.hasSuffix(Self.workEnding) else { continue }
            let path = "\(output)/\(entry.name)"
            guard RunFolder(path: path).holdsRequest, let lock = try? FileLock(folder: path) else { continue }
            withExtendedLifetime(lock) { try? Directory.remove(path) }
        }
    }

    /// The first number that no result of this name has; objects of two revisions have UIDs of their own.
    private func freeRevision(of name: String) -> Int {
        (1...Self.mostRevisions).first { revision in
            [name, name + ".refused"].allSatisfy { !Directory.exists("\(output)/\(resultName($0, revision))") }
        } ?? Self.mostRevisions
    }

    private func resultName(_ name: String, _ revision: Int) -> String {
        revision == 1 ? name : "\(name)-r\(revision)"
    }

    private static let workEnding = ".work"
    private static let mostRevisions = 9999

    private func request(for stack: SeriesScan.Stack, references: [String], revision: Int) throws -> RunRequest {
        var request = RunRequest(
            seriesNumber: 0,
            revision: revision,
            dicomFiles: stack.files.map(absolute),
            referenceFiles: references.map(absolute),
            modelDirectory: model.directory,
            modelDigest: model.digest,
            configurationDigest: try configurationDigest(admission: admission, export: export),
            softwareVersion: ContourdVersion.current,
            admission: admission,
            export: export,
            deliveredName: stack.name,
            createdAt: Date(),
            threads: threads
        )
        request.seriesInstanceCount = stack.seriesInstanceCount
        request.refusals = stack.refusals
        request.dropFindings = stack.dropFindings
        request.describe(stack: stack.headers, part: stack.part, localizersSetAside: stack.localizersSetAside)
        return request
    }

    private func absolute(_ path: String) -> String { URL(fileURLWithPath: path).standardizedFileURL.path }

    /// Renames to the first free name: NAME, NAME-r2, NAME-r3...
    private func publish(_ folder: String, as name: String) throws(Fault) -> String {
        do {
            for revision in 1...Self.mostRevisions {
                let target = "\(output)/\(resultName(name, revision))"
                if Directory.exists(target) { continue }
                try Directory.publish(partial: folder, as: target)
                return target
            }
            throw Fault(
                .operator,
                "E_OUTPUT_FULL",
                "The output folder holds \(Self.mostRevisions) results of this series.",
                hint: "Name another output folder."
            )
        } catch { throw classify(error) }
    }

    private func isSuspicious(_ output: String?) throws(Fault) -> Bool {
        guard let output else { return false }
        struct Summary: Decodable { var verdict: String }
        do {
            let data = try Data(contentsOf: URL(fileURLWithPath: output + "/report.json"))
            return try JSONDecoder().decode(Summary.self, from: data).verdict == "review"
        } catch { throw classify(error) }
    }
}
