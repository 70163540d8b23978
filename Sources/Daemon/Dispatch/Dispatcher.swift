import Foundation
import Pipeline
import Platform
import Store

/// Takes jobs from the queue and runs each in a worker process. One thread for each worker.
struct Dispatcher {
    let context: ServiceContext
    /// Which of the dispatchers this is; the first also delivers and cleans up.
    let index: Int

    func run() {
        let wake = context.dispatchWake[index]
        while !context.isStopping {
            var wait = 30.0
            do {
                if index == 0 {
                    try Delivery(context: context).deliverAll()
                    try Retention(context: context).clean()
                }
                if let (job, run) = try context.store.claim() {
                    try JobRunner(context: context, wake: wake).run(job, run)
                    continue
                }
                if let next = try context.store.nextJobTime() {
                    wait = min(wait, max(0.05, (Double(next) / 1000) - Date().timeIntervalSince1970))
                }
            } catch {
                context.logger.event(.internalError, "the queue failed: \(classifiedText(error)); it goes on")
                wait = 5
            }
            wake.wait(seconds: wait)
        }
    }
}

/// The words for an error in the journal.
func classifiedText(_ error: any Error) -> String {
    if let error = error as? StoreError { return error.description }
    let fault = classify(error)
    return "\(fault.code): \(fault.message)"
}
