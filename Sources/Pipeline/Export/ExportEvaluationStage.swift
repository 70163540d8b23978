import Foundation
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
        let model = try loadModel(of: baseRequest)
        let report = CaseReport(
            verdict: findings.contains { $0.severity == .review } ? .review : .delivered,
            softwareVersion: request.softwareVersion,
            createdAt: RunJSON.text(of: request.createdAt),
            revision: baseRequest.revision,
            series: facts.summary,
            model: modelSummary(of: model),
            configurationDigest: baseRequest.configurationDigest,
            structures: evaluation.structures,
            findings: findings,
            evaluation: evaluation.evaluation,
            fault: nil,
            stages: [],
            files: [:]
        )
        try RunJSON.encode(report).write(to: URL(fileURLWithPath: output + "/report.json"))
        let page = reportHTML(report, pictures: [], modelCard: nil)
        try Data(page.utf8).write(to: URL(fileURLWithPath: output + "/report.html"))
        try context.report(1, "done")
    }
}
