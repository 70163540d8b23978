import Foundation
import Imaging
import Segmentation

/// What `segment` found, beside the label map.
struct SegmentationFacts: Codable {
    var labels: [String: UInt8]
    var structures: [StructureResult]
    var findings: [SegmentationFinding]
    /// nil in what was kept before there was cropping.
    var crop: CropUse?
}

/// Runs the network and writes the label map on the CT grid.
struct SegmentStage: Stage {
    static let name = StageName.segment

    func run(_ request: RunRequest, _ folder: RunFolder, output: String, _ context: StageContext) throws {
        let model = try loadModel(of: request)
        let resampled = folder.directory(of: .resample)
        let allowance = context.memory.allowance
        let result = try segment(
            input: Volume(contentsOfBase: resampled + "/input", allowance: allowance),
            ctGeometry: volumeGeometry(ofBase: resampled + "/ct"),
            model: model,
            memory: context.memory.files(in: output),
            threads: context.threads,
            labels: { try Volume(creatingBase: output + "/labels", geometry: $0, allowance: allowance) },
            progress: { try context.report($0, "network") }
        )
        let facts = SegmentationFacts(
            labels: result.labelMap.labels,
            structures: result.structures,
            findings: result.findings,
            crop: result.crop
        )
        try RunJSON.encode(facts).write(to: URL(fileURLWithPath: output + "/segmentation.json"))
        // A reference may come months later, when the package is another one.
        try StrictJSON.encode(model.description).write(to: URL(fileURLWithPath: output + "/model.json"))
    }
}
