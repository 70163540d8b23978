import Foundation
import Imaging

/// Golden files of `Fixtures/metrics`.
enum Fixtures {
    static func decode<Value: Decodable>(_ type: Value.Type, _ name: String) throws -> Value {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Fixtures/metrics")
        return try JSONDecoder().decode(type, from: Data(contentsOf: folder.appendingPathComponent(name)))
    }
}

/// An axis-aligned grid; spacing along i, j and k.
func grid(_ i: Int, _ j: Int, _ k: Int, spacing: Vector3 = Vector3(1, 1, 1)) -> VolumeGeometry {
    VolumeGeometry(
        dimensions: Dimensions(i: i, j: j, k: k),
        origin: PatientPoint(x: 0, y: 0, z: 0),
        spacing: spacing,
        directionI: Vector3(1, 0, 0),
        directionJ: Vector3(0, 1, 0),
        directionK: Vector3(0, 0, 1),
        frameOfReferenceUID: "1.2.3"
    )
}

/// A mask from the lengths of its alternating runs, zeros first.
func mask(_ geometry: VolumeGeometry, runs: [Int]) -> Mask {
    var voxels: [UInt8] = []
    for (n, length) in runs.enumerated() { voxels += Array(repeating: UInt8(n % 2), count: length) }
    return Mask(geometry: geometry, voxels: voxels)
}

/// A filled box of voxels.
func box(_ geometry: VolumeGeometry, _ i: Range<Int>, _ j: Range<Int>, _ k: Range<Int>) -> Mask {
    var result = Mask(geometry: geometry, repeating: 0)
    for z in k { for y in j { for x in i { result[x, y, z] = 1 } } }
    return result
}

/// Equal up to a relative error; infinite values must be the same.
func agree(_ a: Double, _ b: Double, within tolerance: Double) -> Bool {
    a == b || abs(a - b) <= tolerance * max(abs(a), abs(b))
}
