import Dicom
import Foundation
import Pipeline
import Store

/// Answers the senders of series that are no CT: their files stay in the inbox, and nothing else would tell them.
///
/// A PET beside its CT is what every PET/CT export brings; by default the sender is told only when no CT of the study
/// came.
package struct OtherSeriesRefusals {
    let context: ServiceContext

    package init(context: ServiceContext) { self.context = context }

    /// - Returns: seconds until there is something to tell; nil when there is not.
    package func deliver() throws -> Double? {
        let series = try context.store.untoldOtherSeries()
        guard !series.isEmpty, let latest = try context.store.latestReceipt() else { return nil }
        var next: Double?
        for other in series {
            if let wait = wait(for: other, latest) {
                next = min(next ?? wait, wait)
            } else {
                try settle(other)
            }
        }
        return next
    }

    /// As long as files come, the CT may come among them, but not for ever. A clock that was set back ends the wait.
    private func wait(for other: OtherSeries, _ latest: Int64) -> Double? {
        let limits = context.configuration.series
        let now = context.store.now()
        let quiet = Double(now - latest) / 1000
        let own = Double(now - other.latestReceivedAt) / 1000
        guard quiet >= 0, quiet < limits.quietSeconds, own < limits.incompleteAfterSeconds else { return nil }
        return min(limits.quietSeconds - quiet, limits.incompleteAfterSeconds - own)
    }

    private func settle(_ other: OtherSeries) throws {
        let isWanted =
            switch context.configuration.series.otherModalities {
            case .always: true
            case .never: false
            case .alone: !other.hasCT
            }
        guard isWanted else { return try context.store.setTold(otherSeries: other.seriesInstanceUID) }
        let configuration = context.configuration
        let name = configuration.deliveredName(stack: other.seriesInstanceUID, model: configuration.models.names[0])
        let notice = SenderNotice(context: context, isOfSeries: true, name: name)
        try notice.deliver(fault(other))
        try context.store.setTold(otherSeries: other.seriesInstanceUID)
        try notice.clear()
        context.logger.event(
            .fileIgnored,
            """
            a series of \(other.files) \(other.files == 1 ? "file" : "files"), the first of them number \
            \(other.firstFile), is not contoured: it \(isSaidToBeCT(other) ? "holds no CT images" : "is \(modality(other)), no CT"); its sender is told
            """,
            JournalFields(fault: "E_NOT_CT")
        )
    }

    private func fault(_ other: OtherSeries) -> Fault {
        let received = Date(timeIntervalSince1970: Double(other.receivedAt) / 1000)
        return Fault(
            .permanent,
            "E_NOT_CT",
            isSaidToBeCT(other)
                ? "This series says that it is CT, but its files are no CT images (CT Image Storage): Secondary Captures, for example, are pictures of images. No CT of its study came."
                : "This series is \(modality(other)), and no CT of its study came. contourd contours CT.",
            hint: """
                If a CT was meant: send its original images, all of them are needed. If this series was sent by mistake, its files can be \
                removed from the inbox. Where such series are normal, series.other_modalities = "never" in the \
                configuration keeps contourd quiet about them.
                """,
            details: [
                "Series Instance UID: \(other.seriesInstanceUID)", "Study Instance UID: \(other.studyInstanceUID)",
                "Modality: \(modality(other))",
                "\(other.files) files, the first of them number \(other.firstFile), received \(received.formatted(.iso8601))",
            ]
        )
    }

    private func isSaidToBeCT(_ other: OtherSeries) -> Bool { other.modality == "CT" }

    private func modality(_ other: OtherSeries) -> String {
        let term = DefinedTerm.modality(other.modality)
        return ["none", "unknown"].contains(term) ? "of an unknown modality" : term
    }
}
