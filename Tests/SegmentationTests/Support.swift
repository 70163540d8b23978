import Foundation
import Imaging
import NeuralNet
import Segmentation
import Testing

/// A folder that is deleted with its owner.
final class TemporaryFolder {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "segmentation-tests-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }  // a leftover in the temporary folder harms nobody
}

/// A small recipe: 32 x 32 pixels of 8 mm, two structures.
func smallRecipe(
    layers: Int = 2,
    filters: Int = 4,
    dropout: Double = 0.05,
    batchNorm: Bool = true
) -> TrainingConfiguration {
    var recipe = TrainingConfiguration.lungs
    recipe.name = "small"
    recipe.architecture = .customUNet(
        CustomUNet(filters: filters, layers: layers, batchNorm: batchNorm, dropout: dropout)
    )
    recipe.input = InputDescription(
        columns: 32,
        rows: 32,
        pixelSpacingMM: 8,
        sliceSpacing: .native,
        neighbourSlices: 1,
        neighbourDistanceMM: 5,
        centre: .grid,
        windowHU: ClosedInterval(-1000, 400)
    )
    recipe.optimisation = OptimisationConfiguration(
        epochs: 3,
        stepsPerEpoch: 5,
        batchSize: 2,
        learningRate: 5e-3,
        warmUpSteps: 2,
        validateEvery: 1
    )
    recipe.split = SplitConfiguration()
    recipe.sampling = SamplingConfiguration(borderMM: 5)
    return recipe
}

/// An axial grid with the given signs of the patient axes, its centre at the origin of the patient.
func grid(
    _ i: Int,
    _ j: Int,
    _ k: Int,
    spacing: Vector3 = Vector3(8, 8, 5),
    signs: Vector3 = Vector3(1, 1, 1)
) -> VolumeGeometry {
    let half = (Vector3(Double(i), Double(j), Double(k)) - Vector3(repeating: 1)) * spacing / 2
    return VolumeGeometry(
        dimensions: Dimensions(i: i, j: j, k: k),
        origin: PatientPoint(-signs * half),
        spacing: spacing,
        directionI: Vector3(signs.x, 0, 0),
        directionJ: Vector3(0, signs.y, 0),
        directionK: Vector3(0, 0, signs.z),
        frameOfReferenceUID: "1.2.3"
    )
}

/// A chest of ellipses, asymmetric in all three axes: body, a large right lung (patient's -x), a small left one.
struct ToyChest {
    static func hu(_ p: Vector3) -> Int16 {
        switch label(p) {
        case 1, 2: return -850
        default: return ellipse(p, Vector3(0, 4, 0), Vector3(120, 90, 1000)) ? 40 : -1000
        }
    }

    static func label(_ p: Vector3) -> UInt8 {
        if ellipse(p, Vector3(52, -6, 6), Vector3(34, 48, 42)) { return 1 }
        if ellipse(p, Vector3(-54, 2, -4), Vector3(42, 60, 50)) { return 2 }
        return 0
    }

    static func ellipse(_ p: Vector3, _ centre: Vector3, _ radii: Vector3) -> Bool {
        let d = (p - centre) / radii
        return dot(d, d) <= 1
    }

    static func ct(_ geometry: VolumeGeometry, offset: Vector3 = Vector3(repeating: 0)) -> Volume<Int16> {
        fill(geometry) { hu($0 - offset) }
    }

    static func labels(_ geometry: VolumeGeometry) -> Volume<UInt8> { fill(geometry, label) }

    static func fill<Element: Sendable>(_ geometry: VolumeGeometry, _ value: (Vector3) -> Element) -> Volume<Element> {
        var voxels: [Element] = []
        for k in 0..<geometry.dimensions.k {
            for j in 0..<geometry.dimensions.j {
                for i in 0..<geometry.dimensions.i {
                    voxels.append(value(geometry.patientPoint(i: Double(i), j: Double(j), k: Double(k)).vector))
                }
            }
        }
        return Volume(geometry: geometry, voxels: voxels)
    }
}

/// Writes a package with the given network.
func writePackage(_ description: ModelDescription, _ network: Network, to folder: String) throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try StrictJSON.encode(description).write(to: URL(fileURLWithPath: folder + "/model.json"))
    try network.safetensors().write(to: URL(fileURLWithPath: folder + "/weights.safetensors"))
}

/// A model that has learned the toy chest contours both of its lungs on a CT of another grid and orientation.
func expectContours(of model: ModelPackage, sourceLocation: SourceLocation = #_sourceLocation) throws {
    let ct = ToyChest.ct(grid(60, 50, 30, spacing: Vector3(5, 5, 5), signs: Vector3(-1, -1, -1)))
    let result = try segment(
        input: networkInput(ct: ct, model: model, threads: 2),
        ctGeometry: ct.geometry,
        model: model,
        threads: 2,
        progress: { _ in }
    )
    let truth = ToyChest.labels(ct.geometry)
    for label in [UInt8(1), 2] {
        let both = zip(result.labelMap.volume.voxels, truth.voxels).count { $0 == label && $1 == label }
        let sum = result.labelMap.volume.voxels.count { $0 == label } + truth.voxels.count { $0 == label }
        #expect(2 * Double(both) / Double(sum) > 0.9, sourceLocation: sourceLocation)
    }
}

extension ScoreVolume {
    /// Scores from plain arrays.
    init(geometry: VolumeGeometry, scores: [[Float]], rule: DecisionRule, crop: CropUse? = nil) {
        self.init(geometry: geometry, scores: scores.map { Voxels($0) }, rule: rule, crop: crop)
    }
}
