import Foundation
import Pipeline
import Platform
import Store

/// Takes jobs from the queue and runs each in a worker process. One thread for each worker.
package struct Dispatcher {
    private static let name = "the queue"

    let context: ServiceContext
    /// Which of the dispatchers this is.
    let index: Int

    package init(context: ServiceContext, index: Int) {
        self.context = context
        self.index = index
    }

    package func run() {
        let wake = context.dispatchWake[index]
        while !context.isStopping {
            var wait = 15.0
            do {
                let didRun = try turn(&wait)
                context.recovered(Self.name, index: index)
                if didRun { continue }
            } catch {
                wait = 5
                context.failed(Self.name, index: index, error)
            }
            context.liveness.beat(.dispatcher(index))
            wake.wait(seconds: min(wait, context.liveness.longestSleep))
        }
        context.liveness.end(.dispatcher(index))
    }

    /// - Returns: whether a job was run.
    private func turn(_ wait: inout Double) throws -> Bool {
        context.liveness.beat(.dispatcher(index))
        // One of them at a time: who comes while another is at it has nothing to add.
        let nextLook = try context.delivering.withLockIfAvailable { _ -> Double in
            var next = wait
            let isComplete = try Delivery(context: context, index: index).deliverAll()
            context.chore("old images could not be deleted") { try Retention(context: context).clean() }
            context.chore("the sender of refused files could not be told") {
                if let due = try FileRefusals(context: context).deliver() { next = min(next, due) }
            }
            context.chore("the sender of other series could not be told") {
                if let due = try OtherSeriesRefusals(context: context).deliver() { next = min(next, due) }
            }
            return isComplete ? next : min(next, 5)
        }
        wait = nextLook ?? wait
        if let (job, run) = try context.store.claim() {
            try JobRunner(context: context, index: index).run(job, run)
            return true
        }
        if let next = try context.store.nextJobTime() {
            wait = min(wait, max(0.05, Double(next - context.store.now()) / 1000))
        }
        return false
    }
}

/// The words for an error in the journal.
func classifiedText(_ error: any Error) -> String {
    if let error = error as? StoreError { return error.description }
    let fault = classify(error)
    return "\(fault.code): \(fault.message)"
}
