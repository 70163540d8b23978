import Dicom
import Foundation
import Imaging
import Platform
import Report

/// Writes the small folder of an evaluation that came after the delivery: scores, no contours.
struct ExportEvaluationStage: Stage {
    static let name = StageName.export

    func run(_ request: RunRequest, _ folder: RunFolder, output: String, _ context: StageContext) throws {
        guard let base = request.baseRunDirectory.map(RunFolder.init) else {
            throw Fault(.bug, "E_INTERNAL", "An evaluation names no run to score.", hint: "Please report it.")
        }
        let baseRequest = try base.request()
        let facts = try base.decode(SeriesFacts.self, stage: .resample, "series.json")
        let evaluation = try folder.decode(EvaluationFacts.self, stage: .evaluate, "evaluation.json")
        let findings = evaluation.findings
        // Not the package: it may be another one by now.
        let model = try base.modelDescription()
        var report = CaseReport(
            verdict: findings.contains { $0.severity == .review } ? .review : .delivered,
            softwareVersion: request.softwareVersion,
            createdAt: RunJSON.text(of: request.createdAt),
            revision: baseRequest.revision,
            series: facts.summary,
            model: modelSummary(of: model, digest: baseRequest.modelDigest),
            configurationDigest: baseRequest.configurationDigest,
            structures: evaluation.structures,
            findings: findings,
            evaluation: evaluation.evaluation,
            fault: nil,
            stages: [],
            files: [:]
        )
        report.otherEvaluations = evaluation.otherEvaluations
        try RunJSON.encode(report).write(to: URL(fileURLWithPath: output + "/report.json"))
        try context.report(0.3, "pictures")
        let pictures = request.export.writesPictures ? try pictures(report, request, base, facts.identity, context) : []
        let page = reportHTML(
            report,
            pictures: pictures,
            modelCard: nil,
            isEvaluation: true,
            lacksPixels: request.export.writesPictures && !Directory.exists(ctFile(of: base) + ".raw")
        )
        try Data(page.utf8).write(to: URL(fileURLWithPath: output + "/report.html"))
        try context.report(1, "done")
    }

    /// Without its ending; its pixels are deleted after their time.
    private func ctFile(of base: RunFolder) -> String { base.directory(of: .resample) + "/ct" }

    private func pictures(
        _ report: CaseReport,
        _ request: RunRequest,
        _ base: RunFolder,
        _ scan: ScanIdentity,
        _ context: StageContext
    ) throws -> [CasePicture] {
        let segmentation = try base.decode(SegmentationFacts.self, stage: .segment, "segmentation.json")
        let labels = try Volume<UInt8>(
            contentsOfBase: base.directory(of: .segment) + "/labels",
            allowance: context.memory.allowance
        )
        let ct = ctFile(of: base)
        let model = try base.modelDescription()
        return try RunPictures(
            labels: LabelMap(volume: labels, labels: segmentation.labels),
            rois: model.rois,
            unions: model.unions,
            segmentation: segmentation,
            evaluation: report.evaluation,
            scan: scan,
            referenceFiles: request.referenceFiles,
            imageUIDs: try base.contouredImageUIDs(),
            threads: context.threads
        ).draw(
            on: Directory.exists(ct + ".raw") ? Volume(contentsOfBase: ct, allowance: context.memory.allowance) : nil
        )
    }
}
