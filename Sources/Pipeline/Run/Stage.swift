import Foundation
import Platform
import Report

/// What a stage is given beside its folder.
package struct StageContext: Sendable {
    /// 0...1 and a word or two; from any thread.
    package var progress: @Sendable (Double, String) -> Void
    package var isCancelled: @Sendable () -> Bool
    package var threads: Int
    package var memory: MemoryBudget

    package init(
        threads: Int,
        memory: MemoryBudget = MemoryBudget(),
        progress: @escaping @Sendable (Double, String) -> Void = { _, _ in },
        isCancelled: @escaping @Sendable () -> Bool = { false }
    ) {
        self.threads = threads
        self.memory = memory
        self.progress = progress
        self.isCancelled = isCancelled
    }

    func report(_ fraction: Double, _ what: String) throws(Fault) {
        if isCancelled() { throw .cancelled }
        progress(fraction, what)
    }
}

/// One step of a Run: reads the folders of the stages before it and fills `output`. Synchronous, and safe to run
/// again at any time.
protocol Stage: Sendable {
    static var name: StageName { get }
    func run(_ request: RunRequest, _ folder: RunFolder, output: String, _ context: StageContext) throws
}

/// Runs one stage; a stage that is already there is left as it is.
package func runStage(_ name: StageName, in folder: RunFolder, _ context: StageContext) throws(Fault) {
    do {
        if folder.isFinished(name) { return }
        let request = try folder.request()
        let partial = folder.partialDirectory(of: name)
        try Directory.remove(partial)
        try Directory.create(partial)
        let start = ContinuousClock.now
        try stage(name, of: request.kind).run(request, folder, output: partial, context)
        releaseFreeMemory()
        if name != .export {
            let time = CaseReport.StageTime(
                stage: name.rawValue,
                seconds: start.duration(to: .now).seconds,
                peakMemoryMB: PeakMemory.currentMB
            )
            try RunJSON.encode(time).write(to: URL(fileURLWithPath: partial + "/time.json"))
        }
        if context.isCancelled() { throw Fault.cancelled }
        try Directory.publish(partial: partial, as: folder.directory(of: name))
    } catch {
        throw classify(error)
    }
}

private func stage(_ name: StageName, of kind: RunRequest.Kind) -> any Stage {
    switch (name, kind) {
    case (.resample, _): ResampleStage()
    case (.segment, _): SegmentStage()
    case (.evaluate, _): EvaluateStage()
    case (.export, .contouring): ExportStage()
    case (.export, .evaluation): ExportEvaluationStage()
    }
}

extension Duration {
    package var seconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
