import Foundation
import Pipeline
import Platform

/// A folder `NAME.refused` in the outbox that is no result of a run: who drops files has nothing but folders to look
/// into.
struct SenderNotice {
    let context: ServiceContext
    /// It tells of a whole Series.
    let isOfSeries: Bool
    let name: String

    private var folder: RunFolder { RunFolder(path: "\(context.state.work)/notice-\(name)") }

    /// A notice that comes twice after a crash does no harm; one that never comes would.
    func deliver(_ fault: Fault) throws {
        try Directory.create(folder.path)
        try writeFileRefusal(fault, areSeries: isOfSeries, name: name, createdAt: Date(), to: folder)
        let (source, outbox) = (folder.refusalDirectory, context.configuration.folders.outbox)
        let target = "\(outbox)/\(name).refused"
        if Directory.exists(target) { return }
        if try FileSystemKind.areOnOneMount(source, outbox) {
            return try Directory.publish(partial: source, as: target)
        }
        let partial = "\(outbox)/.contourd-\(name).refused.partial"
        try Directory.remove(partial)
        try FileTransfer.copyTree(source, to: partial)
        try Directory.publish(partial: partial, as: target)
    }

    /// After it was noted that the sender knows.
    func clear() throws(SystemError) { try Directory.remove(folder.path) }
}
