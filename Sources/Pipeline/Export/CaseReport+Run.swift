import Foundation
import Platform
import Report
import Segmentation

/// The report of a finished Run; its files and its own time are added by `export`.
func caseReport(
    of result: RunResult,
    structures: [CaseReport.StructureReport],
    _ folder: RunFolder
) throws -> CaseReport {
    let findings = result.evaluation.findings
    var report = CaseReport(
        verdict: findings.contains { $0.severity == .review } ? .review : .delivered,
        softwareVersion: result.request.softwareVersion,
        createdAt: RunJSON.text(of: result.request.createdAt),
        revision: result.request.revision,
        series: result.facts.summary,
        model: modelSummary(of: result.model),
        configurationDigest: result.request.configurationDigest,
        structures: structures,
        findings: findings,
        evaluation: result.evaluation.evaluation,
        fault: nil,
        stages: try stageTimes(of: folder),
        files: [:]
    )
    report.otherEvaluations = result.evaluation.otherEvaluations
    report.crop = result.segmentation.crop.map(CaseReport.CropSummary.init)
    return report
}

extension CaseReport.CropSummary {
    init(_ crop: CropUse) {
        self.init(
            grid: crop.grid,
            columns: [crop.region.columns.lowerBound, crop.region.columns.upperBound - 1],
            rows: [crop.region.rows.lowerBound, crop.region.rows.upperBound - 1],
            slices: [crop.region.slices.lowerBound, crop.region.slices.upperBound - 1],
            computedVoxels: crop.computedVoxels,
            wholeGridVoxels: crop.wholeGridVoxels,
            widenedSlices: crop.widenedSlices,
            wholeGrid: crop.wholeGrid?.rawValue
        )
    }
}

func modelSummary(of model: ModelPackage) -> CaseReport.ModelSummary {
    modelSummary(of: model.description, digest: model.digest)
}

func modelSummary(of description: ModelDescription, digest: String) -> CaseReport.ModelSummary {
    CaseReport.ModelSummary(
        name: description.name,
        version: description.version,
        digest: digest,
        summary: description.summary,
        demonstration: description.isDemonstration,
        trainingCases: description.training?.trainingCases.count ?? 0
    )
}

private func stageTimes(of folder: RunFolder) throws -> [CaseReport.StageTime] {
    try [StageName.resample, .segment, .evaluate].filter(folder.isFinished).map {
        try folder.decode(CaseReport.StageTime.self, stage: $0, "time.json")
    }
}
