import Dicom
import Foundation
import Imaging
import Platform
import Report
import Segmentation

/// What `evaluate` found out.
struct EvaluationFacts: Codable {
    var structures: [CaseReport.StructureReport]
    var findings: [CaseReport.Finding]
    var evaluations: [CaseReport.Evaluation]

    /// The one that is reported: the first that scored something.
    var evaluation: CaseReport.Evaluation? { evaluations.first { !$0.structures.isEmpty } ?? evaluations.first }
}

/// Plausibility of every structure, and scores against references where there are any.
struct EvaluateStage: Stage {
    static let name = StageName.evaluate

    func run(_ request: RunRequest, _ folder: RunFolder, output: String, _ context: StageContext) throws {
        // A later evaluation reads what the Run it scores has kept.
        let base = request.baseRunDirectory.map(RunFolder.init) ?? folder
        let model = try base.modelDescription()
        let facts = try base.decode(SeriesFacts.self, stage: .resample, "series.json")
        let segmentation = try base.decode(SegmentationFacts.self, stage: .segment, "segmentation.json")
        let allowance = context.memory.allowance
        let labels = try Volume<UInt8>(
            contentsOfBase: base.directory(of: .segment) + "/labels",
            allowance: allowance
        )
        try context.report(0.2, "plausibility")
        var result =
            request.kind == .evaluation
            ? try judged(in: base) : try judge(labels, model, facts, segmentation, request, in: folder, allowance)
        let evaluation = ReferenceEvaluation(
            labels: LabelMap(volume: labels, labels: segmentation.labels),
            unions: model.unions,
            tolerancesMM: request.export.tolerancesMM,
            threads: context.threads
        )
        let references = ReferenceMasks.grouped(request.referenceFiles)
        var pictures: [WorstPictureRecord] = []
        let ct = base.directory(of: .resample) + "/ct"
        for (index, paths) in references.enumerated() {
            try context.report(0.3 + 0.7 * Double(index) / Double(references.count), "scoring")
            // Those of the evaluation that is reported: the first that scores something.
            let drawsPictures = request.export.writesPictures && pictures.isEmpty
            let evaluations = result.evaluations.count
            let drawing =
                drawsPictures && Directory.exists(ct + ".raw")
                ? try Volume<Int16>(contentsOfBase: ct, allowance: allowance) : nil
            score(
                Reference(paths: paths, digests: request.fileDigests),
                with: evaluation,
                of: try base.request(),
                facts,
                isLate: request.kind == .evaluation,
                &result
            ) { name, prediction, reference in
                guard drawsPictures else { return }
                let drawn = try worstPicture(name, ct: drawing, prediction: prediction, reference: reference)
                guard let drawn, let overlay = drawn.overlay else { return }
                pictures.append(
                    WorstPictureRecord(
                        structure: name,
                        caption: drawn.caption,
                        overlay: overlay,
                        png: drawing == nil ? nil : drawn.png
                    )
                )
            }
            if result.evaluations.count == evaluations { pictures = [] }
        }
        try RunFolder.write(pictures, to: output)
        try RunJSON.encode(result).write(to: URL(fileURLWithPath: output + "/evaluation.json"))
    }

    private func judge(
        _ labels: Volume<UInt8>,
        _ model: ModelDescription,
        _ facts: SeriesFacts,
        _ segmentation: SegmentationFacts,
        _ request: RunRequest,
        in folder: RunFolder,
        _ allowance: Int
    ) throws -> EvaluationFacts {
        let ct = try Volume<Int16>(
            contentsOfBase: folder.directory(of: .resample) + "/ct",
            allowance: allowance
        )
        let structures = PlausibilityJudge(
            facts: facts,
            segmentation: segmentation,
            model: model,
            geometry: labels.geometry,
            measures: measureLabels(labels, ct: ct),
            labels: labels
        ).reports()
        return EvaluationFacts(
            structures: structures,
            findings: findings(facts, segmentation, structures)
                + seriesFindings(request, facts.summary),
            evaluations: []
        )
    }

    /// What the Run itself found: the CT may be gone by now.
    private func judged(in base: RunFolder) throws -> EvaluationFacts {
        struct Kept: Decodable {
            var structures: [CaseReport.StructureReport]
            var findings: [CaseReport.Finding]
        }
        let kept = try base.decode(Kept.self, stage: .evaluate, "evaluation.json")
        let ofReferences: Set = [
            "W_SIDES_SWAPPED", "W_REFERENCE_DISAGREES", "W_OWN_RESULT", "W_REFERENCE_UNMATCHED", "W_REFERENCE_UNUSABLE",
        ]
        return EvaluationFacts(
            structures: kept.structures,
            findings: kept.findings.filter { !ofReferences.contains($0.code) },
            evaluations: []
        )
    }

    /// The files of one reference, with the digests that they had when they were taken.
    private struct Reference {
        var paths: [String]
        var digests: [String: String]?
    }

    private func score(
        _ reference: Reference,
        with evaluation: ReferenceEvaluation,
        of request: RunRequest,
        _ facts: SeriesFacts,
        isLate: Bool,
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
            case (var scores, let mismatches, let defective)? = usable(
                into: &result,
                { try evaluation.score(against: references, leavingOutUnedited: isLate, show: show) }
            )
        else {
            return
        }
        let frames = references.flatMap(\.frameOfReferenceUIDs)
        if let frame = facts.summary.frameOfReferenceUID, !frames.isEmpty, !frames.contains(frame) {
            scores.findings.append(
                "the reference and the CT name different Frames of Reference but one series; the series was believed"
            )
        }
        // Before the rest: what is scored below does not hold these.
        result.findings += defective.map { unusable($0, orphans: references.flatMap(\.unknownROINumbers)) }
        let own = ProductIdentity(request, series: facts.summary)
        let changes = scores.changes ?? []
        let isUnedited = !changes.isEmpty && changes.allSatisfy { $0.status == .unedited }
        guard !own.isOurs(scores.referenceSOPInstanceUID), !isUnedited else {
            result.findings.append(ownResult(scores.referenceSOPInstanceUID, own))
            // What nobody changed is an outcome all the same; it is counted, not scored.
            if !own.isOurs(scores.referenceSOPInstanceUID) { result.evaluations.append(scores) }
            return
        }
        result.evaluations.append(scores)
        let disagreements = scores.disagreements(with: result.structures, except: Set(mismatches.map(\.own)))
        result.findings.insert(contentsOf: mismatches.map(swapped) + disagreements, at: 0)
        guard scores.structures.isEmpty, defective.isEmpty, !changes.contains(where: { $0.status == .unedited }) else {
            return
        }
        result.findings.append(
            .init(
                severity: .note,
                code: "W_REFERENCE_UNMATCHED",
                structure: nil,
                message: "No structure of the reference has a name that the model knows.",
                hint: "Name structures after TG-263, for example Lung_L.",
                details: scores.unmatchedReference
            )
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
            hint: "It was not scored. Export the reference again.",
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

    private func ownResult(_ uid: String?, _ own: ProductIdentity) -> CaseReport.Finding {
        .init(
            severity: .note,
            code: "W_OWN_RESULT",
            structure: nil,
            message: own.isOurs(uid)
                ? "The reference is our own unedited result."
                : "The reference has our own contours, unedited, under another UID.",
            hint: "It was not scored: it would agree with itself.",
            details: []
        )
    }

    private func masks(
        _ path: String,
        with evaluation: ReferenceEvaluation,
        _ facts: SeriesFacts
    ) throws -> ReferenceMasks {
        let masks = try ReferenceMasks(contentsOf: path, labels: evaluation.labels.labels, statement: .assumed)
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

    private func findings(
        _ facts: SeriesFacts,
        _ segmentation: SegmentationFacts,
        _ structures: [CaseReport.StructureReport]
    ) -> [CaseReport.Finding] {
        let found = segmentation.findings.map { finding in
            CaseReport.Finding(
                severity: .review,
                code: finding.code,
                structure: finding.structure,
                message: finding.message,
                hint: finding.hint,
                details: []
            )
        }
        let failed = structures.flatMap { structure in
            structure.checks.filter { !$0.passed && $0.name != "confidence" }.map { check in
                CaseReport.Finding(
                    severity: .review,
                    code: "W_IMPLAUSIBLE",
                    structure: structure.name,
                    message: "\(structure.name): \(check.name) is \(check.value), expected \(check.expected).",
                    hint: "Compare the contour with the CT there.",
                    details: []
                )
            }
        }
        let admitted = facts.findings.map { finding in
            CaseReport.Finding(
                severity: ["W_EXTENT_NOT_PROVABLE", "W_THICK_SLICES", "W_LOSSY", "W_NO_PATIENT"].contains(finding.code)
                    ? .note : .review,
                code: finding.code,
                structure: nil,
                message: finding.message,
                hint: finding.hint,
                details: finding.sliceDetails
            )
        }
        let all = found + failed + admitted + cut(structures)
        return all.filter { $0.severity == .review } + all.filter { $0.severity == .note }
    }

    /// A structure that reaches the end of the scan is cut there; normal for many scans, so it is a note.
    private func cut(_ structures: [CaseReport.StructureReport]) -> [CaseReport.Finding] {
        structures.filter { !$0.derived && ($0.touchesFirstSlice || $0.touchesLastSlice) }.map { structure in
            let ends = [structure.touchesFirstSlice ? "first" : nil, structure.touchesLastSlice ? "last" : nil]
            return CaseReport.Finding(
                severity: .note,
                code: "W_CUT_BY_SCAN",
                structure: structure.name,
                message:
                    "\(structure.name) reaches the \(ends.compactMap { $0 }.joined(separator: " and the ")) slice.",
                hint: "Its volume is that of the part that was scanned.",
                details: []
            )
        }
    }
}
