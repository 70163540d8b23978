import Foundation
import Pipeline
import Platform

/// A folder `NAME.refused` in the outbox that is no result of a run: who drops files has nothing but folders to look
/// into.
package struct SenderNotice {
    let context: ServiceContext
    /// It tells of a whole Series.
    let isOfSeries: Bool
    let name: String

    package init(context: ServiceContext, isOfSeries: Bool, name: String) {
        self.context = context
        self.isOfSeries = isOfSeries
        self.name = name
    }

    private var folder: RunFolder { RunFolder(path: "\(context.state.work)/notice-\(name)") }

    /// A notice that comes twice after a crash does no harm; one that never comes would.
    package func deliver(_ fault: Fault) throws {
        try Directory.create(folder.path)
        try writeFileRefusal(fault, areSeries: isOfSeries, name: name, createdAt: Date(), to: folder)
        let source = folder.refusalDirectory
        guard let target = freeTarget(for: fault) else { return }
        if try FileSystemKind.areOnOneMount(source, context.configuration.folders.outbox) {
            return try Directory.publish(partial: source, as: target)
        }
        let partial = "\(context.configuration.folders.outbox)/.contourd-\(name).refused.partial"
        try Directory.remove(partial)
        try FileTransfer.copyTree(source, to: partial)
        try Directory.publish(partial: partial, as: target)
    }

    /// Numbers of files begin anew with a new database, and the outbox may still hold what was told of others.
    /// - Returns: nil when this was told already.
    private func freeTarget(for fault: Fault) -> String? {
        let base = "\(context.configuration.folders.outbox)/\(name)"
        for number in 1... {
            let target = number == 1 ? "\(base).refused" : "\(base)-\(number).refused"
            guard Directory.exists(target) else { return target }
            if isRefusal(target, of: fault) { return nil }
        }
        return nil
    }

    /// After it was noted that the sender knows.
    package func clear() throws(SystemError) { try Directory.remove(folder.path) }
}
