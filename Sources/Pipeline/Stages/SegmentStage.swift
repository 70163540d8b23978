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
        let input = try Volume<Float>(contentsOfBase: resampled + "/input")
        let geometry = try volumeGeometry(ofBase: resampled + "/ct")
        let result = try segment(input: input, ctGeometry: geometry, model: model, threads: context.threads) {
            try context.report($0, "network")
        }
        try result.labelMap.volume.write(toBase: output + "/labels")
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
