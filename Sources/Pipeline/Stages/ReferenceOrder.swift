import Dicom
import Report

/// One of the references at hand.
struct OrderedReference {
    /// Its files: every DICOM object alone, all NIfTI files together.
    var paths: [String]
    /// How a finding calls it; nil where it is the only one.
    var title: String?

    /// References in the order in which they count: approved ones, others, rejected ones, and among equals the newest first by
    /// the date that the object itself gives (`DataSet.madeAt`); without one it counts as older, and of these the one that
    /// came last is first. What cannot be read comes last.
    ///
    /// - Parameter paths: in the order in which they came.
    static func ordered(_ paths: [String]) -> [OrderedReference] {
        let groups = ReferenceMasks.grouped(paths)
        guard groups.count > 1 else { return groups.map { OrderedReference(paths: $0) } }
        let keys = groups.map(Key.init)
        let order = groups.indices.sorted { a, b in
            let (own, other) = (keys[a], keys[b])
            return own.rank == other.rank ? (own.madeAt, a) > (other.madeAt, b) : own.rank < other.rank
        }
        return order.enumerated().map { number, index in
            OrderedReference(
                paths: groups[index],
                title: "Reference \(number + 1) of \(groups.count) (\(keys[index].words))"
            )
        }
    }

    private struct Key {
        /// The smaller, the more it counts.
        var rank: Int
        /// ISO 8601 without a zone; empty where it is not known.
        var madeAt = ""
        var words: String

        init(_ paths: [String]) {
            guard !ReferenceMasks.isNifti(paths[0]) else {
                (rank, words) = (approvalRank(nil), "NIfTI")
                return
            }
            // What is wrong with it is told when it is scored.
            guard let masks = try? ReferenceMasks(contentsOf: paths[0]) else {
                (rank, words) = (approvalRank("REJECTED") + 1, "unusable")
                return
            }
            rank = approvalRank(masks.approvalStatus)
            madeAt = masks.madeAt ?? ""
            words = masks.approvalStatus?.lowercased() ?? "no Approval Status"
        }
    }

    /// A finding that says which of several references it is about.
    func naming(_ finding: CaseReport.Finding, sopInstanceUID: String?) -> CaseReport.Finding {
        guard let title else { return finding }
        var finding = finding
        finding.message = "\(title): \(finding.message)"
        finding.details += sopInstanceUID.map { ["SOP Instance UID of the reference: \($0)"] } ?? []
        return finding
    }
}
