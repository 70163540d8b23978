import Dicom
import Foundation
import Imaging
import NeuralNet
import Phantom
import Pipeline
import Segmentation
import Synchronization
import Testing

/// A folder that is deleted with its owner.
final class Folder {
    let path = NSTemporaryDirectory() + "pipeline-tests-" + UUID().uuidString

    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }

    deinit { try? FileManager.default.removeItem(atPath: path) }  // a leftover in the temporary folder harms nobody

    func file(_ name: String) -> String { path + "/" + name }
}

func contents(_ path: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path)) }

func names(in folder: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
}

func json(_ path: String) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: contents(path)) as? [String: Any])
}

/// Phantoms on the coarsest grid that is admitted as a CT, with a whole thorax in them.
enum SmallPhantom {
    static func request(_ seed: UInt64, signs: String = "+x+y+z", withTruth: Bool = true) throws -> PhantomRequest {
        PhantomRequest(
            seed: seed,
            columns: 84,
            rows: 68,
            slices: 30,
            spacing: Vector3(4.9, 4.9, 9.6),
            signs: try #require(AxisSigns(signs)),
            noiseHU: 10,
            withTruth: withTruth
        )
    }

    /// Writes `ct/` and `truth/`; returns the images.
    @discardableResult
    static func write(
        _ seed: UInt64,
        signs: String = "+x+y+z",
        to folder: String,
        withTruth: Bool = true
    ) throws -> [String] {
        _ = try writePhantom(request(seed, signs: signs, withTruth: withTruth), to: folder, threads: 2)
        return try names(in: folder + "/ct").map { folder + "/ct/" + $0 }
    }
}

/// Changes a weight of a network by its name.
typealias WeightChange = (String, inout Tensor) -> Void

/// A small network that has learned the lungs of two phantoms: trained once for all tests.
enum SmallModel {
    struct Trained: Sendable {
        var description: ModelDescription
        var network: Network
        var card: Data
    }

    static let trained: Trained = {
        do { return try train() } catch { fatalError("the small model cannot be trained: \(error)") }
    }()

    static func recipe() throws -> TrainingConfiguration {
        var recipe = TrainingConfiguration.lungs
        recipe.name = "small"
        recipe.summary = "Lungs of phantoms, for tests."
        recipe.architecture = .customUNet(CustomUNet(filters: 8, layers: 3, dropout: 0))
        recipe.input = InputDescription(
            columns: 64,
            rows: 64,
            pixelSpacingMM: 6,
            sliceSpacing: .native,
            neighbourSlices: 0,
            centre: .body,
            windowHU: ClosedInterval(-1000, 400)
        )
        recipe.optimisation = OptimisationConfiguration(
            epochs: 8,
            stepsPerEpoch: 40,
            batchSize: 4,
            learningRate: 3e-3,
            warmUpSteps: 5,
            validateEvery: 8
        )
        recipe.augmentation.geometryProbability = 0
        for index in recipe.rois.indices { recipe.rois[index].roi.plausibility.maximumEdgeUncertaintyMM = 50 }
        recipe.split = SplitConfiguration(testFraction: 0, validation: ["validation"])
        return recipe
    }

    private static func train() throws -> Trained {
        let folder = try Folder()
        try SmallPhantom.write(1, to: folder.file("data/training"))
        try SmallPhantom.write(2, to: folder.file("data/validation"))
        let request = TrainRequest(
            dataDirectories: [folder.file("data")],
            labelsDirectory: nil,
            output: folder.file("model"),
            workDirectory: folder.file("work"),
            configuration: try recipe(),
            threads: 2,
            scoresCases: false
        )
        _ = try trainModel(request) { _ in }
        let package = try ModelPackage(contentsOf: folder.file("model"))
        return Trained(
            description: package.description,
            network: try Network(
                graph: package.network.graph,
                tensors: Safetensors.decode(contents(folder.file("model/weights.safetensors"))).tensors
            ),
            card: try contents(folder.file("model/MODEL_CARD.md"))
        )
    }

    /// Writes the package, with its weights changed.
    static func package(
        in folder: String,
        crop: CropDescription = .standard,
        isDemonstration: Bool = false,
        change: WeightChange = { _, _ in }
    ) throws -> ModelPackage {
        var network = trained.network
        for name in network.parameters.keys.sorted() { change(name, &network.parameters[name]!) }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        var description = trained.description
        description.input.crop = crop
        description.training?.demonstration = isDemonstration
        description.weightsDigest = nil
        try StrictJSON.encode(description).write(to: URL(fileURLWithPath: folder + "/model.json"))
        try network.safetensors().write(to: URL(fileURLWithPath: folder + "/weights.safetensors"))
        try trained.card.write(to: URL(fileURLWithPath: folder + "/MODEL_CARD.md"))
        return try ModelPackage(contentsOf: folder)
    }
}

/// A phantom, a model and an output folder.
final class Workbench {
    let folder: Folder
    let model: ModelPackage
    var export = ExportOptions()
    var threads = 2

    init(
        crop: CropDescription = .standard,
        isDemonstration: Bool = false,
        _ change: WeightChange = { _, _ in }
    ) throws {
        folder = try Folder()
        model = try SmallModel.package(
            in: folder.file("model"),
            crop: crop,
            isDemonstration: isDemonstration,
            change: change
        )
    }

    var output: String { folder.file("out") }

    /// All stages, as `contourctl run` does it, for what lies below `paths`.
    func run(
        _ paths: [String],
        references: [String] = [],
        isCancelled: @escaping @Sendable () -> Bool = { false }
    ) throws -> [RunOutcome] {
        try FileManager.default.createDirectory(atPath: output, withIntermediateDirectories: true)
        let direct = DirectRun(
            model: model,
            admission: AdmissionLimits(),
            export: export,
            output: output,
            threads: threads
        )
        let scan = try SeriesScan(paths: paths, limits: AdmissionLimits())
        return scan.stacks.map { direct($0, references: references, progress: { _, _ in }, isCancelled: isCancelled) }
    }

    /// A Run folder with its request, no stage done.
    func prepare(_ name: String, images: [String], references: [String] = []) throws -> RunFolder {
        let request = RunRequest(
            seriesNumber: 7,
            revision: 1,
            dicomFiles: images,
            referenceFiles: references,
            modelDirectory: model.directory,
            modelDigest: model.digest,
            configurationDigest: try configurationDigest(admission: AdmissionLimits(), export: export),
            softwareVersion: "9.9.9",
            admission: AdmissionLimits(),
            export: export,
            deliveredName: "result",
            createdAt: Date(timeIntervalSince1970: 1_700_000_000.125),
            threads: threads
        )
        let run = RunFolder(path: folder.file(name))
        try run.write(request)
        return run
    }

    func runStages(_ run: RunFolder, _ stages: [StageName] = StageName.allCases) throws {
        for stage in stages { try runStage(stage, in: run, StageContext(threads: threads)) }
    }
}

/// The fault that an expression throws.
func fault(_ body: () throws(Fault) -> Void) -> Fault? {
    do throws(Fault) {
        try body()
        return nil
    } catch { return error }
}

/// A small seeded generator, so that a failure can be repeated.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
