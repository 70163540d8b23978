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
    /// In the order in which references count.
    var evaluations: [CaseReport.Evaluation]

    /// The one that is reported first: the first that scored something.
    var evaluation: CaseReport.Evaluation? { reported.map { evaluations[$0] } }

    /// The others; nil where there is none.
    var otherEvaluations: [CaseReport.Evaluation]? {
        let others = evaluations.indices.filter { $0 != reported }
        return others.isEmpty ? nil : others.map { evaluations[$0] }
    }

    private var reported: Int? {
        evaluations.firstIndex { !$0.structures.isEmpty } ?? (evaluations.isEmpty ? nil : 0)
    }
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
            ours: OwnStructures(LabelMap(volume: labels, labels: segmentation.labels), unions: model.unions),
            tolerancesMM: request.export.tolerancesMM,
            threads: context.threads,
            leavesOutUnedited: request.kind == .evaluation && request.referenceCameFirst != true,
            revision: try base.request().revision,
            model: model.name,
            isPart: facts.summary.part != nil
        )
        let others = OwnContours(runs: (request.otherRunDirectories ?? []).map(RunFolder.init))
        let references = OrderedReference.ordered(request.referenceFiles)
        let findings = result.findings
        var ofReferences: [CaseReport.Finding] = []
        var pictures: [WorstPictureRecord] = []
        let ct = base.directory(of: .resample) + "/ct"
        for (index, reference) in references.enumerated() {
            try context.report(0.3 + 0.7 * Double(index) / Double(references.count), "scoring")
            // Those of the evaluation that is reported: the first that scores something.
            let drawsPictures = request.export.writesPictures && pictures.isEmpty
            let evaluations = result.evaluations.count
            result.findings = []
            let drawing =
                drawsPictures && Directory.exists(ct + ".raw")
                ? try Volume<Int16>(contentsOfBase: ct, allowance: allowance) : nil
            score(
                ReferenceFiles(paths: reference.paths, digests: request.fileDigests),
                with: evaluation,
                of: try base.request(),
                facts,
                others: others,
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
            let uid = references.count == 1 ? nil : try? InstanceHeader(contentsOf: reference.paths[0]).sopInstanceUID
            ofReferences += result.findings.map { reference.naming($0, sopInstanceUID: uid) }
        }
        result.findings =
            ofReferences.filter { $0.severity == .review } + findings + ofReferences.filter { $0.severity == .note }
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
            findings: demonstration(model) + findings(facts, segmentation, structures)
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
            "W_REFERENCE_GRID", "W_REFERENCE_OVERDRAWN", "W_REFERENCE_REJECTED", "W_REFERENCE_NO_PATIENT",
            "W_REFERENCE_DOUBTFUL", "W_OWN_UID_KEPT",
        ]
        return EvaluationFacts(
            structures: kept.structures,
            findings: kept.findings.filter { !ofReferences.contains($0.code) },
            evaluations: []
        )
    }

    private func demonstration(_ model: ModelDescription) -> [CaseReport.Finding] {
        guard model.isDemonstration else { return [] }
        return [
            CaseReport.Finding(
                severity: .review,
                code: "W_DEMONSTRATION",
                structure: nil,
                message:
                    "These contours were made by \(model.name) \(model.version), a demonstration model: never for patients.",
                hint: "For patients choose a model that was commissioned (models.names in contourd.toml, or --model).",
                details: []
            )
        ]
    }

    private func findings(
        _ facts: SeriesFacts,
        _ segmentation: SegmentationFacts,
        _ structures: [CaseReport.StructureReport]
    ) -> [CaseReport.Finding] {
        let found = segmentation.findings.map { finding in
            CaseReport.Finding(
                severity: finding.code == "W_BESIDE_PICTURE" ? .note : .review,
                code: finding.code,
                structure: finding.structure,
                message: finding.message,
                hint: finding.hint,
                details: []
            )
        }
        let failed = structures.flatMap { structure in
            // What the network is unsure about is among the findings of `segment`.
            structure.checks.filter { !$0.passed && !["confidence", "uncertain edge"].contains($0.name) }.map { check in
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

    /// A structure that reaches the end of the scan or the edge of the picture is cut there; normal for many scans, so it is a
    /// note. How much of it may lie on the edge of the picture is a matter of plausibility.
    private func cut(_ structures: [CaseReport.StructureReport]) -> [CaseReport.Finding] {
        structures.filter { !$0.derived }.compactMap { structure in
            let places = [
                structure.touchesFirstSlice ? "the first slice" : nil,
                structure.touchesLastSlice ? "the last slice" : nil,
                structure.touchesPictureEdge ? "the edge of the picture" : nil,
            ].compactMap { $0 }
            guard let last = places.last else { return nil }
            let others = places.dropLast().joined(separator: ", ")
            return CaseReport.Finding(
                severity: .note,
                code: "W_CUT_BY_SCAN",
                structure: structure.name,
                message: "\(structure.name) reaches \(others.isEmpty ? "" : "\(others) and ")\(last).",
                hint: "Its volume is that of the part that was scanned.",
                details: []
            )
        }
    }
}
