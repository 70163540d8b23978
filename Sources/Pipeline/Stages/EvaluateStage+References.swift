import Dicom
import Foundation
import Imaging
import Metrics
import Report

/// The files of one reference, with the digests that they had when they were taken.
struct ReferenceFiles {
    var paths: [String]
    var digests: [String: String]?
}

extension EvaluateStage {
    func score(
        _ reference: ReferenceFiles,
        with evaluation: ReferenceEvaluation,
        of request: RunRequest,
        _ facts: SeriesFacts,
        others: OwnContours,
        _ result: inout EvaluationFacts,
        show: (String, Mask, Mask) throws -> Void
    ) {
        let references = reference.paths.compactMap { path in
            usable(into: &result) {
                let number = request.seriesNumber
                let file = try UnchangedFiles([path], digests: reference.digests, series: number, threads: 1)
                let masks = try self.masks(path, with: evaluation, facts)
                try file.check(series: number)
                return masks
            }
        }
        guard !references.isEmpty,
            var scoring = usable(
                into: &result,
                {
                    let returned = try others.find(in: references, threads: evaluation.threads)
                    return try evaluation.score(
                        against: references,
                        returned: returned,
                        agreement: { try others.agreement(of: references, exceptModel: evaluation.model) },
                        show: show
                    )
                }
            )
        else {
            return
        }
        let frames = references.flatMap(\.frameOfReferenceUIDs)
        if let frame = facts.summary.frameOfReferenceUID, !frames.isEmpty, !frames.contains(frame) {
            scoring.evaluation.findings.append(
                "the reference and the CT name different Frames of Reference but one series; the series was believed"
            )
        }
        scoring.evaluation.findings += references.flatMap(\.frameNotes)
        guard !scoring.liesElsewhere else {
            result.findings.append(elsewhere(scoring))
            return
        }
        // Before the rest: what is scored below does not hold these.
        result.findings += scoring.unusable.map { unusable($0, orphans: references.flatMap(\.unknownROINumbers)) }
        let uid = scoring.evaluation.referenceSOPInstanceUID
        let own = ProductIdentity(request, series: facts.summary)
        let changes = scoring.evaluation.changes ?? []
        let isUnedited =
            !changes.isEmpty && changes.allSatisfy { $0.status == .unedited } && scoring.renamed.isEmpty
            && scoring.mismatches.isEmpty && scoring.doubts.isEmpty && scoring.overdrawn.isEmpty
        let ownRevision = own.revision(of: uid)
        // A UID alone says nothing: some planning systems edit and approve in place.
        let isReturned =
            ownRevision != nil && scoring.evaluation.structures.isEmpty && changes.isEmpty && scoring.unusable.isEmpty
            && !scoring.returned.isEmpty
        let isComparable = ownRevision.map {
            $0 == request.revision || others.isKept(revision: $0, modelDigest: request.modelDigest)
        }
        guard isComparable != false else {
            result.findings.append(ownResult("The reference has the UID of an earlier result of ours, which is gone."))
            return
        }
        guard !isUnedited, !isReturned else {
            let isApproved = scoring.evaluation.approvalStatus == "APPROVED"
            result.findings.append(
                ownResult(
                    ownRevision == nil
                        ? "The reference has our own contours, unedited, under another UID."
                        : "The reference is our own unedited result\(isApproved ? ", approved" : "")."
                )
            )
            // What nobody changed is an outcome all the same; it is counted, not scored. Our own file alone, as it was
            // delivered, says nothing.
            if isUnedited, ownRevision == nil || isApproved { result.evaluations.append(scoring.evaluation) }
            return
        }
        result.findings += scoring.renamed.map(renamed)
        if !scoring.returned.isEmpty { result.findings.append(returned(scoring.returned)) }
        // Nothing of it but contours of earlier results: it is no reference.
        guard !scoring.evaluation.structures.isEmpty || !changes.isEmpty || scoring.returned.isEmpty else { return }
        let misplaced = misplaced(references, scoring, facts, on: evaluation.ours.labels.volume.geometry)
        let doubtful =
            scoring.mismatches.map(\.own) + scoring.displaced.map(\.name) + scoring.overdrawn.map(\.name)
            + scoring.doubts.map(\.name)
            + (misplaced.contains { $0.structure == nil } ? scoring.evaluation.structures.map(\.name) : [])
        if !doubtful.isEmpty { scoring.evaluation.doubtful = Set(doubtful).sorted() }
        result.evaluations.append(scoring.evaluation)
        if ownRevision != nil { result.findings.append(keptUID) }
        let disagreements = scoring.evaluation.disagreements(with: result.structures, except: Set(doubtful))
        result.findings +=
            scoring.mismatches.map(swapped) + misplaced + scoring.overdrawn.map(CaseReport.Finding.overdrawn)
            + scoring.doubts.map(doubted) + disagreements
        if scoring.evaluation.approvalStatus == "REJECTED" { result.findings.append(rejected) }
        if facts.patientMark != nil, references.contains(where: { $0.kind != .nifti && $0.patient == nil }) {
            result.findings.append(nobodys)
        }
        guard scoring.evaluation.structures.isEmpty, scoring.unusable.isEmpty, scoring.renamed.isEmpty,
            scoring.returned.isEmpty, !changes.contains(where: { $0.status == .unedited })
        else { return }
        result.findings.append(
            .init(
                severity: .note,
                code: "W_REFERENCE_UNMATCHED",
                structure: nil,
                message: "No structure of the reference has a name that the model knows.",
                hint: "Name structures after TG-263, for example Lung_L.",
                details: scoring.evaluation.unmatchedReference
            )
        )
    }

    /// Instead of a line for each structure.
    private func elsewhere(_ scoring: ReferenceScoring) -> CaseReport.Finding {
        .init(
            severity: .note,
            code: "W_REFERENCE_UNUSABLE",
            structure: nil,
            message: "The reference lies on another part of the series, or on another series.",
            hint: "It counts for that one alone.",
            details: scoring.unusable.map(\.name)
        )
    }

    private func unusable(_ structure: UnusableStructure, orphans: [Int]) -> CaseReport.Finding {
        let numbers = Set(orphans).sorted().prefix(10).map(String.init).joined(separator: ", ")
        let explains = structure.defect == .noContours && !orphans.isEmpty
        return .init(
            severity: .note,
            code: "W_REFERENCE_UNUSABLE",
            structure: structure.name,
            message: "\(structure.name) of the reference could not be used: \(structure.defect.text)."
                + (explains ? " Contours name ROI Number \(numbers), which no structure has." : ""),
            hint: structure.defect == .drawnElsewhere
                ? "It counts for that one alone." : "It was not scored. Export the reference again.",
            details: []
        )
    }

    /// What of the reference does not lie on the voxels of the CT: grids of its files, and contours between slices.
    private func misplaced(
        _ references: [ReferenceMasks],
        _ scoring: ReferenceScoring,
        _ facts: SeriesFacts,
        on geometry: VolumeGeometry
    ) -> [CaseReport.Finding] {
        let grids = references.compactMap { reference in
            reference.grid.flatMap {
                GridDifference($0, readOn: geometry, mayLackSlices: reference.kind == .segmentation)
            }
        }
        let ofGrids = Set(grids.map { $0.sentence(.reference, on: ComparisonGridSource.ct.words) }).sorted().map {
            (structure: String?.none, sentence: $0)
        }
        return (ofGrids + scoring.displaced.map { (structure: $0.name, sentence: $0.sentence) }).map { told in
            CaseReport.Finding(
                severity: .review,
                code: "W_REFERENCE_GRID",
                structure: told.structure,
                message: told.sentence.prefix(1).uppercased() + told.sentence.dropFirst() + ".",
                hint: """
                    Look at both on the CT, and export the reference on the grid of this scan; until then its scores mean nothing.
                    """,
                details: []
            )
        }
    }

    private func doubted(_ structure: (name: String, sentence: String)) -> CaseReport.Finding {
        .init(
            severity: .review,
            code: "W_REFERENCE_DOUBTFUL",
            structure: structure.name,
            message: structure.sentence + ".",
            hint: "Its scores count for no outcome. Export the whole structure once, under one name.",
            details: []
        )
    }

    private var rejected: CaseReport.Finding {
        .init(
            severity: .note,
            code: "W_REFERENCE_REJECTED",
            structure: nil,
            message: "The reference was rejected (Approval Status REJECTED).",
            hint: "It was scored, and counts for no chart; somebody responsible found it wrong.",
            details: []
        )
    }

    private var nobodys: CaseReport.Finding {
        .init(
            severity: .note,
            code: "W_REFERENCE_NO_PATIENT",
            structure: nil,
            message: "The reference has no Patient ID; it was taken for this patient's by its UIDs alone.",
            hint: "Check whose contours they are.",
            details: []
        )
    }

    private func renamed(_ structure: (name: String, sentence: String)) -> CaseReport.Finding {
        .init(
            severity: .note,
            code: "W_REFERENCE_UNMATCHED",
            structure: structure.name,
            message: structure.sentence,
            hint: "Name structures after TG-263, for example Lung_L.",
            details: []
        )
    }

    private func swapped(_ mismatch: SideMismatch) -> CaseReport.Finding {
        .init(
            severity: .review,
            code: "W_SIDES_SWAPPED",
            structure: mismatch.own,
            message: mismatch.sentence() + ".",
            hint: """
                Left and right are mixed up, in the reference or in these contours. Look at both on the CT; until then the \
                scores of the structure mean nothing.
                """,
            details: []
        )
    }

    private var keptUID: CaseReport.Finding {
        .init(
            severity: .note,
            code: "W_OWN_UID_KEPT",
            structure: nil,
            message: "The reference has other contours than our result, and kept its SOP Instance UID.",
            hint: """
                It was scored as an edited one. Give edited sets a UID of their own: of two files with one UID an archive keeps one.
                """,
            details: []
        )
    }

    private func ownResult(_ message: String) -> CaseReport.Finding {
        .init(
            severity: .note,
            code: "W_OWN_RESULT",
            structure: nil,
            message: message,
            hint: "It was not scored: it would agree with itself.",
            details: []
        )
    }

    private func returned(_ structures: [(name: String, own: OwnContour)]) -> CaseReport.Finding {
        .init(
            severity: .note,
            code: "W_OWN_RESULT",
            structure: nil,
            message: structures.count == 1
                ? "A structure of the reference is our own contour of another result of this CT, unedited."
                : """
                \(structures.count) structures of the reference are our own contours of other results of this CT, unedited.
                """,
            hint: "They were not scored: they would say how well two results of ours agree.",
            details: structures.map {
                "\($0.name): \($0.own.name) of revision \($0.own.revision), model \($0.own.model)"
            }
        )
    }

    private func masks(
        _ path: String,
        with evaluation: ReferenceEvaluation,
        _ facts: SeriesFacts
    ) throws -> ReferenceMasks {
        var masks = try ReferenceMasks(
            contentsOf: path,
            labels: evaluation.ours.labels.labels.mapValues(UInt16.init),
            statement: .assumed,
            images: facts.imageUIDs
        )
        let series = facts.summary
        guard
            masks.liesIn(
                frameOfReferenceUID: series.frameOfReferenceUID ?? "",
                seriesInstanceUID: series.seriesInstanceUID
            )
        else {
            throw Fault(
                .permanent,
                "E_OTHER_FRAME",
                "It lies in another Frame of Reference than the CT and names another series.",
                hint: "Score it with the CT that it was drawn on."
            )
        }
        let patient = masks.patient?.mark(inSeries: series.seriesInstanceUID)
        if let own = facts.patientMark, let patient, own != patient {
            throw Fault(
                .permanent,
                "E_OTHER_PATIENT",
                "Its Patient ID is not that of the CT.",
                hint:
                    "Check whose contours they are. Sets that were anonymised apart from the CT can be scored as NIfTI."
            )
        }
        masks.place(on: facts.identity)
        return masks
    }

    /// A reference that cannot be used is told, and never costs the contours.
    private func usable<Value>(into result: inout EvaluationFacts, _ read: () throws -> Value) -> Value? {
        do { return try read() } catch {
            let fault = classify(error)
            let isMixUp = ["E_OTHER_FRAME", "E_OTHER_PATIENT"].contains(fault.code)
            result.findings.append(
                .init(
                    severity: isMixUp ? .review : .note,
                    code: "W_REFERENCE_UNUSABLE",
                    structure: nil,
                    message: "A reference could not be used: \(fault.message)",
                    hint: fault.hint,
                    details: fault.details
                )
            )
            return nil
        }
    }
}
