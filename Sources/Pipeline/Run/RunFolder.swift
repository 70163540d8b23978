import Foundation
import Platform
import Segmentation

/// The stages of a Run, in order.
package enum StageName: String, Codable, CaseIterable, Sendable {
    case resample, segment, evaluate, export

    package var next: StageName? {
        Self.allCases.firstIndex(of: self).flatMap { $0 + 1 < Self.allCases.count ? Self.allCases[$0 + 1] : nil }
    }
}

/// The folder of one Run: `request.json` and one folder for each finished stage.
///
/// A stage writes into `<stage>.partial`, which is renamed to `<stage>` when it is whole and durable. A finished
/// stage never changes.
package struct RunFolder: Sendable {
    package let path: String

    package init(path: String) { self.path = path }

    package func directory(of stage: StageName) -> String { "\(path)/\(stage.rawValue)" }
    package func partialDirectory(of stage: StageName) -> String { "\(path)/\(stage.rawValue).partial" }
    package func isFinished(_ stage: StageName) -> Bool { Directory.isFolder(directory(of: stage)) }
    package var refusalDirectory: String { path + "/refused" }

    private var requestPath: String { path + "/request.json" }
    package var holdsRequest: Bool { Directory.exists(requestPath) }

    package func request() throws -> RunRequest {
        try RunJSON.decode(RunRequest.self, from: Data(contentsOf: URL(fileURLWithPath: requestPath)))
    }

    package func write(_ request: RunRequest) throws {
        try Directory.create(path)
        try AtomicFile.write(RunJSON.encode(request), to: requestPath)
    }

    /// The description of the model that the Run used, as `segment` kept it: the package may have changed since.
    func modelDescription() throws -> ModelDescription {
        let kept = directory(of: .segment) + "/model.json"
        let path = Directory.exists(kept) ? kept : try request().modelDirectory + "/model.json"
        guard let json = FileManager.default.contents(atPath: path) else {
            throw SegmentationError.missingFile(path: path)
        }
        return try ModelPackage.description(from: json, path: path)
    }

    func decode<Value: Decodable>(_ type: Value.Type, stage: StageName, _ name: String) throws -> Value {
        let url = URL(fileURLWithPath: "\(directory(of: stage))/\(name)")
        return try RunJSON.decode(type, from: Data(contentsOf: url))
    }
}
